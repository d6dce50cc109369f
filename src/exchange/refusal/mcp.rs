//! What connections of protocol `mcp` refuse beside all others.

use super::told::{self, Told};
use crate::auth::Revoked;
use crate::mcp::Objection;
use crate::policy::budget::Exceeded;

/// Why an MCP exchange is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum McpRefusal {
    /// The message can be read in more than one way, or its headers disagree with it.
    #[error("message refused: {0}")]
    Message(Objection),
    /// The session is not known here, is another's, or its server is gone.
    #[error("no such session")]
    SessionUnknown,
    /// An operator has revoked the session; the caller may begin another.
    #[error("revocation {}", .0.id)]
    SessionRevoked(Revoked),
    /// The state to go on from is not one that this gateway gave to this principal.
    #[error("no such state")]
    StateUnknown,
    /// The task is not known here, or is another's.
    #[error("no such task")]
    TaskUnknown,
    /// The tool changed since somebody trusted it, or nobody has yet.
    #[error("the tool waits for an approval")]
    Quarantined,
    /// A budget is spent.
    #[error("budget spent: {}", .0.which)]
    Budget(Exceeded),
    /// The result is larger than the budget for results.
    #[error("the result is larger than its budget")]
    ResultTooLarge,
    /// The `Host` is not among those of the connection.
    #[error("the connection is not offered under this host")]
    Misdirected,
    /// The `Origin` is not among those of the connection.
    #[error("the origin is not allowed")]
    OriginRefused,
    /// The connection does not take this HTTP method.
    #[error("method not allowed")]
    MethodNotAllowed,
}

impl McpRefusal {
    pub(super) fn told(&self) -> &'static Told {
        match self {
            McpRefusal::Message(why) if why.http_status() == 415 => &told::BAD_MESSAGE_TYPE,
            McpRefusal::Message(_) => &told::BAD_MESSAGE,
            McpRefusal::SessionUnknown => &told::SESSION_UNKNOWN,
            McpRefusal::SessionRevoked(_) => &told::SESSION_REVOKED,
            McpRefusal::StateUnknown => &told::STATE_UNKNOWN,
            McpRefusal::TaskUnknown => &told::TASK_UNKNOWN,
            McpRefusal::Quarantined => &told::TOOL_QUARANTINED,
            McpRefusal::Budget(_) => &told::BUDGET_SPENT,
            McpRefusal::ResultTooLarge => &told::RESULT_TOO_LARGE,
            McpRefusal::Misdirected => &told::MISDIRECTED,
            McpRefusal::OriginRefused => &told::ORIGIN_REFUSED,
            McpRefusal::MethodNotAllowed => &told::METHOD_NOT_ALLOWED,
        }
    }
}
