//! How slow a peer may be: so many bytes in a second, on average over a while, of the time in which
//! nothing but the peer is waited for.

use std::time::Duration;

/// What a peer has left of the time that it may be waited for. Waiting uses it up, every byte gives some
/// back, and there is never more than at the beginning: who was fast once cannot be slow for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pace {
    /// Bytes in a second; 0 bounds nothing.
    rate: u64,
    /// All that a peer can have, in nanoseconds.
    most: u64,
    left: u64,
}

impl Pace {
    /// At least `rate` bytes in a second, on average over `over`; a rate of 0 bounds nothing.
    #[must_use]
    pub fn new(rate: u64, over: Duration) -> Pace {
        let most = u64::try_from(over.as_nanos()).unwrap_or(u64::MAX);
        Pace {
            rate,
            most,
            left: most,
        }
    }

    /// The same where it is of these bounds already, else one of these.
    #[must_use]
    pub fn under(self, rate: u64, over: Duration) -> Pace {
        let other = Pace::new(rate, over);
        match (self.rate, self.most) == (other.rate, other.most) {
            true => self,
            false => other,
        }
    }

    /// How long the peer may be waited for from now on, until a byte moves.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self.rate {
            0 => Duration::MAX,
            _ => Duration::from_nanos(self.left),
        }
    }

    /// The peer was waited for so long, and then so many bytes moved.
    pub fn moved(&mut self, waited: Duration, bytes: u64) {
        let waited = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(waited);
        if self.left < self.most && self.rate > 0 {
            let earned = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate);
            let earned = u64::try_from(earned).unwrap_or(u64::MAX);
            self.left = self.left.saturating_add(earned).min(self.most);
        }
    }

    /// Bytes in a second that are wanted.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_trickle_uses_up_its_time() {
        let mut pace = Pace::new(100, 30 * SECOND);
        assert_eq!(pace.patience(), 30 * SECOND);
        // A byte in 29 seconds.
        pace.moved(29 * SECOND, 1);
        assert_eq!(pace.patience(), SECOND + SECOND / 100);
        pace.moved(2 * SECOND, 0);
        assert_eq!(pace.patience(), Duration::ZERO);
    }

    #[test]
    fn what_was_fast_has_no_more_than_all() {
        let mut pace = Pace::new(100, 30 * SECOND);
        pace.moved(Duration::ZERO, u64::MAX);
        assert_eq!(pace.patience(), 30 * SECOND);
        pace.moved(20 * SECOND, 1_000);
        assert_eq!(pace.patience(), 20 * SECOND);
        pace.moved(SECOND, 1 << 40);
        assert_eq!(pace.patience(), 30 * SECOND);
    }

    #[test]
    fn no_rate_bounds_nothing() {
        let mut pace = Pace::new(0, SECOND);
        pace.moved(1000 * SECOND, 0);
        assert_eq!(pace.patience(), Duration::MAX);
    }

    #[test]
    fn other_bounds_begin_anew() {
        let mut pace = Pace::new(100, 30 * SECOND);
        pace.moved(10 * SECOND, 0);
        assert_eq!(pace.under(100, 30 * SECOND), pace);
        assert_eq!(pace.under(100, 40 * SECOND).patience(), 40 * SECOND);
        assert_eq!(pace.under(50, 30 * SECOND).patience(), 30 * SECOND);
    }

    proptest! {
        /// Who keeps to the rate is never out of time, and who stays below it runs out.
        #[test]
        fn the_rate_decides(rate in 1..1_000_000u64, steps in 1..100u64) {
            let (mut keeps, mut lags) = (Pace::new(rate, 2 * SECOND), Pace::new(rate, 2 * SECOND));
            for _ in 0..steps {
                keeps.moved(SECOND, rate);
                prop_assert_eq!(keeps.patience(), 2 * SECOND);
                lags.moved(SECOND, rate / 2);
            }
            // The next second is not waited for.
            prop_assert!(steps < 3 || lags.patience() < SECOND);
        }
    }
}
