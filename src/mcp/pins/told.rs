//! News of tools, from the cores to the keeper: bounded in number and in bytes, of all connections
//! and of each, so that one server cannot keep others' tools from being known. Never waited for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::{Fingerprint, State};
use crate::base::limits::{TOOLS_TOLD, TOOLS_TOLD_BYTES, TOOLS_TOLD_BYTES_EACH};

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
    arrived: Receiver<Weighed>,
    queue: Arc<Queue>,
}

/// Where cores tell of tools.
pub(super) struct Teller {
    post: Sender<Weighed>,
    queue: Arc<Queue>,
    /// News so far. Held while one is numbered and posted, so that they arrive in their order.
    told: Mutex<u64>,
}

/// What both ends know.
#[derive(Default)]
struct Queue {
    /// Bytes of the definitions that wait.
    waiting: AtomicUsize,
    /// The number of the last news that were taken.
    taken: AtomicU64,
}

/// News, and the account of their connection.
struct Weighed {
    seen: ToolSeen,
    of_connection: Arc<AtomicUsize>,
}

pub(super) fn telling() -> (Teller, ToolsSeen) {
    let (post, arrived) = bounded(TOOLS_TOLD);
    let queue = Arc::<Queue>::default();
    let teller = Teller {
        post,
        queue: Arc::clone(&queue),
        told: Mutex::new(0),
    };
    (teller, ToolsSeen { arrived, queue })
}

impl Teller {
    /// Tells what `make` makes of the news' number, and answers that; none when too much waits, of
    /// all connections or of this one, or when nobody listens.
    pub fn tell(
        &self,
        of_connection: &Arc<AtomicUsize>,
        make: impl FnOnce(u64) -> ToolSeen,
    ) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *told + 1;
        let seen = make(news);
        let bytes = seen.definition.len();
        let all = self.queue.waiting.fetch_add(bytes, Relaxed) + bytes;
        let ours = of_connection.fetch_add(bytes, Relaxed) + bytes;
        let of_connection = Arc::clone(of_connection);
        let weighed = Weighed {
            seen,
            of_connection,
        };
        if all <= TOOLS_TOLD_BYTES && ours <= TOOLS_TOLD_BYTES_EACH {
            match self.post.try_send(weighed) {
                Ok(()) => {
                    *told = news;
                    return Some(news);
                }
                Err(unsent) => self.queue.weigh_off(&unsent.into_inner()),
            }
        } else {
            self.queue.weigh_off(&weighed);
        }
        None
    }

    /// Whether these news have not been taken yet.
    pub fn waits(&self, news: u64) -> bool {
        news > self.queue.taken.load(Relaxed)
    }
}

impl Queue {
    fn weigh_off(&self, weighed: &Weighed) {
        let bytes = weighed.seen.definition.len();
        self.waiting.fetch_sub(bytes, Relaxed);
        weighed.of_connection.fetch_sub(bytes, Relaxed);
    }
}

impl ToolsSeen {
    /// The next news; none when nothing comes for so long.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Option<ToolSeen> {
        let weighed = self.arrived.recv_timeout(patience).ok()?;
        Some(self.took(weighed))
    }

    /// The next news, if there are some.
    #[must_use]
    pub fn next_now(&self) -> Option<ToolSeen> {
        let weighed = self.arrived.try_recv().ok()?;
        Some(self.took(weighed))
    }

    fn took(&self, weighed: Weighed) -> ToolSeen {
        self.queue.weigh_off(&weighed);
        self.queue.taken.store(weighed.seen.news, Relaxed);
        weighed.seen
    }
}
