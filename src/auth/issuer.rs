//! An issuer as it is configured: whom we believe, about which audiences, under which algorithms.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::claims::Claims;
use super::entra::{GRAPH_AUDIENCES, Guid, Tenant};
use super::error::AuthError;
use super::oidc::Oidc;
use super::subject::Subject;
use super::verify::Algorithm;
use crate::base::limits::{
    CLOCK_SKEW, CLOCK_SKEW_MAX, KEY_SET_AGE, KEY_SET_AGE_MAX, TOKEN_AUDIENCES,
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
        }
    }
}

/// The kinds of issuers.
#[derive(Clone, Debug)]
pub enum IssuerKind {
    /// One tenant of Microsoft Entra; both forms of its `iss` derive from the authority.
    Entra {
        /// `https://login.microsoftonline.com`, another cloud's, or a local issuer's base.
        authority: String,
        /// The tenant's GUID.
        tenant: String,
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

/// A configuration of an issuer that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum IssuerError {
    #[error("an issuer needs a name of visible characters without `/`")]
    Name,
    #[error("the authority or issuer is not an https:// URL without user, query and fragment")]
    Url,
    #[error("the tenant is not a GUID; `common` and `organizations` are not supported")]
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
}

/// What only one kind of issuer is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Rules {
    Entra(Tenant),
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
            Rules::Entra(tenant) => tenant.judge(issuer, claims, expires),
            Rules::Oidc(oidc) => oidc.judge(issuer, claims, expires),
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
        let rules = match spec.kind {
            IssuerKind::Entra { authority, tenant } => {
                if spec.audiences.iter().any(|aud| is_graph(aud)) {
                    return Err(IssuerError::GraphAudience);
                }
                let tenant = Guid::parse(&tenant).ok_or(IssuerError::Tenant)?;
                Rules::Entra(Tenant::new(https(&authority)?, tenant))
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
        })
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The `iss` values that are this issuer's.
    pub fn accepted(&self) -> impl Iterator<Item = &str> {
        let both = match &self.rules {
            Rules::Entra(tenant) => [Some(tenant.v2()), Some(tenant.v1())],
            Rules::Oidc(oidc) => [Some(oidc.issuer()), None],
        };
        both.into_iter().flatten()
    }

    /// Where the issuer describes itself: the address of its discovery document, whose `issuer`
    /// must be the first of [`Issuer::accepted`] and whose `jwks_uri` leads to the keys.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        let base = self.accepted().next().unwrap_or_default();
        let base = base.strip_suffix('/').unwrap_or(base);
        format!("{base}/.well-known/openid-configuration")
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

    /// How old its keys may be.
    #[must_use]
    pub fn key_age(&self) -> Duration {
        self.key_age
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
