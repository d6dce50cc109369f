//! A server that is a process: what it may ask, what it learns, and how long its sessions live.

use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::scene::{AGENT, OTHER, start};
use super::super::streams::{read_head, read_until};
use super::{call, caller, gateway, names, tickets, yaml};

#[test]
fn a_process_is_spoken_to_as_any_upstream() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    let mut agent = caller(&scene, AGENT, "/mcp/files");
    let list = agent.ask("tools/list", json!({}));
    assert_eq!(names(&list), ["read_file", "ask", "look"]);
    assert!(call(&mut agent, "read_file")["error"].is_null());
    let denied = call(&mut agent, "write_file");
    assert_eq!(
        (&denied["id"], &denied["error"]["code"]),
        (&json!(1), &json!(40300))
    );
    let looked = call(&mut agent, "look");
    let seen = looked["result"]["seen"].as_str().unwrap();
    assert!(!seen.contains("write_file"), "{seen}");
    // Each principal has a process of its own.
    let mut other = caller(&scene, OTHER, "/mcp/files");
    assert_eq!(call(&mut other, "look")["error"]["code"], 40300);
}

#[test]
fn a_question_of_a_process_is_denied_where_no_rule_allows_it() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    for (path, tool) in [("/mcp/files", "ask"), ("/mcp/all", "files__ask")] {
        let mut other = caller(&scene, OTHER, path);
        let answer = call(&mut other, tool);
        let told = &answer["result"]["answer"];
        assert_eq!(told["error"]["code"], 40300, "{path}: {answer}");
        assert!(!answer.to_string().contains("sampling"), "{answer}");
    }
}

#[test]
fn a_question_of_a_process_reaches_the_caller_where_a_rule_allows_it() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    for (path, tool) in [("/mcp/files", "ask"), ("/mcp/all", "files__ask")] {
        let mut agent = scene.agent(AGENT);
        agent.path = path;
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {"sampling": {}},
            "clientInfo": {"name": "test", "version": "1"}}});
        let reply = agent.post(&hello.to_string());
        agent.session = reply.field("mcp-session-id").map(str::to_owned);
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(agent.post(ready).status, 202, "{path}");
        let body = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
            "params": {"name": tool, "arguments": {}}});
        let mut calling = Caller::plain(scene.address);
        calling.send(agent.posting(&body.to_string()));
        let head = read_head(&mut calling);
        assert!(head.contains("text/event-stream"), "{head}");
        let mut event = read_until(&mut calling, "sampling/createMessage");
        if !event.ends_with("\n\n") {
            event += &read_until(&mut calling, "\n\n");
        }
        let data = event.rsplit("data: ").next().unwrap();
        let question: Value = serde_json::from_str(data.trim()).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"role": "assistant",
            "content": {"type": "text", "text": "forty-two"}, "model": "m"}});
        assert_eq!(agent.post(&answer.to_string()).status, 202, "{path}");
        let told = read_until(&mut calling, "forty-two");
        assert!(told.contains("\"id\":5"), "{told}");
    }
}

#[test]
fn a_process_learns_neither_the_token_nor_what_else_the_gateway_knows() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    let mut agent = caller(&scene, AGENT, "/mcp/all");
    let looked = call(&mut agent, "files__look");
    let text = looked.to_string();
    let signature = agent.token.rsplit('.').next().unwrap();
    assert!(!text.contains(signature), "{text}");
    assert!(!text.contains(agent.session.as_deref().unwrap()), "{text}");
    let environment = looked["result"]["environment"].as_array().unwrap();
    let known = ["PATH", "HOME", "SCRIPTED"];
    for variable in environment {
        let name = variable[0].as_str().unwrap();
        // A shell adds what it likes.
        assert!(
            known.contains(&name) || ["PWD", "_", "SHLVL", "OLDPWD"].contains(&name),
            "{name}"
        );
    }
    let pid = &looked["result"]["pid"];
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(signature));
}

#[test]
fn a_session_of_a_process_does_not_outlive_the_gateway() {
    let upstream = tickets();
    let data = tempfile::tempdir().unwrap();
    let yaml = yaml(&upstream, &data.path().join("data").display().to_string());
    let first = start(&yaml);
    let sessions = ["/mcp/files", "/mcp/all", "/mcp/tickets"]
        .map(|path| (path, caller(&first, AGENT, path).session));
    first.stop();
    let second = start(&yaml);
    for (path, session) in sessions {
        let mut agent = second.agent(AGENT);
        (agent.path, agent.session) = (path, session);
        let status = agent
            .post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
            .status;
        // The upstream over HTTP has kept its session, and the keys are the same.
        let want = if path == "/mcp/tickets" { 200 } else { 404 };
        assert_eq!(status, want, "{path}");
    }
}
