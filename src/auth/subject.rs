//! What a token's claims say of its holder, once judged. It says so whether or not the signature
//! was verified: only an [`Identity`](super::Identity) opens a door.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::claims::Claims;
use super::error::{AuthError, Claim};
use crate::base::ids::principal_digest;

/// Who a caller is, in the terms of policies, approvals, sessions and logs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Principal {
    issuer: Arc<str>,
    tenant: Option<Box<str>>,
    object: Box<str>,
    client: Option<Box<str>>,
    kind: PrincipalKind,
    name: Box<str>,
    digest: [u8; 32],
}

/// Whether a principal acts for itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum PrincipalKind {
    /// An application that acts for itself: its roles and its client id authorise it.
    Application,
    /// A user on whose behalf a client acts: the client's id authorises nothing.
    User,
}

impl PrincipalKind {
    /// A short constant name, for conditions and the access log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::Application => "application",
            PrincipalKind::User => "user",
        }
    }
}

impl Principal {
    /// Its text, made once: sessions are keyed by it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn new(
        issuer: Arc<str>,
        tenant: Option<String>,
        object: String,
        client: Option<String>,
        kind: PrincipalKind,
    ) -> Principal {
        let mut name = format!("{issuer}/");
        if let Some(tenant) = &tenant {
            name.extend([tenant, "/"]);
        }
        name.push_str(&object.replace('%', "%25").replace('+', "%2B"));
        if let (PrincipalKind::User, Some(client)) = (kind, &client) {
            name.extend(["+", client]);
        }
        let parts = [
            &*issuer,
            tenant.as_deref().unwrap_or_default(),
            &object,
            client.as_deref().unwrap_or_default(),
        ];
        Principal {
            digest: principal_digest(parts),
            issuer,
            tenant: tenant.map(String::into_boxed_str),
            object: object.into(),
            client: client.map(String::into_boxed_str),
            kind,
            name: name.into(),
        }
    }

    /// Its digest, made once too: sessions of MCP, states and tasks are bound to it.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The configured name of the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The tenant, where the issuer has tenants.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The issuer's own, unchanging name of the subject (`oid` or `sub`).
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The client that the token was issued to. Authorises nothing by itself: that is
    /// [`Grounds::client`].
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Whether it acts for itself.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }
}

/// `issuer/tenant/object`, and for a user `+client`. `/` stands in no issuer's name and in no
/// tenant's, so only the last part can hold one; a `+` in an object's name is written `%2B`, so that
/// no two principals share a name.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// How an agent takes part in a call, as Entra tells agents from other applications.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Agent {
    /// An agent that acts for itself.
    Itself,
    /// An agent that acts for a person.
    OnBehalf,
    /// A user account that is an agent's own.
    Account,
}

impl Agent {
    /// A short constant name, for conditions and the access log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Agent::Itself => "itself",
            Agent::OnBehalf => "on_behalf",
            Agent::Account => "account",
        }
    }
}

/// What of a caller a policy may go by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grounds {
    principal: Arc<Principal>,
    roles: Arc<[Box<str>]>,
    groups: Membership,
    scopes: Arc<[Box<str>]>,
    agent: Option<Agent>,
    blueprint: Option<Box<str>>,
}

/// The groups of a caller, as far as its token tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Groups<'a> {
    /// These, and no others.
    Known(&'a [Box<str>]),
    /// Too many for the token, and nobody has said them yet: unknown. What depends on them must refuse.
    Overage,
}

impl Grounds {
    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The roles that the issuer assigned.
    #[must_use]
    pub fn roles(&self) -> &[Box<str>] {
        &self.roles
    }

    /// The groups, or that they are not known.
    #[must_use]
    pub fn groups(&self) -> Groups<'_> {
        match &self.groups {
            Membership::Known(groups) => Groups::Known(groups),
            Membership::Overage(asked) => match asked.get() {
                Some(groups) => Groups::Known(groups),
                None => Groups::Overage,
            },
        }
    }

    /// Says the groups that the token leaves out. Whoever has these grounds then knows them; said once,
    /// they stay.
    pub(super) fn say_groups(&self, groups: Box<[Box<str>]>) {
        if let Membership::Overage(asked) = &self.groups {
            let _ = asked.set(groups);
        }
    }

    /// What a user allowed the client to do.
    #[must_use]
    pub fn scopes(&self) -> &[Box<str>] {
        &self.scopes
    }

    /// How an agent takes part, where one does.
    #[must_use]
    pub fn agent(&self) -> Option<Agent> {
        self.agent
    }

    /// The blueprint that the agent was made from, for those who look into what happened. Entra
    /// does not mean it as a right.
    #[must_use]
    pub fn blueprint(&self) -> Option<&str> {
        self.blueprint.as_deref()
    }

    /// The client, where it may authorise: only of an application that acts for itself.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        match self.principal.kind {
            PrincipalKind::Application => self.principal.client(),
            PrincipalKind::User => None,
        }
    }
}

/// [`Groups`], owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Membership {
    Known(Vec<Box<str>>),
    /// Not in the token. Empty until somebody who was asked has said them.
    Overage(OnceLock<Box<[Box<str>]>>),
}

impl Membership {
    pub(super) fn elsewhere() -> Membership {
        Membership::Overage(OnceLock::new())
    }
}

/// Judged claims.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) issuer: Arc<str>,
    pub(super) tenant: Option<String>,
    pub(super) object: String,
    pub(super) client: Option<String>,
    pub(super) kind: PrincipalKind,
    pub(super) roles: Vec<Box<str>>,
    pub(super) groups: Membership,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) agent: Option<Agent>,
    pub(super) blueprint: Option<Box<str>>,
    pub(super) token: TokenFacts,
}

/// What a token says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TokenFacts {
    /// Its own name.
    pub(super) id: Option<Box<str>>,
    /// The session in which it was issued.
    pub(super) session: Option<Box<str>>,
    /// The second in which it was issued.
    pub(super) issued: Option<u64>,
    /// The second in which it expires.
    pub(super) expires: u64,
}

impl TokenFacts {
    /// Of a token whose own name stands in the claim `id`, and that was found to expire then.
    pub(super) fn of(
        claims: Claims<'_>,
        id: &'static str,
        expires: u64,
    ) -> Result<TokenFacts, AuthError> {
        Ok(TokenFacts {
            id: claims.text(id, Claim::TokenId)?.map(Box::from),
            session: claims.text("sid", Claim::Session)?.map(Box::from),
            issued: claims.issued()?,
            expires,
        })
    }
}

impl Subject {
    /// The grounds, and what the token says of itself.
    pub(super) fn into_parts(self) -> (Grounds, TokenFacts) {
        let grounds = Grounds {
            principal: Arc::new(Principal::new(
                self.issuer,
                self.tenant,
                self.object,
                self.client,
                self.kind,
            )),
            roles: self.roles.into(),
            groups: self.groups,
            scopes: self.scopes.into(),
            agent: self.agent,
            blueprint: self.blueprint,
        };
        (grounds, self.token)
    }
}
