//! One connection's tools: read without a lock, a shard copied for what changes.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::{DefaultHashBuilder, HashMap};

use super::state::{State, Tool, ToolPolicy};
use crate::base::limits::TOOLS_PER_CONNECTION;

/// Figures of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Its configured name.
    pub connection: Arc<str>,
    /// How many tools are in each state.
    pub tools: [(State, u64); State::ALL.len()],
    /// How often a tool was not what was trusted.
    pub changes: u64,
}

/// One connection's tools, in shards: a tool that is new costs a copy of its shard only.
pub(super) struct Connection {
    pub name: Arc<str>,
    /// None for a connection that is not configured any more.
    pub policy: ArcSwapOption<ToolPolicy>,
    hasher: DefaultHashBuilder,
    shards: Box<[ArcSwap<Shard>]>,
    /// How many tools are in all shards.
    tools: AtomicUsize,
    /// Held from judging a tool to publishing it.
    pub changing: Mutex<()>,
    /// How often a tool was not what was trusted.
    pub changes: AtomicU64,
    /// Bytes of its definitions that wait for the keeper.
    pub waiting: Arc<AtomicUsize>,
}

type Shard = HashMap<Box<str>, Arc<Tool>>;

/// Small enough to copy for a new tool, few enough for a connection without any.
const SHARDS: usize = 32;

impl Connection {
    pub fn new(name: &str) -> Connection {
        let empty = Arc::new(Shard::default());
        Connection {
            name: name.into(),
            policy: ArcSwapOption::empty(),
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS)
                .map(|_| ArcSwap::new(Arc::clone(&empty)))
                .collect(),
            tools: AtomicUsize::new(0),
            changing: Mutex::new(()),
            changes: AtomicU64::new(0),
            waiting: Arc::default(),
        }
    }

    fn shard(&self, tool: &str) -> Option<&ArcSwap<Shard>> {
        let hash = self.hasher.hash_one(tool);
        self.shards.get(hash as usize % SHARDS)
    }

    pub fn find(&self, tool: &str) -> Option<Arc<Tool>> {
        self.shard(tool)?.load().get(tool).cloned()
    }

    pub fn has_room(&self) -> bool {
        self.tools.load(Relaxed) < TOOLS_PER_CONNECTION
    }

    pub fn figures(&self) -> Figures {
        let mut tools = State::ALL.map(|state| (state, 0));
        for shard in &self.shards {
            for tool in shard.load().values() {
                let count = tools.iter_mut().find(|(state, _)| *state == tool.state);
                count.into_iter().for_each(|(_, count)| *count += 1);
            }
        }
        Figures {
            connection: Arc::clone(&self.name),
            tools,
            changes: self.changes.load(Relaxed),
        }
    }

    /// Only while `changing` is held.
    pub fn publish(&self, name: &str, tool: Tool) {
        if let Some(shard) = self.shard(name) {
            let mut tools = Shard::clone(&shard.load());
            let is_new = tools.insert(name.into(), Arc::new(tool)).is_none();
            shard.store(Arc::new(tools));
            self.tools.fetch_add(usize::from(is_new), Relaxed);
        }
    }
}
