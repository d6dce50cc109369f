//! What a worker and the recorder share besides the ring: how far the disk is, and whether the
//! recorder still works. Atomics only; neither side ever waits for the other here.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// What the recorder can do, told to every worker at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum State {
    /// Everything.
    Running = 0,
    /// The disk is nearly full: no new sessions.
    LowSpace = 1,
    /// It is shut down, or its thread is gone.
    Closed = 2,
    /// A write or sync failed: what came after the last commit is lost, and nothing is accepted.
    Latched = 3,
}

/// Wakes the recorder's thread. Kept abstract: this floor knows no threads.
pub trait Alarm: Send + Sync {
    /// Wakes it; cheap when it is awake.
    fn wake(&self);
}

/// The recorder's own condition, one for all its workers.
#[derive(Default)]
pub struct Health {
    state: AtomicU8,
    asleep: AtomicBool,
    alarm: OnceLock<Box<dyn Alarm>>,
}

impl Health {
    /// A recorder that runs and that nobody can wake yet.
    #[must_use]
    pub fn new() -> Arc<Health> {
        Arc::default()
    }

    /// What the recorder can do now.
    #[must_use]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Running,
            1 => State::LowSpace,
            2 => State::Closed,
            _ => State::Latched,
        }
    }

    /// Publishes what the recorder can do. Closed and latched are for ever.
    pub fn publish(&self, state: State) {
        let worse = |now: u8| (now < State::Closed as u8).then_some(state as u8);
        // An error means it is closed or latched already, which nothing may undo.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, worse);
    }

    /// Says who wakes the recorder; the first answer stays.
    pub fn set_alarm(&self, alarm: Box<dyn Alarm>) {
        let _ = self.alarm.set(alarm);
    }

    /// The recorder is about to sleep. It must look at its rings once more after this: whoever
    /// wrote before saw it awake.
    pub fn falling_asleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The recorder works again.
    pub fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the recorder when it sleeps; one load when it does not.
    pub fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed)
            && self.asleep.swap(false, Ordering::AcqRel)
            && let Some(alarm) = self.alarm.get()
        {
            alarm.wake();
        }
    }
}

/// What one worker and the recorder share.
pub struct Link {
    health: Arc<Health>,
    durable: AtomicU64,
    wanted: AtomicU64,
    changed: Notify,
}

impl Link {
    /// A link of one worker to the recorder of this condition.
    #[must_use]
    pub fn new(health: Arc<Health>) -> Arc<Link> {
        Arc::new(Link {
            health,
            durable: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            changed: Notify::new(),
        })
    }

    /// The recorder's condition.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// How many bytes of the ring are on disk, counted from its first.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The recorder's word that all bytes of the ring up to `position` are on disk.
    pub fn set_durable(&self, position: u64) {
        self.durable.store(position, Ordering::Release);
    }

    /// The worker waits until the ring's bytes up to `position` are on disk.
    pub fn want(&self, position: u64) {
        self.wanted.store(position, Ordering::Release);
        self.health.wake();
    }

    /// True when the worker waits for the disk.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > self.durable()
    }

    /// Resolves after the recorder next made room, reached the disk, or failed.
    ///
    /// Make it first, then look ([`super::Writer::settle`], [`super::Writer::room_for`]), then
    /// await it: a change in between is not missed. Dropping it loses nothing. Any runtime will do.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The recorder tells all who wait on this link.
    pub fn notify(&self) {
        self.changed.notify_waiters();
    }
}
