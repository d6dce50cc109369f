//! The file as it is written: one structure per section, one field per key, nothing judged yet.
//!
//! Every key is optional here even where the product needs it, so that [`super::check`] can report
//! all that is missing at once instead of the first. Unknown keys are refused by serde.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::source::Place;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Where callers connect; at least one.
    pub listeners: Option<At<Vec<At<Listener>>>>,
    /// The operator's own door: health, readiness, metrics.
    pub admin: Option<At<Admin>>,
    /// Directory of recordings, embedded store and keys; relative to this file.
    pub data: Option<Text>,
    /// Who may say who a caller is, by name.
    pub issuers: Option<Named<Issuer>>,
    /// What the gateway shows upstream, by name.
    pub credentials: Option<Named<Credential>>,
    /// The upstreams, by name.
    pub connections: Option<Named<Connection>>,
    /// Which requests go to which connection.
    pub routes: Option<At<Vec<At<Route>>>>,
    /// Who may do what; nothing matching means no.
    pub policies: Option<Vec<At<Policy>>>,
    /// What is hidden from callers and from the recording, by name.
    pub masks: Option<Named<Mask>>,
    /// Bounds an operator may change; the names are those of `base::limits`.
    pub limits: Option<Named<At<Scalar>>>,
    /// Worker threads; by default one per core.
    pub workers: Option<At<Scalar>>,
    /// How sockets are driven: `uring`, `epoll` or `tokio`; by default the best that works here.
    pub io: Option<Text>,
    /// Where the access log goes: `stdout` (the default), `off`, or `file:PATH`.
    pub access_log: Option<Text>,
}

/// One address callers connect to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listener {
    /// Address and port, such as `0.0.0.0:8443`.
    pub bind: Option<Text>,
    /// Certificate and key; without it the listener speaks plain HTTP.
    pub tls: Option<At<Tls>>,
}

/// A certificate chain with its key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM chain, leaf first: `file:` or `env:`.
    pub cert: Option<Text>,
    /// PEM private key: `file:` or `env:`.
    pub key: Option<Text>,
}

/// The admin listener.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    /// Address and port; off loopback it needs `tls` and `token`.
    pub bind: Option<Text>,
    /// Certificate and key.
    pub tls: Option<At<Tls>>,
    /// Bearer token that every request must show: `env:` or `file:`.
    pub token: Option<Text>,
    /// Further names accepted in the `Host` header.
    pub hosts: Option<Vec<Text>>,
}

/// An issuer of tokens. Which keys belong together depends on `kind`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    /// `entra` or `oidc`.
    pub kind: Option<Text>,
    /// entra: the tenant's id.
    pub tenant: Option<Text>,
    /// entra: another cloud's or a local authority; by default `https://login.microsoftonline.com`.
    pub authority: Option<Text>,
    /// oidc: the issuer, exactly as tokens spell it.
    pub issuer: Option<Text>,
    /// Who a token must be for; at least one, compared whole.
    pub audiences: Option<At<Vec<Text>>>,
    /// PEM file of the only roots trusted for this issuer; by default the system's.
    pub ca_file: Option<Text>,
    /// oidc: where the keys are, when the discovery document is not to be asked.
    pub jwks_uri: Option<Text>,
    /// Signature algorithms accepted: RS256, PS256, ES256; by default all three.
    pub algorithms: Option<Vec<Text>>,
    /// oidc: the claim that lists roles; by default `roles`.
    pub roles_claim: Option<Text>,
    /// oidc: the claim that lists groups; by default `groups`.
    pub groups_claim: Option<Text>,
}

/// What is added to requests upstream. Which keys belong together depends on `kind`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    /// `entra_client`, `bearer` or `header`.
    pub kind: Option<Text>,
    /// entra_client: the tenant's id or domain.
    pub tenant: Option<Text>,
    /// entra_client: the application's id.
    pub client_id: Option<Text>,
    /// entra_client: the client secret, `env:` or `file:`.
    pub secret: Option<Text>,
    /// entra_client: such as `https://graph.microsoft.com/.default`.
    pub scope: Option<Text>,
    /// entra_client: as for issuers.
    pub authority: Option<Text>,
    /// entra_client: as for issuers.
    pub ca_file: Option<Text>,
    /// bearer: the token, `env:` or `file:`.
    pub token: Option<Text>,
    /// header: the field's name.
    pub name: Option<Text>,
    /// header: the field's value, `env:` or `file:`.
    pub value: Option<Text>,
}

/// An upstream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connection {
    /// `http`.
    pub protocol: Option<Text>,
    /// Base URL; what follows the route's prefix is appended to its path.
    pub upstream: Option<Text>,
    /// Name of the credential that is added.
    pub credential: Option<Text>,
    /// Names of the masks that apply.
    pub masks: Option<Vec<Text>>,
    /// `buffered` or `durable`.
    pub record: Option<Text>,
    /// PEM file of the only roots trusted for this upstream; by default the system's.
    pub ca_file: Option<Text>,
    /// Request fields that go upstream beside the usual ones; `"*"` means all but authority.
    pub forward_headers: Option<Vec<Text>>,
    /// Reply fields that go to the caller beside the usual ones.
    pub reply_headers: Option<Vec<Text>>,
    /// Whether links back to the upstream are rewritten to the gateway; by default yes.
    pub links: Option<bool>,
}

/// Which requests go to a connection: by host, by path prefix, or both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    /// Host name, without port.
    pub host: Option<Text>,
    /// Path prefix, such as `/graph/**`.
    pub path: Option<Text>,
    /// Name of the connection.
    pub connection: Option<Text>,
}

/// Who may do what on one connection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    /// Shown in decisions and refusals.
    pub name: Option<Text>,
    /// Name of the connection.
    pub connection: Option<Text>,
    /// The principals it speaks of.
    pub who: Option<At<Who>>,
    /// What they may do.
    pub rules: Option<Vec<At<Rule>>>,
}

/// Principals: of one issuer, with any of the roles, groups or clients.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    /// Name of the issuer.
    pub issuer: Option<Text>,
    /// Roles, any of which suffices.
    pub roles: Option<Vec<Text>>,
    /// Group ids, any of which suffices.
    pub groups: Option<Vec<Text>>,
    /// Client ids, any of which suffices.
    pub clients: Option<Vec<Text>>,
}

/// One rule: exactly one of `allow`, `deny`, `approve`, each `METHOD /path/pattern`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Calls that pass.
    pub allow: Option<Text>,
    /// Calls that never pass, whatever else matches.
    pub deny: Option<Text>,
    /// Calls that a person must approve.
    pub approve: Option<Text>,
    /// approve: who may approve.
    pub by: Option<At<Approvers>>,
    /// approve: `once` or a duration.
    pub grant: Option<Text>,
    /// approve: a condition on the call; not in this version.
    pub when: Option<Text>,
}

/// Who may approve.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approvers {
    /// Group ids, any of which suffices.
    pub groups: Option<Vec<Text>>,
    /// Roles, any of which suffices.
    pub roles: Option<Vec<Text>>,
}

/// A masking profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mask {
    /// JSON member names whose values are hidden.
    pub fields: Option<Vec<Text>>,
    /// Patterns that are hidden wherever they stand: `email`.
    pub recognise: Option<Vec<Text>>,
    /// A list of texts that are hidden wherever they stand, one a line: `file:` or `env:`.
    pub literals: Option<Text>,
    /// What stands in their place: by `default`, field name or pattern.
    pub replace: Option<Named<At<String>>>,
}

/// A value together with where it stands.
pub(super) struct At<T> {
    pub value: T,
    pub at: Place,
}

/// A string that knows where it stands.
pub(super) type Text = At<String>;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(At {
            at: Place::of(spanned.referenced),
            value: spanned.value,
        })
    }
}

/// A mapping from names to `T`, in the order of the file, names with their places.
pub(super) struct Named<T>(pub Vec<(Text, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named<T>, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// A number or a text such as `25s`, as text.
pub(super) struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        String::deserialize(deserializer).map(Scalar)
    }
}
