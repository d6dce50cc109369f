//! What a string decodes to is matched, as far as matches can still reach.

use std::ops::Range;

use super::find::{Hot, Verdict};
use super::hots::Hots;
use super::origin::{Decoded, Origin};
use super::replace::{Disguise, Style};
use super::spec::Masks;
use super::weave::{Span, Weave};

/// What all readers and texts of one push share.
pub(super) struct Context<'c> {
    pub masks: &'c Masks,
    pub weave: &'c mut Weave,
    pub hots: Hots<'c>,
    pub scratch: &'c mut Vec<Hot>,
    pub link_base: &'c [u8],
    /// A number was longer than any real one.
    pub long_number: bool,
}

impl Context<'_> {
    /// The rule of the first thing to mask in a text that stands by itself.
    pub fn find_in(&mut self, text: &[u8]) -> Option<u16> {
        let mut hots = std::mem::take(self.scratch);
        let finder = &self.masks.finder;
        finder.scan(text, 0, &mut hots);
        let found = hots
            .iter()
            .find_map(|&hot| match finder.judge(text, hot, true) {
                (Verdict::Match(_), rule) => Some(rule),
                _ => None,
            });
        *self.scratch = hots;
        found
    }

    /// Matches a text that stands whole and without escapes in the chunk, at `start`.
    #[inline(always)]
    pub fn match_in_place(&mut self, text: &[u8], start: u64) {
        let end = start + text.len() as u64;
        if self.hots.are_before(end) {
            self.match_hots(text, start, end);
        }
    }

    #[inline(never)]
    fn match_hots(&mut self, text: &[u8], start: u64, end: u64) {
        while let Some(hot) = self.hots.pass(start, end) {
            if let (Verdict::Match(range), rule) = self.masks.finder.judge(text, hot, true) {
                let place = start + range.start as u64..start + range.end as u64;
                self.mark(&text[range], place, rule, None);
            }
        }
    }

    /// Masks what decodes to `value`; `quotes` is the level whose quotes have to go around.
    pub fn mark(&mut self, value: &[u8], place: Range<u64>, rule: u16, quotes: Option<u8>) {
        let (note, shows) = match self.masks.style(rule) {
            Style::Plain => (None, false),
            style => {
                let mut disguise = Disguise::new(style, &self.masks.key);
                disguise.add(value);
                note(self, disguise, rule)
            }
        };
        self.weave.add(Span {
            start: place.start,
            end: place.end,
            rule,
            quotes,
            note,
            shows,
        });
    }
}

/// One text that is being matched piece by piece.
#[derive(Default)]
pub(super) struct Text {
    /// Where in the body its bytes stand, while they are all in the chunk, in one piece and for
    /// themselves: then places worth a look are known, and nothing has to be copied.
    there: Option<Range<u64>>,
    /// Its bytes otherwise.
    decoded: Decoded,
    /// Places before this offset have been judged.
    decided: usize,
}

impl Text {
    pub fn reset(&mut self) {
        self.there = None;
        self.decoded.clear();
        self.decided = 0;
    }

    /// True when nothing is being matched.
    pub fn is_empty(&self) -> bool {
        self.there.is_none() && self.decoded.bytes().is_empty()
    }

    pub fn push(&mut self, bytes: &[u8], origin: Origin<'_>, context: &Context<'_>) {
        if bytes.is_empty() || context.masks.finder.is_empty() {
            return;
        }
        if let Origin::Plain { at } = origin {
            let end = at + bytes.len() as u64;
            match &mut self.there {
                None if self.decoded.bytes().is_empty() => {
                    self.there = Some(at..end);
                    return;
                }
                Some(there) if there.end == at => {
                    there.end = end;
                    return;
                }
                _ => {}
            }
        }
        self.copy(context);
        self.decoded.push(bytes, origin);
    }

    /// Copies what stands in the chunk, because that will not do any more.
    fn copy(&mut self, context: &Context<'_>) {
        if let Some(there) = self.there.take() {
            let origin = Origin::Plain { at: there.start };
            self.decoded.push(context.hots.text(&there), origin);
        }
    }

    /// The text is over: what could not be judged is judged.
    pub fn end(&mut self, context: &mut Context<'_>) {
        if let Some(there) = &self.there {
            let text = context.hots.text(there);
            if context.hots.tell_of(text, there.start) {
                context.match_in_place(text, there.start);
                self.there = None;
                return;
            }
        }
        self.copy(context);
        self.judge(true, context);
        self.reset();
    }

    /// The chunk is over: judges what can be, and forgets what no match can reach.
    pub fn settle(&mut self, context: &mut Context<'_>) {
        self.copy(context);
        if self.is_empty() {
            return;
        }
        self.judge(false, context);
        let finder = &context.masks.finder;
        // One byte more, because some patterns look at the byte before them.
        let reach = finder.reach(self.decoded.bytes(), self.decided);
        let keep = reach.saturating_sub(1);
        self.decoded.forget(keep);
        self.decided -= keep;
    }

    /// Where the next match can begin at the earliest; `None` for an empty text.
    pub fn limit(&self, masks: &Masks) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let reach = masks.finder.reach(self.decoded.bytes(), self.decided);
        Some(self.decoded.start(reach))
    }

    fn judge(&mut self, ended: bool, context: &mut Context<'_>) {
        let bytes = self.decoded.bytes();
        let finder = &context.masks.finder;
        if bytes.is_empty() || ended && bytes.len() < finder.shortest() {
            return;
        }
        let mut hots = std::mem::take(context.scratch);
        finder.scan(bytes, self.decided, &mut hots);
        let mut decided = if ended {
            bytes.len()
        } else {
            let seen = bytes.len().saturating_sub(finder.overhang());
            seen.max(self.decided)
        };
        for &hot in &hots {
            match finder.judge(bytes, hot, ended) {
                (Verdict::No, _) => {}
                (Verdict::More, _) => {
                    decided = decided.min(hot.at as usize);
                    break;
                }
                // Seen whole within the overhang: it will be judged again, and counted then.
                (Verdict::Match(_), _) if hot.at as usize >= decided => break,
                (Verdict::Match(range), rule) => {
                    let start = self.decoded.start(range.start);
                    let end = self.decoded.end_of(range.end);
                    context.mark(&bytes[range], start..end, rule, None);
                }
            }
        }
        self.decided = decided;
        *context.scratch = hots;
    }
}

/// Writes what replaces a value among the notes, if it is more than the rule's own text; and
/// whether it shows part of the value.
pub(super) fn note(
    context: &mut Context<'_>,
    disguise: Disguise,
    rule: u16,
) -> (Option<(u32, u32)>, bool) {
    let notes = &mut context.weave.notes;
    let from = notes.len() as u32;
    let shows = disguise.shows();
    let written = disguise.write(context.masks.kind(rule), notes);
    (written.then_some((from, notes.len() as u32)), shows)
}
