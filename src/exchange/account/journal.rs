//! Where exchanges are told when they are over.

use std::sync::Arc;

use crate::base::access::{AccessEntry, AccessSender};
use crate::base::counters::{Counters, Event};
use crate::exchange::Refusal;
use crate::record::Outcome;

/// Where finished exchanges of one core are told.
pub struct Journal {
    access: AccessSender,
    counters: Arc<Counters>,
    worker: usize,
}

impl Journal {
    /// Tells `access` and worker `worker`'s part of `counters`, whose labels are
    /// [`Outcome::NAMES`] and [`Refusal::CODES`].
    #[must_use]
    pub fn new(access: AccessSender, counters: Arc<Counters>, worker: usize) -> Journal {
        Journal {
            access,
            counters,
            worker,
        }
    }

    /// Counts something that is not an exchange.
    pub fn count(&self, event: Event, times: u64) {
        if let Some(core) = self.counters.core(self.worker) {
            core.count(event, times);
        }
    }

    /// A call of MCP went upstream.
    pub(super) fn called(&self, connection: &Arc<str>, entry: &AccessEntry) {
        let Some(core) = self.counters.core(self.worker) else {
            return;
        };
        // A URI or an id is no name to count by: there are as many as there are things.
        let tool = match entry.rpc.as_str() {
            "tools/call" | "prompts/get" => entry.tool.as_str(),
            _ => "",
        };
        core.calls.add(connection, entry.rpc.as_str(), tool);
        core.callers.add(connection, entry.principal.as_str(), "");
    }

    pub(super) fn note(
        &self,
        entry: &AccessEntry,
        outcome: Outcome,
        refusal: Option<&Refusal>,
        hits: u64,
    ) {
        self.access.tell(entry);
        let Some(core) = self.counters.core(self.worker) else {
            return;
        };
        if let Some(connection) = entry.connection {
            core.exchange(usize::from(connection), outcome as usize, entry.took);
        }
        if let Some(refusal) = refusal {
            core.refused(refusal.index());
        }
        core.count(Event::CallerIn, entry.bytes_in);
        core.count(Event::CallerOut, entry.bytes_out);
        core.count(Event::Masked, hits);
    }
}
