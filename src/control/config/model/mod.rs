//! The configuration once judged: plain data in which every reference is an index that exists,
//! every secret is present and every file has been read.

mod calls;
mod credentials;
mod mcp;
mod proxies;
mod traces;
mod upstreams;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::auth;
pub use crate::auth::{Algorithm, Binding, ProofRules, Tenants};
use crate::base::limits::Limits;
use crate::base::network::Network;
use crate::base::secret::Secret;
use crate::exchange::Hops;
pub use calls::*;
pub use credentials::*;
pub use mcp::*;
pub use proxies::*;
pub use traces::*;
pub use upstreams::*;

use super::errors::{Mistake, Mistakes};
use super::source::{Source, Spot};

/// A whole configuration that has been found good.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where callers connect; at least one.
    pub listeners: Vec<Listener>,
    /// Where callers reach the gateway, `scheme://host[:port]`; `None` goes by their `Host`.
    pub public_url: Option<String>,
    /// What session ids are sealed with: the first seals, all open. Empty where the gateway keeps a
    /// key of its own in [`Config::data`].
    pub session_keys: Vec<SessionKey>,
    /// The operator's own door.
    pub admin: Admin,
    /// Directory of recordings and keys.
    pub data: PathBuf,
    /// Issuers of callers' tokens, in the order of the file.
    pub issuers: Vec<Issuer>,
    /// Credentials for upstreams, in the order of the file.
    pub credentials: Vec<Credential>,
    /// Where callers get tokens for the gateway.
    pub identity_endpoint: Option<IdentityEndpoint>,
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
    /// What stands for the gateway in `Via`; `None` makes a name up.
    pub via: Option<String>,
    /// Number of worker threads.
    pub workers: usize,
    /// How sockets are driven; `None` takes the best that works here.
    pub io: Option<Io>,
    /// Where the access log goes.
    pub access_log: AccessLog,
    /// Every file that was read for it, beside its own.
    pub files: Vec<PathBuf>,
    /// Where traces go, if anywhere.
    pub traces: Option<Traces>,
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
            if let Some(source) = &issuer.groups
                && !self.brings_own_tokens(source.credential)
            {
                let why = "the credential of `groups` brings no bearer token of the gateway's own";
                mistakes.push(Mistake::new(issuer.place, why));
            }
            match auth::Issuer::new(issuer.spec(&self.limits)) {
                Ok(judged) => {
                    // A token is judged by the issuer that goes by its `iss`: by one.
                    if let Some(other) = goes_by_the_same(&issuers, &judged) {
                        let message = format!("the issuer `{other}` goes by the same `iss`");
                        mistakes.push(Mistake::new(issuer.place, message));
                    }
                    issuers.push(Arc::new(judged));
                }
                Err(error) => mistakes.push(Mistake::new(issuer.place, error.to_string())),
            }
        }
        if mistakes.is_empty() {
            Ok(issuers)
        } else {
            Err(self.mistakes(mistakes))
        }
    }

    fn brings_own_tokens(&self, credential: usize) -> bool {
        use CredentialKind::{Bearer, EntraClient, ManagedIdentity};
        let kind = self.credentials.get(credential).map(|one| &one.kind);
        matches!(
            kind,
            Some(EntraClient(_) | ManagedIdentity(_) | Bearer { .. })
        )
    }

    /// Renders mistakes that a later room found (a pattern that does not compile, say) the way
    /// this room renders its own.
    #[must_use]
    pub fn mistakes(&self, mistakes: Vec<Mistake>) -> Mistakes {
        Mistakes::render(&self.source, mistakes)
    }
}

/// The name of an issuer before it that accepts an `iss` that it accepts.
fn goes_by_the_same<'i>(before: &'i [Arc<auth::Issuer>], issuer: &auth::Issuer) -> Option<&'i str> {
    let same = |other: &&Arc<auth::Issuer>| other.overlaps(issuer);
    before.iter().find(same).map(|other| &**other.name())
}

/// An address callers connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port.
    pub bind: SocketAddr,
    /// What it shows under TLS; `None` speaks plain HTTP.
    pub tls: Option<ListenerTls>,
    /// Proxies whose connections begin with where they come from (the PROXY protocol).
    pub proxy_protocol: Vec<Network>,
    /// Who is believed about where requests come from, and in which field.
    pub forwarded: Option<Hops>,
    /// Where it stands in the file.
    pub place: Spot,
}

/// What a listener shows under TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// At least one. Callers are shown the first that is for the name they ask for, else the first.
    pub certificates: Vec<TlsIdentity>,
    /// Whose certificates callers are asked for; `None` asks nobody.
    pub clients: Option<Clients>,
}

/// Whose certificates callers are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// The authorities.
    pub roots: Roots,
    /// Lists of what they have revoked, PEM.
    pub revoked: Vec<Vec<u8>>,
    /// Callers without one are refused.
    pub required: bool,
}

/// A certificate chain and its key. That they belong together has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// PEM chain, leaf first.
    pub cert: Vec<u8>,
    /// PEM private key.
    pub key: Secret,
}

/// A key that session ids are sealed with. Replicas share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Its name, which stands in every session id.
    pub id: String,
    /// [`SESSION_KEY_BYTES`](crate::base::limits::SESSION_KEY_BYTES) bytes.
    pub key: Secret,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Whom to ask for groups that its tokens leave out.
    pub groups: Option<GroupSource>,
    /// How its tokens must be bound to their holders.
    pub binding: Binding,
    /// How holders of keys prove to hold them; the window is one of the limits.
    pub proofs: ProofRules,
    /// Callers are told that tokens with proofs are taken.
    pub says_dpop: bool,
    /// Callers are told that tokens may be bound to certificates.
    pub says_certificates: bool,
    /// What the way to it goes through.
    pub proxy: Option<Arc<Proxy>>,
    /// An authorization server in front of it.
    pub facade: Option<Facade>,
    /// Where it stands in the file.
    pub place: Spot,
}

/// Where groups are asked for that a token leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSource {
    /// Index into [`Config::credentials`].
    pub credential: usize,
    /// Microsoft Graph's base, without a trailing slash.
    pub graph: String,
    /// PEM of the only roots trusted; `None` trusts the system's.
    pub roots: Option<Roots>,
}

/// An authorization server's face for an issuer that has not all that MCP clients ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facade {
    /// Address and port; loopback unless `tls` is there.
    pub bind: SocketAddr,
    /// Certificate and key; `None` speaks plain HTTP.
    pub tls: Option<TlsIdentity>,
    /// Where clients reach it, `scheme://host[:port]`.
    pub public_url: String,
    /// The application that clients without a registration of their own are given.
    pub client_id: Option<String>,
    /// Where it stands in the file.
    pub place: Spot,
}

impl Issuer {
    fn spec(&self, limits: &Limits) -> auth::IssuerSpec {
        let kind = match &self.kind {
            IssuerKind::Entra { tenants, authority } => auth::IssuerKind::Entra {
                authority: authority.clone(),
                tenants: tenants.clone(),
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
            resolves_groups: self.groups.is_some(),
            binding: self.binding,
            proofs: ProofRules {
                window: limits.dpop_window,
                ..self.proofs.clone()
            },
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
    /// Tenants of Microsoft Entra.
    Entra {
        /// Whose tokens are accepted: their ids, lower case.
        tenants: Tenants,
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

/// Microsoft Graph of the global cloud.
pub const GRAPH: &str = "https://graph.microsoft.com";

/// Trusted roots: a file's path, for messages, and its PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Where it was read from.
    pub path: PathBuf,
    /// At least one certificate.
    pub pem: Vec<u8>,
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
