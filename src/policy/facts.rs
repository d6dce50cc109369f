//! What is known when a call is judged: the call itself, who makes it, and from where and when.

use std::net::IpAddr;

use super::graph::GraphCall;
use crate::auth::{Agent, Grounds, Groups, PrincipalKind};
use crate::http::RequestHead;
use crate::json::Value;

/// What one judgement is about.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// An HTTP call.
    Http {
        /// The method.
        method: &'a str,
        /// The canonical path, without the route's prefix.
        path: &'a str,
    },
    /// A message of the Model Context Protocol.
    Mcp(McpCall<'a>),
    /// A call of Microsoft Graph.
    Graph(GraphCall<'a>),
}

/// One message of the Model Context Protocol, as far as rules go by it.
#[derive(Clone, Copy)]
pub struct McpCall<'a> {
    /// The method; for what carries no message, [`LISTEN`](super::mcp::LISTEN) and its neighbours.
    pub method: &'a str,
    /// What the method is asked about: a tool's or prompt's name, a resource's URI, a task's id.
    pub name: Option<&'a str>,
    /// The arguments.
    pub arguments: Arguments<'a>,
    /// What the server says of the tool: a claim of the server's own.
    pub annotations: Option<Value<'a>>,
}

impl<'a> McpCall<'a> {
    /// A message without arguments.
    #[must_use]
    pub fn bare(method: &'a str, name: Option<&'a str>) -> McpCall<'a> {
        McpCall {
            method,
            name,
            arguments: Arguments::Known(None),
            annotations: None,
        }
    }
}

/// A JSON value that a call may carry.
#[derive(Clone, Copy)]
pub enum Arguments<'a> {
    /// This one, or none.
    Known(Option<Value<'a>>),
    /// Not asked yet: a list is filtered before anybody calls. Or not kept.
    Unknown,
}

/// The header fields of a call.
#[derive(Clone, Copy)]
pub enum Fields<'a> {
    /// Those of a head, whose bytes are these.
    Head(&'a RequestHead, &'a [u8]),
    /// These: names in lower case, and values.
    Listed(&'a [(&'a str, &'a [u8])]),
    /// Not kept.
    Unknown,
}

/// Where a caller comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    /// The address.
    pub ip: Option<IpAddr>,
    /// The SPIFFE id in its certificate.
    pub spiffe: Option<&'a str>,
    /// The SHA-256 of its certificate, in base64url.
    pub certificate: Option<&'a str>,
}

/// What is known beside the call.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Seconds since 1970.
    pub wall: u64,
    /// Where the caller comes from.
    pub source: Source<'a>,
    /// What follows the path's `?`, canonical and still percent-encoded; empty without one.
    pub query: &'a str,
    /// The header fields.
    pub fields: Fields<'a>,
    /// The body of an HTTP call, where it is JSON.
    pub body: Arguments<'a>,
}

impl Facts<'_> {
    /// A call at that second, with nothing else to go by.
    #[must_use]
    pub fn at(wall: u64) -> Facts<'static> {
        Facts {
            wall,
            source: Source::default(),
            query: "",
            fields: Fields::Listed(&[]),
            body: Arguments::Known(None),
        }
    }
}

/// What is known of a caller when its call is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The configured name of the issuer that vouches for it.
    pub issuer: &'a str,
    /// The tenant, where the issuer has tenants.
    pub tenant: Option<&'a str>,
    /// The issuer's own name of the subject.
    pub object: &'a str,
    /// Whether it acts for itself.
    pub kind: PrincipalKind,
    /// The client (application) id, when it acts for itself: then it may authorise.
    pub client: Option<&'a str>,
    /// The client that shows the token, whoever it acts for. It authorises nothing by itself, and
    /// what is denied to it is denied.
    pub shown_by: Option<&'a str>,
    /// The application roles.
    pub roles: &'a [Box<str>],
    /// The group ids, or `None` when the token left them out (overage): unknown, not none.
    pub groups: Option<&'a [Box<str>]>,
    /// What a user allowed the client to do (`scp`).
    pub scopes: &'a [Box<str>],
    /// How an agent takes part, where one does.
    pub agent: Option<Agent>,
    /// What the agent was made from.
    pub blueprint: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// What claims say of a caller, verified or not.
    #[must_use]
    pub fn of(grounds: &'a Grounds) -> Subject<'a> {
        let principal = grounds.principal();
        Subject {
            issuer: principal.issuer(),
            tenant: principal.tenant(),
            object: principal.object(),
            kind: principal.kind(),
            client: grounds.client(),
            shown_by: principal.client(),
            roles: grounds.roles(),
            groups: match grounds.groups() {
                Groups::Known(groups) => Some(groups),
                Groups::Overage => None,
            },
            scopes: grounds.scopes(),
            agent: grounds.agent(),
            blueprint: grounds.blueprint(),
        }
    }
}
