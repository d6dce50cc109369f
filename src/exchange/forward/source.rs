//! Where the body of a request comes from.

use std::ops::Range;

use crate::base::buffers::Buffer;
use crate::base::limits::BUFFER_BYTES;
use crate::exchange::Refusal;
use crate::http::BodyDecoder;

/// Where the body comes from.
pub(super) enum Source {
    /// From the caller, as it comes.
    Caller(BodyDecoder),
    /// It was judged, and is all here; so many bytes of it are upstream.
    Held { body: Vec<u8>, sent: usize },
}

impl Source {
    /// A piece's bytes; `caller` are those of the caller's buffer.
    pub(super) fn content<'b>(&'b self, caller: &'b Buffer, piece: &Piece) -> &'b [u8] {
        let bytes = match self {
            Source::Caller(_) => caller.filled(),
            Source::Held { body, .. } => body,
        };
        &bytes[piece.content.clone()]
    }

    /// True once all of it is upstream.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Source::Caller(decoder) => decoder.is_done(),
            Source::Held { body, sent } => *sent == body.len(),
        }
    }

    /// The next piece; an empty one that is not the last means that none is there.
    pub(super) fn gather(&mut self, caller: &mut Buffer) -> Result<Piece, Refusal> {
        match self {
            Source::Caller(decoder) => {
                let gathered = decoder.gather(caller.filled_mut()).map_err(Refusal::Body)?;
                Ok(Piece {
                    content: gathered.content,
                    consumed: gathered.consumed,
                    last: gathered.done,
                })
            }
            Source::Held { body, sent } => {
                let to = body.len().min(*sent + BUFFER_BYTES);
                Ok(Piece {
                    content: *sent..to,
                    consumed: to - *sent,
                    last: to == body.len(),
                })
            }
        }
    }

    /// It goes upstream from its beginning once more: what is held can.
    pub(super) fn rewind(&mut self) {
        if let Source::Held { sent, .. } = self {
            *sent = 0;
        }
    }

    /// A piece is upstream.
    pub(super) fn consume(&mut self, caller: &mut Buffer, count: usize) {
        match self {
            Source::Caller(_) => caller.consume(count),
            Source::Held { sent, .. } => *sent += count,
        }
    }
}

/// A piece of the body as it stands in the caller's buffer, or in the held body.
pub(super) struct Piece {
    pub content: Range<usize>,
    pub consumed: usize,
    pub last: bool,
}
