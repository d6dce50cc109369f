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
        let bad = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) || value.iter().any(bad) {
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

    /// Adds a field that the gateway itself says, always the same: nothing in it to mask.
    pub fn fixed(&mut self, name: &'static str, value: &'static str) {
        for part in [name, ": ", value, "\r\n"] {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    /// Adds `Content-Length`: a count, whatever digits the masks look for.
    pub fn content_length(&mut self, length: u64) {
        let (mut digits, mut from, mut rest) = ([0; 20], 20, length);
        while from == 20 || rest > 0 {
            from -= 1;
            digits[from] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.out.extend_from_slice(b"Content-Length: ");
        self.out.extend_from_slice(&digits[from..]);
        self.out.extend_from_slice(b"\r\n");
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

#[cfg(test)]
mod tests {
    use super::super::tests::{masks, spec};
    use super::*;

    #[test]
    fn heads_and_single_values_are_masked_by_the_same_rules() {
        let masks = masks(&spec());
        let mut out = Vec::new();
        let hits = masks.scrub(b"/users/bob@x.example/geheim", &mut out);
        assert_eq!(
            (out.as_slice(), hits),
            (&b"/users/[email]/[literal]"[..], 2)
        );
        let mut head = MaskedHead::start(&mut out, Some(&masks), 200);
        assert_eq!(head.field("X-User", b"for bob@x.example"), Ok(()));
        assert_eq!(head.field("X-Bad", b"a\r\nSet-Cookie: b"), Err(HeadRefused));
        let masked = head.finish();
        let text: Vec<u8> = masked.slices().flatten().copied().collect();
        assert_eq!(text, b"HTTP/1.1 200 \r\nX-User: for [email]\r\n\r\n");
    }
}
