//! An issuer as it is configured: whom we believe, about which audiences, under which algorithms.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::claims::Claims;
use super::confirm::Binding;
use super::dpop::ProofRules;
use super::entra::{self, Entra, GRAPH_AUDIENCES};
use super::error::AuthError;
use super::guid::Guid;
use super::key::{Key, Unusable};
use super::keyset::{JwksError, Keys, parse_jwks_where};
use super::oidc::Oidc;
use super::subject::Subject;
use super::verify::Algorithm;
use crate::base::limits::{
    CLOCK_SKEW, CLOCK_SKEW_MAX, DPOP_WINDOW_MAX, KEY_SET_AGE, KEY_SET_AGE_MAX, TOKEN_AUDIENCES,
};

/// What an operator says about an issuer.
#[derive(Clone, Debug)]
pub struct IssuerSpec {
    /// The name that principals, policies and logs use.
    pub name: String,
    /// Of which kind it is, with what that kind needs.
    pub kind: IssuerKind,
    /// The audiences that are ours; at least one.
    pub audiences: Vec<String>,
    /// The algorithms that its tokens may be signed with; at least one.
    pub algorithms: Vec<Algorithm>,
    /// How far its clock and ours may differ.
    pub skew: Duration,
    /// How old its keys may be.
    pub key_age: Duration,
    /// Whether somebody can be asked for groups that its tokens leave out.
    pub resolves_groups: bool,
    /// How its tokens must be bound to their holders.
    pub binding: Binding,
    /// How holders of keys prove to hold them.
    pub proofs: ProofRules,
}

impl IssuerSpec {
    /// A specification with the usual algorithms and the bounds of [`crate::base::limits`].
    #[must_use]
    pub fn new(name: &str, kind: IssuerKind, audiences: Vec<String>) -> IssuerSpec {
        IssuerSpec {
            name: name.to_owned(),
            kind,
            audiences,
            algorithms: Algorithm::USUAL.to_vec(),
            skew: CLOCK_SKEW,
            key_age: KEY_SET_AGE,
            resolves_groups: false,
            binding: Binding::default(),
            proofs: ProofRules::default(),
        }
    }
}

/// The kinds of issuers.
#[derive(Clone, Debug)]
pub enum IssuerKind {
    /// Tenants of Microsoft Entra; both forms of their `iss` derive from the authority.
    Entra {
        /// `https://login.microsoftonline.com`, another cloud's, or a local issuer's base.
        authority: String,
        /// Whose tokens are believed.
        tenants: Tenants,
    },
    /// Any issuer of JWT access tokens.
    Oidc {
        /// Its `iss`, exactly.
        issuer: String,
        /// The claim that lists roles.
        roles: String,
        /// The claim that lists groups.
        groups: String,
    },
}

/// The tenants of Entra whose tokens are believed, by their GUIDs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tenants {
    /// This one, by the keys that it publishes itself.
    One(String),
    /// These, by the keys that all tenants share; at least one.
    Listed(Vec<String>),
    /// Any, by the same keys.
    Any,
}

/// A configuration of an issuer that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum IssuerError {
    #[error("an issuer needs a name of visible characters without `/`")]
    Name,
    #[error("the authority or issuer is not an https:// URL without user, query and fragment")]
    Url,
    #[error("a tenant is not a GUID, or none is named")]
    Tenant,
    #[error("at least one audience must be named, and at most {TOKEN_AUDIENCES}")]
    Audiences,
    #[error("an audience is empty")]
    EmptyAudience,
    #[error("Microsoft Graph's audience cannot be ours: nobody else can verify such tokens")]
    GraphAudience,
    #[error("at least one algorithm must be named")]
    Algorithms,
    #[error("the clock skew is more than {CLOCK_SKEW_MAX:?}")]
    Skew,
    #[error("keys may not serve longer than {KEY_SET_AGE_MAX:?}")]
    KeyAge,
    #[error("a claim's name is empty")]
    ClaimName,
    #[error("proofs must be allowed an algorithm, and may be {DPOP_WINDOW_MAX:?} old at most")]
    Proofs,
}

/// A configured issuer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issuer {
    name: Arc<str>,
    pub(super) rules: Rules,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    skew: Duration,
    key_age: Duration,
    resolves_groups: bool,
    binding: Binding,
    proofs: ProofRules,
}

/// What only one kind of issuer is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Rules {
    Entra(Entra),
    Oidc(Oidc),
}

impl Rules {
    /// Judges what only that kind of issuer says.
    pub(super) fn judge(
        &self,
        issuer: &Issuer,
        claims: Claims<'_>,
        expires: u64,
    ) -> Result<Subject, AuthError> {
        match self {
            Rules::Entra(entra) => entra.judge(issuer, claims, expires),
            Rules::Oidc(oidc) => oidc.judge(issuer, claims, expires),
        }
    }

    /// Whether that key of the issuer's set may sign a token that says it is from there.
    pub(super) fn check_key(&self, key: &Key, claims: Claims<'_>) -> Result<(), AuthError> {
        match self {
            Rules::Entra(entra) => entra.check_key(key, claims),
            Rules::Oidc(_) => Ok(()),
        }
    }
}

impl Issuer {
    /// Judges a specification.
    pub fn new(spec: IssuerSpec) -> Result<Issuer, IssuerError> {
        let is_name_byte = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        if spec.name.is_empty() || !spec.name.bytes().all(is_name_byte) {
            return Err(IssuerError::Name);
        }
        if spec.audiences.is_empty() || spec.audiences.len() > TOKEN_AUDIENCES {
            return Err(IssuerError::Audiences);
        }
        if spec.audiences.iter().any(String::is_empty) {
            return Err(IssuerError::EmptyAudience);
        }
        if spec.algorithms.is_empty() {
            return Err(IssuerError::Algorithms);
        }
        if spec.skew > CLOCK_SKEW_MAX {
            return Err(IssuerError::Skew);
        }
        if spec.key_age > KEY_SET_AGE_MAX {
            return Err(IssuerError::KeyAge);
        }
        if spec.proofs.algorithms.is_empty() || spec.proofs.window > DPOP_WINDOW_MAX {
            return Err(IssuerError::Proofs);
        }
        let rules = match spec.kind {
            IssuerKind::Entra { authority, tenants } => {
                if spec.audiences.iter().any(|aud| is_graph(aud)) {
                    return Err(IssuerError::GraphAudience);
                }
                let tenants = tenants.judged().ok_or(IssuerError::Tenant)?;
                Rules::Entra(Entra::new(https(&authority)?, tenants))
            }
            IssuerKind::Oidc {
                issuer,
                roles,
                groups,
            } => {
                if roles.is_empty() || groups.is_empty() {
                    return Err(IssuerError::ClaimName);
                }
                https(&issuer)?;
                Rules::Oidc(Oidc::new(issuer, roles, groups))
            }
        };
        Ok(Issuer {
            name: spec.name.into(),
            rules,
            audiences: spec.audiences,
            algorithms: spec.algorithms,
            skew: spec.skew,
            key_age: spec.key_age,
            resolves_groups: spec.resolves_groups,
            binding: spec.binding,
            proofs: spec.proofs,
        })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether a token with that `iss` says that it is this issuer's. Compared exactly.
    #[must_use]
    pub fn goes_by(&self, iss: &str) -> bool {
        match &self.rules {
            Rules::Entra(entra) => entra.tenant_of(iss).is_some(),
            Rules::Oidc(oidc) => oidc.issuer() == iss,
        }
    }

    /// Whether some `iss` would be both's.
    #[must_use]
    pub fn overlaps(&self, other: &Issuer) -> bool {
        match (&self.rules, &other.rules) {
            (Rules::Entra(entra), Rules::Entra(other)) => entra.overlaps(other),
            (Rules::Oidc(oidc), _) => other.goes_by(oidc.issuer()),
            (_, Rules::Oidc(oidc)) => self.goes_by(oidc.issuer()),
        }
    }

    /// Where the issuer describes itself: the address of its discovery document, whose `issuer`
    /// must be [`Issuer::metadata_issuer`] and whose `jwks_uri` leads to the keys.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        let base = match &self.rules {
            Rules::Entra(entra) => entra.metadata_base(),
            Rules::Oidc(oidc) => oidc.issuer().to_owned(),
        };
        let base = base.strip_suffix('/').unwrap_or(&base);
        format!("{base}/.well-known/openid-configuration")
    }

    /// What its discovery document must name as `issuer`, exactly.
    #[must_use]
    pub fn metadata_issuer(&self) -> String {
        match &self.rules {
            Rules::Entra(entra) => entra.metadata_issuer(),
            Rules::Oidc(oidc) => oidc.issuer().to_owned(),
        }
    }

    /// Reads its key set, as [`parse_jwks`](super::parse_jwks) does. `cloud` is what its metadata
    /// names as `cloud_instance_name`: keys of another are left out.
    ///
    /// # Errors
    /// What casts doubt on the whole set.
    pub fn parse_keys(&self, jwks: &[u8], cloud: Option<&str>) -> Result<Keys, JwksError> {
        parse_jwks_where(jwks, |key| match &self.rules {
            Rules::Entra(entra) if !entra.is_of_cloud(cloud, key.cloud()) => Err(Unusable::Cloud),
            Rules::Entra(_) | Rules::Oidc(_) => Ok(()),
        })
    }

    /// The audiences that are ours.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The algorithms that its tokens may be signed with.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// How far its clock and ours may differ.
    #[must_use]
    pub fn skew(&self) -> Duration {
        self.skew
    }

    /// Whether somebody can be asked for groups that its tokens leave out.
    #[must_use]
    pub fn resolves_groups(&self) -> bool {
        self.resolves_groups
    }

    /// How its tokens must be bound to their holders.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// How holders of keys prove to hold them.
    #[must_use]
    pub fn proofs(&self) -> &ProofRules {
        &self.proofs
    }

    /// How old its keys may be.
    #[must_use]
    pub fn key_age(&self) -> Duration {
        self.key_age
    }
}

impl Tenants {
    fn judged(&self) -> Option<entra::Tenants> {
        match self {
            Tenants::One(one) => Guid::parse(one).map(entra::Tenants::One),
            Tenants::Listed(listed) if listed.is_empty() => None,
            Tenants::Listed(listed) => {
                let listed: Option<_> = listed.iter().map(|one| Guid::parse(one)).collect();
                listed.map(entra::Tenants::Listed)
            }
            Tenants::Any => Some(entra::Tenants::Any),
        }
    }
}

pub(super) fn is_graph(audience: &str) -> bool {
    let audience = audience.strip_suffix('/').unwrap_or(audience);
    GRAPH_AUDIENCES
        .iter()
        .any(|graph| graph.eq_ignore_ascii_case(audience))
}

/// An `https` URL with nothing in it that an issuer's name cannot have; without a final slash.
fn https(url: &str) -> Result<&str, IssuerError> {
    let rest = url.strip_prefix("https://").ok_or(IssuerError::Url)?;
    let is_url_byte = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"<>`{|}".contains(&byte);
    if rest.is_empty() || rest.starts_with('/') || !rest.bytes().all(is_url_byte) {
        return Err(IssuerError::Url);
    }
    Ok(url.strip_suffix('/').unwrap_or(url))
}
