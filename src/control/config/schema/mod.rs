//! The file as it is written: one structure per section, one field per key, nothing judged yet.
//!
//! Every key is optional here even where the product needs it, so that [`super::check`] can report
//! all that is missing at once instead of the first. Unknown keys are refused by serde.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use self::shape::{REFERENCE, Shape as _, keys, like, needed, one_of, section};
use super::check::limits;
use super::source::Place;
use crate::auth::Algorithm;

mod calls;
mod credentials;
mod shape;
mod upstreams;

pub(super) use calls::*;
pub(super) use credentials::*;
pub(super) use upstreams::*;

/// The file's JSON Schema.
pub(super) fn json_schema() -> serde_json::Value {
    let mut schema = File::shape();
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Sluice configuration".into();
    schema
}

section! {
    /// The whole file.
    pub struct File {
        /// Where callers connect; at least one.
        pub listeners: Option<At<Vec<At<Listener>>>> => needed(),
        /// Where callers reach the gateway, such as `https://gateway.example`; by default what they name
        /// in `Host`.
        pub public_url: Option<Text> => like("^https?://"),
        /// What session ids are sealed with: the first seals, all open. By default a key of this
        /// machine's own, kept in `data`.
        pub session_keys: Option<At<Vec<At<SessionKey>>>>,
        /// The operator's own door: health, readiness, metrics.
        pub admin: Option<At<Admin>>,
        /// Directory of recordings, embedded store and keys; relative to this file.
        pub data: Option<Text> => needed(),
        /// Who may say who a caller is, by name.
        pub issuers: Option<Named<Issuer>>,
        /// What the gateway shows upstream, by name.
        pub credentials: Option<Named<Credential>>,
        /// Where callers on this machine get tokens for the gateway, as from App Service.
        pub identity_endpoint: Option<At<IdentityEndpoint>>,
        /// Proxies that tunnels to upstreams and issuers go through, by name.
        pub proxies: Option<Named<Proxy>>,
        /// Name of the proxy that keys and tokens are fetched through; by default none.
        pub proxy: Option<Text>,
        /// The upstreams, by name.
        pub connections: Option<Named<Connection>>,
        /// Which requests go to which connection.
        pub routes: Option<At<Vec<At<Route>>>> => needed(),
        /// Who may do what; nothing matching means no.
        pub policies: Option<Vec<At<Policy>>>,
        /// What is hidden from callers and from the recording, by name.
        pub masks: Option<Named<Mask>>,
        /// Bounds on what others may ask of the gateway, by name.
        pub limits: Option<Named<At<Scalar>>> => keys(limits()),
        /// The name that stands for the gateway in `Via`; by default one that each process makes up.
        pub via: Option<Text> => like("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
        /// Worker threads; by default one per core.
        pub workers: Option<At<Scalar>>,
        /// How sockets are driven: `uring`, `epoll` or `tokio`; by default the best that works here.
        pub io: Option<Text> => one_of(["uring", "epoll", "tokio"]),
        /// Where the access log goes: `stdout` (the default), `off`, or `file:PATH`.
        pub access_log: Option<Text> => like("^(stdout|off|file:.+)$"),
        /// Where traces of requests go; by default nowhere.
        pub traces: Option<At<Traces>>,
    }
}

section! {
    /// A collector of traces that speaks OTLP over HTTP.
    pub struct Traces {
        /// Where spans are posted, such as `https://collector.example:4318/v1/traces`; plain `http`
        /// only to this machine.
        pub endpoint: Option<Text> => like("^https?://").needed(),
        /// Further header fields of these posts, by name; values as `env:` or `file:`.
        pub headers: Option<Named<Text>>,
        /// The share of requests that is traced of those that come without a `traceparent`, from 0 to
        /// 1; by default none. Others are traced where their callers say so.
        pub sample: Option<At<Scalar>>,
        /// The service that spans say they come from; by default `sluice`.
        pub service_name: Option<Text>,
        /// PEM file of the only roots trusted for the collector; by default the system's.
        pub ca_file: Option<Text>,
    }
}

section! {
    /// One address callers connect to.
    pub struct Listener {
        /// Address and port, such as `0.0.0.0:8443`.
        pub bind: Option<Text> => needed(),
        /// Certificates and what else TLS needs; without it the listener speaks plain HTTP.
        pub tls: Option<At<ListenerTls>>,
        /// Proxies whose connections begin with where they come from (the PROXY protocol, versions 1
        /// and 2).
        pub proxy_protocol: Option<At<ProxyProtocol>>,
        /// Proxies that are believed about where requests come from.
        pub forwarded: Option<At<Forwarded>>,
    }
}

section! {
    /// Who is trusted to begin with where a connection comes from; others are taken as they come.
    pub struct ProxyProtocol {
        /// Addresses and networks, such as `10.0.0.0/8`.
        pub from: Option<At<Vec<Text>>> => needed(),
    }
}

section! {
    /// Who is believed about where a request comes from; of others the field means nothing.
    pub struct Forwarded {
        /// Addresses and networks, such as `10.0.0.0/8`.
        pub from: Option<At<Vec<Text>>> => needed(),
        /// The field that they write: `x-forwarded-for` (the default) or `forwarded`.
        pub field: Option<Text> => one_of(["x-forwarded-for", "forwarded"]),
    }
}

section! {
    /// TLS of a listener: `cert` and `key`, `certificates`, or both.
    pub struct ListenerTls {
        /// PEM chain, leaf first: `file:` or `env:`.
        pub cert: Option<Text> => like(REFERENCE),
        /// PEM private key: `file:` or `env:`.
        pub key: Option<Text> => like(REFERENCE),
        /// Further certificates; callers get the first that is for the name they ask for, else the
        /// first of all.
        pub certificates: Option<At<Vec<At<Tls>>>>,
        /// PEM file of the authorities whose certificates callers may show; by default none is asked for.
        pub client_ca: Option<Text>,
        /// Whether callers must show one: `required` (the default with `client_ca`) or `optional`.
        pub client_certificates: Option<Text> => one_of(["required", "optional"]),
        /// PEM files of lists of what the authorities have revoked: `file:` or `env:`.
        pub client_crls: Option<Vec<Text>> => like(REFERENCE),
    }
}

section! {
    /// A certificate chain with its key.
    pub struct Tls {
        /// PEM chain, leaf first: `file:` or `env:`.
        pub cert: Option<Text> => like(REFERENCE).needed(),
        /// PEM private key: `file:` or `env:`.
        pub key: Option<Text> => like(REFERENCE).needed(),
    }
}

section! {
    /// The admin listener.
    pub struct Admin {
        /// Address and port; off loopback it needs `tls` and `token`.
        pub bind: Option<Text> => needed(),
        /// Certificate and key.
        pub tls: Option<At<Tls>>,
        /// Bearer token that every request must show: `env:` or `file:`.
        pub token: Option<Text> => like(REFERENCE),
        /// Further names accepted in the `Host` header.
        pub hosts: Option<Vec<Text>>,
    }
}

section! {
    /// An issuer of tokens. Which keys belong together depends on `kind`.
    pub struct Issuer {
        /// `entra` or `oidc`.
        pub kind: Option<Text> => one_of(["entra", "oidc"]).needed(),
        /// entra: the tenant's id, where tokens of one tenant are accepted.
        pub tenant: Option<Text>,
        /// entra: the ids of several tenants, or `["*"]` for any, by the keys that all tenants share.
        pub tenants: Option<At<Vec<Text>>>,
        /// entra: another cloud's or a local authority; by default `https://login.microsoftonline.com`.
        pub authority: Option<Text> => like("^https://"),
        /// oidc: the issuer, exactly as tokens spell it.
        pub issuer: Option<Text> => like("^https://"),
        /// Who a token must be for; at least one, compared whole.
        pub audiences: Option<At<Vec<Text>>> => needed(),
        /// PEM file of the only roots trusted for this issuer; by default the system's.
        pub ca_file: Option<Text>,
        /// oidc: where the keys are, when the discovery document is not to be asked.
        pub jwks_uri: Option<Text> => like("^https://"),
        /// Signature algorithms accepted; by default RS256, PS256 and ES256.
        pub algorithms: Option<Vec<Text>> => one_of(Algorithm::ALL.map(Algorithm::name)),
        /// oidc: the claim that lists roles; by default `roles`.
        pub roles_claim: Option<Text>,
        /// oidc: the claim that lists groups; by default `groups`.
        pub groups_claim: Option<Text>,
        /// How its tokens must be bound to their holders: to a `certificate`, by `dpop`, in either way
        /// (`required`), or not at all (`optional`, the default). One that is bound is taken with its
        /// proof only.
        pub bound: Option<Text> => one_of(["optional", "required", "certificate", "dpop"]),
        /// How holders prove with each request to hold the key that a token is bound to (DPoP).
        pub dpop: Option<At<Dpop>>,
        /// entra, one tenant: whom to ask for groups that are too many for a token.
        pub groups: Option<At<GroupSource>>,
        /// entra: an authorization server in front of it, as clients of MCP servers expect one.
        pub facade: Option<At<Facade>>,
    }
}

section! {
    /// Proofs of holders (DPoP, RFC 9449). Where this stands, callers are told that they are taken.
    pub struct Dpop {
        /// Signature algorithms accepted; by default ES256, ES384, EdDSA, PS256 and RS256.
        pub algorithms: Option<Vec<Text>> => one_of(Algorithm::ALL.map(Algorithm::name)),
        /// Whether each must name a nonce that the gateway gives; by default not.
        pub nonce: Option<bool>,
    }
}

section! {
    /// Where groups are asked for that a token leaves out.
    pub struct GroupSource {
        /// Name of a credential whose tokens may read memberships: `GroupMember.Read.All` for users,
        /// and `Application.Read.All` for applications.
        pub credential: Option<Text> => needed(),
        /// Microsoft Graph's base; by default `https://graph.microsoft.com`.
        pub graph: Option<Text> => like("^https://"),
        /// PEM file of the only roots trusted for it; by default the system's.
        pub ca_file: Option<Text>,
    }
}

section! {
    /// An authorization server's face for an issuer that has not all that MCP clients ask for.
    pub struct Facade {
        /// Address and port; off loopback it needs `tls`.
        pub bind: Option<Text> => needed(),
        /// Certificate and key.
        pub tls: Option<At<Tls>>,
        /// Where clients reach it, such as `https://auth.gateway.example`.
        pub public_url: Option<Text> => like("^https?://").needed(),
        /// The application that clients without a registration of their own are given.
        pub client_id: Option<Text>,
    }
}

section! {
    /// One key that session ids are sealed with.
    pub struct SessionKey {
        /// Its name, which stands in every session id; never used again for another key.
        pub id: Option<Text> => needed(),
        /// 32 bytes in base64 or hexadecimal: `env:` or `file:`.
        pub key: Option<Text> => like(REFERENCE).needed(),
    }
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
