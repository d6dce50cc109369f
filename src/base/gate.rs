//! A bound on how many are under way at once, with a queue that has a bound, too. Shared by cores.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may be under way, and how many may wait for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateSpec {
    /// Under way at once; at least one.
    pub most: usize,
    /// Waiting at once.
    pub waiting: usize,
    /// For no longer than this.
    pub patience: Duration,
}

/// Lets through as many as may be under way; the others wait in the order in which they came.
#[derive(Debug)]
pub struct Gate {
    spec: GateSpec,
    passes: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Given up when dropped: then the next one is let through.
#[derive(Debug)]
pub struct Pass(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

/// A place among those who wait; given up when dropped.
#[derive(Debug)]
pub struct Waiting<'g>(&'g Gate);

impl Gate {
    /// A gate that nobody has gone through.
    #[must_use]
    pub fn new(spec: GateSpec) -> Gate {
        Gate {
            spec,
            passes: Arc::new(Semaphore::new(spec.most.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Through, when nobody waits and not too many are under way. Does not allocate.
    #[must_use]
    pub fn pass(&self) -> Option<Pass> {
        Arc::clone(&self.passes).try_acquire_owned().ok().map(Pass)
    }

    /// A place in the queue, if one is left.
    #[must_use]
    pub fn queue(&self) -> Option<Waiting<'_>> {
        let place = Waiting(self);
        let before = self.waiting.fetch_add(1, Relaxed);
        (before < self.spec.waiting).then_some(place)
    }

    /// How long waiting makes sense.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.spec.patience
    }

    /// How many are under way, and how many wait.
    #[must_use]
    pub fn figures(&self) -> (usize, usize) {
        let free = self.passes.available_permits();
        (
            self.spec.most.saturating_sub(free),
            self.waiting.load(Relaxed),
        )
    }
}

impl Waiting<'_> {
    /// Waits until it is its turn. May be dropped at any moment.
    pub fn turn(&self) -> impl Future<Output = Option<Pass>> + use<> {
        // It is never closed.
        let permit = Arc::clone(&self.0.passes).acquire_owned();
        permit.map(|permit| permit.ok().map(Pass))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pass_so_many_wait_and_the_first_is_next() {
        let gate = Gate::new(GateSpec {
            most: 2,
            waiting: 2,
            patience: Duration::from_secs(1),
        });
        let first = gate.pass();
        let _second = gate.pass().expect("the second");
        assert!(gate.pass().is_none());
        let (one, two) = (
            gate.queue().expect("a place"),
            gate.queue().expect("a place"),
        );
        assert!(gate.queue().is_none(), "two wait");
        assert_eq!(gate.figures(), (2, 2));
        let (mut one, mut two) = (Box::pin(one.turn()), Box::pin(two.turn()));
        assert!(one.as_mut().now_or_never().is_none() && two.as_mut().now_or_never().is_none());
        drop(first);
        assert!(gate.pass().is_none(), "who waits goes before who comes");
        assert!(two.as_mut().now_or_never().is_none());
        assert!(one.as_mut().now_or_never().flatten().is_some());
    }

    #[test]
    fn who_gives_up_takes_no_place() {
        let gate = Gate::new(GateSpec {
            most: 1,
            waiting: 1,
            patience: Duration::from_secs(1),
        });
        let pass = gate.pass();
        let waiting = gate.queue().expect("a place");
        drop(waiting.turn());
        drop(waiting);
        assert!(gate.queue().is_some());
        drop(pass);
        assert!(gate.pass().is_some());
        assert_eq!(gate.figures(), (0, 0));
    }
}
