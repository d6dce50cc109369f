//! Time is an argument: floors 1 to 5 are handed a [`Now`] and never read a clock themselves.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic nanoseconds since the process's [`Clock`] was made. Only differences mean anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// This instant plus `by`, saturating at the far end of time.
    #[must_use]
    pub fn after(self, by: Duration) -> Mono {
        Mono(
            self.0
                .saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Wall-clock nanoseconds since the Unix epoch (UTC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Wall(pub u64);

impl Wall {
    /// Whole seconds since the Unix epoch, the unit of a JWT's NumericDate (RFC 7519, section 2).
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }
}

/// One reading of both clocks, taken once per turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// For deadlines and durations.
    pub mono: Mono,
    /// For token life times and records.
    pub wall: Wall,
}

/// The process's clock. Copies agree with each other, so every core can own one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose monotonic zero is this moment.
    #[must_use]
    pub fn start() -> Clock {
        Clock {
            origin: Instant::now(),
        }
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono: self.mono(),
            wall: Wall(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)),
        }
    }

    fn mono(&self) -> Mono {
        Mono::default().after(self.origin.elapsed())
    }

    /// The [`Instant`] at which `at` is reached, for a runtime's timer.
    #[must_use]
    pub fn instant(&self, at: Mono) -> Instant {
        self.origin + Duration::from_nanos(at.0)
    }
}

/// One core's view of the clock: half as dear as [`Clock::now`], as it reads the wall clock only
/// every few milliseconds and counts on from there.
#[derive(Debug)]
pub struct CoreClock {
    clock: Clock,
    read: Cell<Now>,
}

/// How late a wall clock that was set anew may be noticed.
const WALL_FRESH: Duration = Duration::from_millis(10);

impl CoreClock {
    /// A view of `clock` for the core that makes it.
    #[must_use]
    pub fn new(clock: Clock) -> CoreClock {
        CoreClock {
            clock,
            read: Cell::new(clock.now()),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono = self.clock.mono();
        let read = self.read.get();
        let since = mono.since(read.mono);
        if since < WALL_FRESH {
            let wall = Wall(read.wall.0.saturating_add(u64::from(since.subsec_nanos())));
            return Now { mono, wall };
        }
        let now = self.clock.now();
        self.read.set(now);
        now
    }

    /// See [`Clock::instant`].
    #[must_use]
    pub fn instant(&self, at: Mono) -> Instant {
        self.clock.instant(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_sees_the_clock_that_all_see() {
        let clock = Clock::start();
        let core = CoreClock::new(clock);
        for _ in 0..30 {
            let (before, seen, after) = (clock.now(), core.now(), clock.now());
            assert!(before.mono <= seen.mono && seen.mono <= after.mono);
            // Set and slewed clocks aside, the two differ by what the reading takes.
            assert!(seen.wall.0.abs_diff(before.wall.0) < 1_000_000_000);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
