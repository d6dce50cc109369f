//! A reply's head on its way to the caller.

use super::{Masked, Masks};

/// A head that cannot be written. Says nothing of what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a control character in a head")]
pub struct HeadRefused;

/// Builds the one head that may be shown: every field value goes through the masks.
#[must_use]
pub struct MaskedHead<'o> {
    out: &'o mut Vec<u8>,
    masks: Option<&'o Masks>,
    hits: usize,
}

impl<'o> MaskedHead<'o> {
    /// Begins a head in `out`, whose contents are forgotten. `masks` is none for a connection
    /// without masks.
    pub fn start(out: &'o mut Vec<u8>, masks: Option<&'o Masks>, status: u16) -> MaskedHead<'o> {
        out.clear();
        out.extend_from_slice(b"HTTP/1.1 ");
        let digits = [100, 10, 1].map(|place| b'0' + (status / place % 10) as u8);
        out.extend_from_slice(&digits);
        // The upstream's reason phrase says nothing that the status does not; it is dropped.
        out.extend_from_slice(b" \r\n");
        MaskedHead {
            out,
            masks,
            hits: 0,
        }
    }

    /// Adds a field; its value is masked.
    pub fn field(&mut self, name: &str, value: &[u8]) -> Result<(), HeadRefused> {
        let bad = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        if name.is_empty() || name.bytes().any(|byte| bad(&byte)) || value.iter().any(bad) {
            return Err(HeadRefused);
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        match self.masks {
            Some(masks) => self.hits += masks.scrub(value, self.out),
            None => self.out.extend_from_slice(value),
        }
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// How many things were masked so far.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits
    }

    /// Ends the head.
    pub fn finish(self) -> Masked<'o> {
        self.out.extend_from_slice(b"\r\n");
        super::unmasked(self.out)
    }
}
