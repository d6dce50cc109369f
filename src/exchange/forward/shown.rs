//! How the body of a request is shown in the recording.

use std::sync::Arc;

use crate::exchange::rules::Connection;
use crate::exchange::{Core, fields};
use crate::http::{BodyLength, Known, RequestHead};
use crate::mask::{self, ContentKind, Masked, Masks, Unreadable};

/// How the body is shown in the recording.
pub(super) enum Shown {
    AsIs,
    Masked(Box<mask::Stream>),
    /// It cannot be read, so it is kept as length and keyed digest.
    Withheld,
}

/// How the body can be read, to be shown so.
pub(super) enum Reading {
    AsIs,
    Masked(Arc<Masks>, ContentKind),
    Withheld,
}

impl Reading {
    pub(super) fn of(head: &RequestHead, bytes: &[u8], connection: &Connection) -> Reading {
        let Some(masks) = connection.masks.as_ref().filter(|_| connection.hides) else {
            return Reading::AsIs;
        };
        let kind = ContentKind::of(
            head.field(bytes, "content-type"),
            fields::coding(head.values(bytes, Known::ContentEncoding)),
        );
        match kind {
            _ if head.body() == BodyLength::None => Reading::AsIs,
            Ok(kind) => Reading::Masked(Arc::clone(masks), kind),
            Err(_) => Reading::Withheld,
        }
    }
}

impl Shown {
    /// From the body's beginning.
    pub(super) fn by(reading: &Reading, core: &mut Core) -> Shown {
        match reading {
            Reading::AsIs => Shown::AsIs,
            Reading::Masked(masks, kind) => Shown::Masked(core.stream(masks, *kind, "")),
            Reading::Withheld => Shown::Withheld,
        }
    }

    /// Goes on as `other`, and gives back what it had lent.
    pub(super) fn turn_into(&mut self, other: Shown, core: &mut Core) {
        if let Shown::Masked(stream) = std::mem::replace(self, other) {
            core.give_back_stream(stream);
        }
    }
}

/// Pushes a piece of a body through its masks.
pub(in crate::exchange) fn pushed<'a>(
    stream: &'a mut mask::Stream,
    content: &'a [u8],
    last: bool,
) -> Result<Masked<'a>, Unreadable> {
    if last {
        stream.last(content)
    } else {
        stream.push(content)
    }
}

/// Ring bytes that surely take `len` content bytes, masked: placeholders may be longer than what
/// they hide.
pub(in crate::exchange) fn masked_room(len: usize) -> usize {
    2 * len + 4096
}
