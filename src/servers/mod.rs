//! Floor 6: MCP servers that the gateway itself runs or puts together.
//!
//! ```text
//!   worker ── HTTP on 127.0.0.1 ─► door    the secret, the principal, the path
//!                                   │
//!                                mounts    what answers under which name, kept over a reload
//!                                   ├─ /stdio/{name} ─► a server's processes
//!                                   └─ /union/{name} ─► several servers presented as one
//! ```
//!
//! To a worker each of them is an upstream like any other: Streamable HTTP, spoken over a socket.
//! So what is true of an upstream (policy, masks, recording) is true of these. The [`Host`] runs
//! them on a thread of their own; none of them judges a call.

mod door;
mod host;
mod mounts;
mod reply;
pub mod stdio;
pub mod union;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use futures_util::future::BoxFuture;

use crate::base::hex;
use crate::base::secret::Secret;

pub use crate::mcp::inner::{CALLER_HEADER, PRINCIPAL_HEADER, SECRET_HEADER};
pub use host::Host;
pub use stdio::StdioServer;
pub use union::Union;

/// What the host is to run.
#[derive(Clone, Default)]
pub struct Plan {
    /// Servers that are processes. Names are distinct.
    pub stdio: Vec<StdioServer>,
    /// Servers put together of others. Names are distinct.
    pub unions: Vec<Union>,
    /// The way back into the gateway, which unions need.
    pub inner: Option<Inner>,
}

/// The workers' own listener for requests that come from within.
#[derive(Clone)]
pub struct Inner {
    /// Where it listens: on loopback.
    pub address: SocketAddr,
    /// What a request there must show in [`SECRET_HEADER`].
    pub secret: Secret,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing runs and nothing is wrong: the next caller starts it.
    Idle,
    /// The first part is on its way up.
    Starting,
    /// It serves; processes of a server, members of a union.
    Running {
        /// How many.
        parts: usize,
    },
    /// It ended by itself, and is not started again for a while.
    BackingOff {
        /// Why it ended.
        why: String,
        /// How long until a caller may start it again.
        left: Duration,
    },
    /// It cannot be started as it is configured.
    Failed(String),
}

impl Health {
    /// Whether a caller may expect an answer.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !matches!(self, Health::BackingOff { .. } | Health::Failed(_))
    }
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Health::Idle => f.write_str("idle"),
            Health::Starting => f.write_str("starting"),
            Health::Running { parts } => write!(f, "running ({parts})"),
            Health::BackingOff { why, left } => {
                write!(
                    f,
                    "{why}; started again in {} s at most",
                    left.as_secs() + 1
                )
            }
            Health::Failed(why) => f.write_str(why),
        }
    }
}

/// Who asks: a digest of the proven principal. It tells principals apart and says nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Principal([u8; 32]);

impl Principal {
    /// Reads 64 hexadecimal digits.
    fn read(text: &[u8]) -> Option<Principal> {
        hex::read(text).map(Principal)
    }
}

/// A request that has come through the door.
struct Asked {
    /// Who asks.
    principal: Principal,
    /// The request, with its body unread.
    request: Request<Body>,
}

/// What servers get from the host.
#[derive(Clone, Default)]
struct Around {
    /// The way back into the gateway, as of now.
    inner: Arc<ArcSwapOption<Inner>>,
    /// The process groups that run.
    groups: Arc<stdio::Groups>,
}

/// A kind of server: what the host needs to mount one, keep it over a reload, and end it.
///
/// All of it is called on the host's runtime, [`Served::health`] from anywhere.
trait Served: Send + Sync + 'static {
    /// What it is made of.
    type Plan;

    /// The name it is reached by.
    fn name(plan: &Self::Plan) -> &str;

    /// Makes it. What it needs that may fail starts with the first caller.
    fn start(plan: Self::Plan, around: &Around) -> Arc<Self>;

    /// Takes a plan that may be changed. Nothing that is open is cut: what changed holds for new
    /// sessions.
    fn renew(&self, plan: Self::Plan);

    /// Answers one request.
    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<'static, Response>;

    /// How it is.
    fn health(&self) -> Health;

    /// Lets open calls end for at most `drain`, then ends whatever it runs.
    fn end(self: Arc<Self>, drain: Duration) -> BoxFuture<'static, ()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_64_hexadecimal_digits() {
        let digits = "0123456789abcdefABCDEF0000000000ffffffffffffffffffffffffffffffff";
        assert!(
            Principal::read(digits.as_bytes()).is_some_and(|read| read.0[..3] == [1, 0x23, 0x45])
        );
        for bad in [
            "",
            &digits[1..],
            &digits.replace('0', "+"),
            &digits.replace('0', " "),
        ] {
            assert!(Principal::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn health_says_whether_to_expect_an_answer() {
        assert!(Health::Idle.is_good() && Health::Running { parts: 1 }.is_good());
        let failed = Health::Failed("no such command".to_owned());
        assert!(!failed.is_good());
        assert_eq!(failed.to_string(), "no such command");
    }
}
