//! Lists are filtered by the function that judges calls; tools stay what they were.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use super::scene::{AGENT, Plan, json_reply, server};

#[test]
fn what_cannot_be_called_is_not_listed() {
    let upstream = server(|asked| match asked["method"].as_str() {
        Some("tools/list") => json!({"tools": [
            {"name": "delete_all", "inputSchema": {}}, {"name": "search_a", "inputSchema": {}},
            {"name": "other", "inputSchema": {}}, {"name": "search_b", "inputSchema": {}}],
            "nextCursor": "c"}),
        Some("prompts/list") => json!({"prompts": [{"name": "p"}]}),
        Some("resources/list") => json!({"resources": [
            {"uri": "file:///docs/a", "name": "a"}, {"uri": "file:///etc/b", "name": "b"}]}),
        _ => json!({"content": [{"type": "text", "text": "called"}]}),
    });
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    let tools = agent.ask("tools/list", json!({}));
    let names: Vec<&Value> = (tools["result"]["tools"].as_array().unwrap().iter())
        .map(|tool| &tool["name"])
        .collect();
    assert_eq!(names, ["search_a", "search_b"]);
    assert_eq!(tools["result"]["nextCursor"], "c");
    let prompts = agent.ask("prompts/list", json!({}));
    assert_eq!(prompts["result"]["prompts"].as_array().unwrap().len(), 1);
    let resources = agent.ask("resources/list", json!({}));
    assert_eq!(
        resources["result"]["resources"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn what_is_kept_of_a_list_is_byte_identical() {
    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{ "tools":[ {"name":"no"},{"name":"search_a","x":1.00,"y":12345678901234567890123,"inputSchema":{"\u00e9":"\/"}} ] , "cacheScope":"public","ttlMs":5}}"#;
    let upstream = super::origin::Origin::answering(|_| json_reply(LIST));
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let reply = agent.post(&body.to_string());
    let want = LIST
        .replace(r#"{"name":"no"},"#, "")
        .replace("\"public\"", "\"private\"");
    assert_eq!(reply.text(), want);
}

#[test]
fn a_tool_that_changes_is_hidden_and_refused_until_it_is_approved() {
    let version = Arc::new(AtomicUsize::new(0));
    let shown = Arc::clone(&version);
    let upstream = server(move |asked| match asked["method"].as_str() {
        Some("tools/list") => json!({"tools": [
            {"name": "search_a", "description": format!("version {}", shown.load(SeqCst)), "inputSchema": {}},
            {"name": "search_b", "inputSchema": {}}]}),
        _ => json!({"called": true}),
    });
    let data = tempfile::tempdir().unwrap();
    let plan = || Plan {
        data: Some(data.path().join("data")),
        ..Plan::default()
    };
    let scene = plan().start(&upstream);
    let mut agent = scene.agent(AGENT);
    let count = |list: &Value| list["result"]["tools"].as_array().unwrap().len();
    assert_eq!(count(&agent.ask("tools/list", json!({}))), 2);
    version.store(1, SeqCst);
    assert_eq!(count(&agent.ask("tools/list", json!({}))), 1);
    let call = json!({"name": "search_a", "arguments": {}});
    assert_eq!(
        agent.ask("tools/call", call.clone())["error"]["code"],
        40310
    );
    let other = json!({"name": "search_b", "arguments": {}});
    assert_eq!(agent.ask("tools/call", other)["result"]["called"], true);
    scene.stop();
    // Also after a restart, and when the server goes back.
    version.store(0, SeqCst);
    let scene = plan().start(&upstream);
    let mut agent = scene.agent(AGENT);
    assert_eq!(agent.ask("tools/call", call)["error"]["code"], 40310);
}
