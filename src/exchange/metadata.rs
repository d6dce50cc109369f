//! What a connection says to whom it does not know yet: where tokens come from, and which scopes.
//!
//! ```text
//!  401  WWW-Authenticate: Bearer resource_metadata="…", scope="…"      ([`Metadata::challenge`])
//!   │   the caller reads the document at that address                 ([`Metadata::reply`])
//!   ▼   and asks one of its authorization servers for a token
//!  403  … error="insufficient_scope", scope="every scope it takes"
//! ```
//!
//! The document is RFC 9728's, at the well-known address with the route's path inserted behind it
//! (section 3.1) and, where a host has only one such connection, at the bare one. The challenges are
//! those of RFC 6750, section 3, and RFC 9728, section 5.1. All of it is public: no token is asked
//! for, any page may read it, and nothing in it is the caller's but a `Host` that was judged.

use thiserror::Error;

use super::offer::Offer;
use super::rules::{Route, without_port};
use crate::base::limits::ADVERTISED_SCOPES;

/// Where RFC 9728 (section 3) puts the document of a resource.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What the configuration says of a connection.
#[derive(Clone, Debug, Default)]
pub struct MetadataSpec {
    /// The connection's name.
    pub name: String,
    /// Where callers reach the gateway: scheme and authority; `None` takes what they name in `Host`.
    pub public_url: Option<String>,
    /// The issuers that its policies name, each as the URL that its own metadata is found by. Never
    /// two that are the same.
    pub servers: Vec<String>,
    /// Scopes that callers may want, as policies spell them.
    pub scopes: Vec<String>,
    /// What stands before such a scope when it is asked for; see [`Metadata::scope`].
    pub qualifier: Option<String>,
    /// What it says of tokens that are bound to their holders.
    pub offer: Offer,
}

/// Metadata that could not be told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// Not `https://authority` or `http://authority`.
    #[error("`{0}` is not a URL of scheme, host and perhaps a port alone")]
    PublicUrl(String),
    /// It could not stand in a header field, or not at all.
    #[error("`{0}` is not a URL of an authorization server")]
    Server(String),
    /// Not a scope-token (RFC 6749, section 3.3).
    #[error("`{0}` is not a scope: visible characters without `\"` and `\\`")]
    Scope(String),
    /// More than anybody asks for.
    #[error("more than {ADVERTISED_SCOPES} scopes")]
    Scopes,
}

/// What one connection says of itself. Which of its routes was used is told by [`Seen`].
#[derive(Clone, Debug)]
pub struct Metadata {
    name: Box<str>,
    public_url: Option<Box<str>>,
    servers: Vec<Box<str>>,
    scopes: Vec<Box<str>>,
    qualifier: Option<Box<str>>,
    offer: Offer,
}

/// How a caller reached a connection.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// True when it came by TLS.
    pub secure: bool,
    /// Its `Host`, as [`crate::http::RequestHead`] has judged it.
    pub host: &'a str,
    /// True when its host chose the route, and not its path alone.
    pub by_host: bool,
    /// The route's [`Route::prefix`].
    pub prefix: &'a str,
}

impl<'a> Seen<'a> {
    /// By this route.
    #[must_use]
    pub fn by(route: &'a Route, secure: bool, host: &'a str) -> Seen<'a> {
        Seen {
            secure,
            host,
            by_host: route.host.is_some(),
            prefix: &route.prefix,
        }
    }
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its reason phrase.
    pub phrase: &'static str,
    /// Its fields, beside those about the body; each ends its line.
    pub fields: &'static str,
    /// Its body, JSON; empty for none.
    pub body: String,
}

impl Metadata {
    /// Judges what is to be told.
    ///
    /// # Errors
    /// The first thing that cannot be told.
    pub fn new(spec: MetadataSpec) -> Result<Metadata, MetadataError> {
        let public_url = match spec.public_url {
            Some(url) if is_origin(&url) => Some(url.trim_end_matches('/').into()),
            Some(url) => return Err(MetadataError::PublicUrl(url)),
            None => None,
        };
        if let Some(server) = spec.servers.iter().find(|server| !is_token(server)) {
            return Err(MetadataError::Server(server.clone()));
        }
        let mut tokens = spec.scopes.iter().chain(&spec.qualifier);
        if let Some(scope) = tokens.find(|scope| !is_token(scope)) {
            return Err(MetadataError::Scope(scope.clone()));
        }
        if spec.scopes.len() > ADVERTISED_SCOPES {
            return Err(MetadataError::Scopes);
        }
        let boxed = |list: Vec<String>| list.into_iter().map(Box::from).collect();
        Ok(Metadata {
            name: spec.name.into(),
            public_url,
            servers: boxed(spec.servers),
            scopes: boxed(spec.scopes),
            qualifier: spec.qualifier.map(Box::from),
            offer: spec.offer,
        })
    }

    /// A scope as it is asked for. Entra's tokens say `tickets.read`, and who wants one asks for
    /// `api://sluice/tickets.read`: a bare name would be taken for one of Microsoft Graph's. Scopes
    /// that are URIs already, and those of OpenID Connect, stay as they are.
    #[must_use]
    pub fn scope(&self, scope: &str) -> String {
        const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];
        match &self.qualifier {
            Some(qualifier) if !scope.contains("://") && !OPENID.contains(&scope) => {
                format!("{}/{scope}", qualifier.trim_end_matches('/'))
            }
            _ => scope.to_owned(),
        }
    }

    /// The resource identifier (RFC 9728, section 1.2): the URL that callers are configured with.
    #[must_use]
    pub fn resource(&self, seen: Seen<'_>) -> String {
        self.url(seen, "")
    }

    /// Where its document is.
    #[must_use]
    pub fn address(&self, seen: Seen<'_>) -> String {
        self.url(seen, WELL_KNOWN)
    }

    fn url(&self, seen: Seen<'_>, well_known: &str) -> String {
        let origin = origin(self.public_url.as_deref(), seen);
        format!("{origin}{well_known}{}", seen.prefix.trim_end_matches('/'))
    }

    /// The answer to a request for the document: GET and HEAD read it, OPTIONS is what a browser
    /// asks before its page may, and nothing else is offered.
    #[must_use]
    pub fn reply(&self, method: &str, seen: Seen<'_>) -> Reply {
        match method {
            "GET" | "HEAD" => Reply {
                status: 200,
                phrase: "OK",
                fields: "Cache-Control: public, max-age=300\r\nAccess-Control-Allow-Origin: *\r\n",
                body: self.document(seen),
            },
            "OPTIONS" => Reply {
                // Not 204, which may not say that its body has no bytes (RFC 9110, section 8.6).
                status: 200,
                phrase: "OK",
                fields: "Access-Control-Allow-Origin: *\r\n\
                         Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n\
                         Access-Control-Allow-Headers: *\r\n\
                         Access-Control-Max-Age: 86400\r\n",
                body: String::new(),
            },
            _ => Reply {
                status: 405,
                phrase: "Method Not Allowed",
                fields: "Allow: GET, HEAD, OPTIONS\r\nCache-Control: no-store\r\n",
                body: String::new(),
            },
        }
    }

    /// RFC 9728, section 2. What is empty is left out, as section 3.2 asks.
    fn document(&self, seen: Seen<'_>) -> String {
        let mut document = serde_json::json!({
            "resource": self.resource(seen),
            "bearer_methods_supported": ["header"],
            "resource_name": self.name,
        });
        if !self.servers.is_empty() {
            document["authorization_servers"] = self.servers.iter().map(|url| &**url).collect();
        }
        if !self.scopes.is_empty() {
            let scopes = self.scopes.iter().map(|scope| self.scope(scope));
            document["scopes_supported"] = scopes.collect();
        }
        if self.offer.has_dpop() {
            document["dpop_signing_alg_values_supported"] =
                self.offer.algorithms.iter().copied().collect();
        }
        if self.offer.only_dpop {
            document["dpop_bound_access_tokens_required"] = true.into();
        }
        if self.offer.certificates {
            document["tls_client_certificate_bound_access_tokens"] = true.into();
        }
        document.to_string()
    }

    /// The parameters of a challenge, beside what was wrong: where the document is, and the scopes to ask
    /// for. Of a 403 for want of scopes these are all that the operation takes, so that one more visit to
    /// the authorization server is enough.
    ///
    /// Nothing in it needs quoting: a `Host` has none of the bytes that would, and everything else
    /// was judged. A scope that was not is left out.
    #[must_use]
    pub fn challenge(&self, scopes: Option<&[Box<str>]>, seen: Seen<'_>) -> String {
        let mut text = format!("resource_metadata=\"{}\"", self.address(seen));
        let scopes: Vec<_> = (scopes.unwrap_or(&self.scopes).iter())
            .filter(|scope| is_token(scope))
            .map(|scope| self.scope(scope))
            .collect();
        if !scopes.is_empty() {
            text += &format!(", scope=\"{}\"", scopes.join(" "));
        }
        text
    }
}

/// Scheme and authority under which the caller reaches us. A route by host has an authority of its own,
/// and of the public URL only the scheme.
pub(super) fn origin(public_url: Option<&str>, seen: Seen<'_>) -> String {
    let Seen { secure, host, .. } = seen;
    let own = if secure { "https" } else { "http" };
    match public_url {
        Some(url) if !seen.by_host => url.to_owned(),
        Some(url) => {
            let scheme = url.split_once("://").map_or(own, |(scheme, _)| scheme);
            format!("{scheme}://{host}")
        }
        None => format!("{own}://{host}"),
    }
}

/// The route whose document a request is for; `None` when it is for no document of ours.
/// `publishes` says whether a route leads to a connection that has one.
///
/// `path` is canonical. What follows the well-known part is looked up as the path that it is, so
/// that a document is found wherever its connection is. The bare address belongs to the connection
/// at the root of that host; where nothing is, to the only one that the host has.
#[must_use]
pub fn document_asked<'r>(
    routes: &'r [Route],
    host: &str,
    path: &str,
    publishes: impl Fn(&Route) -> bool,
) -> Option<&'r Route> {
    let at = match path.strip_prefix(WELL_KNOWN)? {
        "" => "/",
        inserted if inserted.starts_with('/') => inserted,
        _ => return None,
    };
    if let Some(route) = routes.iter().find(|route| route.rest(host, at).is_some()) {
        return Some(route).filter(|route| publishes(route));
    }
    let published = |route: &&Route| route.is_for(host) && publishes(route);
    let mut published = routes.iter().filter(published);
    let first = published.next().filter(|_| at == "/")?;
    let only = published.all(|route| route.connection == first.connection);
    only.then_some(first)
}

/// Whether a page of this origin may call (the `Origin` field as it came; RFC 6454, section 7).
/// Origins compare as they are spelled: browsers have one spelling each. `null` is anybody.
#[must_use]
pub fn origin_allowed(allowed: &[impl AsRef<str>], origin: &[u8]) -> bool {
    let same = |one: &str| one.as_bytes() == origin;
    origin != b"null" && allowed.iter().any(|one| same(one.as_ref()))
}

/// Whether a connection may be reached by this `Host`. An entry without a port is for any port; no
/// entries mean no restriction.
#[must_use]
pub fn host_allowed(allowed: &[impl AsRef<str>], host: &str) -> bool {
    let name = without_port(host);
    let fits = |one: &str| one.eq_ignore_ascii_case(host) || one.eq_ignore_ascii_case(name);
    allowed.is_empty() || allowed.iter().any(|one| fits(one.as_ref()))
}

/// A scope-token, and what can stand in a quoted string as it is (RFC 6749, section 3.3).
fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(plain)
}

/// Scheme and authority, no user, path, query or fragment.
fn is_origin(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest))
        .is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

#[cfg(test)]
mod tests;
