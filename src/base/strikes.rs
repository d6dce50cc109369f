//! Failures in a row, and the pauses that answer them.

use std::time::Duration;

use super::clock::Mono;

/// How many failures in a row are borne, and what follows: a pause, and when the failures go on
/// after it, another one twice as long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tolerance {
    /// So many in a row begin a pause; at least one.
    pub failures: u32,
    /// The first pause.
    pub pause: Duration,
    /// The longest.
    pub longest: Duration,
}

/// The failures in a row of one thing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Strikes {
    in_a_row: u32,
    pauses: u32,
    until: Mono,
}

impl Strikes {
    /// It worked: all is forgotten.
    pub fn good(&mut self) {
        *self = Strikes::default();
    }

    /// It failed. True when a pause begins with that.
    pub fn bad(&mut self, tolerance: &Tolerance, now: Mono) -> bool {
        if self.is_paused(now) {
            // What fails now was begun before.
            return false;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row < tolerance.failures {
            return false;
        }
        let factor = 1_u32 << self.pauses.min(16);
        let pause = tolerance.pause.saturating_mul(factor);
        self.until = now.after(pause.min(tolerance.longest));
        self.pauses = self.pauses.saturating_add(1);
        // After the pause one more failure is enough.
        self.in_a_row = tolerance.failures.saturating_sub(1);
        true
    }

    /// Whether a pause is on.
    #[must_use]
    pub fn is_paused(&self, now: Mono) -> bool {
        now < self.until
    }

    /// Whether nothing has worked since the last pause began.
    #[must_use]
    pub fn is_on_trial(&self) -> bool {
        self.pauses > 0
    }
}

/// A circuit breaker: after failures in a row nobody is let through for a while, then one at a time,
/// until something works.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Circuit {
    strikes: Strikes,
    next_trial: Mono,
}

impl Circuit {
    /// Whether somebody may go through now.
    ///
    /// # Errors
    /// How long it is until somebody may.
    pub fn enter(&mut self, tolerance: &Tolerance, now: Mono) -> Result<(), Duration> {
        if !self.strikes.is_on_trial() {
            return Ok(());
        }
        let until = self.strikes.until.max(self.next_trial);
        if now < until {
            return Err(until.since(now));
        }
        // Whoever tries may never say how it went: another one may try a while later.
        self.next_trial = now.after(tolerance.pause);
        Ok(())
    }

    /// It worked: the circuit is closed.
    pub fn good(&mut self) {
        *self = Circuit::default();
    }

    /// It failed. True when the circuit opens with that.
    pub fn bad(&mut self, tolerance: &Tolerance, now: Mono) -> bool {
        self.strikes.bad(tolerance, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance {
        failures: 3,
        pause: Duration::from_secs(10),
        longest: Duration::from_secs(35),
    };

    fn at(seconds: u64) -> Mono {
        Mono(0).after(Duration::from_secs(seconds))
    }

    #[test]
    fn pauses_grow_until_something_works() {
        let mut strikes = Strikes::default();
        let mut bad = |seconds| strikes.bad(&TOLERANCE, at(seconds));
        assert_eq!([bad(0), bad(0), bad(0)], [false, false, true]);
        assert!(!bad(5), "begun before the pause");
        // Then each one counts, and the pauses are 20, 35 and 35 seconds.
        assert!(bad(10) && !bad(29) && bad(30) && !bad(64) && bad(65));
        assert!(strikes.is_paused(at(99)) && !strikes.is_paused(at(100)));
        strikes.good();
        assert!(!strikes.is_paused(at(70)));
        let mut bad = |seconds| strikes.bad(&TOLERANCE, at(seconds));
        assert_eq!([bad(70), bad(70), bad(70)], [false, false, true]);
        assert!(strikes.is_paused(at(79)) && !strikes.is_paused(at(80)));
    }

    #[test]
    fn what_works_between_failures_starts_the_count_again() {
        let mut strikes = Strikes::default();
        for _ in 0..10 {
            assert!(!strikes.bad(&TOLERANCE, at(0)) && !strikes.bad(&TOLERANCE, at(0)));
            strikes.good();
        }
    }

    #[test]
    fn an_open_circuit_lets_one_try_at_a_time() {
        let mut circuit = Circuit::default();
        for _ in 0..3 {
            assert_eq!(circuit.enter(&TOLERANCE, at(0)), Ok(()));
            circuit.bad(&TOLERANCE, at(0));
        }
        let seconds = |seconds| Err(Duration::from_secs(seconds));
        assert_eq!(circuit.enter(&TOLERANCE, at(1)), seconds(9));
        assert_eq!(circuit.enter(&TOLERANCE, at(10)), Ok(()));
        assert_eq!(circuit.enter(&TOLERANCE, at(12)), seconds(8));
        // The one that tried never said how it went.
        assert_eq!(circuit.enter(&TOLERANCE, at(20)), Ok(()));
        assert!(circuit.bad(&TOLERANCE, at(21)));
        assert_eq!(circuit.enter(&TOLERANCE, at(22)), seconds(19));
        assert_eq!(circuit.enter(&TOLERANCE, at(41)), Ok(()));
        circuit.good();
        assert_eq!(circuit.enter(&TOLERANCE, at(41)), Ok(()));
        assert_eq!(circuit.enter(&TOLERANCE, at(41)), Ok(()));
    }
}
