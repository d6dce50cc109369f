//! Pauses after failures: what failed is not started again at once.

use std::collections::HashMap;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;

use super::Slot;
use crate::base::limits::{STDIO_BACK_OFF, STDIO_PAUSES, STDIO_STEADY_TIME};

/// The pauses of one server. Each slot has its own: who makes their process fail keeps nobody else
/// waiting.
#[derive(Default)]
pub(super) struct Pauses(HashMap<Slot, Pause>);

struct Pause {
    failures: u32,
    why: String,
    until: Instant,
}

impl Pauses {
    /// A process failed after it ran for so long.
    pub fn add(&mut self, slot: Slot, why: &str, ran: Duration) {
        let before = self.0.get(&slot).map_or(0, |pause| pause.failures);
        let is_steady = ran >= STDIO_STEADY_TIME;
        let failures = if is_steady {
            1
        } else {
            before.saturating_add(1)
        };
        if self.0.len() >= STDIO_PAUSES && !self.0.contains_key(&slot) {
            let soonest = self.0.iter().min_by_key(|(_, pause)| pause.until);
            let soonest = soonest.map(|(slot, _)| *slot);
            soonest.and_then(|slot| self.0.remove(&slot));
        }
        let pause = Pause {
            failures,
            why: why.to_owned(),
            until: Instant::now() + pause_after(failures),
        };
        self.0.insert(slot, pause);
    }

    /// How long until a slot may be tried again.
    pub fn left(&self, slot: &Slot) -> Option<Duration> {
        self.0.get(slot)?.left()
    }

    /// The pause that lasts longest, and why there is one.
    pub fn longest(&self) -> Option<(String, Duration)> {
        let left = self
            .0
            .values()
            .filter_map(|pause| Some((pause, pause.left()?)));
        let (pause, left) = left.max_by_key(|(_, left)| *left)?;
        Some((pause.why.clone(), left))
    }

    /// Forgets failures of long ago.
    pub fn forget(&mut self, now: Instant) {
        self.0
            .retain(|_, pause| now < pause.until + STDIO_STEADY_TIME);
    }
}

impl Pause {
    fn left(&self) -> Option<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

/// Growing pauses, each between half and all of its length, so that what failed together does not
/// come back together.
fn pause_after(failures: u32) -> Duration {
    let (first, last) = STDIO_BACK_OFF;
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let mut byte = [u8::MAX];
    // Without randomness the pause is merely not spread.
    let _ = SystemRandom::new().fill(&mut byte);
    doubled
        .min(last)
        .mul_f64(0.5 + f64::from(byte[0]) / f64::from(u8::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        let (first, last) = STDIO_BACK_OFF;
        for failures in 1..40 {
            let pause = pause_after(failures);
            assert!(pause >= first / 2 && pause <= last);
        }
        assert!(pause_after(1) <= first);
        assert!(pause_after(40) >= last / 2);
        let many: std::collections::BTreeSet<_> = (0..20).map(|_| pause_after(5)).collect();
        assert!(many.len() > 1);
    }
}
