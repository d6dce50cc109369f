//! How long a reply is waited for.

use std::time::Duration;

use crate::base::clock::{Mono, Now};
use crate::base::limits::Limits;

/// How long each wait may be, and when the current one began.
pub(super) struct Waits {
    first_byte_time: Duration,
    idle_time: Duration,
    wait_time: Duration,
    pub(super) since: Mono,
    /// Until the request is over, the upstream owes nothing.
    pub(super) owed: bool,
    /// An event stream may be silent for as long as it likes.
    pub(super) endless: bool,
    /// But not for longer than this.
    pub(super) ends: Mono,
}

impl Waits {
    pub(super) fn new(limits: &Limits, now: Now) -> Waits {
        Waits {
            first_byte_time: limits.first_byte_time,
            idle_time: limits.reply_idle_time,
            wait_time: limits.wait_time,
            since: now.mono,
            owed: false,
            endless: false,
            ends: Mono(u64::MAX),
        }
    }

    /// The head is with the recording. What the caller has shown is over in second `expires`: a
    /// stream that is silent then has to be looked at.
    pub(super) fn begin_body(&mut self, expires: Option<u64>, now: Now) {
        const MARGIN: Duration = Duration::from_millis(1);
        self.since = now.mono;
        let Some(expires) = expires else { return };
        let left = expires
            .saturating_mul(1_000_000_000)
            .saturating_sub(now.wall.0);
        self.ends = now.mono.after(Duration::from_nanos(left) + MARGIN);
    }

    pub(super) fn first_byte(&self) -> Mono {
        if self.owed {
            self.since.after(self.first_byte_time)
        } else {
            Mono(u64::MAX)
        }
    }

    pub(super) fn next_byte(&self) -> Mono {
        if self.endless {
            self.ends
        } else {
            self.since.after(self.idle_time)
        }
    }

    pub(super) fn room(&self) -> Mono {
        self.since.after(self.wait_time)
    }
}
