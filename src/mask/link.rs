//! Links to the upstream, rewritten so that paging does not walk around the gateway.

use super::origin::Origin;
use super::text::Context;
use super::weave::{NO_RULE, Span};

/// A link that is being compared with the upstream's base.
pub(super) struct Link {
    start: u64,
    matched: usize,
    /// Where the bytes that matched end.
    end: u64,
}

impl Link {
    /// A link whose content begins at `start`.
    pub fn at(start: u64) -> Link {
        Link {
            start,
            matched: 0,
            end: start,
        }
    }

    pub fn start(&self) -> u64 {
        self.start
    }

    /// The next decoded bytes; `None` once it is known where the link leads.
    pub fn follow(
        mut self,
        bytes: &[u8],
        origin: Origin<'_>,
        context: &mut Context<'_>,
    ) -> Option<Link> {
        let upstream = &context.masks.upstream;
        for (index, byte) in bytes.iter().enumerate() {
            if self.matched == upstream.len() {
                // What follows tells the base from a longer name that begins like it.
                if b"/?#".contains(byte) {
                    self.end(context);
                }
                return None;
            }
            if !upstream[self.matched].eq_ignore_ascii_case(byte) {
                return None;
            }
            self.matched += 1;
            self.end = origin.boundary(index + 1);
        }
        Some(self)
    }

    /// No further byte belongs to the base: if all of it was seen, it is rewritten.
    pub fn end(self, context: &mut Context<'_>) {
        if self.matched < context.masks.upstream.len() {
            return;
        }
        let notes = &mut context.weave.notes;
        let from = notes.len() as u32;
        notes.extend_from_slice(context.link_base);
        let note = Some((from, notes.len() as u32));
        context.weave.add(Span {
            start: self.start,
            end: self.end,
            rule: NO_RULE,
            quotes: None,
            note,
            shows: false,
        });
    }
}
