//! Sessions and states are not identity: what a caller keeps is sealed to whom it belongs to.

use serde_json::json;

use super::caller::Caller;
use super::scene::{AGENT, OTHER, Plan, asked, server, silent};

#[test]
fn a_session_is_sealed_and_the_upstream_sees_its_own() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    agent.initialize();
    let session = agent.session.clone().expect("a session");
    assert!(!session.contains("upstream-1"), "{session}");
    agent.ask("tools/call", json!({"name": "search_all", "arguments": {}}));
    let requests = upstream.requests();
    let call = requests.last().unwrap();
    assert_eq!(call.field("mcp-session-id"), Some("upstream-1"));
    assert_eq!(call.field("authorization"), None);
    assert!(!call.head.contains(&agent.token));
    assert_eq!(call.target(), "/mcp");
    let log = scene.access_log(2);
    let named = log[1]["mcp.session.id"].as_str().unwrap();
    assert_eq!(named.len(), 16);
    assert_eq!(log[0].get("mcp.session.id"), None, "{}", log[0]);
    let metrics = scene.metrics();
    let told = metrics
        .lines()
        .find(|line| line.contains("mcp_tool_name=\"search_all\""));
    let told = told.unwrap_or_else(|| panic!("{metrics}"));
    assert!(
        told.ends_with(" 1") && told.contains("mcp_method_name=\"tools/call\""),
        "{told}"
    );
    assert!(
        metrics.contains("mcp_caller_calls_total{connection=\"tickets\",principal="),
        "{metrics}"
    );
}

#[test]
fn anothers_session_is_none_on_every_method() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    agent.initialize();
    let seen = upstream.requests().len();
    let mut other = scene.agent(OTHER);
    other.session = agent.session.clone();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search_all", "arguments": {}}});
    assert_eq!(other.post(&call.to_string()).status, 404);
    for method in ["GET", "DELETE"] {
        let head = other.head(method);
        let reply = Caller::plain(scene.address).ask(format!("{head}\r\n"));
        assert_eq!(reply.status, 404, "{method}: {}", reply.text());
    }
    for forged in ["upstream-1", "", "AAAA", "not base64 at all"] {
        other.session = Some(forged.to_owned());
        assert_eq!(other.post(&call.to_string()).status, 404, "{forged}");
    }
    assert_eq!(upstream.requests().len(), seen, "nothing went upstream");
}

#[test]
fn the_newest_revision_has_no_sessions() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    agent.version = "2026-07-28";
    agent.session = Some("whatever".to_owned());
    agent.fields = "Mcp-Method: tools/call\r\nMcp-Name: search_all\r\n".to_owned();
    let reply = agent.ask(
        "tools/call",
        json!({"name": "search_all", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}}),
    );
    assert_eq!(reply["result"], json!({}));
    let requests = upstream.requests();
    assert_eq!(requests.last().unwrap().field("mcp-session-id"), None);
}

#[test]
fn a_session_outlives_the_process_with_its_keys() {
    let upstream = silent();
    let data = tempfile::tempdir().unwrap();
    let plan = || Plan {
        data: Some(data.path().join("data")),
        ..Plan::default()
    };
    let first = plan().start(&upstream);
    let mut agent = first.agent(AGENT);
    agent.initialize();
    let session = agent.session.clone();
    first.stop();
    let second = plan().start(&upstream);
    let mut agent = second.agent(AGENT);
    agent.session = session;
    agent.ask("tools/call", json!({"name": "search_all", "arguments": {}}));
    let requests = upstream.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.field("mcp-session-id"), Some("upstream-1"));
}

#[test]
fn a_request_state_is_wrapped_and_anothers_is_refused() {
    let upstream = server(|asked| match asked["params"]["requestState"].as_str() {
        None => json!({"resultType": "input_required", "requestState": "the \"state\" \u{e9}",
            "inputRequests": {}}),
        Some(state) => json!({"state": state}),
    });
    let scene = Plan::default().start(&upstream);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let call = |client: &str, state: Option<&str>| {
        let mut agent = scene.agent(client);
        agent.version = "2026-07-28";
        agent.fields = "Mcp-Method: tools/call\r\nMcp-Name: search_all\r\n".to_owned();
        let mut params = json!({"name": "search_all", "arguments": {}, "_meta": meta});
        if let Some(state) = state {
            params["requestState"] = state.into();
        }
        agent.ask("tools/call", params)
    };
    let first = call(AGENT, None);
    let state = first["result"]["requestState"].as_str().unwrap();
    assert!(!state.contains("state"), "{state}");
    let again = call(AGENT, Some(state));
    assert_eq!(again["result"]["state"], "the \"state\" \u{e9}");
    let stolen = call(OTHER, Some(state));
    assert_eq!(stolen["error"]["code"], 40400, "{stolen}");
    let invented = call(AGENT, Some("invented"));
    assert_eq!(invented["error"]["code"], 40400, "{invented}");
}

#[test]
fn a_task_is_its_principals() {
    let upstream = server(|asked| match asked["method"].as_str() {
        Some("tools/call") => json!({"task": {"taskId": "t-1", "status": "working"}}),
        _ => json!({"taskId": "t-1", "status": "working"}),
    });
    let plan = Plan {
        rules: "
      - allow: tools/call *
      - allow: tasks/*",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let mut agent = scene.agent(AGENT);
    let begun = agent.ask(
        "tools/call",
        json!({"name": "long", "arguments": {}, "task": {}}),
    );
    assert_eq!(begun["result"]["task"]["taskId"], "t-1");
    let mine = agent.ask("tasks/get", json!({"taskId": "t-1"}));
    assert_eq!(mine["result"]["status"], "working");
    let seen = upstream.requests().len();
    let theirs = scene
        .agent(OTHER)
        .ask("tasks/get", json!({"taskId": "t-1"}));
    assert_eq!(theirs["error"]["code"], 40400, "{theirs}");
    let unknown = agent.ask("tasks/cancel", json!({"taskId": "t-2"}));
    assert_eq!(unknown["error"]["code"], 40400, "{unknown}");
    assert_eq!(upstream.requests().len(), seen);
}

#[test]
fn equal_ids_of_two_principals_never_cross() {
    const CALLS: usize = 200;
    let upstream = server(|asked| json!({"for": asked["params"]["arguments"]["who"]}));
    let scene = Plan::default().start(&upstream);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = if thread % 2 == 0 { AGENT } else { OTHER };
            let mut agent = scene.agent(client);
            scope.spawn(move || {
                for call in 0..CALLS {
                    let who = format!("{client}-{thread}-{call}");
                    let params = json!({"name": "search_all", "arguments": {"who": who}});
                    assert_eq!(agent.ask("tools/call", params)["result"]["for"], who);
                }
            });
        }
    });
    assert_eq!(upstream.requests().len(), 8 * CALLS);
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| asked(request)["id"] == 1)
    );
}
