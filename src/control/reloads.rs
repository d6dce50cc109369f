//! What became of the configurations that were offered to the running gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;

/// Counts of reloads, and why the last one was refused.
#[derive(Debug)]
pub(super) struct Reloads {
    generation: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    why: ArcSwapOption<String>,
}

impl Reloads {
    /// None yet; the configuration of the start is the first.
    pub(super) fn new() -> Reloads {
        Reloads {
            generation: AtomicU64::new(1),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            why: ArcSwapOption::empty(),
        }
    }

    /// One is in force.
    pub(super) fn took(&self, generation: u64) {
        self.generation.store(generation, Relaxed);
        self.taken.fetch_add(1, Relaxed);
        self.why.store(None);
    }

    /// One was as it is already.
    pub(super) fn same(&self) {
        self.why.store(None);
    }

    /// One cannot be used: the one before stays.
    pub(super) fn refuse(&self, why: String) {
        self.refused.fetch_add(1, Relaxed);
        self.why.store(Some(Arc::new(why)));
    }

    /// The configuration in force; the first is 1.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// How often each has happened.
    pub(super) fn counts(&self) -> [(&'static str, u64); 2] {
        let [taken, refused] = [&self.taken, &self.refused].map(|count| count.load(Relaxed));
        [("taken", taken), ("refused", refused)]
    }

    /// Why the configuration that was offered last is not in force.
    pub(super) fn refused(&self) -> Option<String> {
        self.why.load().as_ref().map(|why| String::clone(why))
    }
}
