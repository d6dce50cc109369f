//! Arguments that a modern member wants repeated in headers (2026-07-28, transports, "Custom Headers
//! from Tool Parameters"). A modern caller does so itself; for one of the older era the union must,
//! and knows which from the member's own list of tools.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::OnceCell;

use super::circle::lock;
use super::message::Message;
use super::meta::spelled;
use crate::base::limits::UNION_ADDRESSES;
use crate::json::Value;
use crate::mcp::Mirrors;

/// What one member's list of tools said, as far as it was read.
#[derive(Default)]
pub(super) struct Repeated {
    tools: Mutex<HashMap<String, Arc<Mirrors>>>,
    listed: OnceCell<()>,
}

impl Repeated {
    /// Takes note of a tool as its member lists it.
    pub(super) fn learn(&self, tool: Value<'_>) {
        let name = tool.get("name").and_then(Value::as_str);
        let (Some(name), Some(schema)) = (name, tool.get("inputSchema")) else {
            return;
        };
        let mirrors = Mirrors::of(schema);
        let mut tools = lock(&self.tools);
        if mirrors.is_empty() {
            tools.remove(name);
        } else if tools.len() < UNION_ADDRESSES {
            tools.insert(name.to_owned(), Arc::new(mirrors));
        }
    }

    /// Waits until the tools have been listed; the first to ask does it.
    pub(super) async fn known(&self, list: impl Future<Output = ()>) {
        self.listed.get_or_init(|| list).await;
    }

    /// The headers for a call of a tool.
    pub(super) fn headers(&self, tool: &str, message: Message<'_>) -> HeaderMap {
        let mirrors = lock(&self.tools).get(tool).cloned();
        let arguments = message.params().and_then(|params| params.get("arguments"));
        let mut headers = HeaderMap::new();
        for (name, value) in mirrors.iter().flat_map(|mirrors| mirrors.said(arguments)) {
            let name = HeaderName::try_from(format!("mcp-param-{name}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(spelled(value))) {
                headers.insert(name, value);
            }
        }
        headers
    }
}
