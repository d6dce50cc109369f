//! The same for connections of protocol `mcp`, whose calls stand in bodies.

mod checks;

use self::checks::{call, calls, check_task, check_tool, result_bytes, unwrapped, whose};
use super::{Judge, Stop};
use crate::auth::Identity;
use crate::exchange::account::Asked;
use crate::exchange::dialogue::{Dialogue, ENDPOINT, Ids, Session, Visit, is_request, tool};
use crate::exchange::metadata::{host_allowed, origin_allowed};
use crate::exchange::phase::{Judged, Sought};
use crate::exchange::refusal::{McpRefusal, Refusal};
use crate::exchange::rules::Mcp;
use crate::exchange::step::Way;
use crate::http::{BodyLength, RequestHead};
use crate::mcp::{self, Digest, Fields, NO_PARAMS, Param, Post, Revision};
use crate::policy::mcp::{ANSWER, END, LISTEN};
use crate::policy::{Call, McpCall, Permit};
use crate::record::Pending;

/// What a POST was found to be.
struct Found {
    dialogue: Dialogue,
    permit: Permit,
}

/// Who says what.
struct Said<'s> {
    identity: &'s Identity,
    principal: &'s Digest,
    post: &'s Post<'s>,
    params: &'s [Param<'s>],
}

impl<'a> Judge<'a> {
    /// Judges a request of MCP: who may come at all by its head, what is asked for by its body.
    pub(super) fn converse(
        &mut self,
        head: &RequestHead,
        judged: &mut Judged,
        mcp: &Mcp,
        asked: &Sought,
    ) -> Result<Pending<Permit>, Stop> {
        self.check_way(head, mcp)?;
        let identity = self.welcome(head, judged, asked)?;
        let visit = Visit::of(head.method(self.bytes));
        let visit = visit.ok_or(McpRefusal::MethodNotAllowed)?;
        let found = match visit {
            Visit::Listen | Visit::End => self.visit(head, judged, mcp, identity, visit)?,
            Visit::Say => {
                let body = self.whole_body(head, judged, mcp, &identity)?;
                let mut reader = std::mem::take(&mut self.core.reader);
                let found = self.hear(head, judged, mcp, identity, body, &mut reader);
                self.core.reader = reader;
                found?
            }
        };
        let Found { dialogue, permit } = found;
        judged.dialogue = Some(Box::new(dialogue));
        self.admit(head, judged, permit)
    }

    /// Neither a page of somebody else's nor a name that leads here by chance may even ask.
    fn check_way(&self, head: &RequestHead, mcp: &Mcp) -> Result<(), Refusal> {
        // A server of ours names the connection itself, and its `Host` is an address of ours.
        let named = self.way == Way::Inner || host_allowed(&mcp.hosts, head.host(self.bytes));
        if !named {
            return Err(McpRefusal::Misdirected.into());
        }
        match head.field(self.bytes, "origin") {
            Some(origin) if !origin_allowed(&mcp.origins, origin) => {
                Err(McpRefusal::OriginRefused.into())
            }
            _ => Ok(()),
        }
    }

    /// The body, which is asked for of those only who have any right here. Where all of it came with
    /// the head, it is judged at once.
    fn whole_body(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        mcp: &Mcp,
        identity: &Identity,
    ) -> Result<&'a [u8], Stop> {
        if let Some(body) = self.body {
            return Ok(body);
        }
        let bound = mcp.message_bytes;
        let length = match head.body() {
            BodyLength::Length(length) if length > bound => {
                return Err(Refusal::BodyTooLarge(bound).into());
            }
            BodyLength::Length(length) => usize::try_from(length).ok(),
            _ => None,
        };
        let anything = [McpCall::bare(ANSWER, None)];
        let whence = self.account.whence().clone();
        let facts = self.facts(head, judged, &whence);
        // Leave to ask, and to do nothing else.
        let _ = self
            .decided(Call::mcp(identity.clone(), &anything, facts), judged)
            .map_err(|refusal| self.challenged(refusal, head, judged))?;
        let behind = self.bytes.get(head.len()..).unwrap_or_default();
        let body = length.and_then(|length| behind.get(..length));
        let body = body.ok_or(Stop::NeedBody(bound))?;
        *self.heard = Some(bound);
        Ok(body)
    }

    /// GET and DELETE: nothing but the session tells one from another.
    fn visit(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        mcp: &Mcp,
        identity: Identity,
        visit: Visit,
    ) -> Result<Found, Refusal> {
        let version = head.field(self.bytes, "mcp-protocol-version");
        let revision = version.map_or(Some(Revision::UNSAID), Revision::parse);
        let method = if visit == Visit::Listen { LISTEN } else { END };
        self.account.asked(method, None);
        let permit = self.may(
            head,
            judged,
            identity.clone(),
            &[McpCall::bare(method, None)],
        )?;
        let principal = whose(&identity);
        // Of a version that nobody knows, the upstream may say what it likes.
        let revision = revision.unwrap_or(Revision::UNSAID);
        let session = self.session(head, judged, mcp, revision, &principal)?;
        let dialogue = Dialogue {
            visit,
            revision,
            identity,
            principal,
            session,
            asks: false,
            result_bytes: None,
            edited: None,
            endpoint: None,
        };
        Ok(Found { dialogue, permit })
    }

    /// POST: every message in it is judged, and the bytes judged are those that go on.
    fn hear(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        mcp: &Mcp,
        identity: Identity,
        body: &[u8],
        reader: &mut mcp::Reader,
    ) -> Result<Found, Refusal> {
        let mut room = NO_PARAMS;
        let fields = Fields::gather(head.entries(self.bytes), &mut room)
            .map_err(|why| Refusal::from(McpRefusal::Message(why)).to(Ids::one(None)))?;
        let post = reader.read(body, &fields).map_err(|refused| {
            let id = refused.id.and_then(|at| body.get(at));
            let id = id.and_then(|id| std::str::from_utf8(id).ok());
            Refusal::from(McpRefusal::Message(refused.objection)).to(Ids::one(id))
        })?;
        let principal = whose(&identity);
        let said = Said {
            identity: &identity,
            principal: &principal,
            post: &post,
            params: fields.params,
        };
        let heard = self.hear_all(head, judged, mcp, &said);
        let (permit, session) = heard.map_err(|refusal| refusal.to(Ids::of(&post)))?;
        let edited = unwrapped(&post, body, |state| {
            let mut scratch = Vec::new();
            let name = &judged.connection.name;
            mcp.sealer
                .open_state(state.as_bytes(), name, &principal, &mut scratch)
                .map(|(state, _)| state.to_owned())
                .map_err(|_| McpRefusal::StateUnknown.into())
        })
        .map_err(|refusal| refusal.to(Ids::of(&post)))?;
        // What is put in is read again as all was: nothing goes on that was not read.
        if let Some(edited) = &edited
            && mcp::Reader::new().read(edited, &fields).is_err()
        {
            return Err(Refusal::from(McpRefusal::StateUnknown).to(Ids::of(&post)));
        }
        let endpoint = self.endpoint(judged, mcp, &principal)?;
        let dialogue = Dialogue {
            visit: Visit::Say,
            revision: post.revision(),
            asks: post.messages().iter().any(is_request),
            result_bytes: result_bytes(mcp, &post),
            identity,
            principal,
            session,
            edited,
            endpoint,
        };
        Ok(Found { dialogue, permit })
    }

    fn hear_all(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        mcp: &Mcp,
        said: &Said<'_>,
    ) -> Result<(Permit, Option<Session>), Refusal> {
        let Said {
            identity,
            principal,
            post,
            params,
        } = *said;
        let connection = &judged.connection;
        for message in post.messages() {
            self.account
                .asked(message.method.unwrap_or(ANSWER), message.name);
            check_tool(message, connection, mcp, params)?;
            check_task(message, connection, mcp, principal, self.now.wall)?;
        }
        let session = self.session(head, judged, mcp, post.revision(), principal)?;
        let permit = match post
            .only()
            .filter(|one| one.subscriptions().next().is_none())
        {
            Some(message) => {
                let name = &connection.name;
                let claims = tool(message).and_then(|tool| mcp.pins.annotations(name, tool));
                let call = call(message, claims.as_ref().map(|claims| claims.root()));
                self.may(head, judged, identity.clone(), &[call])?
            }
            None => {
                let calls: Vec<McpCall<'_>> = post.messages().iter().flat_map(calls).collect();
                self.may(head, judged, identity.clone(), &calls)?
            }
        };
        self.charge(mcp, identity, post)?;
        Ok((permit, session))
    }

    /// What the requests cost, once for the exchange, however often it is judged.
    fn charge(&mut self, mcp: &Mcp, identity: &Identity, post: &Post<'_>) -> Result<(), Refusal> {
        if self.account.is_charged() {
            return Ok(());
        }
        let requests = post.messages().iter().filter(|one| is_request(one));
        let tools = requests.map(tool);
        let slot = mcp
            .budgets
            .take_all(identity.principal().name(), tools, self.now)
            .map_err(McpRefusal::Budget)?;
        self.account.charge(slot);
        Ok(())
    }

    fn may(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        identity: Identity,
        calls: &[McpCall<'_>],
    ) -> Result<Permit, Refusal> {
        let whence = self.account.whence().clone();
        let facts = self.facts(head, judged, &whence);
        let decided = self.decided(Call::mcp(identity, calls, facts), judged);
        let asked = Asked::mcp(calls, &facts, self.core);
        self.account.keep(asked, self.core);
        decided.map_err(|refusal| self.challenged(refusal, head, judged))
    }

    /// The session that the caller shows: sealed by this gateway or one with its keys, for this
    /// principal and connection. The newest revision has none, and its header means nothing.
    fn session(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        mcp: &Mcp,
        revision: Revision,
        principal: &Digest,
    ) -> Result<Option<Session>, Refusal> {
        let shown = head.field(self.bytes, "mcp-session-id");
        let Some(shown) = shown.filter(|_| !revision.is_modern()) else {
            return Ok(None);
        };
        let mut scratch = Vec::new();
        let session = mcp
            .sealer
            .open_session(shown, &judged.connection.name, principal, &mut scratch)
            .map_err(|_| McpRefusal::SessionUnknown)?;
        // A server of this gateway's own lives in one process only.
        if mcp.inner.is_some() && session.replica != mcp.replica {
            return Err(McpRefusal::SessionUnknown.into());
        }
        self.account.within(session.upstream);
        self.account.is_not_revoked(self.core, self.now)?;
        Ok(Some(Session::of(&session)))
    }

    /// Of the transport of 2024-11-05: the sealed address that the upstream gave for messages.
    fn endpoint(
        &self,
        judged: &Judged,
        mcp: &Mcp,
        principal: &Digest,
    ) -> Result<Option<Box<str>>, Refusal> {
        let query = judged.query().strip_prefix('?').unwrap_or_default();
        let sealed =
            (query.split('&')).find_map(|pair| pair.strip_prefix(ENDPOINT)?.strip_prefix('='));
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let mut scratch = Vec::new();
        let opened = mcp
            .sealer
            .open_endpoint(
                sealed.as_bytes(),
                &judged.connection.name,
                principal,
                &mut scratch,
            )
            .map_err(|_| McpRefusal::SessionUnknown)?;
        Ok(Some(opened.into()))
    }
}
