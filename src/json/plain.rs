//! Where plain text in strings stops, found for a block at a time.
//!
//! Finding stops ahead of reading matters more than finding many at once: a place that had to be
//! searched for from the string before could not be known before that string's end is.

use crate::base::blocks::{BLOCK, Lanes, are, below, bits};

/// The places of bytes at which plain text stops: quotes, backslashes, controls and all beyond
/// ASCII, in order.
pub(super) struct Stops<'p> {
    bytes: &'p [u8],
    /// Where the block begins that is being looked at.
    base: usize,
    /// Its stops that have not been answered yet, one bit each.
    bits: u64,
}

impl<'p> Stops<'p> {
    /// The stops from `at` on.
    #[inline(always)]
    pub(super) fn from(bytes: &'p [u8], at: usize) -> Stops<'p> {
        // Looked for when the first is asked for.
        Stops {
            bytes,
            base: at.wrapping_sub(BLOCK),
            bits: 0,
        }
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.bits == 0 && !self.advance() {
            return None;
        }
        let stop = self.base + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(stop)
    }

    /// Leaves the next one behind.
    #[inline(always)]
    pub(super) fn skip(&mut self) {
        if self.bits != 0 || self.advance() {
            self.bits &= self.bits - 1;
        }
    }

    /// Goes on to the next block that has stops; false when there is none.
    #[inline(always)]
    fn advance(&mut self) -> bool {
        while self.bits == 0 {
            self.base = self.base.wrapping_add(BLOCK);
            if self.base >= self.bytes.len() {
                self.base = self.bytes.len();
                return false;
            }
            // Bytes beyond ASCII count as below a space.
            self.bits = bits(self.bytes, self.base, |lanes| {
                ends(lanes) | below(lanes, b' ')
            });
        }
        true
    }

    /// Where the string that opens at `quote` ends: the place of its closing quote, if all of it is
    /// here, without escapes, and well-formed.
    #[inline(always)]
    pub(super) fn string_end(&mut self, quote: usize) -> Option<usize> {
        while self.next()? < quote {}
        let stop = self.next()?;
        self.closing(quote, stop)
    }

    /// The same when `stop` is known to be the first one after `quote`.
    #[inline(always)]
    pub(super) fn closing(&mut self, quote: usize, stop: usize) -> Option<usize> {
        match self.bytes.get(stop)? {
            b'"' => Some(stop),
            0x80.. => {
                let end = beyond_ascii(self.bytes, quote + 1, stop)?;
                *self = Stops::from(self.bytes, end + 1);
                Some(end)
            }
            _ => None,
        }
    }
}

/// Where the string ends whose content begins at `from` and has a byte beyond ASCII at `at`.
#[inline(never)]
fn beyond_ascii(bytes: &[u8], from: usize, mut at: usize) -> Option<usize> {
    let controls = |lanes| below(lanes, b' ') & !below(lanes, 0);
    while at < bytes.len() {
        let stops = bits(bytes, at, |lanes| ends(lanes) | controls(lanes));
        if stops != 0 {
            at += stops.trailing_zeros() as usize;
            let content = bytes.get(from..at)?;
            let whole = bytes.get(at) == Some(&b'"') && std::str::from_utf8(content).is_ok();
            return whole.then_some(at);
        }
        at += BLOCK;
    }
    None
}

#[inline(always)]
fn ends(lanes: Lanes) -> Lanes {
    are(lanes, b'"') | are(lanes, b'\\')
}
