//! What is looked at in a message beside what policy says, and how policy sees it.

use crate::auth::Identity;
use crate::base::clock::Wall;
use crate::exchange::dialogue::{task, tool};
use crate::exchange::refusal::{McpRefusal, Refusal};
use crate::exchange::rules::{Connection, Mcp};
use crate::json::Value;
use crate::mcp::{Digest, Edits, Message, Param, Post, write_string};
use crate::policy::mcp::ANSWER;
use crate::policy::{Arguments, McpCall};

/// Who somebody is to whom sessions, states and tasks belong.
pub(super) fn whose(identity: &Identity) -> Digest {
    *identity.principal().digest()
}

/// A tool that changed behind the back of whoever trusted it is neither shown nor called.
pub(super) fn check_tool(
    message: &Message<'_>,
    connection: &Connection,
    mcp: &Mcp,
    params: &[Param<'_>],
) -> Result<(), Refusal> {
    let Some(tool) = tool(message) else {
        return Ok(());
    };
    if mcp.pins.is_quarantined(&connection.name, tool) {
        return Err(McpRefusal::Quarantined.into());
    }
    // Whoever stands behind us may route by the arguments that headers repeat.
    match mcp.pins.mirrors(&connection.name, tool) {
        Some(mirrors) if !params.is_empty() => mirrors
            .agree(params, message.arguments, &mut Vec::new())
            .map_err(|why| McpRefusal::Message(why).into()),
        _ => Ok(()),
    }
}

/// A task is its principal's, and to everybody else it does not exist.
pub(super) fn check_task(
    message: &Message<'_>,
    connection: &Connection,
    mcp: &Mcp,
    principal: &Digest,
    wall: Wall,
) -> Result<(), Refusal> {
    match task(message) {
        Some(task) if mcp.tasks.owner(&connection.name, task, wall) != Some(*principal) => {
            Err(McpRefusal::TaskUnknown.into())
        }
        _ => Ok(()),
    }
}

/// A message as policy sees it; a response is no call of its own.
pub(super) fn call<'a>(message: &Message<'a>, annotations: Option<Value<'a>>) -> McpCall<'a> {
    let Some(method) = message.method else {
        return McpCall::bare(ANSWER, None);
    };
    McpCall {
        method,
        name: message.name,
        arguments: Arguments::Known(message.arguments),
        annotations,
    }
}

/// A message of several, or one that asks for several things.
pub(super) fn calls<'a>(message: &Message<'a>) -> impl Iterator<Item = McpCall<'a>> {
    let watched = message
        .subscriptions()
        .map(|uri| McpCall::bare("resources/subscribe", Some(uri)));
    std::iter::once(call(message, None)).chain(watched)
}

/// The body with every `requestState` as the upstream wrote it; `None` when it holds none.
pub(super) fn unwrapped(
    post: &Post<'_>,
    body: &[u8],
    open: impl Fn(&str) -> Result<String, Refusal>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let mut edits = Edits::new();
    let mut text = Vec::new();
    for message in post.messages() {
        let Some((state, sealed)) = message
            .request_state
            .and_then(|state| Some((state, state.as_str()?)))
        else {
            continue;
        };
        text.clear();
        write_string(&open(sealed)?, &mut text);
        edits
            .push(state.span(), &text)
            .map_err(|_| McpRefusal::StateUnknown)?;
    }
    if edits.is_empty() {
        return Ok(None);
    }
    let mut edited = Vec::new();
    edits
        .apply(body, &mut edited)
        .map_err(|_| McpRefusal::StateUnknown)?;
    Ok(Some(edited))
}

/// What the budgets leave a result of any of the calls.
pub(super) fn result_bytes(mcp: &Mcp, post: &Post<'_>) -> Option<u64> {
    let tools = post.messages().iter().map(tool);
    tools
        .filter_map(|tool| mcp.budgets.result_bytes(tool))
        .min()
}
