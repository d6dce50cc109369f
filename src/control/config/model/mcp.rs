//! What a connection of protocol `mcp` has beside what every connection has.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::control::config::Spot;
pub use crate::mcp::pins::{First, OnChange, ToolPolicy};

/// The part of a connection that only MCP knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mcp {
    /// Scopes that clients are told to ask for.
    pub scopes: Vec<String>,
    /// `Origin` values that are let in, as browsers write them; any other is refused.
    pub origins: Vec<String>,
    /// Host names, lower case, without port; `None` takes every `Host`.
    pub hosts: Option<Vec<String>>,
    /// How tools are pinned.
    pub tools: ToolPolicy,
    /// What each principal may use up; all that match a call apply.
    pub budgets: Vec<Budget>,
    /// The largest message, either way, in bytes.
    pub message_bytes: u64,
}

/// What one principal may use up; at least one of the three is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The tools it speaks of, `*` for any run of characters; `None` means every call.
    pub tools: Option<String>,
    /// Calls in a time.
    pub calls: Option<Rate>,
    /// Calls at once.
    pub concurrent: Option<NonZeroU32>,
    /// The largest result, in bytes.
    pub result_bytes: Option<u64>,
    /// Where it stands in the file.
    pub place: Spot,
}

/// So many in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how long.
    pub per: Duration,
}

/// A server that the gateway starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stdio {
    /// The program: a name that is looked up in `PATH`, or a path.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment beside `PATH` and `HOME`, in the order of the file. Values are kept as
    /// secrets, those too that stand in the file.
    pub env: Vec<(String, Secret)>,
    /// Its working directory; `None` is the gateway's own.
    pub cwd: Option<PathBuf>,
    /// Who shares a process.
    pub share: Share,
    /// Processes at once; 1 where everybody shares one.
    pub processes: u32,
    /// How long a process stays that nobody uses.
    pub idle: Duration,
    /// Memory of one process, in bytes.
    pub memory: u64,
}

/// Who shares a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// Each principal has one of its own.
    #[default]
    Principal,
    /// Everybody shares one.
    All,
}
