//! The doors of this room: an [`Identity`] and a request make a [`Call`], a call that policy allows
//! makes a [`Permit`].

use std::sync::Arc;

use super::judge::{Denial, Judgement, Subject, judge};
use super::rule::{Policies, Rule};
use crate::auth::{Groups, Identity};

/// What one request asks for, in the terms policy speaks, and who asks.
///
/// The one enum over the protocols' calls; `mcp` and `graph` calls join it with their rooms.
#[must_use]
pub struct Call<'a> {
    identity: Identity,
    asked: Asked<'a>,
}

enum Asked<'a> {
    Http { method: &'a str, path: &'a str },
}

/// Leave for one call to go on, minted by [`Call::decide`] only.
///
/// It carries the generations it was decided under, to be checked again after every wait.
#[must_use]
#[derive(Debug)]
pub struct Permit {
    identity: Identity,
    rule: Arc<Rule>,
    generation: u64,
}

/// What policy says to a call.
pub enum Decision {
    /// It may go on.
    Allowed(Permit),
    /// A rule asks for a person's yes.
    NeedsApproval(Identity, Arc<Rule>),
    /// It is refused.
    Denied(Identity, Denial),
}

impl<'a> Call<'a> {
    /// An HTTP call: `path` is canonical and without the route's prefix.
    pub fn http(identity: Identity, method: &'a str, path: &'a str) -> Call<'a> {
        Call {
            identity,
            asked: Asked::Http { method, path },
        }
    }

    /// Judges the call under `policies`.
    #[must_use]
    pub fn decide(self, policies: &Policies) -> Decision {
        let Asked::Http { method, path } = self.asked;
        let subject = Subject {
            issuer: self.identity.principal().issuer(),
            client: self.identity.client(),
            shown_by: self.identity.principal().client(),
            roles: self.identity.roles(),
            groups: match self.identity.groups() {
                Groups::Known(groups) => Some(groups),
                Groups::Overage => None,
            },
        };
        match judge(policies, &subject, method, path) {
            Judgement::Allow(rule) => Decision::Allowed(Permit {
                identity: self.identity,
                rule,
                generation: policies.generation,
            }),
            Judgement::Approve(rule) => Decision::NeedsApproval(self.identity, rule),
            Judgement::Deny(denial) => Decision::Denied(self.identity, denial),
        }
    }
}

impl Permit {
    /// Whose call it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The rule that allows it.
    #[must_use]
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The generation of the configuration it was decided under.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}
