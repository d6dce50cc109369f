//! Requests refused before anybody was proven: counted, so that a flood cannot fill the disk.

use crate::base::clock::Now;
use crate::base::limits::{REFUSAL_REASONS, REFUSALS_TIME};

use super::payload::write_text;

/// Refusals not recorded yet, by reason.
#[derive(Default)]
pub(super) struct Refusals {
    since: Now,
    counts: Vec<(&'static str, u64)>,
}

impl Refusals {
    pub(super) fn count(&mut self, reason: &'static str, now: Now) {
        if self.counts.is_empty() {
            self.since = now;
        }
        let full = self.counts.len() >= REFUSAL_REASONS;
        let position = |reason| self.counts.iter().position(|(it, _)| *it == reason);
        match position(reason) {
            Some(index) => self.counts[index].1 += 1,
            None if !full => self.counts.push((reason, 1)),
            None => match position("other") {
                Some(index) => self.counts[index].1 += 1,
                None => self.counts.push(("other", 1)),
            },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(super) fn is_due(&self, now: Now) -> bool {
        !self.is_empty() && now.mono.since(self.since.mono) >= REFUSALS_TIME
    }

    pub(super) fn payload_bytes(&self) -> usize {
        let texts: usize = self
            .counts
            .iter()
            .map(|(reason, _)| 12 + reason.len())
            .sum();
        16 + texts
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.since.wall.0.to_le_bytes());
        out.extend_from_slice(&(self.counts.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for (reason, count) in &self.counts {
            out.extend_from_slice(&count.to_le_bytes());
            write_text(reason, out);
        }
    }
}
