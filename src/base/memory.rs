//! How much memory the process has, as somebody looked last, and how much it may have.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Read by every core for each request and connection, written by whoever looks.
#[derive(Debug)]
pub struct Memory {
    used: AtomicU64,
    most: AtomicU64,
}

impl Default for Memory {
    /// Nothing is used, and all may be.
    fn default() -> Memory {
        Memory {
            used: AtomicU64::new(0),
            most: AtomicU64::new(u64::MAX),
        }
    }
}

impl Memory {
    /// So many bytes are in use.
    pub fn note(&self, used: u64) {
        self.used.store(used, Relaxed);
    }

    /// So many may be.
    pub fn allow(&self, most: u64) {
        self.most.store(most, Relaxed);
    }

    /// Bytes that are in use, and those that may be.
    #[must_use]
    pub fn figures(&self) -> (u64, u64) {
        (self.used.load(Relaxed), self.most.load(Relaxed))
    }

    /// Nothing new should begin.
    #[must_use]
    pub fn is_short(&self) -> bool {
        let (used, most) = self.figures();
        used >= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_is_what_reaches_its_bound() {
        let memory = Memory::default();
        memory.note(10);
        assert!(!memory.is_short());
        memory.allow(10);
        assert!(memory.is_short());
        memory.allow(11);
        assert!(!memory.is_short());
    }
}
