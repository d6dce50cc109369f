//! How each part of the control plane is doing: for `/readyz`, for metrics, and, when it changes,
//! one line on standard error.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;

/// How one part is doing. Clones share it.
#[derive(Clone, Debug)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    what: &'static str,
    name: Arc<str>,
    state: ArcSwap<State>,
    attempts: AtomicU64,
    failures: AtomicU64,
}

/// What the last attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There was none yet.
    Waiting,
    /// It worked.
    Good,
    /// It did not; what an earlier one got may still serve.
    Failing(String),
}

impl Health {
    /// A part that has not tried anything yet; `what` it does, under which configured `name`.
    #[must_use]
    pub fn new(what: &'static str, name: &Arc<str>) -> Health {
        Health(Arc::new(Inner {
            what,
            name: name.clone(),
            state: ArcSwap::from_pointee(State::Waiting),
            attempts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }))
    }

    /// Notes what an attempt came to.
    pub fn note<T, E: std::fmt::Display>(&self, outcome: &Result<T, E>) {
        self.0.attempts.fetch_add(1, Relaxed);
        let state = match outcome {
            Ok(_) => State::Good,
            Err(error) => {
                self.0.failures.fetch_add(1, Relaxed);
                State::Failing(error.to_string())
            }
        };
        if **self.0.state.load() != state {
            self.tell(&state);
            self.0.state.store(Arc::new(state));
        }
    }

    /// What the part does.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.0.what
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the last attempt came to.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.0.state.load_full()
    }

    /// Attempts and failures so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.0.attempts.load(Relaxed), self.0.failures.load(Relaxed))
    }

    /// One line for the operator. If nobody reads standard error, nothing can be done about it.
    fn tell(&self, state: &State) {
        let (what, name) = (self.0.what, &self.0.name);
        let mut stderr = std::io::stderr().lock();
        let _ = match state {
            State::Waiting => Ok(()),
            State::Good => writeln!(stderr, "sluice: {what} {name}: good"),
            State::Failing(why) => writeln!(stderr, "sluice: {what} {name}: {why}"),
        };
    }
}
