//! What a member says, as the caller hears it: its ids, tasks, states and addresses are told apart
//! from those of other members, and all else is what the member wrote.

use super::call::{Call, state_prefix};
use super::circle::Circle;
use super::edit::Edits;
use super::link::{Link, Opened};
use super::message::{Message, Shape, string};
use super::{meta, names};
use crate::json::{Kind, Value};

/// The member's answer to a call, as the caller gets it.
pub(super) fn answer(
    text: &[u8],
    message: Message<'_>,
    call: &Call,
    opened: &Opened,
    circle: &Circle,
) -> Vec<u8> {
    let mut edits = Edits::default();
    if let Some(id) = message.answers() {
        edits.replace(id.span(), &*call.id);
    } else if let Some(id) = message.root.get("id") {
        edits.replace(id.span(), &*call.id);
    }
    if let Shape::Result { result, .. } = message.shape
        && result.kind() == Kind::Object
    {
        let says = Says {
            link: &call.link,
            circle,
        };
        if let Some(state) = result.get("requestState").and_then(string) {
            edits.prefix(state, &state_prefix(&call.link.member));
        }
        says.tasks(&mut edits, result, &call.method);
        says.addresses(&mut edits, result, &call.method);
        if call.modern && !opened.revision.is_modern() {
            edits.add_members(result, completion(result, &call.method));
        }
    }
    edits.apply(text)
}

/// What a modern result has and an older one lacks (2026-07-28, changelog).
fn completion(result: Value<'_>, method: &str) -> &'static str {
    if result.get("resultType").is_some() {
        return "";
    }
    match method {
        "resources/read" => r#""resultType":"complete","ttlMs":0,"cacheScope":"private""#,
        _ => r#""resultType":"complete""#,
    }
}

/// A member's notification. `call` is the one whose answer it stands before, if any.
pub(super) fn notice(
    text: &[u8],
    message: Message<'_>,
    link: &Link,
    circle: &Circle,
    call: Option<&Call>,
) -> Vec<u8> {
    let mut edits = Edits::default();
    let says = Says { link, circle };
    let Some(params) = message.params() else {
        return text.to_vec();
    };
    match message.method() {
        Some("notifications/progress") => {
            if let (Some(call), Some(token)) = (call, params.get("progressToken"))
                && let Some(theirs) = call.token.as_deref()
                && call.modern
                && call.is_own_token(token)
            {
                edits.replace(token.span(), theirs);
            }
        }
        Some("notifications/resources/updated") => {
            if let Some(address) = message.text_param("uri") {
                says.known(&mut edits, address);
            }
        }
        Some(method) if method.starts_with("notifications/tasks") => {
            says.task(&mut edits, params.get("taskId"));
        }
        _ => {}
    }
    says.related(&mut edits, params);
    edits.apply(text)
}

/// A member's request: another id, and another token where it wants progress.
pub(super) fn question(
    text: &[u8],
    message: Message<'_>,
    link: &Link,
    circle: &Circle,
    id: &str,
) -> Vec<u8> {
    let mut edits = Edits::default();
    if let Some(own) = message.id() {
        edits.replace(own.span(), id);
    }
    if let Some(token) = message.progress_token() {
        edits.replace(token.span(), id);
    }
    if let Some(params) = message.params() {
        Says { link, circle }.related(&mut edits, params);
    }
    edits.apply(text)
}

/// Who says it, and to whom.
struct Says<'a> {
    link: &'a Link,
    circle: &'a Circle,
}

impl Says<'_> {
    /// Task ids of a result.
    fn tasks(&self, edits: &mut Edits, result: Value<'_>, method: &str) {
        let is_task = result.get("resultType").and_then(Value::as_str) == Some("task");
        if is_task || method.starts_with("tasks/") {
            self.task(edits, result.get("taskId"));
        }
        if let Some(task) = result.get("task") {
            self.task(edits, task.get("taskId"));
        }
        self.related(edits, result);
    }

    fn task(&self, edits: &mut Edits, id: Option<Value<'_>>) {
        if let Some(id) = id.and_then(string) {
            edits.prefix(id, &names::prefix(&self.link.member));
        }
    }

    /// The task that parameters or a result say they have to do with.
    fn related(&self, edits: &mut Edits, object: Value<'_>) {
        let related = object
            .get("_meta")
            .and_then(|meta| meta.get(meta::RELATED_TASK));
        if let Some(related) = related {
            self.task(edits, related.get("taskId"));
        }
    }

    /// Addresses that a result names: the caller may ask for them next.
    fn addresses(&self, edits: &mut Edits, result: Value<'_>, method: &str) {
        let blocks = match method {
            "resources/read" => {
                let contents = result.get("contents").into_iter();
                for each in contents.flat_map(Value::items) {
                    if let Some(address) = each.get("uri").and_then(string) {
                        self.known(edits, address);
                    }
                }
                return;
            }
            "prompts/get" => {
                let messages = result.get("messages").into_iter().flat_map(Value::items);
                messages.filter_map(|each| each.get("content")).collect()
            }
            "tools/call" | "tasks/result" => {
                let content = result.get("content").into_iter();
                content.flat_map(Value::items).collect()
            }
            _ => Vec::new(),
        };
        for block in blocks {
            let named = match block.get("type").and_then(Value::as_str) {
                Some("resource_link") => block.get("uri"),
                Some("resource") => block.get("resource").and_then(|each| each.get("uri")),
                _ => None,
            };
            if let Some(address) = named.and_then(string)
                && let Some(says) = address.as_str()
            {
                let prefix = self
                    .circle
                    .places(|places| places.learn(&self.link.member, says));
                if let Some(prefix) = prefix {
                    edits.prefix(address, &prefix);
                }
            }
        }
    }

    /// An address that the caller asked for, under the name by which it did.
    fn known(&self, edits: &mut Edits, address: Value<'_>) {
        let Some(says) = address.as_str() else {
            return;
        };
        if let Some(prefix) = self
            .circle
            .places(|places| places.prefix(&self.link.member, says))
        {
            edits.prefix(address, &prefix);
        }
    }
}
