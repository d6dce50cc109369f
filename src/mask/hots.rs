//! Places worth a look in the chunk, on the way through it.

use std::ops::Range;

use super::find::Hot;

/// Places worth a look in the chunk that is being read, in order.
pub(super) struct Hots<'c> {
    /// Those that are not behind us.
    ahead: &'c [Hot],
    chunk: &'c [u8],
    /// Where the chunk begins in the body.
    base: u64,
    /// Where in the body the first one is; past all bytes when there is none.
    next: u64,
}

impl<'c> Hots<'c> {
    pub fn new(hots: &'c [Hot], chunk: &'c [u8], base: u64) -> Hots<'c> {
        let mut hots = Hots {
            ahead: hots,
            chunk,
            base,
            next: 0,
        };
        hots.find_next();
        hots
    }

    fn find_next(&mut self) {
        let first = self.ahead.first();
        self.next = first.map_or(u64::MAX, |hot| self.base + u64::from(hot.at));
    }

    /// The bytes of the chunk that stand in the body at `place`.
    pub fn text(&self, place: &Range<u64>) -> &'c [u8] {
        let place = (place.start - self.base) as usize..(place.end - self.base) as usize;
        &self.chunk[place]
    }

    /// True when `text`, which begins at `start`, has the places that it would have by
    /// itself. A number does not begin within a word; but where it stands behind an escape, what is
    /// a letter in the chunk need not be one in the text.
    pub fn tell_of(&self, text: &[u8], start: u64) -> bool {
        let before = start.checked_sub(self.base + 1);
        let before = before.and_then(|before| self.chunk.get(before as usize));
        !matches!(text.first(), Some(b'0'..=b'9' | b'+' | b'('))
            || before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
    }

    /// Where in the body the first one is that is not behind us; past all bytes when there is none.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// True when there may be one before `end` that is not behind us.
    #[inline(always)]
    pub fn are_before(&self, end: u64) -> bool {
        self.next < end
    }

    /// True when one is within `start..end`.
    #[inline(always)]
    pub fn are_within(&self, start: u64, end: u64) -> bool {
        self.are_before(end) && self.have_within(start, end)
    }

    #[inline(never)]
    fn have_within(&self, start: u64, end: u64) -> bool {
        /// So many are looked at one by one, since few of those behind us are still there.
        const FEW: usize = 4;
        let places = self.ahead.iter().take(FEW);
        let mut places = places.map(|hot| self.base + u64::from(hot.at));
        match places.find(|at| *at >= start) {
            Some(at) => at < end,
            None => self.count_before(start) < self.count_before(end),
        }
    }

    fn count_before(&self, end: u64) -> usize {
        self.ahead
            .partition_point(|hot| self.base + u64::from(hot.at) < end)
    }

    /// Leaves those before `end` behind, one by one, and answers the next that is not before
    /// `start`, counted from there.
    pub fn pass(&mut self, start: u64, end: u64) -> Option<Hot> {
        while self.next < end {
            let (&first, rest) = self.ahead.split_first()?;
            let at = self.next;
            self.ahead = rest;
            self.find_next();
            if at >= start {
                return Some(Hot {
                    at: (at - start) as u32,
                    what: first.what,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::What;
    use super::*;

    #[test]
    fn places_are_within_what_they_are_within() {
        let places = [0, 1, 5, 6, 7, 20, 21, 30];
        let hots = places.map(|at| Hot {
            at,
            what: What::Literal(0),
        });
        let (chunk, base) = ([b'x'; 32], 100);
        for passed in [0, 5, 22, 32] {
            let mut hots = Hots::new(&hots, &chunk, base);
            assert!(hots.pass(base + passed, base + passed).is_none());
            for start in passed..33 {
                for end in start..34 {
                    let expected = places
                        .iter()
                        .any(|at| (start..end).contains(&u64::from(*at)));
                    let found = hots.are_within(base + start, base + end);
                    assert_eq!(found, expected, "{start}..{end} behind {passed}");
                }
            }
        }
    }
}
