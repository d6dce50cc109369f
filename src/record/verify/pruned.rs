//! Verification through segments that were given up.

use crate::base::digest::sha256;
use crate::record::payload::Event;
use crate::record::pruned::{Kept, KeptEntry};

use super::{Finding, Verdict, Verifier, tampered, truncated};

impl Verifier {
    /// Follows the log through a segment of which only hashes and checkpoints are left.
    pub(super) fn follow_pruned(&mut self, number: u64, bytes: &[u8]) -> Result<(), Finding> {
        let damaged = || {
            (
                Verdict::Tampered,
                "what is kept of it is damaged".to_owned(),
            )
        };
        let mut kept = Kept::read(bytes).ok_or_else(damaged)?;
        let expected = self.last.map_or(1, |(last, _)| last + 1);
        if number > expected {
            return truncated(format!("segment {expected} is missing"));
        }
        if kept.writer != self.writer || kept.number != number {
            return tampered("what is kept belongs to another segment");
        }
        self.believe(kept.key, kept.epoch)?;
        while let Some(entry) = kept.next_entry() {
            match entry.ok_or_else(damaged)? {
                KeptEntry::Leaf(leaf) => self.push(leaf)?,
                KeptEntry::Note(note) => {
                    let _ = self.checkpoint(note, 0)?;
                }
            }
        }
        self.last = Some((number, kept.used));
        self.unconfirmed = Some((number, sha256(&[bytes])));
        self.resumed = true;
        Ok(())
    }

    /// Takes the log's word that a segment was given up.
    pub(super) fn confirm(&mut self, event: &Event<'_>) {
        if let Event::Pruned {
            segment, digest, ..
        } = event
            && self.unconfirmed == Some((*segment, *digest))
        {
            self.unconfirmed = None;
        }
    }
}
