//! From the upstream's bytes to bytes for the caller: decoded, masked, recorded, released.

mod body;
mod head;
mod waits;

use std::sync::Arc;

use self::body::{BodyStep, ReplyBody};
use self::head::HeadParts;
use self::waits::Waits;
use super::account::Account;
use super::forward::masked_room;
use super::inbound::Judged;
use super::refusal::Refusal;
use super::rules::Connection;
use super::{Core, Room};
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::base::limits::INTERIM_REPLIES;
use crate::http::{ResponseHead, ResponseScanner, SizeLine};
use crate::mask::ContentKind;
use crate::record::Recorded;

/// What the upstream-to-caller direction needs, or has to send.
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one turn of the pump; a box would allocate"
)]
pub enum ReplyStep<'a> {
    /// Send this, then call [`ReplyHalf::sent`].
    Send(ToCaller<'a>),
    /// More bytes from the upstream.
    NeedBytes(Mono),
    /// Room in the recording ring.
    NeedRoom(Mono),
    /// The reply is with the caller, whole.
    Done(ReplyEnd),
    /// The reply cannot go on: an answer where none has begun, else both connections end.
    Refuse(Refusal),
}

/// Why nothing is sent now.
enum Pause {
    NeedBytes(Mono),
    NeedRoom(Mono),
    Refuse(Refusal),
}

impl From<Pause> for ReplyStep<'_> {
    fn from(pause: Pause) -> Self {
        match pause {
            Pause::NeedBytes(until) => ReplyStep::NeedBytes(until),
            Pause::NeedRoom(until) => ReplyStep::NeedRoom(until),
            Pause::Refuse(refusal) => ReplyStep::Refuse(refusal),
        }
    }
}

/// What may happen to the connections after a whole reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyEnd {
    /// The upstream connection can carry another exchange.
    pub upstream_reusable: bool,
}

/// Bytes that may go to the caller: recorded ones, and the framing between them.
#[must_use]
pub struct ToCaller<'a> {
    head: Option<Recorded<'a>>,
    line: Option<SizeLine>,
    body: Option<Recorded<'a>>,
    tail: &'static [u8],
}

impl ToCaller<'_> {
    /// The bytes, in order; some may be empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let line = self.line.as_ref().map_or(&b""[..], SizeLine::as_bytes);
        let head = self.head.iter().flat_map(Recorded::slices);
        let body = self.body.iter().flat_map(Recorded::slices);
        head.chain([line]).chain(body).chain([self.tail])
    }
}

/// The upstream-to-caller direction of an exchange.
pub struct ReplyHalf {
    stage: Stage,
    /// The reply head as the caller gets it.
    text: Vec<u8>,
    scratch: Vec<u8>,
    body: ReplyBody,
    connection: Arc<Connection>,
    link_base: Vec<u8>,
    head_only: bool,
    close: bool,
    interim: u32,
    waits: Waits,
    reusable: bool,
}

enum Stage {
    /// The upstream's head is arriving.
    Head(ResponseScanner),
    /// It is whole, and not in the recording yet; its bytes are still in the upstream's buffer.
    Opening(ResponseHead),
    /// The body follows.
    Body,
    Broken,
}

impl ReplyHalf {
    pub(super) fn new(
        head_only: bool,
        judged: &mut Judged,
        core: &mut Core,
        now: Now,
    ) -> ReplyHalf {
        ReplyHalf {
            stage: Stage::Head(core.response_scanner()),
            text: core.pool.lend_text(),
            scratch: core.pool.lend_text(),
            body: ReplyBody::none(),
            connection: Arc::clone(&judged.connection),
            link_base: std::mem::take(&mut judged.link_base),
            head_only,
            close: false,
            interim: 0,
            waits: Waits {
                limits: judged.rules.limits,
                since: now.mono,
                owed: false,
                endless: false,
            },
            reusable: false,
        }
    }

    /// Nothing more of the request goes upstream: from now on the upstream owes a reply. `whole`
    /// says that all of the request is there; else the rest of it is never read.
    pub fn request_over(&mut self, whole: bool, now: Now) {
        self.waits.owed = true;
        self.waits.since = now.mono;
        self.close |= !whole;
    }

    /// The connection to the caller ends with this reply.
    pub fn close_after(&mut self) {
        self.close = true;
    }

    /// Whether the caller was told that the connection ends.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.close
    }

    /// Goes on as far as the upstream's bytes (all there will be, when `eof`) and the recording allow.
    pub fn next<'a>(
        &'a mut self,
        upstream: &'a mut Buffer,
        eof: bool,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> ReplyStep<'a> {
        let head = match self.open(upstream, eof, core, now) {
            Ok(head) => head,
            Err(pause) => return pause.into(),
        };
        let ReplyHalf {
            stage,
            text,
            scratch,
            body,
            connection,
            link_base,
            close,
            waits,
            reusable,
            ..
        } = self;
        let (mut opened, mut status) = (None, None);
        if let Some(head) = head {
            let parts = HeadParts {
                head: &head,
                bytes: upstream.filled(),
                connection,
                link_base,
                framing: body.framing,
                close: *close,
            };
            let recorded = parts.record(text, scratch, account, core, now);
            status = Some(head.status());
            upstream.consume(head.len());
            core.recycle(head.into_spare());
            match recorded {
                Ok(recorded) => opened = Some(recorded),
                Err(refusal) => return ReplyStep::Refuse(refusal),
            }
            *stage = Stage::Body;
            waits.since = now.mono;
        }
        let step = body.next(upstream, eof, waits, account, core, now);
        if let BodyStep::Idle(Pause::Refuse(refusal)) = step {
            // For good; and while the head is not sent, the caller can still be answered.
            *stage = Stage::Broken;
            return ReplyStep::Refuse(refusal);
        }
        if let Some(status) = status {
            account.replied(status, now);
        }
        let (line, body, tail) = match step {
            BodyStep::Piece(line, recorded, tail) => (line, recorded, tail),
            BodyStep::Idle(pause) if opened.is_none() => return pause.into(),
            BodyStep::Over { leftover } if opened.is_none() => {
                let upstream_reusable = *reusable && !leftover && !eof;
                return ReplyStep::Done(ReplyEnd { upstream_reusable });
            }
            BodyStep::Idle(_) | BodyStep::Over { .. } => (None, None, &b""[..]),
        };
        ReplyStep::Send(ToCaller {
            head: opened,
            line,
            body,
            tail,
        })
    }

    /// The pump has sent what [`ReplyHalf::next`] gave it last.
    pub fn sent(&mut self, upstream: &mut Buffer, now: Now) {
        self.waits.since = now.mono;
        upstream.consume(std::mem::take(&mut self.body.consumed));
    }

    /// Returns what was lent.
    pub fn close(self, core: &mut Core) {
        match self.stage {
            Stage::Head(scanner) => core.recycle(scanner.into_spare()),
            Stage::Opening(head) => core.recycle(head.into_spare()),
            Stage::Body | Stage::Broken => {}
        }
        core.pool.give_back_text(self.text);
        core.pool.give_back_text(self.link_base);
        core.pool.give_back_text(self.scratch);
        if let Some(stream) = self.body.stream {
            core.give_back_stream(stream);
        }
    }

    /// Reads the head. `Ok(Some)` when it is whole and its reply can begin, `Ok(None)` when it has.
    fn open(
        &mut self,
        upstream: &mut Buffer,
        eof: bool,
        core: &mut Core,
        now: Now,
    ) -> Result<Option<ResponseHead>, Pause> {
        loop {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Broken) {
                Stage::Body => {
                    self.stage = Stage::Body;
                    return Ok(None);
                }
                Stage::Broken => {
                    return Err(Pause::Refuse(Refusal::UpstreamMalformed("refused before")));
                }
                Stage::Head(mut scanner) => match scanner.scan(upstream.filled()) {
                    Ok(Some(head)) => self.judge_head(head, upstream, core, now)?,
                    Ok(None) => return Err(self.await_head(scanner, eof, core, now)),
                    Err(_) => {
                        core.recycle(scanner.into_spare());
                        let why = Refusal::UpstreamMalformed("malformed head");
                        return Err(Pause::Refuse(why));
                    }
                },
                Stage::Opening(head) => {
                    let until = self.waits.room();
                    let pause = match core.room(masked_room(head.len()), until, now) {
                        Room::Wait => {
                            self.stage = Stage::Opening(head);
                            return Err(Pause::NeedRoom(until));
                        }
                        Room::Never => Refusal::RecorderUnable,
                        Room::There => match self.plan(&head, upstream.filled(), core) {
                            Ok(()) => return Ok(Some(head)),
                            Err(refusal) => refusal,
                        },
                    };
                    core.recycle(head.into_spare());
                    return Err(Pause::Refuse(pause));
                }
            };
        }
    }

    /// The upstream owes more of its head, once it has the request.
    fn await_head(
        &mut self,
        scanner: ResponseScanner,
        eof: bool,
        core: &mut Core,
        now: Now,
    ) -> Pause {
        let until = self.waits.first_byte();
        if !eof && now.mono < until {
            self.stage = Stage::Head(scanner);
            return Pause::NeedBytes(until);
        }
        core.recycle(scanner.into_spare());
        Pause::Refuse(if eof {
            Refusal::UpstreamUnreachable
        } else {
            Refusal::UpstreamTimeout
        })
    }

    /// Interim replies are dropped; a reply that would confuse the caller is refused.
    fn judge_head(
        &mut self,
        head: ResponseHead,
        upstream: &mut Buffer,
        core: &mut Core,
        now: Now,
    ) -> Result<Stage, Pause> {
        let refusal = match head.status() {
            101 => Refusal::UpstreamMalformed("switched protocols unasked"),
            100..=199 if self.interim < INTERIM_REPLIES => {
                self.interim += 1;
                upstream.consume(head.len());
                core.recycle(head.into_spare());
                return Ok(Stage::Head(core.response_scanner()));
            }
            100..=199 => Refusal::UpstreamMalformed("too many interim replies"),
            // To the caller a 401 would say that its own token is bad.
            401 | 407 => Refusal::UpstreamUnauthorized,
            _ => {
                // What the head waits for from here on is not the upstream's.
                self.waits.since = now.mono;
                // The rest of a request that is answered early may never be read.
                self.close |= !self.waits.owed;
                return Ok(Stage::Opening(head));
            }
        };
        core.recycle(head.into_spare());
        Err(Pause::Refuse(refusal))
    }

    /// Decides what becomes of the body and of the upstream connection.
    fn plan(&mut self, head: &ResponseHead, bytes: &[u8], core: &mut Core) -> Result<(), Refusal> {
        let method = if self.head_only { "HEAD" } else { "GET" };
        self.reusable = head.reusable(method, bytes);
        let (connection, link_base) = (&self.connection, &self.link_base);
        self.body = ReplyBody::plan(head, bytes, method, connection, link_base, core)?;
        self.waits.endless = self.body.kind == Some(ContentKind::EventStream);
        Ok(())
    }
}
