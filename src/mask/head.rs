//! A reply's head on its way to the caller.

use super::{Masked, Masks};
use crate::http::{BodyLength, FieldRef, HeadWriter, WriteError};

/// Builds the one head that may be shown: every field value goes through the masks.
#[must_use]
pub struct MaskedHead<'h> {
    writer: HeadWriter<'h>,
    masks: Option<&'h Masks>,
    scratch: &'h mut Vec<u8>,
    hits: usize,
}

/// Writes a head to `out`, whose contents are forgotten, as `fill` says. `masks` is none for a
/// connection without masks; `scratch` is where values are masked. The upstream's reason phrase says
/// nothing that the status does not: the status's own is written.
///
/// # Errors
/// What `fill` refuses, or what cannot stand in a head.
pub fn masked_head<'o>(
    out: &'o mut Vec<u8>,
    scratch: &mut Vec<u8>,
    masks: Option<&Masks>,
    status: u16,
    fill: impl FnOnce(&mut MaskedHead<'_>) -> Result<(), WriteError>,
) -> Result<Masked<'o>, WriteError> {
    out.clear();
    let code = ::http::StatusCode::from_u16(status).map_err(|_| WriteError::Status)?;
    let reason = code.canonical_reason().unwrap_or_default();
    {
        let writer = HeadWriter::response(&mut *out, status, reason.as_bytes())?;
        let mut head = MaskedHead {
            writer,
            masks,
            scratch,
            hits: 0,
        };
        fill(&mut head)?;
        head.writer.finish()?;
    }
    Ok(super::unmasked(out))
}

impl MaskedHead<'_> {
    /// Adds a field; its value is masked.
    ///
    /// # Errors
    /// When it cannot stand in a head.
    pub fn field(&mut self, name: &str, value: &[u8]) -> Result<(), WriteError> {
        self.joined(name, &[value])
    }

    /// Adds a field of the head that is masked.
    ///
    /// # Errors
    /// When it cannot stand in a head.
    pub fn copy(&mut self, field: &FieldRef<'_>) -> Result<(), WriteError> {
        match self.masks {
            Some(_) => self.field(field.text(), field.value),
            None => self.writer.copy(field).map(drop),
        }
    }

    /// Adds a field whose value is a link: `base`, which is the gateway's own, and `rest`.
    ///
    /// # Errors
    /// When it cannot stand in a head.
    pub fn joined(&mut self, name: &str, parts: &[&[u8]]) -> Result<(), WriteError> {
        self.scratch.clear();
        for part in parts {
            match self.masks {
                Some(masks) => self.hits += masks.scrub(part, self.scratch),
                None => self.scratch.extend_from_slice(part),
            }
        }
        self.writer.field(name, self.scratch)?;
        Ok(())
    }

    /// Adds a field that the gateway itself says, always the same: nothing in it to mask.
    ///
    /// # Errors
    /// When it cannot stand in a head.
    pub fn fixed(&mut self, name: &'static str, value: &'static str) -> Result<(), WriteError> {
        self.writer.field(name, value.as_bytes())?;
        Ok(())
    }

    /// Says how the body is delimited.
    ///
    /// # Errors
    /// When it was said before.
    pub fn body(&mut self, length: BodyLength) -> Result<(), WriteError> {
        self.writer.body(length)?;
        Ok(())
    }

    /// How many things were masked so far.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits
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
        let mut scratch = Vec::new();
        let masked = masked_head(&mut out, &mut scratch, Some(&masks), 200, |head| {
            head.field("X-User", b"for bob@x.example")
        });
        let masked = masked.unwrap();
        let text: Vec<u8> = masked.slices().flatten().copied().collect();
        assert_eq!(text, b"HTTP/1.1 200 OK\r\nX-User: for [email]\r\n\r\n");

        let split = masked_head(&mut out, &mut scratch, Some(&masks), 200, |head| {
            head.field("X-Bad", b"a\r\nSet-Cookie: b")
        });
        assert_eq!(split.err(), Some(WriteError::Value));
        assert!(out.is_empty(), "and nothing of it is there");
    }
}
