//! How often the control plane bothers others: back-off after failures, a bucket for what
//! strangers can cause.

use std::collections::VecDeque;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;

use crate::base::limits::{
    BACK_OFF, KEY_FETCH_REFILL, KEY_FETCHES, REFUSED_KIDS, UNKNOWN_KID_TIME,
};

/// Growing pauses, each somewhere between half and all of its full length, so that many gateways
/// do not knock at once when an issuer comes back.
#[derive(Debug, Default)]
pub struct BackOff {
    failures: u32,
}

impl BackOff {
    /// The pause after one more failure.
    pub fn failed(&mut self) -> Duration {
        let (first, last) = BACK_OFF;
        let full = first.saturating_mul(1 << self.failures.min(16)).min(last);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + 0.5 * random())
    }

    /// It worked: the next failure starts anew.
    pub fn worked(&mut self) {
        self.failures = 0;
    }
}

/// Evenly from 0 to 1. Without randomness the pause is merely not spread.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

/// Allows a few at once and then one each while: a token bucket.
#[derive(Debug)]
pub struct Bucket {
    left: u32,
    refilled: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn full(now: Instant) -> Bucket {
        Bucket {
            left: KEY_FETCHES,
            refilled: now,
        }
    }

    /// Takes one out, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        while self.left < KEY_FETCHES && now.duration_since(self.refilled) >= KEY_FETCH_REFILL {
            self.left += 1;
            self.refilled += KEY_FETCH_REFILL;
        }
        if self.left == KEY_FETCHES {
            self.refilled = now;
        }
        let is_allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_allowed
    }
}

/// Key names that an issuer was asked about and does not have; the oldest gives way.
#[derive(Debug, Default)]
pub struct Refused(VecDeque<(Box<str>, Instant)>);

impl Refused {
    /// Whether the issuer was asked about this name a short while ago.
    #[must_use]
    pub fn has(&self, kid: &str, now: Instant) -> bool {
        self.0
            .iter()
            .any(|(known, until)| **known == *kid && now < *until)
    }

    /// Remembers a name.
    pub fn remember(&mut self, kid: &str, now: Instant) {
        if self.has(kid, now) {
            return;
        }
        if self.0.len() == REFUSED_KIDS {
            self.0.pop_front();
        }
        self.0.push_back((kid.into(), now + UNKNOWN_KID_TIME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_start_anew() {
        let mut pace = BackOff::default();
        for full in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let pause = pace.failed().as_secs_f64();
            let full = f64::from(full);
            assert!(pause >= full / 2.0 && pause <= full, "{pause} of {full}");
        }
        pace.worked();
        assert!(pace.failed() <= BACK_OFF.0);
    }

    #[test]
    fn four_at_once_then_one_each_five_minutes() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = |bucket: &mut Bucket, seconds| {
            let now = start + Duration::from_secs(seconds);
            (0..10).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(taken(&mut bucket, 0), 4);
        assert_eq!(taken(&mut bucket, 299), 0);
        assert_eq!(taken(&mut bucket, 300), 1);
        assert_eq!(taken(&mut bucket, 599), 0);
        assert_eq!(taken(&mut bucket, 1_000), 2);
        assert_eq!(taken(&mut bucket, 1_000_000), 4);
    }

    #[test]
    fn refused_names_are_few_and_forgotten() {
        let now = Instant::now();
        let mut refused = Refused::default();
        for name in 0..=REFUSED_KIDS {
            refused.remember(&name.to_string(), now);
        }
        assert!(!refused.has("0", now));
        assert!(refused.has("1", now));
        assert!(!refused.has("1", now + UNKNOWN_KID_TIME));
    }
}
