//! How long a request's body is waited for.

use std::time::Duration;

use super::refusal::Refusal;
use super::rules::Connection;
use crate::base::clock::{Mono, Now};
use crate::base::limits::Limits;
use crate::base::pace::Pace;

/// How long the caller may be silent, and how slow on average.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// When the current wait began, whatever it is for.
    pub since: Mono,
    idle: Duration,
    pace: Pace,
}

impl Patience {
    /// For a body that is waited for from now on, where `connection` says how slowly it may come, else
    /// `limits`.
    pub(super) fn begin(limits: &Limits, connection: Option<&Connection>, now: Now) -> Patience {
        let own = connection.map_or(limits, |connection| &connection.limits);
        Patience {
            since: now.mono,
            idle: limits.body_idle_time,
            pace: Pace::new(own.body_rate, limits.body_idle_time),
        }
    }

    /// So many bytes of it have come. What they wait for from here on is not the caller's.
    pub(super) fn came(&mut self, bytes: usize, now: Now) {
        self.pace.moved(now.mono.since(self.since), bytes as u64);
        self.since = now.mono;
    }

    /// Until when more must come.
    pub(super) fn until(&self) -> Mono {
        self.since.after(self.idle.min(self.pace.patience()))
    }

    /// What is said when it has not.
    pub(super) fn lost(&self, now: Now) -> Refusal {
        match now.mono < self.since.after(self.idle) {
            true => Refusal::BodyTooSlow(self.pace.rate()),
            false => Refusal::BodyTimeout,
        }
    }
}
