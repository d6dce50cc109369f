//! How long a reply is waited for.

use crate::base::clock::Mono;
use crate::base::limits::Limits;

/// How long each wait may be, and when the current one began.
pub(super) struct Waits {
    pub(super) limits: Limits,
    pub(super) since: Mono,
    /// Until the request is over, the upstream owes nothing.
    pub(super) owed: bool,
    /// An event stream may be silent for as long as it likes.
    pub(super) endless: bool,
}

impl Waits {
    pub(super) fn first_byte(&self) -> Mono {
        if self.owed {
            self.since.after(self.limits.first_byte_time)
        } else {
            Mono(u64::MAX)
        }
    }

    pub(super) fn next_byte(&self) -> Mono {
        if self.endless {
            Mono(u64::MAX)
        } else {
            self.since.after(self.limits.reply_idle_time)
        }
    }

    pub(super) fn room(&self) -> Mono {
        self.since.after(self.limits.wait_time)
    }
}
