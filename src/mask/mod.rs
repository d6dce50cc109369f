//! Floor 3: what must not be seen is taken out of what flows by.
//!
//! ```text
//! chunk ─> Stream ──> sse (event streams) ──> Text ──> Reader (JSON in it) ──> Text ──> Reader …
//!             │  └──> Reader (JSON bodies) ──> Text ──────────┘
//!             │            │ fields, links      │ literals, recognisers
//!             │            └──────── spans ─────┘
//!             └──> Weave: spans and bytes ──> Masked: slices of the chunk, of what was held back,
//!                                              and placeholders
//! ```
//!
//! - A `reader` follows JSON and knows member names; a `text` is what one string
//!   decodes to, with a map back to the bytes it came from. Text may hold JSON again, which the next
//!   reader follows, down to [`MASK_LEVELS`](crate::base::limits::MASK_LEVELS).
//! - Most of a body is plain: the whole chunk is searched at once for places worth a look (`hots`),
//!   and a string in which none lies is passed by without a thought. What is escaped or cut by the
//!   chunk's end is decoded (`origin`) and matched as text.
//! - Every decoded byte is matched at exactly one level, so that no match can cut an escape in two.
//! - Member names are matched too (maps keyed by an address exist); masking two of them can leave
//!   one name twice, which is better than leaving the address.
//! - Bytes that no match can reach any more are released; nothing is held past the end of a
//!   string, an event or the body.
//! - A body that cannot be read is [`Unreadable`] from the byte where it shows, for ever.

mod digits;
mod find;
mod head;
mod hots;
mod kind;
mod level;
mod link;
mod literals;
mod names;
mod origin;
mod reader;
mod recognise;
mod replace;
mod spec;
mod sse;
mod stream;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod twin;
mod validate;
mod weave;

pub use head::{MaskedHead, masked_head};
pub use kind::ContentKind;
pub use link::{ImpliedPort, implied_port};
pub use recognise::Recogniser;
pub use replace::Replace;
pub use spec::{Links, MaskError, MaskSpec, Masks};
pub use stream::Stream;

use crate::json::JsonError;
use weave::Weave;

/// Why a body is withheld. Says nothing of what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// A content coding that is not taken off.
    #[error("content coding is not read")]
    Coding,
    /// A charset other than UTF-8.
    #[error("charset is not read")]
    Charset,
    /// A content type that is not text, or none at all.
    #[error("content type is not read")]
    Type,
    /// A JSON content type, and not JSON.
    #[error("not JSON: {0}")]
    Json(#[from] JsonError),
    /// A number longer than any real one.
    #[error("number too long")]
    Number,
    /// The stream refused before, and refuses for ever.
    #[error("refused before")]
    Broken,
}

/// One thing that was masked: which rule and where, never what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Index of the rule in its profile; see [`Masks::kind`].
    pub rule: u16,
    /// Offset of the first masked byte in the body as it came in.
    pub offset: u64,
    /// Bytes masked by this rule.
    pub length: u64,
}

/// Bytes in which nothing stands that must not be seen. A door: only this room makes one, and the
/// recording takes nothing else.
#[must_use]
pub struct Masked<'a> {
    chunk: &'a [u8],
    /// `None`: the chunk as it is.
    woven: Option<(&'a Weave, &'a Masks)>,
}

/// The door for a connection without masks: the bytes as they are.
pub fn unmasked(chunk: &[u8]) -> Masked<'_> {
    Masked { chunk, woven: None }
}

impl<'a> Masked<'a> {
    /// The bytes, in order. Slices of the chunk are the chunk's own memory, unless they are many
    /// and short.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let Masked { chunk, woven } = *self;
        let whole = woven.is_none().then_some(chunk);
        let listed = woven
            .into_iter()
            .flat_map(move |(weave, masks)| weave.slices(chunk, masks));
        whole
            .into_iter()
            .chain(listed)
            .filter(|slice| !slice.is_empty())
    }

    /// What was masked in these bytes.
    #[must_use]
    pub fn hits(&self) -> &'a [Hit] {
        self.woven.map_or(&[], |(weave, _)| &weave.hits)
    }

    /// How many bytes these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.woven
            .map_or(self.chunk.len(), |(weave, _)| weave.length())
    }

    /// True when there is nothing to hand on, for instance because all of a chunk is held back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Masked({} bytes, {} hits)",
            self.len(),
            self.hits().len()
        )
    }
}
