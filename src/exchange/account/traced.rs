//! Which trace an exchange is a part of.

use super::Account;
use crate::base::trace::{Parent, Sampling, Span};
use crate::exchange::Core;
use crate::http::{Known, RequestHead};

impl Account {
    /// The exchange is a part of a trace, which may have begun at the caller's. A head that is judged
    /// again stays the same part of it.
    pub(in crate::exchange) fn traced(
        &mut self,
        head: &RequestHead,
        bytes: &[u8],
        sampling: Sampling,
        core: &mut Core,
    ) {
        if self.entry.span.is_some() {
            return;
        }
        let mut values = head.values(bytes, Known::Traceparent);
        let parent = match (values.next(), values.next()) {
            (Some(value), None) => Parent::read(value),
            _ => None,
        };
        self.entry.span = Some(core.span_ids.span(parent, sampling));
    }

    /// The gateway's part of the trace, where it takes part in traces.
    pub(in crate::exchange) fn span(&self) -> Option<Span> {
        self.entry.span
    }
}
