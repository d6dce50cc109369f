//! From a receipt to bytes for the upstream: the one room where they are made.

mod aside;
mod head;
mod recording;
mod repeat;
mod shown;
mod source;
mod upward;

use std::num::NonZeroU64;
use std::time::Duration;

use self::repeat::Repeat;
use self::shown::{Reading, Shown};
use self::source::{Piece, Source};
use super::Core;
use super::account::Account;
use super::patience::Patience;
use super::phase::Judged;
use super::received::Received;
use super::refusal::Refusal;
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::http::write::{CRLF, LAST_CHUNK};
use crate::http::{BodyDecoder, BodyLength, SizeLine};
use crate::policy::Permit;
use crate::record::{Body, Pending, Receipt, Settle};

pub(super) use self::aside::Return;
pub use self::aside::{Aside, AsideStep};
pub(super) use self::head::head;
pub(super) use self::shown::{masked_room, pushed};
pub use self::upward::Upward;

/// What the caller-to-upstream direction needs, or has to send.
#[must_use]
pub enum RequestStep<'a> {
    /// Send this, then call [`RequestHalf::sent`].
    Send(ToUpstream<'a>),
    /// More of the body from the caller.
    NeedBytes(Mono),
    /// Room in the recording ring.
    NeedRoom(Mono),
    /// The recording on disk.
    NeedSync(Mono),
    /// All of the request is upstream.
    Done,
    /// The body cannot be forwarded: end both connections.
    Refuse(Refusal),
}

/// Bytes that may go upstream: made here only, of a spent [`Receipt`].
#[must_use]
pub struct ToUpstream<'a> {
    head: &'a [u8],
    line: Option<SizeLine>,
    content: &'a [u8],
    tail: &'static [u8],
}

impl<'a> ToUpstream<'a> {
    /// A request's head, and what may go of its body.
    fn head(
        receipt: Receipt<Permit>,
        head: &'a [u8],
        body: Option<ToUpstream<'a>>,
    ) -> (ToUpstream<'a>, Permit) {
        let alone = ToUpstream {
            head,
            line: None,
            content: b"",
            tail: b"",
        };
        let bytes = body.map_or(alone, |body| ToUpstream { head, ..body });
        (bytes, receipt.spend())
    }

    fn body(
        receipt: Receipt<Body>,
        content: &'a [u8],
        chunked: bool,
        last: bool,
    ) -> ToUpstream<'a> {
        // The receipt vouches for so many bytes and no more.
        let content = &content[..receipt.spend().len().min(content.len())];
        let size = NonZeroU64::new(content.len() as u64).filter(|_| chunked);
        let tail = match (chunked, size, last) {
            (false, ..) => &b""[..],
            (true, Some(_), false) => CRLF,
            (true, Some(_), true) => b"\r\n0\r\n\r\n",
            (true, None, false) => b"",
            (true, None, true) => LAST_CHUNK,
        };
        ToUpstream {
            head: b"",
            line: size.map(SizeLine::new),
            content,
            tail,
        }
    }

    /// A whole request of the gateway's own, whose body `receipt` vouches for.
    fn aside(receipt: Receipt<Body>, head: &'a [u8], body: &'a [u8]) -> ToUpstream<'a> {
        let whole = ToUpstream::body(receipt, body, false, true);
        ToUpstream { head, ..whole }
    }

    /// The bytes, in order; some may be empty.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 4] {
        let line = self.line.as_ref().map_or(&b""[..], SizeLine::as_bytes);
        [self.head, line, self.content, self.tail]
    }
}

/// The caller-to-upstream direction of an exchange that may go on.
pub struct RequestHalf {
    lead: Lead,
    stage: Stage,
    head: Vec<u8>,
    source: Source,
    chunked: bool,
    shown: Shown,
    reading: Reading,
    left: u64,
    bound: u64,
    wait: Duration,
    patience: Patience,
    repeat: Repeat,
}

/// Where the head is.
enum Lead {
    /// It goes upstream once more, and that is not in the recording yet.
    Again(Permit),
    /// It is in the ring; in the durable class it waits for the disk.
    Recording(Pending<Permit>),
    /// It may go. What is here of the body goes with it, if that may go at once.
    Ready(Receipt<Permit>),
    /// It is with the pump.
    Leaving,
    /// All of it is upstream.
    Gone,
    Broken,
}

/// Where the body is.
enum Stage {
    /// The next piece is to come.
    Body,
    /// A piece has come, and is not in the recording yet.
    Gathered(Piece),
    /// It is in the ring; in the durable class it waits for the disk.
    Settling {
        pending: Pending<Body>,
        piece: Piece,
    },
    /// A piece is with the pump.
    Sending(Piece),
    /// There is no more of it.
    Done,
    Broken,
}

impl RequestHalf {
    /// `text` is the head as [`head()`] wrote it, for the call that `receipt` vouches for.
    pub(super) fn new(
        receipt: Receipt<Permit>,
        text: Vec<u8>,
        received: &mut Received,
        bytes: &[u8],
        judged: &Judged,
        core: &mut Core,
        now: Now,
    ) -> RequestHalf {
        let limits = &judged.rules.limits;
        let repeat = Repeat::new(received, bytes, judged);
        let bytes = received.bytes(bytes);
        let reading = Reading::of(&received.head, bytes, &judged.connection);
        let chunked = received.framing() == BodyLength::Chunked;
        let source = match received.take_body() {
            Some(body) => Source::Held { body, sent: 0 },
            None => Source::Caller(BodyDecoder::new(received.head.body())),
        };
        RequestHalf {
            lead: Lead::Ready(receipt),
            stage: Stage::before(&source),
            head: text,
            source,
            chunked,
            shown: Shown::by(&reading, core),
            reading,
            left: limits.request_body_bytes,
            bound: limits.request_body_bytes,
            wait: limits.wait_time,
            patience: Patience::begin(limits, Some(&judged.connection), now),
            repeat,
        }
    }

    /// Goes on as far as the caller's bytes and the recording allow.
    pub fn next<'a>(
        &'a mut self,
        caller: &'a mut Buffer,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> RequestStep<'a> {
        let lead = match self.next_lead(account, core, now) {
            Ok(lead) => lead,
            Err(step) => return step,
        };
        let piece = self.next_piece(caller, account, core, now);
        let body = piece.map(|(receipt, piece)| {
            let content = self.source.content(caller, &piece);
            let last = piece.last;
            self.stage = Stage::Sending(piece);
            ToUpstream::body(receipt, content, self.chunked, last)
        });
        match (lead, body) {
            (_, Err(refused @ RequestStep::Refuse(_))) => refused,
            (None, Ok(bytes)) => RequestStep::Send(bytes),
            (None, Err(step)) => step,
            // It does not wait for the body.
            (Some(receipt), body) => {
                let (bytes, permit) = ToUpstream::head(receipt, &self.head, body.ok());
                self.lead = Lead::Leaving;
                self.repeat.keep(permit);
                RequestStep::Send(bytes)
            }
        }
    }

    /// The right to send the head, if it has not left and may do so now.
    fn next_lead(
        &mut self,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Option<Receipt<Permit>>, RequestStep<'static>> {
        loop {
            self.lead = match std::mem::replace(&mut self.lead, Lead::Broken) {
                Lead::Again(permit) => self.record_again(permit, account, core, now)?,
                Lead::Recording(pending) => match core.writer.settle(pending) {
                    Settle::Ready(receipt) => Lead::Ready(receipt),
                    Settle::NotYet(pending) => {
                        let until = self.settled_until(now)?;
                        self.lead = Lead::Recording(pending);
                        return Err(RequestStep::NeedSync(until));
                    }
                    Settle::Dead => return Err(RequestStep::Refuse(Refusal::RecorderUnable)),
                },
                // Connecting upstream was a wait too, and none for the caller's body.
                Lead::Ready(receipt) => {
                    self.patience.since = now.mono;
                    return match core.still_stands(receipt.what(), account, now) {
                        Ok(()) => Ok(Some(receipt)),
                        Err(refusal) => Err(RequestStep::Refuse(refusal)),
                    };
                }
                Lead::Gone => {
                    self.lead = Lead::Gone;
                    return Ok(None);
                }
                Lead::Leaving | Lead::Broken => {
                    return Err(RequestStep::Refuse(Refusal::Overloaded));
                }
            };
        }
    }

    /// The next piece of the body and the right to send it, or what that waits for.
    fn next_piece(
        &mut self,
        caller: &mut Buffer,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<(Receipt<Body>, Piece), RequestStep<'static>> {
        loop {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Broken) {
                Stage::Body => self.gather(caller, now)?,
                Stage::Gathered(piece) => self.record(piece, caller, account, core, now)?,
                Stage::Settling { pending, piece } => match core.writer.settle(pending) {
                    Settle::Ready(receipt) => return Ok((receipt, piece)),
                    Settle::NotYet(pending) => {
                        let until = self.settled_until(now)?;
                        self.stage = Stage::Settling { pending, piece };
                        return Err(RequestStep::NeedSync(until));
                    }
                    Settle::Dead => return Err(RequestStep::Refuse(Refusal::RecorderUnable)),
                },
                Stage::Done => {
                    self.stage = Stage::Done;
                    return Err(RequestStep::Done);
                }
                Stage::Sending(_) | Stage::Broken => {
                    return Err(RequestStep::Refuse(Refusal::Overloaded));
                }
            };
        }
    }

    /// The pump has sent what [`RequestHalf::next`] gave it last.
    pub fn sent(&mut self, caller: &mut Buffer, account: &mut Account, core: &mut Core, now: Now) {
        self.patience.since = now.mono;
        if let Lead::Leaving = self.lead {
            self.lead = Lead::Gone;
            self.repeat.sent();
        }
        if let Stage::Sending(piece) = &self.stage {
            self.source.consume(caller, piece.consumed);
            account.forwarded(piece.content.len());
            self.stage = if piece.last { Stage::Done } else { Stage::Body };
        }
        if self.is_over() {
            account.sent(now);
            self.release(core);
        }
    }

    /// All of it is upstream.
    fn is_over(&self) -> bool {
        matches!((&self.lead, &self.stage), (Lead::Gone, Stage::Done))
    }

    /// A reply has begun: the request will not go upstream once more.
    pub fn answered(&mut self, core: &mut Core) {
        self.repeat = Repeat::default();
        if self.is_over() {
            self.release(core);
        }
    }

    /// Returns what was lent: nothing more is asked of it.
    pub fn close(&mut self, core: &mut Core) {
        self.repeat = Repeat::default();
        self.release(core);
    }

    /// Returns what was lent, also while the reply goes on: it may be a stream that lasts for days.
    /// What may be needed once more stays until that begins.
    fn release(&mut self, core: &mut Core) {
        if self.repeat.permit.is_none() {
            core.pool.give_back_text(std::mem::take(&mut self.head));
            if let Source::Held { body, .. } = &mut self.source {
                core.pool.give_back_text(std::mem::take(body));
            }
        }
        self.shown.turn_into(Shown::AsIs, core);
    }

    /// Decodes what has come of the body.
    fn gather(&mut self, caller: &mut Buffer, now: Now) -> Result<Stage, RequestStep<'static>> {
        let piece = self.source.gather(caller).map_err(RequestStep::Refuse)?;
        if piece.content.is_empty() && !piece.last {
            self.source.consume(caller, piece.consumed);
            let until = self.patience.until();
            if now.mono >= until {
                return Err(RequestStep::Refuse(self.patience.lost(now)));
            }
            self.stage = Stage::Body;
            return Err(RequestStep::NeedBytes(until));
        }
        self.patience.came(piece.content.len(), now);
        self.left = self
            .left
            .checked_sub(piece.content.len() as u64)
            .ok_or(RequestStep::Refuse(Refusal::BodyTooLarge(self.bound)))?;
        Ok(Stage::Gathered(piece))
    }

    /// How long the recorder may take to reach the disk; it must not have taken that long.
    fn settled_until(&self, now: Now) -> Result<Mono, RequestStep<'static>> {
        let until = self.patience.since.after(self.wait);
        (now.mono < until)
            .then_some(until)
            .ok_or(RequestStep::Refuse(Refusal::RecorderUnable))
    }
}

impl Stage {
    /// Before any of it.
    fn before(source: &Source) -> Stage {
        match source.is_done() {
            true => Stage::Done,
            false => Stage::Body,
        }
    }
}
