//! What frames carry of one call of a batch.

use super::{Decision, write_text};

/// One call of a batch, as it is recorded beside the batch. Everything in it is masked already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartRecord<'a> {
    /// What was decided.
    pub decision: Decision,
    /// What its answer is found by.
    pub id: &'a str,
    /// The rule that decided, or the reason where no rule did.
    pub rule: &'a str,
    /// The method.
    pub method: &'a str,
    /// The canonical path and query, masked.
    pub target: &'a str,
}

impl PartRecord<'_> {
    /// Bytes of the payload.
    #[must_use]
    pub fn len(&self) -> usize {
        let texts = [self.id, self.rule, self.method, self.target];
        8 + texts.iter().map(|text| 4 + text.len()).sum::<usize>()
    }

    /// Never: a payload has its fixed part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.decision as u8, 0, 0, 0, 0, 0, 0, 0]);
        for text in [self.id, self.rule, self.method, self.target] {
            write_text(text, out);
        }
    }
}

/// Appends the payload of the answer to one call of a batch.
pub fn write_part_end(id: &str, status: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&status.to_le_bytes());
    out.extend_from_slice(&[0; 6]);
    write_text(id, out);
}
