//! Route, identity, call, decision, admission: what happens to a whole head, top to bottom.
//!
//! Nothing of a judgement survives a wait but the head: it is made again from the start, under the
//! rules and keys then in force.

use std::sync::Arc;

use super::inbound::{Judged, Phase, Step, Turn};
use super::refusal::Refusal;
use super::rules::Rules;
use super::{Account, Core};
use crate::auth::{AuthError, Identity, KeyWanted, LastBearer, Verdict, bearer};
use crate::base::clock::{Mono, Now};
use crate::http::uri::{self, CanonicalTarget};
use crate::http::{BodyLength, RequestHead};
use crate::policy::{Arguments, Call, Decision, Facts, Fields, Permit};
use crate::record::{Pending, RecordError};

/// What a judgement is made of.
pub(super) struct Judge<'a> {
    /// The caller's bytes, the head first.
    pub bytes: &'a [u8],
    /// The last bearer token of this caller connection.
    pub last: &'a mut LastBearer,
    /// True when the caller came by TLS.
    pub secure: bool,
    /// This core.
    pub core: &'a mut Core,
    /// What is told of the exchange in the end.
    pub account: &'a mut Account,
    /// Now.
    pub now: Now,
    /// Until when the exchange may wait.
    pub until: Mono,
}

/// Why the call may not go on, yet or at all.
enum Stop {
    Refused(Refusal),
    NeedKey(KeyWanted),
    NeedRoom,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl Judge<'_> {
    /// Judges a whole head. `asked` is the key that was missing before and has been asked for.
    pub(super) fn judge(mut self, head: RequestHead, asked: Option<KeyWanted>) -> Turn {
        let until = self.until;
        let again = |head, asked| Phase::Judging { head, asked };
        match self.route_and_admit(&head, asked) {
            Ok((judged, pending)) => Turn::On(Phase::Admitted {
                head,
                judged,
                pending,
            }),
            Err(Stop::NeedKey(wanted)) => {
                let phase = again(head, Some(wanted.clone()));
                Turn::Wait(phase, Step::NeedKey(wanted, until))
            }
            Err(Stop::NeedRoom) => Turn::Wait(again(head, None), Step::NeedRoom(until)),
            Err(Stop::Refused(refusal)) => Turn::Refuse(again(head, None), refusal),
        }
    }

    fn route_and_admit(
        &mut self,
        head: &RequestHead,
        asked: Option<KeyWanted>,
    ) -> Result<(Judged, Pending<Permit>), Stop> {
        let judged = self.route(head)?;
        match self.prove_and_admit(head, &judged, asked) {
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
        asked: Option<KeyWanted>,
    ) -> Result<Pending<Permit>, Stop> {
        let identity = self.identify(head, asked)?;
        let permit = self.decide(head, judged, identity)?;
        bounded(head, judged)?;
        self.admit(head, judged, permit)
    }

    /// Host and path choose the connection; the path is brought into the one form that is judged,
    /// recorded and forwarded.
    fn route(&mut self, head: &RequestHead) -> Result<Judged, Refusal> {
        if head.upgrade() {
            return Err(Refusal::Upgrade);
        }
        if head.method(self.bytes).eq_ignore_ascii_case("TRACE") {
            return Err(Refusal::Trace);
        }
        let mut scratch = self.core.pool.lend_text();
        let judged = uri::canonical(head.target(self.bytes), &mut scratch)
            .map_err(Refusal::Target)
            .and_then(|target| self.choose(head.host(self.bytes), &target));
        self.core.pool.give_back_text(scratch);
        let judged = judged?;
        self.account
            .routed(head.method(self.bytes), &judged, self.core);
        Ok(judged)
    }

    fn choose(&mut self, host: &str, target: &CanonicalTarget<'_>) -> Result<Judged, Refusal> {
        let rules: Arc<Rules> = Arc::clone(self.core.rules.load());
        let (route, path) = rules.route(host, target.path()).ok_or(Refusal::NoRoute)?;
        let connection = rules.connections.get(route.connection);
        let connection = Arc::clone(connection.ok_or(Refusal::NoRoute)?);

        let scheme: &[u8] = if self.secure { b"https://" } else { b"http://" };
        let mut link_base = self.core.pool.lend_text();
        for part in [scheme, host.as_bytes(), route.prefix.as_bytes()] {
            link_base.extend_from_slice(part);
        }
        let path_len = path.len();
        let query = &target.as_str()[target.path().len()..];
        let mut target = self.core.pool.lend_text();
        for part in [path, query] {
            target.extend_from_slice(part.as_bytes());
        }
        Ok(Judged {
            rules,
            connection,
            target,
            path_len,
            link_base,
        })
    }

    /// The bearer token, verified (RFC 6750, section 2.1: the `Authorization` field only).
    fn identify(&mut self, head: &RequestHead, asked: Option<KeyWanted>) -> Result<Identity, Stop> {
        let field = head.authorization(self.bytes).ok_or(Refusal::NoToken)?;
        let token = bearer(field).map_err(unproven)?;
        let authenticator = &mut self.core.authenticator;
        let identity = match asked {
            Some(asked) => authenticator
                .authenticate_after(asked, self.last, token, self.now)
                .map_err(unproven)?,
            None => match authenticator.authenticate(self.last, token, self.now) {
                Verdict::Proven(identity) => identity,
                Verdict::NeedKey(wanted) => return Err(Stop::NeedKey(wanted)),
                Verdict::Refused(why) => return Err(unproven(why).into()),
            },
        };
        self.account.proven(&identity);
        Ok(identity)
    }

    /// What is asked for, and what policy says to it.
    fn decide(
        &mut self,
        head: &RequestHead,
        judged: &Judged,
        identity: Identity,
    ) -> Result<Permit, Refusal> {
        let query = judged.query().strip_prefix(b"?").unwrap_or_default();
        let facts = Facts {
            wall: self.now.wall.unix_seconds(),
            source: self.account.peer().map(|peer| peer.ip()),
            query: std::str::from_utf8(query).unwrap_or_default(),
            fields: Fields::Head(head, self.bytes),
            body: Arguments::Unknown,
        };
        let call = Call::http(identity, head.method(self.bytes), judged.path(), facts);
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

/// A body that says it is too large is not asked for.
fn bounded(head: &RequestHead, judged: &Judged) -> Result<(), Refusal> {
    let bound = judged.rules.limits.request_body_bytes;
    match head.body() {
        BodyLength::Length(length) if length > bound => Err(Refusal::BodyTooLarge(bound)),
        _ => Ok(()),
    }
}

/// Without keys nobody can be judged, which is not the caller's fault.
fn unproven(why: AuthError) -> Refusal {
    match why {
        AuthError::NoToken | AuthError::NotBearer => Refusal::NoToken,
        AuthError::NoKeys | AuthError::KeysTooOld | AuthError::ClockNotSet => {
            Refusal::KeysUnavailable(why)
        }
        why => Refusal::Token(why),
    }
}
