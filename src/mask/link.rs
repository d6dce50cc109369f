//! Links to the upstream, rewritten so that paging does not walk around the gateway.

use super::origin::Origin;
use super::text::Context;
use super::weave::{NO_RULE, Span};

/// A port that a base leaves out because its scheme implies it, and that a link may spell out
/// (RFC 9110, section 4.2.3): where in the base it would stand, and what, with its colon.
pub type ImpliedPort = (usize, &'static str);

/// What `base`, an absolute URL, leaves out; none where it names a port.
#[must_use]
pub fn implied_port(base: &str) -> Option<ImpliedPort> {
    let (scheme, rest) = base.split_once("://")?;
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, _) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (_, tail) = authority.rsplit_once(']').unwrap_or(("", authority));
    let at = base.len() - rest.len() + authority.len();
    (!tail.contains(':')).then_some((at, port))
}

/// A link that is being compared with the upstream's base.
pub(super) struct Link {
    start: u64,
    matched: usize,
    /// How much of the port that the base leaves out the link has spelled out.
    port: usize,
    /// Where the bytes that matched end.
    end: u64,
}

impl Link {
    /// A link whose content begins at `start`.
    pub fn at(start: u64) -> Link {
        Link {
            start,
            matched: 0,
            port: 0,
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
            if self.next_of_port(context) == Some(*byte) {
                self.port += 1;
                self.end = origin.boundary(index + 1);
                continue;
            }
            if self.is_within_port(context) {
                return None;
            }
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
        if self.matched < context.masks.upstream.len() || self.is_within_port(context) {
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

    /// What would go on with the port, where one may stand here.
    fn next_of_port(&self, context: &Context<'_>) -> Option<u8> {
        let (at, port) = context.masks.port?;
        let rest = port.as_bytes().get(self.port..)?;
        rest.first().copied().filter(|_| self.matched == at)
    }

    /// Whether the port has begun and is another so far. A colon alone says nothing.
    fn is_within_port(&self, context: &Context<'_>) -> bool {
        self.port > 1 && self.next_of_port(context).is_some()
    }
}
