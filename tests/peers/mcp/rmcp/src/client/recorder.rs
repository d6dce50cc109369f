//! What the client's program sees of its own accord, and what its user answers.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rmcp::{ErrorData, RoleClient, handler::client::ClientHandler, model::*, service::*};
use serde_json::{Value, json};
use tokio::sync::Notify;

const EXPECT: Duration = Duration::from_secs(8);

/// The events of the run, in the order in which they came.
pub struct Recorder {
    events: Mutex<Vec<Value>>,
    roots: Mutex<Value>,
    news: Notify,
}

/// A value of the SDK from its JSON: its types cannot be built by hand.
pub fn made<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    pub fn new() -> Self {
        Self {
            events: Mutex::default(),
            roots: Mutex::new(json!([])),
            news: Notify::new(),
        }
    }

    pub fn add(&self, event: &str, about: impl serde::Serialize) {
        lock(&self.events).push(json!({ "event": event, "about": about }));
        self.news.notify_waiters();
    }

    /// How many events there have been.
    pub fn count(&self) -> usize {
        lock(&self.events).len()
    }

    pub fn since(&self, start: usize) -> Vec<Value> {
        lock(&self.events).iter().skip(start).cloned().collect()
    }

    pub fn set_roots(&self, uris: &Value) {
        let uris = uris.as_array().into_iter().flatten();
        *lock(&self.roots) = uris.map(|uri| json!({ "uri": uri })).collect();
    }

    /// Waits until as many events of each name have come as `expect` names, or says that they have not.
    pub async fn until(&self, start: usize, expect: &[String]) {
        let all_came = async {
            loop {
                let news = self.news.notified();
                if self.lacks_none(start, expect) {
                    return;
                }
                news.await;
            }
        };
        if tokio::time::timeout(EXPECT, all_came).await.is_err() {
            self.add("(nothing more came)", Value::Null);
        }
    }

    fn lacks_none(&self, start: usize, expect: &[String]) -> bool {
        let mut missing = expect.to_vec();
        for event in self.since(start) {
            if let Some(at) = missing.iter().position(|name| event["event"] == **name) {
                missing.remove(at);
            }
        }
        missing.is_empty()
    }
}

/// A form filled in: what is required, with the first choice of each kind.
fn filled(schema: &Value) -> Value {
    let names = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let fill = |name: &str| {
        let about = &schema["properties"][name];
        let choice = about["enum"]
            .get(0)
            .or_else(|| about["oneOf"].get(0).map(|one| &one["const"]));
        choice
            .cloned()
            .unwrap_or_else(|| match about["type"].as_str() {
                Some("boolean") => json!(true),
                Some("integer" | "number") => json!(7),
                _ => json!("blue"),
            })
    };
    names.map(|name| (name.to_owned(), fill(name))).collect()
}

impl ClientHandler for &'static Recorder {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_sampling()
            .enable_elicitation()
            .enable_roots()
            .enable_roots_list_changed()
            .build();
        ClientConfig::new(capabilities, Implementation::new("peer", "1"))
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.add("sampling/createMessage", &params);
        let asked = json!(params.messages.last());
        let text = asked["content"]["text"].as_str().unwrap_or_default();
        let content = json!({ "type": "text", "text": format!("echo of {text}") });
        made(json!({ "role": "assistant", "content": content, "model": "peer" }))
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.add("elicitation/create", &params);
        made(json!({ "action": "accept", "content": filled(&json!(params)["requestedSchema"]) }))
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        self.add("roots/list", Value::Null);
        made(json!({ "roots": *lock(&self.roots) }))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.add("progress", (params.progress, params.total, params.message));
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.add("notifications/message", params);
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.add("notifications/resources/updated", params);
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.add("notifications/resources/list_changed", Value::Null);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.add("notifications/tools/list_changed", Value::Null);
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.add("notifications/prompts/list_changed", Value::Null);
    }
}
