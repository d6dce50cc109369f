//! The snapshot: everything about the configuration that a request reads, swapped as one `Arc`.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::cors::Cors;
use super::metadata::Metadata;
use super::offer::Offer;
use super::via::Via;
use crate::base::addresses::Place;
use crate::base::credential::Credentials;
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::base::strikes::Tolerance;
use crate::base::trace::Sampling;
use crate::mask::{Masks, implied_port};
use crate::mcp::Sealer;
use crate::mcp::pins::Pins;
use crate::mcp::tasks::Tasks;
use crate::policy::Policies;
use crate::policy::budget::Budgets;
use crate::policy::pattern::PathPattern;
use crate::record::Class;

/// One generation of the configuration, as the data plane sees it.
pub struct Rules {
    /// Counts configurations since the process started; every permit names the one it was given under.
    pub generation: u64,
    /// The most specific first.
    pub routes: Vec<Route>,
    /// What routes point into.
    pub connections: Vec<Arc<Connection>>,
    /// Time and size limits.
    pub limits: Limits,
    /// Scheme and authority under which callers reach the gateway; `None` goes by their `Host`.
    pub public_url: Option<Box<str>>,
    /// By what the gateway is known to whom it forwards requests.
    pub via: Via,
    /// What the control plane has acquired for upstreams.
    pub credentials: Arc<Credentials>,
    /// The way in for servers of the gateway's own.
    pub inner: InnerWay,
    /// How many traces begin here; `None` passes on what callers say of theirs.
    pub traces: Option<Sampling>,
}

/// The way in for servers of the gateway's own: every connection by its name.
#[derive(Default)]
pub struct InnerWay {
    /// What such a server shows; `None` closes the way.
    pub secret: Option<Secret>,
    /// One for each connection, its prefix a slash and the name.
    pub routes: Vec<Route>,
}

/// Which requests go to which connection.
pub struct Route {
    /// The `Host` (without port, lower case) it is for; `None` for every host.
    pub host: Option<Box<str>>,
    /// The path it covers; what `**` stands for is the path that policy sees and the upstream gets.
    pub path: PathPattern,
    /// The text before `**`, which links in replies get back. Empty for a route by host alone.
    pub prefix: Box<str>,
    /// Index into [`Rules::connections`].
    pub connection: usize,
    /// Pages of other origins that may read replies; `None` says nothing of them.
    pub cors: Option<Cors>,
}

/// A named upstream with everything that is done to calls and replies on the way.
pub struct Connection {
    /// The configured name.
    pub name: Arc<str>,
    /// Its place in [`Rules::connections`].
    pub index: usize,
    /// By which it is counted and logged, whatever its place.
    pub row: usize,
    /// Where its upstream is.
    pub place: Arc<Place>,
    /// Where calls go.
    pub upstream: Upstream,
    /// What the gateway adds so that the upstream accepts it.
    /// Its slot in [`Rules::credentials`]; `None` adds nothing.
    pub credential: Option<usize>,
    /// What is hidden in replies and records; `None` passes bodies through untouched.
    pub masks: Option<Arc<Masks>>,
    /// True when `masks` hides something, false when it only rewrites links.
    pub hides: bool,
    /// How soon a recorded call counts as recorded.
    pub class: Class,
    /// Who may do what.
    pub policies: Policies,
    /// Request fields forwarded beyond the fixed list.
    pub forward: ForwardFields,
    /// Reply fields passed on beyond the fixed list, in lower case.
    pub reply_fields: Vec<Box<str>>,
    /// Protocols that a request may switch to, in lower case.
    pub upgrades: Vec<Arc<str>>,
    /// Whether a request may go upstream once more when a kept connection turns out to have ended.
    pub retry: bool,
    /// The largest body that rules look into.
    pub judged_bytes: u64,
    /// Paths and queries are those of Microsoft Graph, and batches are taken apart so.
    pub graph: Option<Batching>,
    /// Those of the configuration, with what this connection has of its own.
    pub limits: Limits,
    /// When an address is passed over.
    pub ejection: Tolerance,
    /// When calls are refused at once.
    pub circuit: Tolerance,
    /// How a proxy is asked for the way there; `None` goes there directly.
    pub tunnel: Option<Tunnel>,
    /// What it says of tokens that are bound to their holders.
    pub offer: Offer,
    /// What connections of protocol `mcp` have beside.
    pub mcp: Option<Box<Mcp>>,
}

/// A whole request to a proxy, `CONNECT`: all that is said to it, and nothing of a call. It may hold
/// what the gateway is known by there.
pub struct Tunnel(Secret);

impl Tunnel {
    /// Asks for `target`, host and port, as whoever `authorization` says.
    #[must_use]
    pub fn to(target: &str, authorization: Option<&Secret>) -> Tunnel {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(authorization) = authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.expose());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        Tunnel(Secret::new(request))
    }

    /// The bytes of the request.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        self.0.expose()
    }
}

/// What becomes of a batch of which a part is denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batching {
    /// All of it is refused.
    #[default]
    Whole,
    /// What is denied is answered by the gateway, and the rest goes on.
    Each,
}

/// What connections of protocol `mcp` have beside.
pub struct Mcp {
    /// Seals what callers keep for the upstream: session ids, states, addresses.
    pub sealer: Arc<Sealer>,
    /// What every tool looked like when somebody trusted it.
    pub pins: Pins,
    /// Whose a task is.
    pub tasks: Tasks,
    /// How much anybody may call.
    pub budgets: Arc<Budgets>,
    /// What callers are told of how to get a token.
    pub metadata: Metadata,
    /// Values of `Origin` that may call; whoever sends none is no browser's page.
    pub origins: Vec<Box<str>>,
    /// Names under which the connection is offered; empty for every name that leads to it.
    pub hosts: Vec<Box<str>>,
    /// Bytes of one message, either way.
    pub message_bytes: u64,
    /// Names this process in the ids of sessions.
    pub replica: u64,
    /// Set when the upstream is a server of the gateway's own.
    pub inner: Option<Inner>,
}

/// How a server of the gateway's own is spoken to.
pub struct Inner {
    /// What it knows the gateway by.
    pub secret: Secret,
    /// It calls other connections in the caller's name, and is told the caller's token for it.
    pub speaks_for_caller: bool,
}

/// The configured additions to the list of request fields that are forwarded.
pub enum ForwardFields {
    /// These too, in lower case.
    Listed(Vec<Box<str>>),
    /// All but authority: credentials, cookies, forwarding and hop-by-hop fields stay behind.
    AllButAuthority,
}

/// The address of an upstream.
pub struct Upstream {
    /// `host` or `host:port`, for the `Host` field.
    pub authority: Box<str>,
    /// The path before every forwarded path: empty, or beginning with a slash and not ending in one.
    pub base_path: Box<str>,
    /// `scheme://authority` and base path, as absolute links in replies begin.
    pub origin: Box<str>,
    /// TLS towards it: how, and the name its certificate must have; `None` for plain text.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Connection {
    /// The protocol of that name, where a request may switch to it. Never where something is hidden:
    /// what passes then cannot be read, let alone masked.
    #[must_use]
    pub fn upgrade(&self, name: &[u8]) -> Option<&Arc<str>> {
        let mut allowed = self.upgrades.iter().filter(|_| !self.hides);
        allowed.find(|one| one.as_bytes().eq_ignore_ascii_case(name))
    }
}

impl Upstream {
    /// What follows origin and base path, where `link` leads to this upstream: an absolute URL, or
    /// a path of its own.
    #[must_use]
    pub fn path_of<'l>(&self, link: &'l [u8]) -> Option<&'l [u8]> {
        let rest = match link {
            [b'/', b'/', ..] => None,
            [b'/', ..] => link.strip_prefix(self.base_path.as_bytes()),
            _ => self.after_origin(link),
        }?;
        // Else the name only begins like ours.
        matches!(rest.first(), None | Some(b'/' | b'?' | b'#')).then_some(rest)
    }

    /// What follows origin and base path, where an absolute URL begins with them; the port that the
    /// scheme implies may be spelled out.
    fn after_origin<'l>(&self, link: &'l [u8]) -> Option<&'l [u8]> {
        let strip = |text: &'l [u8], prefix: &str| {
            let (start, rest) = text.split_at_checked(prefix.len())?;
            start
                .eq_ignore_ascii_case(prefix.as_bytes())
                .then_some(rest)
        };
        let Some((at, port)) = implied_port(&self.origin) else {
            return strip(link, &self.origin);
        };
        let (server, base_path) = self.origin.split_at(at);
        let rest = strip(link, server)?;
        let rest = strip(rest, port)
            .or_else(|| strip(rest, ":"))
            .unwrap_or(rest);
        strip(rest, base_path)
    }
}

impl Rules {
    /// The connection of that name.
    #[must_use]
    pub fn connection(&self, name: &str) -> Option<&Arc<Connection>> {
        self.connections.iter().find(|one| *one.name == *name)
    }

    /// The route for a request, and the path that its connection sees.
    #[must_use]
    pub fn route<'p>(&self, host: &str, path: &'p str) -> Option<(&Route, &'p str)> {
        self.routes
            .iter()
            .find_map(|route| Some((route, route.rest(host, path)?)))
    }
}

impl Route {
    /// Whether it takes requests with this `Host`.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let mine = self.host.as_deref();
        mine.is_none_or(|mine| mine.eq_ignore_ascii_case(without_port(host)))
    }

    /// The path that its connection sees, of a request that it takes.
    #[must_use]
    pub fn rest<'p>(&self, host: &str, path: &'p str) -> Option<&'p str> {
        self.path.split_match(path).filter(|_| self.is_for(host))
    }
}

/// The host of a `Host` value, without its port (RFC 3986, section 3.2).
pub(super) fn without_port(host: &str) -> &str {
    match host.rfind([':', ']']) {
        Some(at) if host[at..].starts_with(':') => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_upstream_are_told_from_others() {
        let upstream = Upstream {
            authority: "up.example".into(),
            base_path: "/v1".into(),
            origin: "https://up.example/v1".into(),
            tls: None,
        };
        for (link, want) in [
            ("https://up.example/v1/a?b", Some("/a?b")),
            ("HTTPS://UP.example/v1", Some("")),
            ("/v1/a", Some("/a")),
            ("/v1?a", Some("?a")),
            ("/v10/a", None),
            ("/a", None),
            ("//up.example/v1/a", None),
            ("https://up.example.evil/v1/a", None),
            ("https://up.example/v10", None),
            ("a", None),
            ("", None),
        ] {
            let path = upstream.path_of(link.as_bytes());
            assert_eq!(path, want.map(str::as_bytes), "{link}");
        }
    }

    #[test]
    fn ports_are_not_part_of_the_name() {
        for (host, want) in [
            ("a.example", "a.example"),
            ("a.example:8443", "a.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(without_port(host), want);
        }
    }
}
