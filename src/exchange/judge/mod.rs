//! Route, identity, call, decision, admission: what happens to a whole head, top to bottom.
//!
//! Nothing of a judgement survives a wait but the head: it is made again from the start, under the
//! rules and keys then in force.

mod batch;
mod body;
mod graph;
mod holder;
mod mcp;

use std::sync::Arc;

use super::account::Asked;
use super::cors::Cross;
use super::metadata::{self, Reply, Seen};
use super::phase::{Judged, Sought};
use super::refusal::{EdgeRefusal, GraphRefusal, McpRefusal, Published, Refusal};
use super::rules::{Route, Rules, without_port};
use super::step::Way;
use super::upgrade::Upgrade;
use super::whence::Whence;
use super::{Account, Core};
use crate::auth::{AuthError, GroupsWanted, Identity, KeyWanted, LastBearer, Verdict};
use crate::base::clock::{Mono, Now};
use crate::graph::canonical;
use crate::http::uri::{self, CanonicalTarget};
use crate::http::{BodyLength, Known, RequestHead};
use crate::mcp::inner::SECRET_HEADER;
use crate::policy::{Arguments, Call, Decision, Facts, Fields, Permit};
use crate::record::{Pending, RecordError};

/// What a judgement is made of.
pub(super) struct Judge<'a> {
    /// The bytes of the head.
    pub bytes: &'a [u8],
    /// The body, where it is held.
    pub body: Option<&'a [u8]>,
    /// Set when a body was judged that is not held yet: to its bound. It follows the head in `bytes`.
    pub heard: &'a mut Option<u64>,
    /// The last bearer token of this caller connection.
    pub last: &'a mut LastBearer,
    /// How the caller came.
    pub way: Way,
    /// This core.
    pub core: &'a mut Core,
    /// What is told of the exchange in the end.
    pub account: &'a mut Account,
    /// Now.
    pub now: Now,
    /// Until when the exchange may wait.
    pub until: Mono,
}

/// Why a call does not go on, yet or at all.
pub(super) enum Stop {
    /// The head may go on; the body, of at most so many bytes, is to be judged too.
    NeedBody(u64),
    /// A signing key is missing.
    NeedKey(KeyWanted),
    /// The caller's groups are not in its token, and a policy goes by them.
    NeedGroups(GroupsWanted),
    /// The ring is full.
    NeedRoom,
    /// The gateway answers by itself.
    Answer(Published),
    /// The call may not go on.
    Refused(Refusal),
}

/// A call that may go on, and is in the recording's ring.
pub(super) type Admitted = (Judged, Pending<Permit>);

impl From<McpRefusal> for Stop {
    fn from(why: McpRefusal) -> Stop {
        Stop::Refused(why.into())
    }
}

impl From<GraphRefusal> for Stop {
    fn from(why: GraphRefusal) -> Stop {
        Stop::Refused(why.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl Judge<'_> {
    /// Judges a whole head. `asked` is what was missing before and has been asked for.
    pub(super) fn judge(mut self, head: &RequestHead, asked: &Sought) -> Result<Admitted, Stop> {
        let mut judged = self.route(head)?;
        let connection = Arc::clone(&judged.connection);
        let admitted = match &connection.mcp {
            Some(mcp) => self.converse(head, &mut judged, mcp, asked),
            None => match connection.graph {
                Some(batching) => self.consult(head, &mut judged, batching, asked),
                None => self.prove_and_admit(head, &judged, asked),
            },
        };
        match admitted {
            Ok(pending) => Ok((judged, pending)),
            Err(stop) => {
                judged.give_back(self.core);
                Err(stop)
            }
        }
    }

    fn prove_and_admit(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        asked: &Sought,
    ) -> Result<Pending<Permit>, Stop> {
        let identity = self.welcome(head, judged, asked)?;
        let permit = self.decide(head, judged, identity)?;
        bounded(head, judged)?;
        self.admit(head, judged, permit)
    }

    /// Host and path choose the connection; the path is brought into the one form that is judged,
    /// recorded and forwarded.
    fn route(&mut self, head: &RequestHead) -> Result<Judged, Stop> {
        if head.method(self.bytes).eq_ignore_ascii_case("TRACE") {
            return Err(Refusal::Trace.into());
        }
        self.account.came_through(head, self.bytes)?;
        if let Some(shown) = &self.account.whence().shown {
            if !shown.is_welcome(self.now.wall) {
                return Err(Refusal::from(EdgeRefusal::Certificate).into());
            }
            if !shown.is_for(without_port(head.host(self.bytes))) {
                return Err(Refusal::from(EdgeRefusal::Misdirected).into());
            }
        }
        let via = head.values(self.bytes, Known::Via);
        // Servers of our own pass nothing on that they got.
        if self.way != Way::Inner && self.core.rules.load().via.is_in(via) {
            return Err(Refusal::Loop.into());
        }
        let mut scratch = self.core.pool.lend_text();
        let judged = uri::canonical(head.target(self.bytes), &mut scratch)
            .map_err(|why| Refusal::Target(why).into())
            .and_then(|target| self.choose(head, &target));
        self.core.pool.give_back_text(scratch);
        let judged = judged?;
        self.account
            .routed(head.method(self.bytes), &judged, self.core);
        if let Some(sampling) = judged.rules.traces {
            self.account.traced(head, self.bytes, sampling, self.core);
        }
        Ok(judged)
    }

    fn choose(&mut self, head: &RequestHead, target: &CanonicalTarget<'_>) -> Result<Judged, Stop> {
        let host = head.host(self.bytes);
        let rules: Arc<Rules> = Arc::clone(self.core.rules.load());
        let document = self.published(head, &rules, host, target.path());
        if let Some(document) = document.filter(|_| !head.upgrade()) {
            return Err(Stop::Answer(document));
        }
        let found = match self.way {
            Way::Inner => self.inner_route(head, &rules, target.path()),
            Way::Plain | Way::Secure => rules.route(host, target.path()),
        };
        let (route, path) = found.ok_or(Refusal::NoRoute)?;
        let connection = rules.connections.get(route.connection);
        let connection = Arc::clone(connection.ok_or(Refusal::NoRoute)?);
        let upgrade = Upgrade::of(head, self.bytes, &connection)?;
        match route.cors.as_ref().map(|cors| cors.judge(head, self.bytes)) {
            None | Some(Ok(Cross::No)) => self.account.crosses(None),
            Some(Ok(Cross::Allowed(crossing))) => self.account.crosses(Some(crossing)),
            Some(Ok(Cross::Preflight(answer))) => return Err(Stop::Answer(answer)),
            Some(Err(refusal)) => return Err(refusal.into()),
        }
        let by_host = route.host.is_some();
        let mut spelled = String::new();
        let path = match connection.graph.is_some() {
            true => {
                canonical(path, &mut spelled).map_err(GraphRefusal::Path)?;
                &spelled
            }
            false => path,
        };

        let secure = self.way == Way::Secure;
        let scheme = if secure { "https://" } else { "http://" };
        let mut link_base = self.core.pool.lend_string();
        for part in [scheme, host, &route.prefix] {
            link_base.push_str(part);
        }
        let path_len = path.len();
        let query = &target.as_str()[target.path().len()..];
        let mut target = self.core.pool.lend_string();
        for part in [path, query] {
            target.push_str(part);
        }
        Ok(Judged {
            rules,
            connection,
            target,
            path_len,
            link_base,
            by_host,
            upgrade,
            dialogue: None,
            errand: None,
        })
    }

    /// A server of ours names the connection itself, and shows what only it knows.
    fn inner_route<'r>(
        &self,
        head: &RequestHead,
        rules: &'r Rules,
        path: &str,
    ) -> Option<(&'r Route, &'static str)> {
        let secret = rules.inner.secret.as_ref()?;
        let shown = head.field(self.bytes, SECRET_HEADER)?;
        let route = (rules.inner.routes.iter()).find(|route| *route.prefix == *path)?;
        secret.same(shown).then_some((route, "/"))
    }

    /// A document about a connection, which anybody may read.
    fn published(
        &self,
        head: &RequestHead,
        rules: &Rules,
        host: &str,
        path: &str,
    ) -> Option<Published> {
        let mcp_of = |route: &Route| rules.connections.get(route.connection)?.mcp.as_deref();
        let publishes = |route: &Route| mcp_of(route).is_some();
        let route = metadata::document_asked(&rules.routes, host, path, publishes)?;
        let mcp = mcp_of(route).filter(|mcp| metadata::host_allowed(&mcp.hosts, host))?;
        let seen = Seen::by(route, self.way == Way::Secure, host);
        let Reply {
            status,
            phrase,
            fields,
            body,
        } = mcp.metadata.reply(head.method(self.bytes), seen);
        Some(Published {
            status,
            phrase,
            fields: fields.to_owned(),
            body,
        })
    }

    /// [`Judge::identify`]; whoever is turned away is told how to get in.
    fn welcome(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        asked: &Sought,
    ) -> Result<Identity, Stop> {
        let identity = self.identify(head, judged, asked);
        identity.map_err(|stop| match stop {
            Stop::Refused(refusal) => self.challenged(refusal, head, judged).into(),
            other => other,
        })
    }

    /// The token, verified (RFC 6750, section 2.1: the `Authorization` field only), and shown to be the
    /// caller's where it is one caller's alone.
    fn identify(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        asked: &Sought,
    ) -> Result<Identity, Stop> {
        let field = head.authorization(self.bytes).ok_or(Refusal::NoToken)?;
        let authenticator = &mut self.core.authenticator;
        let verdict = match &asked.key {
            Some(asked) => {
                authenticator.authenticate_after(asked.clone(), self.last, field, self.now)
            }
            None => authenticator.authenticate_field(self.last, field, self.now),
        };
        let identity = match verdict {
            Verdict::Proven(identity) => identity,
            Verdict::Bound(bound) => self.claim(bound, head, judged)?,
            Verdict::NeedKey(wanted) => return Err(Stop::NeedKey(wanted)),
            Verdict::Refused(why) => return Err(unproven(why).into()),
        };
        self.account.proven(&identity);
        self.account.is_not_revoked(self.core, self.now)?;
        match GroupsWanted::of(&identity) {
            // Asked for and not said: policy refuses where it goes by them.
            Some(wanted) if !asked.groups && goes_by_groups(judged, &wanted) => {
                Err(Stop::NeedGroups(wanted))
            }
            _ => Ok(identity),
        }
    }

    /// What is asked for, and what policy says to it.
    fn decide(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        identity: Identity,
    ) -> Result<Permit, Stop> {
        let whence = self.account.whence().clone();
        let document = self.document(head);
        let facts = Facts {
            body: self.seen(head, document.as_ref()),
            ..self.facts(head, judged, &whence)
        };
        let call = Call::http(identity, head.method(self.bytes), judged.path(), facts);
        let permit = self
            .decided(call, judged)
            .map_err(|refusal| self.unless_for_body(refusal, head, judged))?;
        let asked = Asked::http(&judged.target, judged.path_len, self.core);
        self.account.keep(asked, self.core);
        Ok(permit)
    }

    /// What is known beside the call.
    fn facts<'f>(&self, head: &'f RequestHead, judged: &'f Judged, whence: &'f Whence) -> Facts<'f>
    where
        Self: 'f,
    {
        let query = judged.query();
        Facts {
            wall: self.now.wall.unix_seconds(),
            source: whence.source(),
            query: query.strip_prefix('?').unwrap_or_default(),
            fields: Fields::Head(head, self.bytes),
            body: Arguments::Unknown,
        }
    }

    fn decided(&mut self, call: Call<'_>, judged: &Judged) -> Result<Permit, Refusal> {
        match call.decide(&judged.connection.policies) {
            Decision::Allowed(permit) => {
                self.account.ruled(permit.rule());
                Ok(permit)
            }
            Decision::NeedsApproval(held) => Err(Refusal::ApprovalNeeded(held.rule)),
            Decision::Denied(refused) => Err(Refusal::Denied(refused.denial)),
        }
    }

    /// Decision and request head go into the recording; without room they wait, and are made again.
    fn admit(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        permit: Permit,
    ) -> Result<Pending<Permit>, Stop> {
        let admitted = self
            .account
            .admit(head, self.bytes, judged, permit, self.core, self.now);
        admitted.map_err(|why| match why {
            RecordError::Full { .. } if self.now.mono < self.until => Stop::NeedRoom,
            _ => Refusal::RecorderUnable.into(),
        })
    }
}

fn goes_by_groups(judged: &Judged, wanted: &GroupsWanted) -> bool {
    let policies = &judged.connection.policies;
    policies.goes_by_groups(wanted.principal().issuer())
}

/// A body that says it is too large is not asked for.
fn bounded(head: &RequestHead, judged: &Judged) -> Result<(), Refusal> {
    let bound = judged.rules.limits.request_body_bytes;
    match head.body() {
        BodyLength::Length(length) if length > bound => Err(Refusal::BodyTooLarge(bound)),
        _ => Ok(()),
    }
}

/// Without keys, or room for proofs, nobody can be judged, which is not the caller's fault.
fn unproven(why: AuthError) -> Refusal {
    match why {
        AuthError::NoToken | AuthError::NotBearer => Refusal::NoToken,
        AuthError::NoKeys
        | AuthError::KeysTooOld
        | AuthError::ClockNotSet
        | AuthError::ProofsFull => Refusal::KeysUnavailable(why),
        why => Refusal::Token(why),
    }
}
