//! What the gateway shows upstream, as it is written.

use super::shape::{REFERENCE, like, needed, one_of, section};
use super::{At, Text};

/// What a credential can be.
pub const KINDS: [&str; 6] = [
    "entra_client",
    "on_behalf_of",
    "managed_identity",
    "bearer",
    "header",
    "basic",
];

section! {
    /// What is added to requests upstream. Which keys belong together depends on `kind`.
    pub struct Credential {
        /// `entra_client`, `on_behalf_of`, `managed_identity`, `bearer`, `header` or `basic`.
        pub kind: Option<Text> => one_of(KINDS).needed(),
        /// entra_client, on_behalf_of: the tenant's id or domain.
        pub tenant: Option<Text>,
        /// entra_client, on_behalf_of: the application's id. managed_identity: that of a user-assigned identity.
        pub client_id: Option<Text>,
        /// entra_client, on_behalf_of: the client secret, `env:` or `file:`. basic: the password.
        pub secret: Option<Text> => like(REFERENCE),
        /// entra_client, on_behalf_of: instead of a secret, a certificate that assertions are signed with.
        pub certificate: Option<At<Certificate>>,
        /// entra_client, on_behalf_of: instead of a secret, the file in which the platform keeps a token of its own.
        pub federated_token_file: Option<Text>,
        /// entra_client, on_behalf_of: the application is an agent identity of this blueprint, by whose
        /// secret, certificate or platform token it acts.
        pub blueprint_id: Option<Text>,
        /// With `blueprint_id`: what names the agent identity to the token endpoint; by default
        /// `client_id`.
        pub fmi_path: Option<Text>,
        /// entra_client, on_behalf_of, managed_identity: what the gateway tells the issuer that it can do.
        /// `cp1`: it answers claims challenges, so that tokens may be revoked early (continuous access
        /// evaluation).
        pub client_capabilities: Option<At<Vec<Text>>>,
        /// entra_client, on_behalf_of: such as `https://graph.microsoft.com/.default`.
        pub scope: Option<Text>,
        /// entra_client, on_behalf_of: as for issuers.
        pub authority: Option<Text> => like("^https://"),
        /// entra_client, on_behalf_of: as for issuers.
        pub ca_file: Option<Text>,
        /// managed_identity: such as `https://graph.microsoft.com`.
        pub resource: Option<Text>,
        /// managed_identity: the endpoint, on loopback or link-local; by default what
        /// `IDENTITY_ENDPOINT` says, else IMDS.
        pub endpoint: Option<Text> => like("^http://"),
        /// managed_identity: with `endpoint`, what the App Service protocol wants shown: `env:` or
        /// `file:`.
        pub identity_header: Option<Text> => like(REFERENCE),
        /// bearer: the token, `env:` or `file:`.
        pub token: Option<Text> => like(REFERENCE),
        /// header: the field's name.
        pub name: Option<Text>,
        /// header: the field's value, `env:` or `file:`.
        pub value: Option<Text> => like(REFERENCE),
        /// basic: the user.
        pub user: Option<Text>,
    }
}

section! {
    /// A certificate with its RSA key.
    pub struct Certificate {
        /// PEM, the application's own certificate first: `file:` or `env:`.
        pub cert: Option<Text> => like(REFERENCE).needed(),
        /// PEM private key: `file:` or `env:`.
        pub key: Option<Text> => like(REFERENCE).needed(),
        /// `PS256` (the default) names the certificate by `x5t#S256`, `RS256` by `x5t`.
        pub algorithm: Option<Text> => one_of(["PS256", "RS256"]),
    }
}

section! {
    /// The gateway as the managed-identity endpoint of its callers.
    pub struct IdentityEndpoint {
        /// Address and port, on loopback.
        pub bind: Option<Text> => needed(),
        /// Who may ask.
        pub identities: Option<At<Vec<At<GivenIdentity>>>> => needed(),
    }
}

section! {
    /// An identity that is given tokens for the gateway.
    pub struct GivenIdentity {
        /// What it shows in `X-IDENTITY-HEADER`: `env:` or `file:`.
        pub header: Option<Text> => like(REFERENCE).needed(),
        /// Name of the credential whose tokens it is given.
        pub credential: Option<Text> => needed(),
    }
}
