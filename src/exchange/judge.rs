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
use crate::http::{RequestHead, uri};
use crate::policy::{Call, Decision, Permit};
use crate::record::RecordError;

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

/// Why there is no identity (yet).
enum Unproven {
    Refused(Refusal),
    NeedKey(KeyWanted),
}

impl Judge<'_> {
    /// Judges a whole head. `asked` is the key that was missing before and has been asked for.
    pub(super) fn judge(mut self, head: RequestHead, asked: Option<KeyWanted>) -> Turn {
        let judged = match self.route(&head) {
            Ok(judged) => judged,
            Err(refusal) => return Turn::Leave(Step::Refuse(refusal)),
        };
        let identity = match self.identify(&head, asked) {
            Ok(identity) => identity,
            Err(Unproven::Refused(refusal)) => return Turn::Leave(Step::Refuse(refusal)),
            Err(Unproven::NeedKey(wanted)) => {
                judged.give_back(self.core);
                let phase = Phase::Judging {
                    head,
                    asked: Some(wanted.clone()),
                };
                return Turn::Wait(phase, Step::NeedKey(wanted, self.until));
            }
        };
        match self.decide(&head, &judged, identity) {
            Ok(permit) => self.admit(head, judged, permit),
            Err(refusal) => Turn::Leave(Step::Refuse(refusal)),
        }
    }

    /// Host and path choose the connection; the path is brought into the one form that is judged,
    /// recorded and forwarded.
    fn route(&mut self, head: &RequestHead) -> Result<Judged, Refusal> {
        if head.upgrade() {
            return Err(Refusal::Upgrade);
        }
        let rules: Arc<Rules> = Arc::clone(self.core.rules.load());
        let mut scratch = self.core.pool.lend_text();
        let canonical =
            uri::canonical(head.target(self.bytes), &mut scratch).map_err(Refusal::Target)?;
        let host = head.host(self.bytes);
        let (route, rest) = rules
            .route(host, canonical.path())
            .ok_or(Refusal::NoRoute)?;
        let connection = rules
            .connections
            .get(route.connection)
            .ok_or(Refusal::NoRoute)?;
        let connection = Arc::clone(connection);

        let mut link_base = self.core.pool.lend_text();
        link_base.extend_from_slice(if self.secure { b"https://" } else { b"http://" });
        link_base.extend_from_slice(host.as_bytes());
        link_base.extend_from_slice(route.prefix.as_bytes());

        let path_len = rest.len();
        let mut target = self.core.pool.lend_text();
        target.extend_from_slice(rest.as_bytes());
        target.extend_from_slice(&canonical.as_str().as_bytes()[canonical.path().len()..]);
        self.core.pool.give_back_text(scratch);
        let judged = Judged {
            rules,
            connection,
            target,
            path_len,
            link_base,
        };
        self.account
            .routed(head.method(self.bytes), &judged, self.core);
        Ok(judged)
    }

    /// The bearer token, verified (RFC 6750, section 2.1: the `Authorization` field only).
    fn identify(
        &mut self,
        head: &RequestHead,
        asked: Option<KeyWanted>,
    ) -> Result<Identity, Unproven> {
        let field = head
            .authorization(self.bytes)
            .ok_or(Unproven::Refused(Refusal::NoToken))?;
        let token = bearer(field).map_err(unproven)?;
        let authenticator = &mut self.core.authenticator;
        let identity = match asked {
            Some(asked) => authenticator
                .authenticate_after(asked, self.last, token, self.now)
                .map_err(unproven)?,
            None => match authenticator.authenticate(self.last, token, self.now) {
                Verdict::Proven(identity) => identity,
                Verdict::NeedKey(wanted) => return Err(Unproven::NeedKey(wanted)),
                Verdict::Refused(why) => return Err(unproven(why)),
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
        let path = judged.path();
        let call = Call::http(identity, head.method(self.bytes), path);
        match call.decide(&judged.connection.policies) {
            Decision::Allowed(permit) => {
                self.account.ruled(permit.rule());
                Ok(permit)
            }
            Decision::NeedsApproval(_, rule) => Err(Refusal::ApprovalNeeded(rule)),
            Decision::Denied(_, denial) => Err(Refusal::Denied(denial)),
        }
    }

    /// Decision and request head go into the recording; without room they wait, and are made again.
    fn admit(self, head: RequestHead, judged: Judged, permit: Permit) -> Turn {
        match self
            .account
            .admit(&head, self.bytes, &judged, permit, self.core, self.now)
        {
            Ok(pending) => Turn::On(Phase::Admitted {
                head,
                judged,
                pending,
            }),
            Err(RecordError::Full { .. }) if self.now.mono < self.until => {
                judged.give_back(self.core);
                Turn::Wait(
                    Phase::Judging { head, asked: None },
                    Step::NeedRoom(self.until),
                )
            }
            Err(_) => Turn::Leave(Step::Refuse(Refusal::RecorderUnable)),
        }
    }
}

/// Without keys nobody can be judged, which is not the caller's fault.
fn unproven(why: AuthError) -> Unproven {
    Unproven::Refused(match why {
        AuthError::NoToken | AuthError::NotBearer => Refusal::NoToken,
        AuthError::NoKeys | AuthError::KeysTooOld | AuthError::ClockNotSet => {
            Refusal::KeysUnavailable(why)
        }
        why => Refusal::Token(why),
    })
}
