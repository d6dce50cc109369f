//! What an exchange of a connection of protocol `mcp` is beyond HTTP.

use std::net::SocketAddr;

use crate::auth::Identity;
use crate::mcp::{Digest, Kind, Message, Post, Revision, SessionState};

/// The query parameter that stands for where an upstream of the transport of 2024-11-05 takes
/// messages.
pub(super) const ENDPOINT: &str = "sluice-endpoint";

/// What the caller came for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Visit {
    /// POST: it says something.
    Say,
    /// GET: it listens.
    Listen,
    /// DELETE: it ends its session.
    End,
}

impl Visit {
    /// By the HTTP method; none for those that MCP does not use.
    pub(super) fn of(method: &str) -> Option<Visit> {
        match method {
            "POST" => Some(Visit::Say),
            "GET" => Some(Visit::Listen),
            "DELETE" => Some(Visit::End),
            _ => None,
        }
    }
}

/// What was found in a call that may go on, for its request and its reply.
pub(super) struct Dialogue {
    /// What the caller came for.
    pub visit: Visit,
    /// The revision it speaks.
    pub revision: Revision,
    /// Who it is, for judging what the server asks of it.
    pub identity: Identity,
    /// The same as sessions, states and tasks are bound to.
    pub principal: Digest,
    /// The session that the caller showed.
    pub session: Option<Session>,
    /// It holds a request, so that an answer is due.
    pub asks: bool,
    /// Bytes of a result at most, where budgets say so.
    pub result_bytes: Option<u64>,
    /// The body with the spans replaced that are the gateway's own.
    pub edited: Option<Vec<u8>>,
    /// Of the transport of 2024-11-05: where the upstream takes messages.
    pub endpoint: Option<Box<str>>,
}

impl Dialogue {
    /// Whether the call goes on when the caller goes away: before 2026-07-28 only a notification
    /// cancels.
    pub(super) fn outlives_caller(&self) -> bool {
        self.visit == Visit::Say && self.asks && !self.revision.is_modern()
    }
}

/// A session that the caller showed, opened.
pub(super) struct Session {
    /// The upstream's own id of it.
    pub upstream: Box<str>,
    /// Where it lives, where it lives in one place only.
    pub address: Option<SocketAddr>,
}

impl Session {
    pub(super) fn of(state: &SessionState<'_>) -> Session {
        Session {
            upstream: state.upstream.into(),
            address: state.address,
        }
    }
}

/// The ids that a refusal of a POST answers to.
#[derive(Clone, Debug)]
pub struct Ids {
    /// As they are written.
    pub(super) ids: Vec<Box<str>>,
    /// The body was an array, and so is the answer.
    pub(super) batch: bool,
}

impl Ids {
    /// Those of the requests of a POST; none when it holds no request.
    pub(super) fn of(post: &Post<'_>) -> Ids {
        let requests = post.messages().iter().filter(|one| is_request(one));
        Ids {
            ids: requests
                .filter_map(|message| message.id.map(Box::from))
                .collect(),
            batch: post.is_batch(),
        }
    }

    /// The one id of a message that could not be read whole, or `null`.
    pub(super) fn one(id: Option<&str>) -> Ids {
        Ids {
            ids: vec![id.unwrap_or("null").into()],
            batch: false,
        }
    }
}

/// Whether an answer is due.
pub(super) fn is_request(message: &Message<'_>) -> bool {
    message.kind == Kind::Request
}

/// The tool that is called.
pub(super) fn tool<'a>(message: &Message<'a>) -> Option<&'a str> {
    message
        .name
        .filter(|_| message.method == Some("tools/call"))
}

/// The task that is asked about.
pub(super) fn task<'a>(message: &Message<'a>) -> Option<&'a str> {
    let about = |method: &str| method.starts_with("tasks/");
    message.name.filter(|_| message.method.is_some_and(about))
}
