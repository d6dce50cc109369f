//! MCP servers that are processes and speak JSON-RPC by lines.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use futures_util::future::BoxFuture;

use super::{Around, Asked, Health, Served, reply};
use crate::base::secret::Secret;

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

/// A server that is reachable. Its processes are not started yet by anything.
pub(super) struct Server {
    plan: Mutex<Arc<StdioServer>>,
}

impl Served for Server {
    type Plan = StdioServer;

    fn name(plan: &StdioServer) -> &str {
        &plan.name
    }

    fn start(plan: StdioServer, _: &Around) -> Arc<Server> {
        let plan = Mutex::new(Arc::new(plan));
        Arc::new(Server { plan })
    }

    fn renew(&self, plan: StdioServer) {
        let mut current = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if **current != plan {
            *current = Arc::new(plan);
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<'static, Response> {
        let Asked { principal, request } = asked;
        drop((principal, request));
        Box::pin(async { reply::later(None, 50300, "the server is not running", 1) })
    }

    fn health(&self) -> Health {
        Health::Failed("it is never started".to_owned())
    }

    fn end(self: Arc<Self>, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
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
