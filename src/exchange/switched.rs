//! After a 101: a connection that speaks HTTP no more.
//!
//! ```text
//!   caller ──▶ Upward:   in the recording ─▶ Receipt  ─▶ ToUpstream ──▶ upstream
//!   caller ◀── Downward: ToCaller ◀─ Recorded ◀─ in the recording   ◀── upstream
//! ```
//!
//! What passes is opaque. Each direction ends by itself, and is told to the other side so; both end
//! at once when nothing passes for too long, with the caller's token or certificate, and with the right
//! to it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::forward::Upward;
use super::refusal::Refusal;
use super::reply::Downward;
use super::rules::Connection;
use super::upgrade::Upgrade;
use super::{Account, Core};
use crate::auth::AuthError;
use crate::base::clock::{Mono, Now};

/// The two directions of a connection that was switched, and what they have in common.
pub struct Switched {
    /// Caller to upstream.
    pub up: Upward,
    /// Upstream to caller.
    pub down: Downward,
    /// How long both may go on.
    pub life: Life,
}

/// How long a connection that was switched may go on.
pub struct Life {
    connection: Arc<Connection>,
    protocol: Arc<str>,
    /// When bytes last passed, either way.
    moved: Cell<Mono>,
    /// When the caller's token, or its certificate, is over.
    ends: Mono,
    /// The last configuration that was seen to allow it.
    looked: Cell<u64>,
}

impl Switched {
    /// From now on. What the caller has shown is over at `ends`.
    pub(super) fn new(
        connection: &Arc<Connection>,
        upgrade: &Upgrade,
        ends: Mono,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Switched {
        // It may last for days, and keeps no more than it needs.
        account.wait(core);
        Switched {
            up: Upward::new(now),
            down: Downward::new(),
            life: Life {
                connection: Arc::clone(connection),
                protocol: Arc::clone(&upgrade.protocol),
                moved: Cell::new(now.mono),
                ends,
                looked: Cell::new(connection.policies.generation),
            },
        }
    }
}

impl Life {
    /// Until when a direction may wait for bytes.
    ///
    /// # Errors
    /// When both are over.
    pub(super) fn lasts(
        &self,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Mono, Refusal> {
        account.may_go_on(core, now)?;
        let rules = core.rules.load();
        if rules.generation != self.looked.get() {
            let new = rules.connection(&self.connection.name);
            new.and_then(|new| new.upgrade(self.protocol.as_bytes()))
                .ok_or(Refusal::Superseded)?;
            self.looked.set(rules.generation);
        }
        account.is_in_time(now)?;
        if now.mono >= self.ends {
            return Err(Refusal::Token(AuthError::Expired));
        }
        let idle = self.connection.limits.upgraded_idle_time;
        let until = self.moved.get().after(idle);
        match now.mono < until {
            true => Ok(until.min(self.ends)),
            false => Err(Refusal::UpgradeIdle),
        }
    }

    /// Bytes have passed.
    pub(super) fn moves(&self, now: Now) {
        self.moved.set(now.mono);
    }

    /// How long a piece waits for the recording.
    pub(super) fn wait_time(&self) -> Duration {
        self.connection.limits.wait_time
    }
}
