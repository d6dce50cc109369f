//! Fairness on one core: no runtime here takes a task's turn away, so a task must end it itself.

use std::future::poll_fn;
use std::task::Poll;

use super::io::Driver;
use crate::base::limits::{TURN_BYTES, TURN_EXCHANGES};

/// What a task has done since others last got their turn, in bytes or their worth.
#[derive(Default)]
pub(super) struct Turn(usize);

impl Turn {
    /// Bytes were moved.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.0 += bytes;
    }

    /// An exchange has ended, perhaps without waiting for anything.
    pub(super) fn spend_exchange(&mut self) {
        self.spend(TURN_BYTES / TURN_EXCHANGES);
    }

    /// Lets others go on once enough is spent. Timers that are over are seen then, too.
    pub(super) async fn breathe<D: Driver>(&mut self) {
        if self.0 >= TURN_BYTES {
            self.0 = 0;
            D::breathe().await;
        }
    }
}

/// Lets the tasks that are ready come this far first, so that what they all send leaves in a row:
/// the first of it wakes the peers, and the rest finds them awake. To wake a sleeping core costs more
/// than a send.
pub(super) async fn regroup() {
    let mut again = true;
    poll_fn(|context| match std::mem::take(&mut again) {
        true => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
        false => Poll::Ready(()),
    })
    .await;
}
