//! What calls can be made, by whom, with what shown upstream and what hidden on the way back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Care, Host, Mcp, Proxy, Roots, Stdio, TlsIdentity};
use crate::control::config::Spot;
use crate::exchange::CorsSpec;
use crate::exchange::rules::Batching;
use crate::mask::{Recogniser, Replace};
use crate::policy::Protocol;

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Where its calls go.
    pub reach: Reach,
    /// What only connections of protocol `mcp` have; without it and `graph` it is `http`.
    pub mcp: Option<Mcp>,
    /// Of one of protocol `graph`: what becomes of a batch of which a part is denied.
    pub graph: Option<Batching>,
    /// Index into [`Config::credentials`](super::Config::credentials).
    pub credential: Option<usize>,
    /// Indices into [`Config::masks`](super::Config::masks).
    pub masks: Vec<usize>,
    /// How far the recording must have come before a request goes upstream.
    pub record: RecordClass,
    /// PEM of the only roots trusted; `None` trusts the system's.
    pub roots: Option<Roots>,
    /// What the gateway shows under TLS to an upstream that asks who connects.
    pub client_certificate: Option<TlsIdentity>,
    /// The name that the upstream is asked for under TLS, and that its certificate must be for; `None`
    /// is the host.
    pub server_name: Option<String>,
    /// Request fields that go upstream beside the usual ones.
    pub forward_headers: ForwardHeaders,
    /// Reply fields that go to the caller beside the usual ones, lower case.
    pub reply_headers: Vec<String>,
    /// http, graph: the largest body that rules look into, in bytes.
    pub judged_bytes: u64,
    /// Whether links back to the upstream are rewritten to the gateway; never for `mcp`.
    pub links: bool,
    /// Protocols that a request may switch to, lower case; none where `masks` are.
    pub upgrades: Vec<Arc<str>>,
    /// Whether a request may go upstream once more when a pooled connection turns out to have ended.
    pub retry: bool,
    /// How its upstream is treated.
    pub care: Care,
    /// What the way to its upstream goes through; `None` goes there directly.
    pub proxy: Option<Arc<Proxy>>,
    /// Where it stands in the file.
    pub place: Spot,
}

impl Connection {
    /// In whose terms its rules are written.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match (&self.mcp, self.graph) {
            (Some(_), _) => Protocol::Mcp,
            (None, Some(_)) => Protocol::Graph,
            (None, None) => Protocol::Http,
        }
    }

    /// Where it is on the network; `None` for a server of the gateway's own.
    #[must_use]
    pub fn upstream(&self) -> Option<&Upstream> {
        match &self.reach {
            Reach::Upstream(upstream) => Some(upstream),
            Reach::Stdio(_) | Reach::Virtual(_) => None,
        }
    }

    /// The connections that a virtual one is made of, as indices into
    /// [`Config::connections`](super::Config::connections); no other has any.
    #[must_use]
    pub fn members(&self) -> &[usize] {
        match &self.reach {
            Reach::Virtual(members) => members,
            Reach::Upstream(_) | Reach::Stdio(_) => &[],
        }
    }
}

/// Where a connection's calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To a server on the network.
    Upstream(Upstream),
    /// To a process of the gateway's own; `mcp` only.
    Stdio(Stdio),
    /// To other connections, as one: indices into
    /// [`Config::connections`](super::Config::connections), none of which is virtual; `mcp` only.
    Virtual(Vec<usize>),
}

/// An upstream's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// Host name or address, brackets of an IPv6 address removed.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Further hosts that serve the same, under the name of the first.
    pub also: Vec<Host>,
    /// http, graph: path without a trailing slash, empty or `/…`. mcp: the endpoint's path, as it stands.
    pub path: String,
}

impl Upstream {
    /// Every host, the first first.
    pub fn hosts(&self) -> impl Iterator<Item = Host> {
        let first = Host {
            name: self.host.clone(),
            port: self.port,
        };
        std::iter::once(first).chain(self.also.iter().cloned())
    }

    /// The `Host` field: the port only where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => bracketed(&self.host),
            _ => self.tunnel_target(),
        }
    }

    /// What a proxy is asked for: always with the port.
    #[must_use]
    pub fn tunnel_target(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port)
    }
}

/// An IPv6 address in its brackets.
#[must_use]
pub fn bracketed(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Host name, lower case, without port; `None` matches all.
    pub host: Option<String>,
    /// Path prefix without a trailing slash (empty matches all), cut off before forwarding.
    pub prefix: String,
    /// Index into [`Config::connections`](super::Config::connections).
    pub connection: usize,
    /// Pages of other origins that may read replies.
    pub cors: Option<CorsSpec>,
    /// Where it stands in the file.
    pub place: Spot,
}

/// Who may do what on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Shown in decisions and refusals.
    pub name: Arc<str>,
    /// Index into [`Config::connections`](super::Config::connections).
    pub connection: usize,
    /// The principals it speaks of.
    pub who: Who,
    /// What they may do; at least one.
    pub rules: Vec<Rule>,
    /// Where it stands in the file.
    pub place: Spot,
}

/// Principals of one issuer, with any of each list that is not empty; at least one is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Index into [`Config::issuers`](super::Config::issuers).
    pub issuer: usize,
    /// Roles.
    pub roles: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
    /// Client ids.
    pub clients: Vec<String>,
    /// Scopes that a user has consented to.
    pub scopes: Vec<String>,
    /// Tenants, lower case; narrows, and names nobody by itself.
    pub tenants: Vec<String>,
    /// Agents, or others; narrows too.
    pub agents: Option<bool>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does with calls that match.
    pub effect: Effect,
    /// http, graph: `METHODS /path`; mcp: `METHODS` or `METHODS NAME`. See [`crate::policy::pattern`].
    pub pattern: String,
    /// The condition under which alone it holds, in CEL.
    pub when: Option<Condition>,
    /// Whether it is only tried: what it would have done is recorded and not done.
    pub shadow: bool,
    /// graph: what `$expand` may name; `allow` only.
    pub expand: Vec<String>,
    /// The rule as written, for decisions and refusals.
    pub text: Arc<str>,
    /// Where its pattern stands in the file.
    pub place: Spot,
}

/// A rule's condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The expression, in CEL.
    pub text: Arc<str>,
    /// Where it stands in the file.
    pub place: Spot,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub replace: Vec<(String, Replace)>,
    /// What stands in place of all else.
    pub default: Replace,
    /// Where it stands in the file.
    pub place: Spot,
}
