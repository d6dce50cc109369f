//! What the upstream-to-caller direction answers with.

use super::body::BodyStep;
use crate::base::clock::Mono;
use crate::exchange::Refusal;
use crate::http::SizeLine;
use crate::record::Recorded;

/// What the upstream-to-caller direction needs, or has to send.
#[must_use]
pub enum ReplyStep<'a> {
    /// Send this, then call [`super::ReplyHalf::sent`].
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
pub(super) enum Pause {
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

/// What is sent of a reply whose head may just have opened.
pub(super) fn released<'a>(
    step: BodyStep<'a>,
    head: Option<Recorded<'a>>,
    reusable: bool,
) -> ReplyStep<'a> {
    let (line, body, tail) = match step {
        BodyStep::Piece(line, recorded, tail) => (line, recorded, tail),
        BodyStep::Idle(pause) if head.is_none() => return pause.into(),
        BodyStep::Over { leftover } if head.is_none() => {
            return ReplyStep::Done(ReplyEnd {
                upstream_reusable: reusable && !leftover,
            });
        }
        BodyStep::Idle(_) | BodyStep::Over { .. } => (None, None, &b""[..]),
    };
    ReplyStep::Send(ToCaller {
        head,
        line,
        body,
        tail,
    })
}
