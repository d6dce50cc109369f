//! Refusals as JSON-RPC errors: what a client of MCP shows to whoever called the tool.

use super::{Fixed, McpRefusal, Published, Refusal};
use crate::exchange::dialogue::Ids;
use crate::mcp::{Objection, write_error};
use crate::policy::Denial;

/// In which way a refusal is answered.
#[derive(Clone, Debug)]
pub enum How {
    /// As JSON-RPC errors, to these requests.
    InCall(Ids),
    /// In HTTP, with these challenges: whole lines.
    Challenging(Box<str>),
}

/// The codes of the gateway's own errors: outside of -32768 to -32000, which JSON-RPC and MCP keep.
/// The first three digits are those of the HTTP status that says the same.
mod code {
    pub(super) const DENIED: i32 = 40300;
    pub(super) const APPROVAL_NEEDED: i32 = 40301;
    pub(super) const QUARANTINED: i32 = 40310;
    pub(super) const UNKNOWN: i32 = 40400;
    pub(super) const BUDGET: i32 = 42900;
    pub(super) const OTHER: i32 = 50000;
}

/// A refusal as one JSON-RPC error.
pub(super) struct InCall {
    /// The HTTP status around it.
    pub(super) status: u16,
    phrase: &'static str,
    code: i32,
    retry_after: Option<u64>,
    objection: Option<Objection>,
}

impl Refusal {
    /// The same, answered to the requests that it refuses. What is about who calls stays HTTP's (the
    /// authorization text of MCP), and so does what refuses no request.
    #[must_use]
    pub(in crate::exchange) fn to(self, ids: Ids) -> Refusal {
        let in_http = matches!(
            self,
            Refusal::Told { .. }
                | Refusal::Denied(Denial::ScopeMissing(_))
                | Refusal::Mcp(McpRefusal::SessionUnknown | McpRefusal::SessionRevoked(_))
        );
        if in_http || ids.ids.is_empty() {
            return self;
        }
        Refusal::Told {
            why: Box::new(self),
            how: How::InCall(ids),
        }
    }

    /// The same, with challenges that say how to get in: whole lines.
    #[must_use]
    pub(in crate::exchange) fn challenging(self, lines: String) -> Refusal {
        Refusal::Told {
            why: Box::new(self),
            how: How::Challenging(lines.into()),
        }
    }

    /// What it is as a JSON-RPC error.
    pub(super) fn in_call(&self) -> InCall {
        let ok = |code| InCall {
            status: 200,
            phrase: "OK",
            code,
            retry_after: None,
            objection: None,
        };
        match self {
            Refusal::Denied(_) => ok(code::DENIED),
            Refusal::ApprovalNeeded(_) => ok(code::APPROVAL_NEEDED),
            Refusal::Mcp(McpRefusal::Quarantined) => ok(code::QUARANTINED),
            Refusal::Mcp(McpRefusal::TaskUnknown | McpRefusal::StateUnknown) => ok(code::UNKNOWN),
            Refusal::Mcp(McpRefusal::ResultTooLarge) => ok(code::BUDGET),
            Refusal::Mcp(McpRefusal::Budget(spent)) => InCall {
                retry_after: Some(spent.retry_after_seconds()),
                ..ok(code::BUDGET)
            },
            Refusal::Mcp(McpRefusal::Message(why)) => InCall {
                status: why.http_status(),
                phrase: self.told().phrase,
                objection: Some(*why),
                ..ok(why.rpc_code())
            },
            _ => ok(code::OTHER),
        }
    }

    /// This refusal as an answer to the request of that id, as it is written.
    #[must_use]
    pub(in crate::exchange) fn rpc(&self, id: &str) -> Vec<u8> {
        let InCall {
            code,
            retry_after,
            objection,
            ..
        } = self.in_call();
        let mut answer = Vec::new();
        if let Some(why) = objection {
            let mut data = Vec::new();
            why.write_data(&mut data);
            write_error(Some(id), code, &why.to_string(), &data, &mut answer);
            return answer;
        }
        let mut data = serde_json::json!({"reason": self.code()});
        if let Some(rule) = self.rule() {
            data["rule"] = (*rule.name).into();
        }
        if let Some(seconds) = retry_after {
            data["retryAfter"] = seconds.into();
        }
        let (sentence, data) = (self.told().sentence, data.to_string());
        write_error(Some(id), code, sentence, data.as_bytes(), &mut answer);
        answer
    }
}

impl InCall {
    /// The answer to the requests that `why` refuses.
    pub(super) fn answer(&self, why: &Refusal, ids: &Ids, close: bool) -> Fixed {
        let answers: Vec<_> = ids.ids.iter().map(|id| why.rpc(id)).collect();
        // It holds an id that was read as text, and texts of our own.
        let body = String::from_utf8(answers.join(&b","[..])).unwrap_or_default();
        let retry = self
            .retry_after
            .map(|seconds| format!("Retry-After: {seconds}\r\n"));
        let published = Published {
            status: self.status,
            phrase: self.phrase,
            fields: format!("Cache-Control: no-store\r\n{}", retry.unwrap_or_default()),
            body: if ids.batch { format!("[{body}]") } else { body },
        };
        published.answer(close)
    }
}
