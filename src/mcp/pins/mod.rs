//! What every tool looked like when somebody trusted it, so that a server cannot change one behind
//! the back of those who rely on it.
//!
//! ```text
//!                first: trust            sees the pinned one again
//!   unknown ───────────────────► pinned ◄─────────────┐
//!      │                         │  │ on_change: alert │
//!      │ first: approve          │  └──────────────► changed
//!      ▼                         │ on_change: quarantine
//!   pending                      ▼
//!      │                    quarantined
//!      └──── somebody approves ──┴──► pinned
//! ```
//!
//! Pending and quarantined tools are hidden and refused. A quarantine stays, even when the server
//! goes back to the pinned definition, until somebody approves.
//!
//! Reading takes no lock. Only what is new does: the tool is judged, told to the keeper and
//! published under one lock of its connection, so that the keeper hears what happened in the order
//! in which it took effect. Nothing here waits: a keeper that does not keep up makes new tools
//! hidden.

mod claims;
mod connection;
mod state;
mod told;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

pub use self::claims::Claims;
use self::claims::mirrors;
use self::connection::Connection;
pub use self::connection::Figures;
pub use self::state::{First, OnChange, Sight, Standing, State, ToolPolicy};
use self::state::{Judged, Tool, judged};
use self::told::{Teller, telling};
pub use self::told::{ToolSeen, ToolsSeen};
use super::mirror::Mirrors;
use super::print::Fingerprint;
use crate::base::limits::{TOOL_DEFINITION_BYTES, TOOL_NAME_BYTES};

/// Every tool of every connection. One per gateway; clones share it.
#[derive(Clone)]
pub struct Pins(Arc<Inner>);

struct Inner {
    connections: ArcSwap<HashMap<Arc<str>, Arc<Connection>>>,
    /// Held while connections are added.
    adding: Mutex<()>,
    teller: Teller,
    /// Whether what is told is kept. While it is not, nothing new is trusted.
    kept: AtomicBool,
}

/// A tool as the store has it; definitions are JSON texts.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// How it stands.
    pub state: State,
    /// The definition that is trusted; none while the first one waits for approval.
    pub pinned: Option<(Fingerprint, &'a str)>,
    /// The definition that the server showed last.
    pub seen: (Fingerprint, &'a str),
}

impl Pins {
    /// No connection yet, and the end at which the keeper hears of what is new.
    #[must_use]
    pub fn new() -> (Pins, ToolsSeen) {
        let (teller, seen) = telling();
        let inner = Inner {
            connections: ArcSwap::default(),
            adding: Mutex::new(()),
            teller,
            kept: AtomicBool::new(true),
        };
        (Pins(Arc::new(inner)), seen)
    }

    /// Which connections there are, and what holds for their tools. What is known of others is kept,
    /// but all their tools are hidden.
    pub fn set_connections(&self, connections: &[(Arc<str>, ToolPolicy)]) {
        for (name, policy) in connections {
            let connection = self.connection_or_new(name);
            connection.policy.store(Some(Arc::new(*policy)));
        }
        for (name, connection) in self.0.connections.load().iter() {
            if connections.iter().all(|(other, _)| other != name) {
                connection.policy.store(None);
            }
        }
    }

    /// A server shows a tool in a list: `definition` is its JSON text, `print` that definition's
    /// fingerprint. Decides whether the caller may see it; what is new takes effect at once and is
    /// told to the keeper.
    ///
    /// Hidden are: pending and quarantined tools, every tool of a connection that is not
    /// configured, what exceeds a bound, and new tools while they cannot be kept. What is hidden is
    /// not called either ([`Pins::is_quarantined`]).
    pub fn see(
        &self,
        connection: &str,
        tool: &str,
        print: &Fingerprint,
        definition: &str,
    ) -> Sight {
        let Some((connection, policy)) = self.configured(connection) else {
            return Sight::Hidden;
        };
        if let Some(known) = connection.find(tool)
            && known.told
            && known.seen == *print
            && judged(Some(&known), print, policy).state == known.state
        {
            return known.state.sight();
        }
        if tool.len() > TOOL_NAME_BYTES {
            return Sight::Hidden;
        }
        self.news(&connection, policy, tool, print, definition)
    }

    /// How a definition compares to what is pinned. Changes nothing; [`Pins::see`] does.
    #[must_use]
    pub fn standing(&self, connection: &str, tool: &str, print: &Fingerprint) -> Standing {
        match self.find(connection, tool).and_then(|known| known.pinned) {
            None => Standing::New,
            Some(pinned) if pinned == *print => Standing::Pinned,
            Some(_) => Standing::Changed,
        }
    }

    /// Whether calls of the tool are refused: it is quarantined or waits for its first approval. A
    /// tool that nobody has seen yet may be called where its first sight would be trusted.
    #[must_use]
    pub fn is_quarantined(&self, connection: &str, tool: &str) -> bool {
        let Some((connection, policy)) = self.configured(connection) else {
            return true;
        };
        match connection.find(tool) {
            Some(known) => known.state.sight() == Sight::Hidden,
            None => policy.first == First::Approve || !self.takes(&connection, tool),
        }
    }

    /// What the tool claims of itself: the `annotations` of its pinned definition. It is the
    /// server's claim and nobody else's.
    #[must_use]
    pub fn annotations(&self, connection: &str, tool: &str) -> Option<Arc<Claims>> {
        self.find(connection, tool)?.annotations.clone()
    }

    /// The arguments that callers repeat in headers, by the definition that was shown last; none
    /// when there are none.
    #[must_use]
    pub fn mirrors(&self, connection: &str, tool: &str) -> Option<Arc<Mirrors>> {
        self.find(connection, tool)?.mirrors.clone()
    }

    /// The keeper says how the store has a tool: at start, and when somebody has approved it.
    /// `heard` is the number of the last news that the store has seen.
    ///
    /// False when the tool has made news since: they are on their way, and the store says it again.
    #[must_use]
    pub fn settle(&self, connection: &str, tool: &str, kept: Kept<'_>, heard: u64) -> bool {
        let connection = self.connection_or_new(connection);
        let _changing = lock(&connection.changing);
        let news = match connection.find(tool) {
            Some(known) if known.news > heard => return false,
            Some(known) => known.news,
            None => 0,
        };
        let (pinned, seen) = (kept.pinned, kept.seen);
        let kept = Tool {
            state: kept.state,
            pinned: pinned.map(|(print, _)| print),
            seen: seen.0,
            annotations: pinned.and_then(|(_, definition)| Claims::of(definition)),
            mirrors: mirrors(seen.1),
            news,
            told: true,
        };
        connection.publish(tool, kept);
        true
    }

    /// Figures of every connection that is configured, by name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figures> {
        let connections = self.0.connections.load();
        let configured = connections.values().filter(|it| it.policy.load().is_some());
        let mut figures: Vec<_> = configured.map(|it| it.figures()).collect();
        figures.sort_by(|a, b| a.connection.cmp(&b.connection));
        figures
    }

    /// The keeper says whether what it is told is kept: while it is not, nothing new is trusted.
    pub fn set_kept(&self, kept: bool) {
        self.0.kept.store(kept, Relaxed);
    }

    /// Judges what is new, tells it and publishes it. What cannot be told is told at a later sight;
    /// until then nothing is trusted by it, and a quarantine holds all the same.
    fn news(
        &self,
        connection: &Connection,
        policy: ToolPolicy,
        name: &str,
        print: &Fingerprint,
        definition: &str,
    ) -> Sight {
        let _changing = lock(&connection.changing);
        let known = connection.find(name);
        let next = judged(known.as_deref(), print, policy);
        if known.is_none() && !self.takes(connection, name) {
            return Sight::Hidden;
        }
        if next.pinned.is_some_and(|pinned| pinned != *print) {
            connection.changes.fetch_add(1, Relaxed);
        }
        let tool = match (
            self.tell(connection, name, known.as_deref(), &next, definition),
            known,
        ) {
            (Some(news), known) => Tool {
                state: next.state,
                pinned: next.pinned,
                seen: *print,
                annotations: match (next.pinned, known) {
                    (None, _) => None,
                    (pinned, Some(known)) if known.pinned == pinned => known.annotations.clone(),
                    _ => Claims::of(definition),
                },
                mirrors: mirrors(definition),
                news,
                told: true,
            },
            (None, Some(known)) if next.state == State::Quarantined => Tool {
                state: State::Quarantined,
                told: false,
                ..Tool::clone(&known)
            },
            (None, Some(_)) if definition.len() > TOOL_DEFINITION_BYTES => return Sight::Hidden,
            (None, Some(known)) => return known.state.sight(),
            (None, None) => Tool::untold(*print),
        };
        let sight = tool.state.sight();
        connection.publish(name, tool);
        sight
    }

    /// Tells the keeper, if there is room; answers the number of the news. A tool whose last news
    /// still wait has none but a quarantine: a server that never shows the same twice fills no queue.
    fn tell(
        &self,
        connection: &Connection,
        name: &str,
        known: Option<&Tool>,
        next: &Judged,
        definition: &str,
    ) -> Option<u64> {
        let is_held =
            |known: &Tool| next.state == State::Quarantined && known.state != State::Quarantined;
        if known.is_some_and(|known| self.0.teller.waits(known.news) && !is_held(known))
            || definition.len() > TOOL_DEFINITION_BYTES
        {
            return None;
        }
        self.0.teller.tell(&connection.waiting, |news| ToolSeen {
            connection: Arc::clone(&connection.name),
            name: name.into(),
            definition: definition.into(),
            print: next.print,
            state: next.state,
            news,
        })
    }

    /// Whether a tool that is not known may become known.
    fn takes(&self, connection: &Connection, tool: &str) -> bool {
        self.0.kept.load(Relaxed) && tool.len() <= TOOL_NAME_BYTES && connection.has_room()
    }

    fn find(&self, connection: &str, tool: &str) -> Option<Arc<Tool>> {
        self.0.connections.load().get(connection)?.find(tool)
    }

    fn configured(&self, connection: &str) -> Option<(Arc<Connection>, ToolPolicy)> {
        let connection = self.0.connections.load().get(connection).cloned()?;
        let policy = **connection.policy.load().as_ref()?;
        Some((connection, policy))
    }

    fn connection_or_new(&self, name: &str) -> Arc<Connection> {
        let _adding = lock(&self.0.adding);
        let known = self.0.connections.load();
        if let Some(connection) = known.get(name) {
            return Arc::clone(connection);
        }
        let connection = Arc::new(Connection::new(name));
        let mut connections = HashMap::clone(&known);
        connections.insert(Arc::clone(&connection.name), Arc::clone(&connection));
        self.0.connections.store(Arc::new(connections));
        connection
    }
}

/// What is under these locks is whole at any moment: a panic elsewhere has spoilt nothing.
fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
