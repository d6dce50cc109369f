//! News of tools, from the cores to the keeper: bounded in number and in bytes, and never waited
//! for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::{Fingerprint, State};
use crate::base::limits::{TOOLS_TOLD, TOOLS_TOLD_BYTES};

/// A tool that is new, or not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSeen {
    /// The connection's configured name.
    pub connection: Arc<str>,
    /// The tool's name.
    pub name: Box<str>,
    /// Its definition: a JSON text of at most
    /// [`TOOL_DEFINITION_BYTES`](crate::base::limits::TOOL_DEFINITION_BYTES).
    pub definition: Box<str>,
    /// The definition's fingerprint.
    pub print: Fingerprint,
    /// How the tool stands from now on.
    pub state: State,
    /// The number of these news; they count up.
    pub news: u64,
}

/// Where the keeper hears of tools.
pub struct ToolsSeen {
    arrived: Receiver<ToolSeen>,
    waiting: Arc<AtomicUsize>,
}

/// Where cores tell of tools.
pub(super) struct Teller {
    post: Sender<ToolSeen>,
    waiting: Arc<AtomicUsize>,
}

pub(super) fn telling() -> (Teller, ToolsSeen) {
    let (post, arrived) = bounded(TOOLS_TOLD);
    let waiting = Arc::<AtomicUsize>::default();
    let teller = Teller {
        post,
        waiting: Arc::clone(&waiting),
    };
    (teller, ToolsSeen { arrived, waiting })
}

impl Teller {
    /// Tells, or answers false: too much waits, or nobody listens.
    pub fn tell(&self, seen: ToolSeen) -> bool {
        let bytes = seen.definition.len();
        let before = self.waiting.fetch_add(bytes, Relaxed);
        if before + bytes <= TOOLS_TOLD_BYTES && self.post.try_send(seen).is_ok() {
            return true;
        }
        self.waiting.fetch_sub(bytes, Relaxed);
        false
    }
}

impl ToolsSeen {
    /// The next news; none when nothing comes for so long.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Option<ToolSeen> {
        self.took(self.arrived.recv_timeout(patience).ok())
    }

    /// The next news, if there are some.
    #[must_use]
    pub fn next_now(&self) -> Option<ToolSeen> {
        self.took(self.arrived.try_recv().ok())
    }

    fn took(&self, seen: Option<ToolSeen>) -> Option<ToolSeen> {
        if let Some(seen) = &seen {
            self.waiting.fetch_sub(seen.definition.len(), Relaxed);
        }
        seen
    }
}
