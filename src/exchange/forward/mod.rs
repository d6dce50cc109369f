//! From a receipt to bytes for the upstream: the one room where they are made.

mod aside;
mod head;
mod recording;
mod repeat;
mod shown;
mod source;
mod upward;

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
use crate::base::credential::Credential;
use crate::http::write::{CRLF, LAST_CHUNK};
use crate::http::{BodyDecoder, BodyLength, SizeLine};
use crate::policy::Permit;
use crate::record::{Body, Pending, Receipt, Settle};

pub(super) use self::aside::Return;
pub use self::aside::{Aside, AsideStep};
pub(super) use self::head::head;
use self::head::show_instead;
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
    fn head(receipt: Receipt<Permit>, head: &'a [u8]) -> (ToUpstream<'a>, Permit) {
        let bytes = ToUpstream {
            head,
            line: None,
            content: b"",
            tail: b"",
        };
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
        let size = std::num::NonZeroU64::new(content.len() as u64).filter(|_| chunked);
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

enum Stage {
    Head(Receipt<Permit>),
    /// It goes upstream once more, and that is not in the recording yet.
    Again(Permit),
    /// It is in the ring; in the durable class it waits for the disk.
    Recording(Pending<Permit>),
    SendingHead,
    Body,
    /// A piece has come, and is not in the recording yet.
    Gathered(Piece),
    /// A piece is in the ring; in the durable class it waits for the disk.
    Settling {
        pending: Pending<Body>,
        piece: Piece,
    },
    /// A piece is with the pump.
    Sending(Piece),
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
        RequestHalf {
            stage: Stage::Head(receipt),
            head: text,
            source: match received.take_body() {
                Some(body) => Source::Held { body, sent: 0 },
                None => Source::Caller(BodyDecoder::new(received.head.body())),
            },
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
        loop {
            let turn = match std::mem::replace(&mut self.stage, Stage::Broken) {
                // Connecting upstream was a wait too.
                Stage::Head(receipt) => match core.still_stands(receipt.what(), account, now) {
                    Ok(()) => {
                        let (bytes, permit) = ToUpstream::head(receipt, &self.head);
                        self.stage = Stage::SendingHead;
                        self.repeat.keep(permit);
                        return RequestStep::Send(bytes);
                    }
                    Err(refusal) => Err(RequestStep::Refuse(refusal)),
                },
                Stage::Again(permit) => self.record_again(permit, account, core, now),
                Stage::Recording(pending) => match core.writer.settle(pending) {
                    Settle::Ready(receipt) => Ok(Stage::Head(receipt)),
                    Settle::NotYet(pending) => {
                        let until = self.patience.since.after(self.wait);
                        let stage = Stage::Recording(pending);
                        self.wait_or_refuse(now, until, stage, RequestStep::NeedSync)
                    }
                    Settle::Dead => Err(RequestStep::Refuse(Refusal::RecorderUnable)),
                },
                Stage::Body => self.gather(caller, now),
                Stage::Gathered(piece) => self.record(piece, caller, account, core, now),
                Stage::Settling { pending, piece } => match core.writer.settle(pending) {
                    Settle::Ready(receipt) => {
                        let content = self.source.content(caller, &piece);
                        let bytes = ToUpstream::body(receipt, content, self.chunked, piece.last);
                        self.stage = Stage::Sending(piece);
                        return RequestStep::Send(bytes);
                    }
                    Settle::NotYet(pending) => {
                        let until = self.patience.since.after(self.wait);
                        self.wait_or_refuse(
                            now,
                            until,
                            Stage::Settling { pending, piece },
                            RequestStep::NeedSync,
                        )
                    }
                    Settle::Dead => Err(RequestStep::Refuse(Refusal::RecorderUnable)),
                },
                Stage::Done => {
                    self.stage = Stage::Done;
                    return RequestStep::Done;
                }
                Stage::SendingHead | Stage::Sending(_) | Stage::Broken => {
                    Err(RequestStep::Refuse(Refusal::Overloaded))
                }
            };
            match turn {
                Ok(stage) => self.stage = stage,
                Err(step) => return step,
            }
        }
    }

    /// The pump has sent what [`RequestHalf::next`] gave it last.
    pub fn sent(&mut self, caller: &mut Buffer, account: &mut Account, core: &mut Core, now: Now) {
        self.patience.since = now.mono;
        self.stage = match std::mem::replace(&mut self.stage, Stage::Broken) {
            Stage::SendingHead => {
                self.repeat.sent();
                if self.source.is_done() {
                    Stage::Done
                } else {
                    Stage::Body
                }
            }
            Stage::Sending(piece) => {
                self.source.consume(caller, piece.consumed);
                account.forwarded(piece.content.len());
                if piece.last { Stage::Done } else { Stage::Body }
            }
            stage => stage,
        };
        if matches!(self.stage, Stage::Done) {
            account.sent(now);
            self.release(core);
        }
    }

    /// It goes upstream by a connection that was kept, which may turn out to have ended.
    pub fn by_kept(&mut self) {
        self.repeat.by_kept();
    }

    /// The kept connection had ended: not one byte of a reply came. True when the request goes
    /// upstream once more, by a fresh connection, as [`RequestHalf::next`] then says: when the old one
    /// took nothing of it, or when it is safe and has no body. Whether the call may still go on is
    /// looked at again.
    pub fn again(&mut self, took_nothing: bool, now: Now) -> bool {
        let is_whole = match self.stage {
            Stage::SendingHead => took_nothing || self.repeat.is_safe,
            Stage::Done => self.repeat.is_safe,
            _ => false,
        };
        match self.repeat.of_stale().filter(|_| is_whole) {
            Some(permit) => {
                self.stage = Stage::Again(permit);
                self.patience.since = now.mono;
                self.repeat = Repeat::default();
                true
            }
            None => false,
        }
    }

    /// Whether it can go upstream once more with another credential, as all of it is here.
    fn is_renewable(&self) -> bool {
        matches!(self.stage, Stage::Done) && self.repeat.is_renewable()
    }

    /// The upstream does not take what it was shown. True when the request goes there once more with
    /// `other` in its place, as [`RequestHalf::next`] then says. Whether the call may still go on is
    /// looked at again.
    pub fn renew(
        &mut self,
        shown: &Credential,
        other: &Credential,
        core: &mut Core,
        now: Now,
    ) -> bool {
        if !self.is_renewable() || !show_instead(&mut self.head, shown, other) {
            return false;
        }
        let Some(permit) = self.repeat.of_rejected() else {
            return false;
        };
        self.repeat = Repeat::default();
        self.source.rewind();
        self.shown = Shown::by(&self.reading, core);
        self.left = self.bound;
        self.patience.since = now.mono;
        self.stage = Stage::Again(permit);
        true
    }

    /// A reply has begun: the request will not go upstream once more.
    pub fn answered(&mut self, core: &mut Core) {
        self.repeat = Repeat::default();
        if let Stage::Done = self.stage {
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
        if let Shown::Masked(stream) = std::mem::replace(&mut self.shown, Shown::AsIs) {
            core.give_back_stream(stream);
        }
    }

    /// Decodes what has come of the body.
    fn gather(&mut self, caller: &mut Buffer, now: Now) -> Result<Stage, RequestStep<'static>> {
        let piece = self.source.gather(caller).map_err(RequestStep::Refuse)?;
        if piece.content.is_empty() && !piece.last {
            self.source.consume(caller, piece.consumed);
            let until = self.patience.until();
            return self.wait_or_refuse(now, until, Stage::Body, RequestStep::NeedBytes);
        }
        self.patience.came(piece.content.len(), now);
        self.left = self
            .left
            .checked_sub(piece.content.len() as u64)
            .ok_or(RequestStep::Refuse(Refusal::BodyTooLarge(self.bound)))?;
        Ok(Stage::Gathered(piece))
    }

    /// Stays in `stage` until `until`; then the wait has been too long.
    fn wait_or_refuse(
        &mut self,
        now: Now,
        until: Mono,
        stage: Stage,
        step: fn(Mono) -> RequestStep<'static>,
    ) -> Result<Stage, RequestStep<'static>> {
        if now.mono < until {
            self.stage = stage;
            return Err(step(until));
        }
        Err(RequestStep::Refuse(match stage {
            Stage::Body => self.patience.lost(now),
            _ => Refusal::RecorderUnable,
        }))
    }
}
