//! Something that happens once, and that tasks of one core wait for.

use std::cell::Cell;

use tokio::sync::Notify;

/// Down until it is raised, then up for ever.
#[derive(Default)]
pub(super) struct Flag {
    up: Cell<bool>,
    told: Notify,
}

impl Flag {
    pub(super) fn raise(&self) {
        self.up.set(true);
        self.told.notify_waiters();
    }

    pub(super) fn is_raised(&self) -> bool {
        self.up.get()
    }

    /// Waits until it is up. May be dropped at any moment.
    pub(super) async fn raised(&self) {
        // Made before looking, so that nothing is missed in between.
        let told = self.told.notified();
        if !self.is_raised() {
            told.await;
        }
    }
}
