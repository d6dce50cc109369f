//! Keeps what must outlive the process of pinned tools, tasks and revocations: a thread that writes
//! what cores tell into the store, and publishes what others have changed there.
//!
//! ```text
//!   cores ── see, bind ──► Pins, Tasks ── told ──► keeper ──► store ◄── approvals, revocations
//!                              ▲                     │                  (another process)
//!                              ├────── settle ◄──────┤
//!   cores ◄─────────── PublishedKeys ◄── revoke ─────┘
//! ```
//!
//! What is told is taken off the queue only once it is written. While the store fails, it waits,
//! nothing new is trusted, and what was revoked stays so.

mod revoked;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::Receiver;

use super::Probe;
use super::config::Config;
use super::health::{Health, State};
use crate::auth::PublishedKeys;
use crate::base::clock::{Clock, Mono};
use crate::base::limits::TASK_LIFE;
use crate::mcp::pins::{Kept, Pins, ToolSeen, ToolsSeen};
use crate::mcp::tasks::{TaskBound, Tasks};
use crate::store::{Embedded, KeptRevocation, Store, StoreError, Surprise, Tool};

/// How long the keeper waits for news before it looks at the clock, and whether another process has
/// written: a revocation takes effect this soon.
const TURN: Duration = Duration::from_millis(50);
/// How often it asks the store what others have changed: an approval takes effect this soon.
const LOOK: Duration = Duration::from_millis(500);
/// How often tasks that are over are forgotten.
const SWEEP: Duration = Duration::from_secs(60);
/// The pause after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// News in one transaction.
const BATCH: usize = 512;
/// Lines on standard error in one turn; what is beyond is counted.
const LINES: usize = 8;

/// The running keeper, and what cores share with it.
pub struct StoreKeeper {
    pins: Pins,
    tasks: Tasks,
    keys: PublishedKeys,
    health: Health,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl StoreKeeper {
    /// Opens the store in the data directory, loads what it has, and starts.
    ///
    /// # Errors
    /// [`StoreError`]: without a sound store nobody could say what was trusted.
    pub fn start(data: &Path, clock: Clock) -> Result<StoreKeeper, StoreError> {
        StoreKeeper::with(Embedded::open(data)?, clock)
    }

    fn with(store: impl Store + 'static, clock: Clock) -> Result<StoreKeeper, StoreError> {
        let (pins, seen) = Pins::new();
        let (tasks, bound) = Tasks::new();
        let keys = PublishedKeys::default();
        let health = Health::new("store", &"embedded".into());
        let stop = Arc::<AtomicBool>::default();
        let mut turns = Turns {
            store,
            pins: pins.clone(),
            keys: keys.clone(),
            revoked: Vec::new(),
            is_stale: false,
            clock,
            health: health.clone(),
            seen,
            bound,
            news: VecDeque::new(),
            bindings: VecDeque::new(),
            heard: 0,
            revision: 0,
            stop: Arc::clone(&stop),
        };
        turns.look()?;
        turns.follow_revocations()?;
        let now = clock.now().wall;
        for bound in turns.store.tasks(now)? {
            tasks.restore(&bound, now);
        }
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || turns.run())
            .map_err(|error| StoreError::Engine(error.to_string()))?;
        Ok(StoreKeeper {
            pins,
            tasks,
            keys,
            health,
            stop,
            thread,
        })
    }

    /// Takes over what a configuration asks of every connection's tools, at start and at a reload.
    pub fn configure(&self, config: &Config) {
        let policies = config.connections.iter().filter_map(|connection| {
            let policy = connection.mcp.as_ref()?.tools;
            Some((Arc::clone(&connection.name), policy))
        });
        self.pins.set_connections(&policies.collect::<Vec<_>>());
    }

    /// What every tool looked like when it was trusted.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Keys, of no issuer yet, with all that is revoked.
    #[must_use]
    pub fn keys(&self) -> &PublishedKeys {
        &self.keys
    }

    /// Whose every task is.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Whether the store can be written.
    #[must_use]
    pub fn probe(&self) -> Probe {
        let health = self.health.clone();
        Probe {
            name: "store",
            check: Box::new(move || match &*health.state() {
                State::Waiting | State::Good => Ok(()),
                State::Failing(why) => Err(why.clone()),
            }),
        }
    }

    /// Writes what has been told and ends. Call it when no core can tell anything any more.
    pub fn stop(self) {
        self.stop.store(true, Relaxed);
        // A panic of the thread was told on standard error.
        let _ = self.thread.join();
    }
}

/// What the thread works with.
struct Turns<S> {
    store: S,
    pins: Pins,
    keys: PublishedKeys,
    /// What is in force of it.
    revoked: Vec<KeptRevocation>,
    /// Whether the store may say otherwise.
    is_stale: bool,
    clock: Clock,
    health: Health,
    seen: ToolsSeen,
    bound: Receiver<TaskBound>,
    /// Taken off the queue, and not written yet.
    news: VecDeque<ToolSeen>,
    bindings: VecDeque<TaskBound>,
    /// The number of the last news that are written.
    heard: u64,
    /// The last of the store's changes that is published.
    revision: u64,
    stop: Arc<AtomicBool>,
}

impl<S: Store> Turns<S> {
    fn run(mut self) {
        let start = self.clock.now().mono;
        let (mut look, mut sweep) = (start.after(LOOK), start.after(SWEEP));
        loop {
            let is_last = self.stop.load(Relaxed);
            self.gather();
            let now = self.clock.now().mono;
            let done = self.turn(now, &mut look, &mut sweep);
            self.pins.set_kept(done.is_ok());
            match done {
                Ok(true) => {}
                Ok(false) if is_last => return,
                Err(_) if is_last => return,
                Ok(false) => {}
                Err(_) => std::thread::sleep(AGAIN),
            }
        }
    }

    /// Takes news off the queue, waiting a little for the first.
    fn gather(&mut self) {
        if self.news.is_empty() && self.bindings.is_empty() {
            self.news.extend(self.seen.wait(TURN));
        }
        while self.news.len() < BATCH
            && let Some(seen) = self.seen.next_now()
        {
            self.news.push_back(seen);
        }
        let room = BATCH.saturating_sub(self.bindings.len());
        self.bindings.extend(self.bound.try_iter().take(room));
    }

    /// Does what is due; answers whether there was news.
    fn turn(&mut self, now: Mono, look: &mut Mono, sweep: &mut Mono) -> Result<bool, StoreError> {
        let wrote = !(self.news.is_empty() && self.bindings.is_empty());
        let is_due = now >= *look || now >= *sweep;
        let changed = self.store.changed();
        if matches!(changed, Ok(false)) && !(wrote || is_due) {
            return Ok(false);
        }
        let done = changed.and_then(|changed| {
            // What has ended by its time is found with the sweep.
            self.is_stale |= changed || now >= *sweep;
            self.work(wrote, now, sweep)
        });
        self.health.note(&done);
        if done.is_ok() {
            *look = now.after(LOOK);
        }
        done.map(|()| wrote)
    }

    fn work(&mut self, wrote: bool, now: Mono, sweep: &mut Mono) -> Result<(), StoreError> {
        if self.is_stale {
            self.follow_revocations()?;
            self.is_stale = false;
        }
        if wrote {
            self.write()?;
        }
        if now >= *sweep {
            self.store.tasks(self.clock.now().wall)?;
            *sweep = now.after(SWEEP);
        }
        self.look()
    }

    /// Writes what was gathered, in one transaction.
    fn write(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now().wall;
        let (news, bindings) = (self.news.make_contiguous(), self.bindings.make_contiguous());
        let surprises = self.store.keep(news, bindings, now)?;
        if let Some(last) = news.last() {
            self.heard = last.news;
        }
        self.news.clear();
        self.bindings.clear();
        tell(&surprises);
        Ok(())
    }

    /// Publishes what has changed in the store since the last look.
    fn look(&mut self) -> Result<(), StoreError> {
        loop {
            let tools = self.store.tools_since(self.revision)?;
            if tools.is_empty() {
                return Ok(());
            }
            for tool in &tools {
                if !self.publish(tool)? {
                    // It has made news, which come by themselves; then the store speaks again.
                    return Ok(());
                }
                self.revision = tool.revision;
            }
        }
    }

    fn publish(&self, tool: &Tool) -> Result<bool, StoreError> {
        let shown = tool.shown()?;
        let pinned = tool.pinned.as_ref();
        let kept = Kept {
            state: tool.state,
            pinned: pinned.map(|pinned| (pinned.print, &*pinned.text)),
            seen: (shown.print, &shown.text),
        };
        let (connection, name) = (&tool.connection, &tool.name);
        Ok(self.pins.settle(connection, name, kept, self.heard))
    }
}

/// One line for each tool that is not what was trusted. Names are the server's: nothing in them
/// that a terminal would obey is written as it is.
fn tell(surprises: &[Surprise]) {
    let mut stderr = io::stderr().lock();
    for surprise in surprises.iter().take(LINES) {
        let Surprise {
            connection,
            name,
            state,
        } = surprise;
        let name = name.escape_debug();
        // If nobody reads standard error, nothing can be done about it.
        let _ = writeln!(
            stderr,
            "sluice: {connection}: the tool {name} is not what was trusted; it is {} until somebody \
             approves it: see `sluice tools diff {connection}`",
            state.name(),
        );
    }
    if surprises.len() > LINES {
        let more = surprises.len() - LINES;
        let _ = writeln!(stderr, "sluice: and {more} more tools");
    }
}

const _: () = assert!(SWEEP.as_secs() < TASK_LIFE.as_secs());

#[cfg(test)]
mod tests;
