//! Finds what must be masked in one text: places worth a look first, a verdict on each after.
//!
//! A verdict depends only on a bounded stretch around its place, so texts may come in pieces: what
//! cannot be judged yet is judged again when more has come.

use std::ops::Range;

use super::digits::Digits;
use super::literals::Literals;
use super::recognise::{Recogniser, SHORTEST_RECOGNISED};

/// A place worth a look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hot {
    /// Offset of the place.
    pub at: u32,
    pub what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A literal's first bytes; which ones, by number.
    Literal(u32),
    /// What this recogniser looks for first; and its rule.
    Recogniser(Recogniser, u16),
}

/// What a closer look shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing to mask.
    No,
    /// The text goes on, and what comes decides.
    More,
    /// This must be masked.
    Match(Range<usize>),
}

/// Literals and recognisers of one profile.
pub(super) struct Finder {
    literals: Option<Literals>,
    literal_rule: u16,
    recognisers: Vec<(Recogniser, u16)>,
    /// Those that look for digits, and those that each look for something of their own.
    digits: Option<Digits>,
    others: Vec<(Recogniser, u16)>,
    shortest: usize,
}

impl Finder {
    pub fn new(
        literals: Option<Literals>,
        literal_rule: u16,
        recognisers: Vec<(Recogniser, u16)>,
    ) -> Finder {
        let mut digits = Digits::default();
        let mut others = recognisers.clone();
        others.retain(|&(recogniser, rule)| !digits.take(recogniser, rule));
        let literal = literals.as_ref().map(Literals::shortest);
        let recognised = (!recognisers.is_empty()).then_some(SHORTEST_RECOGNISED);
        Finder {
            shortest: literal.into_iter().chain(recognised).min().unwrap_or(0),
            literals,
            literal_rule,
            digits: (others.len() < recognisers.len()).then_some(digits),
            recognisers,
            others,
        }
    }

    /// True when there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.literals.is_none() && self.recognisers.is_empty()
    }

    /// True when something could be found in a JSON number.
    pub fn in_numbers(&self) -> bool {
        let recogniser = |(recogniser, _): &(Recogniser, u16)| recogniser.in_numbers();
        self.literals.as_ref().is_some_and(Literals::in_numbers)
            || self.recognisers.iter().any(recogniser)
    }

    /// A text of fewer bytes holds nothing to mask.
    pub fn shortest(&self) -> usize {
        self.shortest
    }

    /// Bytes at the end of a text in which a place worth a look may hide.
    pub fn overhang(&self) -> usize {
        let recognisers = self.recognisers.iter();
        recognisers
            .map(|(recogniser, _)| recogniser.overhang())
            .chain(self.literals.as_ref().map(Literals::overhang))
            .max()
            .unwrap_or(0)
    }

    /// Where the earliest match around a place at or after `at` may begin.
    pub fn reach(&self, text: &[u8], at: usize) -> usize {
        let recognisers = self.recognisers.iter();
        recognisers
            .map(|(recogniser, _)| recogniser.reach(text, at))
            .min()
            .unwrap_or(at)
            .min(at)
    }

    /// All places at or after `from` that are worth a look, in order.
    pub fn scan(&self, text: &[u8], from: usize, hots: &mut Vec<Hot>) {
        hots.clear();
        if let Some(literals) = &self.literals {
            literals.scan(text, from, hots);
        }
        if let Some(digits) = &self.digits {
            digits.scan(text, from, hots);
        }
        for &(recogniser, rule) in &self.others {
            recogniser.scan(text, from, rule, hots);
        }
        // Each looked from the front; in which order places come first, is settled here.
        hots.sort_unstable_by_key(|hot| hot.at);
    }

    /// The verdict on `hot`, and the rule that gave it.
    pub fn judge(&self, text: &[u8], hot: Hot, ended: bool) -> (Verdict, u16) {
        let at = hot.at as usize;
        match (hot.what, &self.literals) {
            (What::Literal(pattern), Some(literals)) => {
                (literals.judge(text, at, pattern, ended), self.literal_rule)
            }
            (What::Literal(_), None) => (Verdict::No, self.literal_rule),
            (What::Recogniser(recogniser, rule), _) => (recogniser.judge(text, at, ended), rule),
        }
    }
}
