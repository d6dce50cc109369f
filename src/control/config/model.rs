//! The configuration once judged: plain data in which every reference is an index that exists,
//! every secret is present and every file has been read.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth;
pub use crate::auth::Algorithm;
use crate::base::limits::Limits;
use crate::base::secret::Secret;

use super::errors::{Mistake, Mistakes};
use super::source::{Place, Source};

/// A whole configuration that has been found good.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where callers connect; at least one.
    pub listeners: Vec<Listener>,
    /// The operator's own door.
    pub admin: Admin,
    /// Directory of recordings and keys.
    pub data: PathBuf,
    /// Issuers of callers' tokens, in the order of the file.
    pub issuers: Vec<Issuer>,
    /// Credentials for upstreams, in the order of the file.
    pub credentials: Vec<Credential>,
    /// Upstreams, in the order of the file.
    pub connections: Vec<Connection>,
    /// Routes, in the order of the file.
    pub routes: Vec<Route>,
    /// Policies, in the order of the file.
    pub policies: Vec<Policy>,
    /// Masking profiles, in the order of the file.
    pub masks: Vec<Mask>,
    /// Bounds.
    pub limits: Limits,
    /// Number of worker threads.
    pub workers: usize,
    /// How sockets are driven; `None` takes the best that works here.
    pub io: Option<Io>,
    /// Where the access log goes.
    pub access_log: AccessLog,
    pub(super) source: Source,
}

impl Config {
    /// The issuers in the form in which tokens are judged, in the same order.
    ///
    /// # Errors
    /// An issuer that could never be believed.
    pub fn trusted_issuers(&self) -> Result<Vec<Arc<auth::Issuer>>, Mistakes> {
        let mut mistakes = Vec::new();
        let mut issuers = Vec::new();
        for issuer in &self.issuers {
            match auth::Issuer::new(issuer.spec(&self.limits)) {
                Ok(issuer) => issuers.push(Arc::new(issuer)),
                Err(error) => mistakes.push(Mistake::new(issuer.place, error.to_string())),
            }
        }
        if mistakes.is_empty() {
            Ok(issuers)
        } else {
            Err(self.mistakes(mistakes))
        }
    }

    /// Renders mistakes that a later room found (a pattern that does not compile, say) the way
    /// this room renders its own.
    #[must_use]
    pub fn mistakes(&self, mistakes: Vec<Mistake>) -> Mistakes {
        Mistakes::render(&self.source, mistakes)
    }
}

/// An address callers connect to.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Address and port.
    pub bind: SocketAddr,
    /// Certificate and key; `None` speaks plain HTTP.
    pub tls: Option<TlsIdentity>,
    /// Where it stands in the file.
    pub place: Place,
}

/// A certificate chain and its key. That they belong together has been checked.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// PEM chain, leaf first.
    pub cert: Vec<u8>,
    /// PEM private key.
    pub key: Secret,
}

/// The admin listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Address and port; loopback unless `tls` and `token` are there.
    pub bind: SocketAddr,
    /// Certificate and key.
    pub tls: Option<TlsIdentity>,
    /// Bearer token every request must show.
    pub token: Option<Secret>,
    /// Further names accepted in the `Host` header.
    pub hosts: Vec<String>,
}

/// An issuer of tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What it is.
    pub kind: IssuerKind,
    /// Who a token must be for; at least one.
    pub audiences: Vec<String>,
    /// Signature algorithms accepted; at least one.
    pub algorithms: Vec<Algorithm>,
    /// PEM of the only roots trusted for fetching its keys; `None` trusts the system's.
    pub roots: Option<Roots>,
    /// Where it stands in the file.
    pub place: Place,
}

impl Issuer {
    fn spec(&self, limits: &Limits) -> auth::IssuerSpec {
        let kind = match &self.kind {
            IssuerKind::Entra { tenant, authority } => auth::IssuerKind::Entra {
                authority: authority.clone(),
                tenant: tenant.clone(),
            },
            IssuerKind::Oidc {
                issuer,
                roles_claim,
                groups_claim,
                ..
            } => auth::IssuerKind::Oidc {
                issuer: issuer.clone(),
                roles: roles_claim.clone(),
                groups: groups_claim.clone(),
            },
        };
        auth::IssuerSpec {
            name: self.name.to_string(),
            kind,
            audiences: self.audiences.clone(),
            algorithms: self.algorithms.clone(),
            skew: limits.clock_skew,
            key_age: limits.key_set_age,
        }
    }

    /// Where its keys are, when that is configured.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&str> {
        match &self.kind {
            IssuerKind::Oidc { jwks_uri, .. } => jwks_uri.as_deref(),
            IssuerKind::Entra { .. } => None,
        }
    }
}

/// What an issuer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// One Microsoft Entra tenant.
    Entra {
        /// The tenant's id, lower case.
        tenant: String,
        /// Without a trailing slash.
        authority: String,
    },
    /// An OpenID Connect provider.
    Oidc {
        /// Exactly as tokens spell it.
        issuer: String,
        /// Where its keys are; `None` asks the discovery document.
        jwks_uri: Option<String>,
        /// The claim that lists roles.
        roles_claim: String,
        /// The claim that lists groups.
        groups_claim: String,
    },
}

/// The authority of Microsoft's global cloud.
pub const ENTRA_AUTHORITY: &str = "https://login.microsoftonline.com";

/// Trusted roots: a file's path, for messages, and its PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Where it was read from.
    pub path: PathBuf,
    /// At least one certificate.
    pub pem: Vec<u8>,
}

/// What is added to requests upstream.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What it is.
    pub kind: CredentialKind,
    /// Where it stands in the file.
    pub place: Place,
}

/// What a credential is.
#[derive(Clone, Debug)]
pub enum CredentialKind {
    /// Tokens from Entra by client credentials.
    EntraClient {
        /// The tenant's id or domain.
        tenant: String,
        /// The application's id.
        client_id: String,
        /// Its secret.
        secret: Secret,
        /// What for.
        scope: String,
        /// Without a trailing slash.
        authority: String,
        /// PEM of the only roots trusted; `None` trusts the system's.
        roots: Option<Roots>,
    },
    /// A fixed bearer token.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A fixed header field.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
}

/// An upstream.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its base URL.
    pub upstream: Upstream,
    /// Index into [`Config::credentials`].
    pub credential: Option<usize>,
    /// Indices into [`Config::masks`].
    pub masks: Vec<usize>,
    /// How far the recording must have come before a request goes upstream.
    pub record: RecordClass,
    /// PEM of the only roots trusted; `None` trusts the system's.
    pub roots: Option<Roots>,
    /// Request fields that go upstream beside the usual ones.
    pub forward_headers: ForwardHeaders,
    /// Whether links back to the upstream are rewritten to the gateway.
    pub links: bool,
    /// Where it stands in the file.
    pub place: Place,
}

/// An upstream's base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// Host name or address, brackets of an IPv6 address removed.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path without a trailing slash: empty or `/…`.
    pub path: String,
}

impl Upstream {
    /// The `Host` field: the port only where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// How far the recording must have come before a request goes upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordClass {
    /// In the ring.
    Buffered,
    /// On disk.
    Durable,
}

/// Request fields that go upstream beside the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardHeaders {
    /// These, lower case.
    Listed(Vec<String>),
    /// All but those that carry authority.
    All,
}

/// Which requests go to a connection.
#[derive(Clone, Debug)]
pub struct Route {
    /// Host name, lower case, without port; `None` matches all.
    pub host: Option<String>,
    /// Path prefix without a trailing slash (empty matches all), cut off before forwarding.
    pub prefix: String,
    /// Index into [`Config::connections`].
    pub connection: usize,
    /// Where it stands in the file.
    pub place: Place,
}

/// Who may do what on one connection.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Shown in decisions and refusals.
    pub name: Arc<str>,
    /// Index into [`Config::connections`].
    pub connection: usize,
    /// The principals it speaks of.
    pub who: Who,
    /// What they may do; at least one.
    pub rules: Vec<Rule>,
    /// Where it stands in the file.
    pub place: Place,
}

/// Principals of one issuer with any of these roles, groups or clients; at least one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Index into [`Config::issuers`].
    pub issuer: usize,
    /// Roles.
    pub roles: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
    /// Client ids.
    pub clients: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it does with calls that match.
    pub effect: Effect,
    /// `None` matches every method.
    pub method: Option<String>,
    /// Path pattern: starts with `/`; `*` is one segment, a final `**` is any number.
    pub path: String,
    /// The rule as written, for decisions and refusals.
    pub text: Arc<str>,
    /// Where its pattern stands in the file.
    pub place: Place,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call passes.
    Allow,
    /// The call never passes.
    Deny,
    /// A person must approve.
    Approve {
        /// Groups whose members may.
        groups: Vec<String>,
        /// Roles whose bearers may.
        roles: Vec<String>,
        /// What one approval gives.
        grant: Grant,
    },
}

/// What one approval gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// One execution.
    Once,
    /// A window of time.
    Window(Duration),
}

/// A masking profile.
#[derive(Clone, Debug)]
pub struct Mask {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// JSON member names whose values are hidden.
    pub fields: Vec<String>,
    /// Patterns that are hidden wherever they stand.
    pub recognise: Vec<Recogniser>,
    /// Texts that are hidden wherever they stand.
    pub literals: Vec<String>,
    /// What stands in place of a field (by its name) or a pattern (by its kind).
    pub replace: Vec<(String, Replacement)>,
    /// What stands in place of all else.
    pub default: Replacement,
    /// Where it stands in the file.
    pub place: Place,
}

/// A pattern with a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recogniser {
    /// Mail addresses.
    Email,
}

/// What stands in place of a masked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// This text, with `{kind}` replaced by the field's name or the pattern's kind.
    Text(String),
    /// A keyed hash of the value, so that equal values stay equal.
    Pseudonym,
}

/// How sockets are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// monoio on io_uring.
    Uring,
    /// monoio on epoll.
    Epoll,
    /// tokio, one thread per core.
    Tokio,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output.
    Stdout,
    /// Nowhere.
    Off,
    /// Appended to a file.
    File(PathBuf),
}
