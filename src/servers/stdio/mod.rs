//! MCP servers that are processes and speak JSON-RPC by lines (the stdio transport of all
//! revisions), presented as Streamable HTTP.
//!
//! ```text
//!   http ── what a request asks for          server ── which process, which session
//!     ├─ events ◄─ stream ◄─ session           │
//!     └──────────► table ◄── process ◄─────────┘
//!                              └─ child, groups, lines, log
//! ```
//!
//! A principal has one process for the revisions with sessions and one for those without, since a
//! process that was initialised speaks an older revision from then on. Sessions of one principal
//! share it; with [`Share::All`] everybody does. Messages pass as the bytes they came in as
//! ([`message`]); ids and tokens are replaced only where they would be ambiguous ([`table`]).
//!
//! What a process may do is bounded: its messages in length, what waits for it and for its callers
//! in bytes, its memory and descendants ([`groups`]), the lines it logs ([`log`]). One that fails is
//! started again by the next caller after a growing pause; whatever was open is answered with an
//! error, and its sessions are over.

mod child;
mod events;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod groups;
mod http;
mod lines;
mod log;
mod message;
mod pause;
mod process;
mod server;
mod session;
mod stream;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use futures_util::future::BoxFuture;

use super::{Around, Asked, Health, Principal, Served};
use crate::base::secret::Secret;

pub(super) use groups::Groups;
pub(super) use server::Server;

/// A server that is a process.
#[derive(Clone, Debug)]
pub struct StdioServer {
    /// The connection's name.
    pub name: String,
    /// The program: a path, or a name that is looked for in `PATH`.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beside `PATH` and `HOME`. Nothing else of ours is passed on.
    pub env: Vec<(String, Secret)>,
    /// Where it runs; where we run if there is none.
    pub cwd: Option<PathBuf>,
    /// Who shares a process.
    pub share: Share,
    /// Processes at one time, at least one.
    pub processes: usize,
    /// A process or a session that nobody used for so long ends.
    pub idle: Duration,
    /// Resident memory of a process and its descendants, in bytes; above it they are ended.
    pub memory: u64,
    /// One JSON-RPC message either way, in bytes.
    pub message_bytes: usize,
}

/// Who shares a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// The sessions of one principal.
    Principal,
    /// Everybody.
    All,
}

impl PartialEq for StdioServer {
    fn eq(&self, other: &StdioServer) -> bool {
        // Every field by name, so that a new one cannot be forgotten.
        let StdioServer {
            name,
            command,
            args,
            env,
            cwd,
            share,
            processes,
            idle,
            memory,
            message_bytes,
        } = self;
        let same_env = env.len() == other.env.len()
            && (env.iter().zip(&other.env)).all(|((a, x), (b, y))| a == b && x.same(y.expose()));
        same_env
            && (name, command, args, cwd) == (&other.name, &other.command, &other.args, &other.cwd)
            && (share, processes, idle) == (&other.share, &other.processes, &other.idle)
            && (memory, message_bytes) == (&other.memory, &other.message_bytes)
    }
}

/// JSON-RPC error codes: ours, which say by their first digits the nearest HTTP status, and those of
/// the protocol that mean something here.
mod codes {
    pub const BAD_REQUEST: i32 = 40000;
    pub const NEEDS_SESSION: i32 = 40010;
    pub const NO_SESSION: i32 = 40400;
    pub const NOBODY: i32 = 40410;
    pub const TOO_LONG: i32 = 41300;
    pub const CANCELLED: i32 = 49900;
    pub const ENDED: i32 = 50200;
    pub const UNAVAILABLE: i32 = 50300;

    pub const METHOD_NOT_FOUND: i64 = -32601;

    /// Whether only a server of revision 2026-07-28 or later answers with this code.
    pub fn is_modern(code: i64) -> bool {
        (-32022..=-32020).contains(&code)
    }
}

/// How requests relate to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Era {
    /// Revisions up to 2025-11-25: `initialize` opens a session.
    Sessions,
    /// Revision 2026-07-28: each stands for itself.
    Requests,
}

/// What a process is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Slot {
    /// Its only principal; none where everybody shares it.
    principal: Option<Principal>,
    era: Era,
}

impl Served for Server {
    type Plan = StdioServer;

    fn name(plan: &StdioServer) -> &str {
        &plan.name
    }

    fn start(plan: StdioServer, around: &Around) -> Arc<Server> {
        Server::new(plan, around.groups.clone())
    }

    fn renew(&self, plan: StdioServer) {
        self.set_plan(plan);
    }

    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<'static, Response> {
        Box::pin(http::answer(self, asked))
    }

    fn health(&self) -> Health {
        self.current_health()
    }

    fn end(self: Arc<Self>, drain: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.finish(drain).await })
    }
}
