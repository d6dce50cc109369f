//! What is told of an exchange: its frames in the recording and its line in the access log.

mod again;
mod came;
mod journal;
mod parts;
mod revoked;
mod shown;
mod traced;

use std::sync::Arc;

pub(super) use self::again::Asked;
pub use self::journal::Journal;
pub(super) use self::parts::Asked as PartAsked;
use self::parts::Parts;
pub(super) use self::shown::show;
use self::shown::{Target, show_asked, show_fields};
use super::Core;
use super::cors::Crossing;
use super::patience::Patience;
use super::phase::Judged;
use super::refusal::{GraphRefusal, Published, Refusal};
use super::rules::Connection;
use super::whence::{Hops, Whence};
use crate::auth::{Agent, Identity, Possession};
use crate::base::access::AccessEntry;
use crate::base::clock::Now;
use crate::base::hex;
use crate::base::limits::FRAME_BYTES;
use crate::http::{Known, RequestHead};
use crate::policy::budget::Slot;
use crate::policy::{Permit, Rule};
use crate::record::{
    CoreSession, Decision, EndRecord, ExchangeLog, Outcome, Pending, RecordError, RequestRecord,
    Timings,
};

/// An exchange's account, from its first byte to its end frame: a large one, kept in one place. See
/// [`Core::account`].
#[derive(Default)]
pub struct Account {
    opened: Now,
    entry: AccessEntry,
    whence: Whence,
    hops: Option<Arc<Hops>>,
    crossing: Option<Arc<Crossing>>,
    identity: Option<Identity>,
    /// In a place of its own: few tokens are bound to a key.
    possession: Option<Box<Possession>>,
    connection: Option<Arc<Connection>>,
    log: Option<ExchangeLog>,
    session: Option<Arc<CoreSession>>,
    generation: u64,
    asked: Asked,
    parts: Parts,
    /// The last configuration under which the call may go on.
    looked: u64,
    /// The last change of what is revoked that does not concern it.
    cleared: u64,
    hits: u64,
    slot: Option<Slot>,
    timings: Timings,
}

impl Account {
    /// Forgets what it said, in its place.
    pub(super) fn clear(&mut self) {
        // Named one by one, so that none is forgotten.
        let Account {
            opened,
            entry,
            whence,
            hops,
            crossing,
            identity,
            possession,
            connection,
            log,
            session,
            generation,
            asked,
            parts,
            looked,
            cleared,
            hits,
            slot,
            timings,
        } = self;
        entry.clear();
        *opened = Now::default();
        *whence = Whence::default();
        (*hops, *crossing, *identity, *possession) = (None, None, None, None);
        (*connection, *log, *session, *slot) = (None, None, None, None);
        (*generation, *looked, *cleared, *hits) = (0, 0, 0, 0);
        *asked = Asked::Nothing;
        *parts = Parts::default();
        *timings = Timings::default();
    }

    /// The head is whole: durations count from here, not from the end of the last exchange.
    pub(super) fn begin(&mut self, now: Now) {
        self.opened = now;
        self.entry.at = now.wall;
    }

    pub(super) fn routed(&mut self, method: &str, judged: &Judged, core: &mut Core) {
        self.entry.method.set(method);
        if judged.connection.masks.is_none() {
            self.entry.path.set(judged.path());
        } else {
            let mut path = core.pool.lend_text();
            show(&judged.connection, judged.path().as_bytes(), &mut path);
            (self.entry.path).set(std::str::from_utf8(&path).unwrap_or_default());
            core.pool.give_back_text(path);
        }
        self.generation = judged.rules.generation;
        self.looked = self.generation;
        self.entry.connection = u16::try_from(judged.connection.row).ok();
        self.connection = Some(Arc::clone(&judged.connection));
    }

    pub(super) fn proven(&mut self, identity: &Identity) {
        let principal = identity.principal();
        self.entry.principal.set(principal.name());
        self.entry
            .client
            .set(principal.client().unwrap_or_default());
        self.entry.kind = principal.kind().name();
        self.entry.agent = identity.agent().map_or("", Agent::name);
        (self.entry.blueprint).set(identity.blueprint().unwrap_or_default());
        self.identity = Some(identity.clone());
        self.cleared = 0;
    }

    /// What was asked for in the terms of MCP; of a batch, the last.
    pub(super) fn asked(&mut self, method: &str, name: Option<&str>) {
        self.entry.rpc.set(method);
        self.entry.tool.set(name.unwrap_or_default());
    }

    /// The session of MCP that the call belongs to: a digest, for ids are what gets one in.
    pub(super) fn within(&mut self, session: &str) {
        let digest = ring::digest::digest(&ring::digest::SHA256, session.as_bytes());
        let text = digest
            .as_ref()
            .first_chunk::<8>()
            .map(|first| first.map(hex::digits));
        let text = text.as_ref().map_or(&[][..], |text| text.as_flattened());
        self.entry
            .session
            .set(std::str::from_utf8(text).unwrap_or_default());
        self.cleared = 0;
    }

    /// So many items of lists were taken out.
    pub(super) fn hid(&mut self, items: usize) {
        self.entry.hidden += u32::try_from(items).unwrap_or(u32::MAX);
    }

    /// True once the exchange has paid for its calls.
    pub(super) fn is_charged(&self) -> bool {
        self.slot.is_some()
    }

    /// Holds what the exchange has of its budgets until it ends.
    pub(super) fn charge(&mut self, slot: Slot) {
        self.slot = Some(slot);
    }

    pub(super) fn ruled(&mut self, rule: &Rule) {
        self.entry.rule.set(&rule.name);
    }

    /// How long a body is waited for that is held.
    pub(super) fn patience(&self, core: &mut Core, now: Now) -> Patience {
        let limits = &core.rules.load().limits;
        Patience::begin(limits, self.connection.as_deref(), now)
    }

    /// Records decision and request head; what it gives must settle before anything goes upstream.
    pub(super) fn admit(
        &mut self,
        head: &RequestHead,
        bytes: &[u8],
        judged: &Judged,
        permit: Permit,
        core: &mut Core,
        now: Now,
    ) -> Result<Pending<Permit>, RecordError> {
        let session = core.sessions.enter(
            permit.identity().principal().name(),
            &judged.connection.name,
            now,
        );
        self.parts.fit(FRAME_BYTES, core)?;
        let target = Target::shown(judged, core);
        let mut headers = core.pool.lend_text();
        show_fields(&judged.connection, head, bytes, &mut headers);
        if let Some(upgrade) = &judged.upgrade {
            upgrade.show(&mut headers);
        }
        if !head.has(Known::McpMethod) {
            show_asked(&judged.connection, &self.entry, &mut headers);
        }
        let rule = Arc::clone(permit.rule());
        let (path, query) = target.parts(judged);
        let record = RequestRecord {
            decision: Decision::Allowed,
            rule: &rule.name,
            generation: self.generation,
            method: head.method(bytes),
            path,
            query: Some(query).filter(|query| !query.is_empty()),
            headers: &headers,
        };
        let admitted = core
            .writer
            .admit(permit, &session, &record, judged.connection.class, now);
        core.pool.give_back_text(headers);
        target.give_back(core);
        let (log, pending) = admitted.map_err(|refused| refused.why)?;
        self.entry.exchange = Some(log.exchange());
        let log = self.log.insert(log);
        self.session = Some(session);
        // There is room. Without it the exchange has begun, and cannot begin again.
        let told = self.parts.tell(log, core, now);
        told.map_err(|_| RecordError::Closed)?;
        Ok(pending)
    }

    /// The log of an admitted exchange.
    pub(super) fn log(&mut self) -> Option<&mut ExchangeLog> {
        self.log.as_mut()
    }

    pub(super) fn receipt(&mut self, now: Now) {
        self.timings.receipt = self.since(now);
    }

    /// The last byte of the request went upstream.
    pub(super) fn sent(&mut self, now: Now) {
        self.timings.sent = self.since(now);
    }

    /// The head of the upstream's reply was there, with this status.
    pub(super) fn replied(&mut self, status: u16, now: Now) {
        self.timings.replied = self.since(now);
        self.entry.status = status;
    }

    /// True once the caller was sent the head of a reply.
    #[must_use]
    pub fn has_replied(&self) -> bool {
        self.entry.status != 0
    }

    /// A piece of the body went upstream.
    pub(super) fn forwarded(&mut self, bytes: usize) {
        self.entry.bytes_in += bytes as u64;
    }

    /// A piece of the reply's body is released to the caller; a long stream keeps its session alive.
    pub(super) fn released(&mut self, bytes: usize, hits: usize, now: Now) {
        self.entry.bytes_out += bytes as u64;
        self.hits += hits as u64;
        self.touch(now);
    }

    /// Keeps the session alive.
    pub(super) fn touch(&mut self, now: Now) {
        if let Some(session) = &self.session {
            session.touch(now);
        }
    }

    /// Closes the account of a refused exchange, with the outcome that the refusal means.
    pub fn refuse(mut self: Box<Self>, refusal: &Refusal, core: &mut Core, now: Now) {
        if !self.has_replied() {
            self.entry.status = refusal.status();
        }
        if let Some(rule) = refusal.rule() {
            self.ruled(rule);
        }
        if self.log.is_none() {
            self.record_refusal(refusal, core, now);
        }
        self.entry.outcome = refusal.code();
        self.entry.detail = refusal.detail();
        self.end(refusal.outcome(), Some(refusal), core, now);
    }

    /// Closes the account of an exchange that the gateway answered by itself.
    pub fn answered(mut self: Box<Self>, answer: &Published, core: &mut Core, now: Now) {
        self.entry.status = answer.status;
        self.entry.outcome = "answered";
        self.end(Outcome::Complete, None, core, now);
    }

    /// Closes the account of an exchange that was forwarded.
    pub fn close(mut self: Box<Self>, outcome: Outcome, core: &mut Core, now: Now) {
        self.entry.outcome = outcome.name();
        self.end(outcome, None, core, now);
    }

    /// The end frame, and the journal.
    fn end(
        mut self: Box<Self>,
        outcome: Outcome,
        refusal: Option<&Refusal>,
        core: &mut Core,
        now: Now,
    ) {
        self.entry.took = now.mono.since(self.opened.mono);
        if let Some(connection) = &self.connection
            && self.log.is_some()
            && connection.mcp.is_some()
        {
            core.journal.called(&connection.name, &self.entry);
        }
        if let Some(log) = self.log.take() {
            core.writer.end(log, &self.end_record(outcome, now), now);
        }
        std::mem::take(&mut self.asked).give_back(core);
        core.journal.note(&self.entry, outcome, refusal, self.hits);
        core.give_back_account(self);
    }

    /// A refusal before admission: an exchange of its own once the caller is proven, else counted.
    fn record_refusal(&self, refusal: &Refusal, core: &mut Core, now: Now) {
        let (Some(identity), Some(connection)) = (&self.identity, &self.connection) else {
            core.writer.refused_unproven(refusal.code(), now);
            return;
        };
        let session = core
            .sessions
            .enter(identity.principal().name(), &connection.name, now);
        let mut headers = core.pool.lend_text();
        show_asked(connection, &self.entry, &mut headers);
        let record = RequestRecord {
            decision: match refusal {
                Refusal::Denied(_)
                | Refusal::ApprovalNeeded(_)
                | Refusal::Graph(GraphRefusal::Denied(_) | GraphRefusal::Hidden) => {
                    Decision::Denied
                }
                Refusal::Told { why, .. }
                    if matches!(**why, Refusal::Denied(_) | Refusal::ApprovalNeeded(_)) =>
                {
                    Decision::Denied
                }
                _ => Decision::Refused,
            },
            rule: refusal.rule().map_or(refusal.code(), |rule| &rule.name),
            generation: self.generation,
            method: self.entry.method.as_str(),
            path: self.entry.path.as_str(),
            query: None,
            headers: &headers,
        };
        let end = self.end_record(refusal.outcome(), now);
        let parts = self.parts.records();
        let told = core.writer.refusal_of(&session, &record, parts, &end, now);
        if told.is_err() {
            core.writer.refused_unproven(refusal.code(), now);
        }
        core.pool.give_back_text(headers);
    }

    fn end_record(&self, outcome: Outcome, now: Now) -> EndRecord {
        let timings = Timings {
            ended: self.since(now),
            ..self.timings
        };
        EndRecord {
            outcome,
            status: self.entry.status,
            timings,
        }
    }

    fn since(&self, now: Now) -> u64 {
        now.mono.0.saturating_sub(self.opened.mono.0)
    }
}
