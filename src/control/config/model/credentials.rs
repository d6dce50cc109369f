//! What the gateway shows upstream, and how it gets it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Proxy, Roots};
use crate::base::secret::Secret;
use crate::control::config::Spot;

/// What is added to requests upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What it is.
    pub kind: CredentialKind,
    /// Where it stands in the file.
    pub place: Spot,
}

/// What a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// Tokens from Entra by client credentials.
    EntraClient(EntraClient),
    /// Tokens from Entra on behalf of each caller, for the caller's own token.
    OnBehalfOf(EntraClient),
    /// Tokens from the platform that the gateway runs on.
    ManagedIdentity(ManagedIdentity),
    /// A fixed bearer token.
    Bearer {
        /// The token.
        token: SecretRef,
    },
    /// A fixed header field.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: SecretRef,
    },
    /// A user and a password (RFC 7617).
    Basic {
        /// The user, without a colon.
        user: String,
        /// The password.
        password: SecretRef,
    },
}

impl CredentialKind {
    /// The resource that its tokens are for, which all callers share: of those kinds that get any.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        match self {
            CredentialKind::EntraClient(client) => client.scope.strip_suffix("/.default"),
            CredentialKind::ManagedIdentity(identity) => Some(&identity.resource),
            _ => None,
        }
    }

    /// Whether both get the same from the same party, by whatever proof: what the one has got is good
    /// for the other until that has got its own.
    #[must_use]
    pub fn is_same_account(&self, other: &CredentialKind) -> bool {
        use CredentialKind as Kind;
        match (self, other) {
            (Kind::EntraClient(one), Kind::EntraClient(other))
            | (Kind::OnBehalfOf(one), Kind::OnBehalfOf(other)) => one.is_same_account(other),
            (Kind::ManagedIdentity(one), Kind::ManagedIdentity(other)) => one == other,
            // What is fixed is fixed anew.
            _ => false,
        }
    }
}

/// An application of an Entra tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraClient {
    /// The tenant's id or domain.
    pub tenant: String,
    /// The application's id.
    pub client_id: String,
    /// How it shows that it is that application; of an agent identity, how its blueprint does.
    pub proof: ClientProof,
    /// Set for an agent identity.
    pub blueprint: Option<Blueprint>,
    /// What for.
    pub scope: String,
    /// The issuer is told that claims challenges are answered.
    pub answers_challenges: bool,
    /// Without a trailing slash.
    pub authority: String,
    /// PEM of the only roots trusted; `None` trusts the system's.
    pub roots: Option<Roots>,
    /// What the way there goes through.
    pub proxy: Option<Arc<Proxy>>,
}

impl EntraClient {
    /// Where its tokens come from.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        let EntraClient {
            authority, tenant, ..
        } = self;
        format!("{authority}/{tenant}/oauth2/v2.0/token")
    }

    fn is_same_account(&self, other: &EntraClient) -> bool {
        let account = |one: &'_ EntraClient| {
            let (id, scope) = (one.client_id.clone(), one.scope.clone());
            (one.token_endpoint(), id, scope, one.blueprint.clone())
        };
        account(self) == account(other)
    }
}

/// The application that agent identities are made by, and act by the proof of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// Its application id.
    pub client_id: String,
    /// What names the agent identity to the token endpoint: its application id, unless it is configured.
    pub fmi_path: String,
}

/// How an application shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// By a secret that the token endpoint knows too.
    Secret(SecretRef),
    /// By a signature (RFC 7523).
    Certificate(ClientCertificate),
    /// By a token of the platform's, in a file that the platform keeps fresh.
    FederatedToken(PathBuf),
}

/// A certificate that the application's registration names, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM, the application's own certificate first.
    pub cert: SecretRef,
    /// PEM of its RSA key.
    pub key: SecretRef,
    /// How assertions are signed.
    pub algorithm: AssertionAlgorithm,
}

/// How an assertion is signed, and how it names the certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAlgorithm {
    /// PS256, the certificate by `x5t#S256`.
    #[default]
    Ps256,
    /// RS256, the certificate by `x5t`.
    Rs256,
}

/// The gateway as the managed-identity endpoint of its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityEndpoint {
    /// Address and port, on loopback.
    pub bind: SocketAddr,
    /// Who may ask; at least one, no two with the same header.
    pub identities: Vec<GivenIdentity>,
    /// Where it stands in the file.
    pub place: Spot,
}

/// An identity that is given tokens for the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenIdentity {
    /// What it shows.
    pub header: Secret,
    /// Index into [`Config::credentials`](super::Config::credentials): of a kind that gets tokens for
    /// an audience of the gateway's.
    pub credential: usize,
}

/// Tokens from an endpoint on this machine or its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// What for: the App ID URI of an API.
    pub resource: String,
    /// The user-assigned identity to ask for; `None` asks for the machine's own.
    pub client_id: Option<String>,
    /// The endpoint's URL: loopback or link-local.
    pub endpoint: String,
    /// The platform is told that claims challenges are answered.
    pub answers_challenges: bool,
    /// What the App Service protocol proves itself by; `None` speaks that of IMDS.
    pub identity_header: Option<Secret>,
}

/// A secret that a reference led to, and the file to read again when it changes; `None` where it came
/// from a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// What it was when the configuration was read.
    pub value: Secret,
    /// Where it is read again.
    pub path: Option<PathBuf>,
}
