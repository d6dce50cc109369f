//! Fairness on one core: no runtime here takes a task's turn away, so a task must end it itself.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use super::io::Driver;
use crate::base::limits::{ROW_TASKS, TURN_BYTES, TURN_EXCHANGES};

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

/// Tasks that are about to send, see [`Row::join`].
#[derive(Default)]
pub(super) struct Row(Cell<usize>);

impl Row {
    /// Lets the tasks that are ready come this far first, so that what they all send leaves in a row:
    /// the first of it wakes the peers, and the rest finds them awake. To wake a sleeping core costs
    /// more than a send. A row has an end, as whoever waits in it holds buffers that others could
    /// use while they are still in the processor's cache.
    pub(super) async fn join(&self) {
        if self.0.get() >= ROW_TASKS {
            return;
        }
        let _place = Place::in_row(self);
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
}

/// A place in a row, given up also by who is dropped in it.
struct Place<'a>(&'a Row);

impl<'a> Place<'a> {
    fn in_row(row: &'a Row) -> Place<'a> {
        row.0.set(row.0.get() + 1);
        Place(row)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Place(Row(tasks)) = self;
        tasks.set(tasks.get() - 1);
    }
}
