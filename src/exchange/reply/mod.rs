//! From the upstream's bytes to bytes for the caller: decoded, masked, recorded, released.

mod body;
mod head;

use std::sync::Arc;

use self::body::{BodyStep, Framing, ReplyBody};
use self::head::HeadParts;
use super::Core;
use super::account::Account;
use super::forward::masked_room;
use super::inbound::Judged;
use super::refusal::Refusal;
use super::rules::Connection;
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::base::limits::{INTERIM_REPLIES, Limits};
use crate::http::{BodyDecoder, BodyLength, ResponseHead, ResponseScanner, SizeLine};
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

/// How long each wait may be, and when the current one began.
struct Waits {
    limits: Limits,
    since: Mono,
    /// Until the request is sent, the upstream owes nothing.
    request_sent: bool,
    /// An event stream may be silent for as long as it likes.
    endless: bool,
}

impl Waits {
    fn first_byte(&self) -> Mono {
        if self.request_sent {
            self.since.after(self.limits.first_byte_time)
        } else {
            Mono(u64::MAX)
        }
    }

    fn next_byte(&self) -> Mono {
        if self.endless {
            Mono(u64::MAX)
        } else {
            self.since.after(self.limits.reply_idle_time)
        }
    }

    fn room(&self) -> Mono {
        self.since.after(self.limits.wait_time)
    }
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
                request_sent: false,
                endless: false,
            },
            reusable: false,
        }
    }

    /// The last byte of the request went upstream: from now on the upstream owes a reply.
    pub fn request_sent(&mut self, now: Now) {
        self.waits.request_sent = true;
        self.waits.since = now.mono;
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
            let bytes = upstream.filled();
            let parts = HeadParts {
                head: &head,
                bytes,
                connection,
                link_base,
                framing: body.framing,
                close: *close,
            };
            let Ok(masked) = parts.write(text, scratch) else {
                return ReplyStep::Refuse(Refusal::UpstreamMalformed("head cannot be passed on"));
            };
            match account
                .log()
                .map(|log| core.writer.reply_head(log, masked, now))
            {
                Some(Ok(recorded)) => opened = Some(recorded),
                _ => return ReplyStep::Refuse(Refusal::RecorderUnable),
            }
            upstream.consume(head.len());
            status = Some(head.status());
            core.recycle(head.into_spare());
            *stage = Stage::Body;
            waits.since = now.mono;
        }
        let step = body.next(upstream, eof, waits, account, core, now);
        if let BodyStep::Idle(Pause::Refuse(refusal)) = step {
            // For good; and with a head that is not sent yet, the caller can still be answered.
            *stage = Stage::Broken;
            return ReplyStep::Refuse(refusal);
        }
        if let Some(status) = status {
            account.replied(status, now);
        }
        match step {
            BodyStep::Idle(pause) if opened.is_none() => pause.into(),
            BodyStep::Idle(_) => ReplyStep::Send(ToCaller {
                head: opened,
                line: None,
                body: None,
                tail: b"",
            }),
            BodyStep::Over { leftover } if opened.is_none() => {
                let upstream_reusable = *reusable && !leftover && !eof;
                ReplyStep::Done(ReplyEnd { upstream_reusable })
            }
            BodyStep::Over { .. } => ReplyStep::Send(ToCaller {
                head: opened,
                line: None,
                body: None,
                tail: b"",
            }),
            BodyStep::Piece(line, recorded, tail) => ReplyStep::Send(ToCaller {
                head: opened,
                line,
                body: recorded,
                tail,
            }),
        }
    }

    /// The pump has sent what [`ReplyHalf::next`] gave it last.
    pub fn sent(&mut self, upstream: &mut Buffer, now: Now) {
        self.waits.since = now.mono;
        upstream.consume(std::mem::take(&mut self.body.consumed));
    }

    /// Returns what was lent.
    pub fn close(self, core: &mut Core) {
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
            match std::mem::replace(&mut self.stage, Stage::Broken) {
                Stage::Body => {
                    self.stage = Stage::Body;
                    return Ok(None);
                }
                Stage::Broken => {
                    return Err(Pause::Refuse(Refusal::UpstreamMalformed("refused before")));
                }
                Stage::Head(mut scanner) => {
                    let scanned = scanner
                        .scan(upstream.filled())
                        .map_err(|_| Pause::Refuse(Refusal::UpstreamMalformed("malformed head")))?;
                    let Some(head) = scanned else {
                        if eof {
                            return Err(Pause::Refuse(Refusal::UpstreamUnreachable));
                        }
                        let until = self.waits.first_byte();
                        if now.mono >= until {
                            return Err(Pause::Refuse(Refusal::UpstreamTimeout));
                        }
                        self.stage = Stage::Head(scanner);
                        return Err(Pause::NeedBytes(until));
                    };
                    self.stage = self
                        .judge_head(head, upstream, core)
                        .map_err(Pause::Refuse)?;
                }
                Stage::Opening(head) => {
                    if core.writer.room_for(masked_room(head.len())) {
                        self.plan_body(&head, upstream.filled(), core)
                            .map_err(Pause::Refuse)?;
                        return Ok(Some(head));
                    }
                    let until = self.waits.room();
                    if now.mono >= until {
                        return Err(Pause::Refuse(Refusal::RecorderUnable));
                    }
                    self.stage = Stage::Opening(head);
                    return Err(Pause::NeedRoom(until));
                }
            }
        }
    }

    /// Interim replies are dropped; a reply that would confuse the caller is refused.
    fn judge_head(
        &mut self,
        head: ResponseHead,
        upstream: &mut Buffer,
        core: &mut Core,
    ) -> Result<Stage, Refusal> {
        match head.status() {
            101 => Err(Refusal::UpstreamMalformed("switched protocols unasked")),
            100..=199 => {
                self.interim += 1;
                if self.interim > INTERIM_REPLIES {
                    return Err(Refusal::UpstreamMalformed("too many interim replies"));
                }
                upstream.consume(head.len());
                core.recycle(head.into_spare());
                Ok(Stage::Head(core.response_scanner()))
            }
            // To the caller a 401 would say that its own token is bad.
            401 | 407 => Err(Refusal::UpstreamUnauthorized),
            _ => Ok(Stage::Opening(head)),
        }
    }

    /// Decides how the body is read and how it is framed for the caller.
    fn plan_body(
        &mut self,
        head: &ResponseHead,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<(), Refusal> {
        let method = if self.head_only { "HEAD" } else { "GET" };
        let length = head.body(method);
        self.reusable = head.reusable(method, bytes);
        let content_type = head.field(bytes, "content-type");
        let kind = ContentKind::of(content_type, head.field(bytes, "content-encoding"));
        self.waits.endless = matches!(kind, Ok(ContentKind::EventStream));
        let has_body = length != BodyLength::None;
        let stream = match (&self.connection.masks, kind) {
            (None, _) => None,
            (Some(_), _) if !has_body => None,
            (Some(masks), Ok(kind))
                if self.connection.hides || (kind == ContentKind::Json && head.status() != 206) =>
            {
                Some(core.stream(masks, kind, &self.link_base))
            }
            (Some(_), Err(why)) if self.connection.hides => return Err(Refusal::Unreadable(why)),
            (Some(_), _) => None,
        };
        let framing = match length {
            BodyLength::None => Framing::None,
            BodyLength::Length(length) if stream.is_none() => Framing::Length(length),
            _ => Framing::Chunked,
        };
        self.body = ReplyBody {
            decoder: BodyDecoder::new(length),
            stream,
            framing,
            gathered: None,
            over: !has_body,
            consumed: 0,
        };
        Ok(())
    }
}
