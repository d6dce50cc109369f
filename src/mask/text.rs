//! What a string decodes to, as far as matches can still reach, with a map back to its bytes.

use std::ops::Range;

use super::find::{Hot, Verdict};
use super::replace::{Disguise, Style};
use super::spec::Masks;
use super::weave::{Span, Weave};

/// Where decoded bytes came from. Offsets count from the body's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// They stand for themselves from `at` on.
    Plain { at: u64 },
    /// All of them stand for the bytes `from..to`.
    Escape { from: u64, to: u64 },
}

impl Origin {
    /// The place between the decoded bytes before `index` and those after.
    pub fn boundary(self, index: usize) -> u64 {
        match (self, index) {
            (Origin::Plain { at }, _) => at + index as u64,
            (Origin::Escape { from, .. }, 0) => from,
            (Origin::Escape { to, .. }, _) => to,
        }
    }

    /// The origin of what follows the first `index` decoded bytes.
    pub fn after(self, index: usize) -> Origin {
        match self {
            Origin::Plain { at } => Origin::Plain {
                at: at + index as u64,
            },
            Origin::Escape { .. } => self,
        }
    }
}

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

/// Places worth a look in the chunk that is being read, in order.
#[derive(Default)]
pub(super) struct Hots<'c> {
    /// Those that are not behind us.
    ahead: &'c [Hot],
    /// Where the chunk begins in the body.
    base: u64,
}

impl<'c> Hots<'c> {
    pub fn new(hots: &'c [Hot], base: u64) -> Hots<'c> {
        Hots { ahead: hots, base }
    }

    /// Where in the body the next one is.
    #[inline(always)]
    fn next(&self) -> Option<u64> {
        self.ahead.first().map(|hot| self.base + u64::from(hot.at))
    }

    /// True when one is within `start..end`.
    #[inline(always)]
    pub fn are_within(&self, start: u64, end: u64) -> bool {
        self.next().is_some_and(|at| at < end) && self.ahead_of(start) < self.ahead_of(end)
    }

    /// How many stand before `end`.
    #[inline(never)]
    fn ahead_of(&self, end: u64) -> usize {
        self.ahead
            .partition_point(|hot| self.base + u64::from(hot.at) < end)
    }

    /// Leaves those before `start` behind, and answers the first one within `start..end`, counted
    /// from `start`.
    fn pass(&mut self, start: u64, end: u64) -> Option<Hot> {
        loop {
            let (&first, rest) = self.ahead.split_first()?;
            let at = self.base + u64::from(first.at);
            if at >= end {
                return None;
            }
            self.ahead = rest;
            if at >= start {
                return Some(Hot {
                    at: (at - start) as u32,
                    what: first.what,
                });
            }
        }
    }
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
        if self.hots.next().is_some_and(|at| at < end) {
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
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    /// Places before this offset have been judged.
    decided: usize,
}

#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    origin: Origin,
}

impl Text {
    pub fn reset(&mut self) {
        self.bytes.clear();
        self.marks.clear();
        self.decided = 0;
    }

    /// True when nothing is being matched.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8], origin: Origin, context: &Context<'_>) {
        if bytes.is_empty() || context.masks.finder.is_empty() {
            return;
        }
        let at = self.bytes.len();
        let goes_on = self.marks.last().is_some_and(|mark| {
            matches!((mark.origin, origin), (Origin::Plain { at: from }, Origin::Plain { at: to })
                if to == from + (at - mark.at) as u64)
        });
        if !goes_on {
            self.marks.push(Mark { at, origin });
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The text is over: what could not be judged is judged.
    pub fn end(&mut self, context: &mut Context<'_>) {
        self.judge(true, context);
        self.reset();
    }

    /// The chunk is over: judges what can be, and forgets what no match can reach.
    pub fn settle(&mut self, context: &mut Context<'_>) {
        if self.bytes.is_empty() {
            return;
        }
        self.judge(false, context);
        let finder = &context.masks.finder;
        // One byte more, because some patterns look at the byte before them.
        let keep = finder.reach(&self.bytes, self.decided).saturating_sub(1);
        let first = self.marks.partition_point(|mark| mark.at <= keep) - 1;
        self.marks.drain(..first);
        for mark in &mut self.marks {
            if mark.at < keep {
                mark.origin = mark.origin.after(keep - mark.at);
                mark.at = 0;
            } else {
                mark.at -= keep;
            }
        }
        self.bytes.drain(..keep);
        self.decided -= keep;
    }

    /// Where the next match can begin at the earliest; `None` for an empty text.
    pub fn limit(&self, masks: &Masks) -> Option<u64> {
        if self.bytes.is_empty() {
            return None;
        }
        Some(self.start(masks.finder.reach(&self.bytes, self.decided)))
    }

    fn judge(&mut self, ended: bool, context: &mut Context<'_>) {
        if self.bytes.is_empty() {
            return;
        }
        let finder = &context.masks.finder;
        let mut hots = std::mem::take(context.scratch);
        finder.scan(&self.bytes, self.decided, &mut hots);
        let mut decided = if ended {
            self.bytes.len()
        } else {
            let seen = self.bytes.len().saturating_sub(finder.overhang());
            seen.max(self.decided)
        };
        for &hot in &hots {
            match finder.judge(&self.bytes, hot, ended) {
                (Verdict::No, _) => {}
                (Verdict::More, _) => {
                    decided = decided.min(hot.at as usize);
                    break;
                }
                // Seen whole within the overhang: it will be judged again, and counted then.
                (Verdict::Match(_), _) if hot.at as usize >= decided => break,
                (Verdict::Match(range), rule) => {
                    let (start, end) = (self.start(range.start), self.end_of(range.end));
                    context.mark(&self.bytes[range], start..end, rule, None);
                }
            }
        }
        self.decided = decided;
        *context.scratch = hots;
    }

    /// Where the byte before which `index` stands begins in the body.
    fn start(&self, index: usize) -> u64 {
        let place = self.marks.partition_point(|mark| mark.at <= index);
        let Some(mark) = place.checked_sub(1).map(|place| self.marks[place]) else {
            return 0;
        };
        match mark.origin {
            Origin::Escape { to, .. } if index == self.bytes.len() => to,
            Origin::Escape { from, .. } => from,
            Origin::Plain { at } => at + (index - mark.at) as u64,
        }
    }

    /// Where the byte before `index` ends in the body.
    fn end_of(&self, index: usize) -> u64 {
        let place = self.marks.partition_point(|mark| mark.at < index);
        let Some(mark) = place.checked_sub(1).map(|place| self.marks[place]) else {
            return 0;
        };
        mark.origin.boundary(index - mark.at)
    }
}

/// Writes what replaces a value among the notes, if it is more than the rule's own text; and
/// whether it shows part of the value.
pub(super) fn note(
    context: &mut Context<'_>,
    disguise: Disguise,
    rule: u16,
) -> (Option<Range<u32>>, bool) {
    let notes = &mut context.weave.notes;
    let from = notes.len() as u32;
    let shows = disguise.shows();
    let written = disguise.write(context.masks.kind(rule), notes);
    (written.then_some(from..notes.len() as u32), shows)
}
