//! The same for connections of protocol `graph`: paths in one spelling, and queries that tell nothing
//! of what masks hide.

use super::{Judge, Stop, bounded};
use crate::auth::Identity;
use crate::exchange::account::Asked;
use crate::exchange::phase::{Judged, Sought};
use crate::exchange::refusal::{GraphRefusal, Refusal};
use crate::exchange::rules::{Batching, Connection};
use crate::graph::{self, Query};
use crate::http::RequestHead;
use crate::policy::{Call, Facts, GraphCall, Permit};
use crate::record::Pending;

impl Judge<'_> {
    /// Judges a call of Microsoft Graph.
    pub(super) fn consult(
        &mut self,
        head: &RequestHead,
        judged: &mut Judged,
        batching: Batching,
        asked: &Sought,
    ) -> Result<Pending<Permit>, Stop> {
        let identity = self.welcome(head, judged, asked)?;
        if graph::is_batch(judged.path()) {
            return self.consult_on_all(head, judged, batching, identity);
        }
        let permit = self.decide_graph(head, judged, identity)?;
        bounded(head, judged)?;
        self.admit(head, judged, permit)
    }

    fn decide_graph(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        identity: Identity,
    ) -> Result<Permit, Stop> {
        let whence = self.account.whence().clone();
        let facts = self.facts(head, judged, &whence);
        let read = readable(&judged.connection, judged.path(), facts.query)?;
        let document = self.document(head);
        let body = self.seen(head, document.as_ref());
        let call = GraphCall {
            method: head.method(self.bytes),
            path: judged.path(),
            expand: read.expand(),
        };
        let calls = [(call, Facts { body, ..facts })];
        let permit = self
            .decided(Call::graph(identity, &calls), judged)
            .map_err(|refusal| self.unless_for_body(refusal, head, judged))?;
        self.account.keep(Asked::graph(&calls), self.core);
        Ok(permit)
    }
}

/// The query, where it can be judged and neither it nor the path tells what is in a hidden member.
pub(super) fn readable(connection: &Connection, path: &str, query: &str) -> Result<Query, Refusal> {
    let read = Query::read(query).map_err(GraphRefusal::Query)?;
    let masks = connection.masks.as_ref().filter(|_| connection.hides);
    let mut hidden = masks.into_iter().flat_map(|masks| masks.hidden_members());
    match hidden.any(|member| graph::names(path, member) || read.names(member)) {
        true => Err(GraphRefusal::Hidden.into()),
        false => Ok(read),
    }
}
