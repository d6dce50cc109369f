//! One strict judgement: what is asked for comes from the body, and the bytes judged go on.

use serde_json::{Value, json};

use super::caller::Caller;
use super::scene::{AGENT, Plan, STRANGER, asked, server, silent};

pub const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search_all","arguments":{"n":12345678901234567890123,"f":1.0e+2,"s":"\u00e9\/"},"_meta":{"x":{"b":1,"a":2}}}}"#;

#[test]
fn the_bytes_judged_are_the_bytes_forwarded() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let reply = scene.agent(AGENT).post(CALL);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let requests = upstream.requests();
    assert_eq!(requests.last().unwrap().body, CALL.as_bytes());
}

#[test]
fn every_split_of_a_post_is_the_same_call() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let agent = scene.agent(AGENT);
    let whole = agent.posting(CALL);
    for at in (1..whole.len()).step_by(13) {
        let mut caller = Caller::plain(scene.address);
        caller.send(&whole[..at]);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let reply = caller.ask(&whole[at..]);
        assert_eq!(reply.status, 200, "split at {at}");
    }
    assert!(
        upstream
            .requests()
            .iter()
            .all(|one| one.body == CALL.as_bytes())
    );
}

#[test]
fn what_reads_in_two_ways_is_refused() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let batch = format!("[{CALL}]");
    for (body, code) in [
        (
            CALL.replace("\"method\"", "\"method\":\"ping\",\"method\""),
            -32600,
        ),
        (CALL.replace("\"method\"", "\"Method\""), -32600),
        (CALL.replace("\"name\"", "\"name\":\"x\",\"Name\""), -32600),
        (format!("\u{feff}{CALL}"), -32700),
        (batch, -32600),
        ("{".to_owned(), -32700),
        ("\"tools/call\"".to_owned(), -32600),
        (CALL.replace("2.0", "1.0"), -32600),
        (CALL.replace("\"id\":7", "\"id\":null"), -32600),
        (CALL.replace("\"id\":7", "\"id\":[7]"), -32600),
        (
            format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100)),
            -32700,
        ),
    ] {
        let reply = scene.agent(AGENT).post(&body);
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        let told: Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!(told["error"]["code"], code, "{body}: {told}");
    }
    let agent = scene.agent(AGENT);
    let text = agent
        .posting(CALL)
        .replace("application/json\r\nContent-L", "text/plain\r\nContent-L");
    let reply = Caller::plain(scene.address).ask(text);
    assert_eq!(reply.status, 415, "{}", reply.text());
    assert!(upstream.requests().is_empty());
}

#[test]
fn headers_must_say_what_the_body_says_whatever_the_version() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    for (fields, version, code) in [
        ("Mcp-Method: ping\r\n", "2025-06-18", -32020),
        ("Mcp-Name: search_other\r\n", "2025-06-18", -32020),
        (
            "Mcp-Method: tools/call\r\nMcp-Name: =?base64?ZGVsZXRl?=\r\n",
            "2025-11-25",
            -32020,
        ),
        ("", "2026-07-28", -32602),
        ("", "1999-01-01", -32022),
    ] {
        let mut agent = scene.agent(AGENT);
        agent.version = version;
        agent.fields = fields.to_owned();
        let reply = agent.post(CALL);
        assert_eq!(reply.status, 400, "{fields}");
        let told: Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!(told["error"]["code"], code, "{fields} {version}: {told}");
        if code == -32022 {
            assert!(told["error"]["data"]["supported"].is_array(), "{told}");
        }
    }
    assert!(upstream.requests().is_empty());
    let mut agent = scene.agent(AGENT);
    agent.fields = "Mcp-Name: =?base64?c2VhcmNoX2FsbA==?=\r\nMcp-Param-X: y\r\n".to_owned();
    assert_eq!(agent.post(CALL).status, 200);
    let requests = upstream.requests();
    assert_eq!(requests[0].field("mcp-param-x"), Some("y"));
}

#[test]
fn a_denial_is_an_error_of_json_rpc_with_the_callers_id() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    for (method, params) in [
        ("tools/call", json!({"name": "delete_all", "arguments": {}})),
        ("tools/call", json!({"name": "other", "arguments": {}})),
        ("resources/read", json!({"uri": "file:///etc/passwd"})),
        (
            "resources/read",
            json!({"uri": "file:///docs/../etc/passwd"}),
        ),
        ("logging/setLevel", json!({"level": "debug"})),
        ("sampling/createMessage", json!({})),
        ("made/up", json!({})),
    ] {
        for id in [json!("x\"y"), json!(7)] {
            let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            let reply = agent.post(&body.to_string());
            assert_eq!(reply.status, 200, "{method}: {}", reply.text());
            let told: Value = serde_json::from_str(reply.text()).unwrap();
            assert_eq!(told["error"]["code"], 40300, "{told}");
            assert_eq!(told["id"], id);
        }
    }
    assert!(upstream.requests().is_empty());
    let log = scene.access_log(14);
    assert_eq!(log[0]["mcp.method.name"], "tools/call");
    assert_eq!(log[0]["mcp.tool.name"], "delete_all");
}

#[test]
fn a_batch_is_judged_element_by_element() {
    let upstream = Plan::default().start(&silent());
    drop(upstream);
    let upstream = super::origin::Origin::answering(|request| {
        let list = asked(request);
        let answers: Vec<Value> = (list.as_array().unwrap().iter())
            .map(|one| json!({"jsonrpc": "2.0", "id": one["id"], "result": {}}))
            .collect();
        super::scene::json_reply(&Value::from(answers).to_string())
    });
    let scene = Plan::default().start(&upstream);
    let call = |id: u32, name: &str| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": name, "arguments": {}}})
    };
    let mut agent = scene.agent(AGENT);
    agent.version = "2025-03-26";
    let reply = agent.post(&json!([call(1, "search_a"), call(2, "search_b")]).to_string());
    let told: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
    let reply = agent.post(&json!([call(1, "search_a"), call(2, "delete_b")]).to_string());
    let told: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(told[0]["error"]["code"], 40300, "{told}");
    assert_eq!(told[1]["id"], 2, "{told}");
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn who_has_no_right_here_is_not_asked_for_a_body() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(STRANGER);
    let head = agent.head("POST");
    let request = format!(
        "{head}Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    );
    let reply = agent.caller.ask(request);
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_budget_is_kept_per_principal() {
    let upstream = silent();
    let plan = Plan {
        connection: "budgets: [ { calls: 2/h, tools: \"search_*\" } ]",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let mut agent = scene.agent(AGENT);
    assert_eq!(agent.post(CALL).status, 200);
    assert_eq!(agent.post(CALL).status, 200);
    let reply = agent.post(CALL);
    let told: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(told["error"]["code"], 42900, "{told}");
    assert!(reply.field("retry-after").is_some(), "{}", reply.head);
    let told = scene.agent(super::scene::OTHER).post(CALL);
    assert!(told.text().contains("\"result\""), "{}", told.text());
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn a_result_beyond_its_budget_is_withheld() {
    let upstream = server(|_| json!({"text": "x".repeat(5000)}));
    let plan = Plan {
        connection: "budgets: [ { result_bytes: 1KiB } ]",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let told: Value = serde_json::from_str(scene.agent(AGENT).post(CALL).text()).unwrap();
    assert_eq!(
        told["error"]["data"]["reason"], "result_too_large",
        "{told}"
    );
    assert_eq!(told["id"], 7);
}
