//! Several connections presented as one: nothing is allowed, shown or counted otherwise than in
//! the members themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::json;

use super::super::caller::Caller;
use super::super::holder::Holder;
use super::super::scene::{AGENT, Agent, OTHER, STRANGER, asked, bound_token, server};
use super::{call, caller, gateway, names, tickets};

const ALL: &str = "/mcp/all";

#[test]
fn the_whole_lists_what_each_member_lets_this_caller_do() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    for (client, want) in [
        (
            AGENT,
            &[
                "tickets__search_a",
                "tickets__search_few",
                "files__read_file",
                "files__ask",
                "files__look",
            ][..],
        ),
        (OTHER, &["tickets__search_a", "files__ask"]),
        (STRANGER, &[]),
    ] {
        let mut agent = caller(&scene, client, ALL);
        assert_eq!(names(&agent.ask("tools/list", json!({}))), want, "{client}");
    }
}

/// A call of a tool of each reaches it.
fn each_member_answers(agent: &mut Agent) {
    let read = call(agent, "files__read_file");
    assert_eq!(
        read["result"]["content"][0]["text"],
        "did Some(\"read_file\")"
    );
    let found = call(agent, "tickets__search_a");
    assert_eq!(found["result"]["structuredContent"]["n"], 1, "{found}");
}

/// Members are asked with the caller's token, which the caller has proven to hold.
#[test]
fn a_token_that_is_bound_to_its_holder_reaches_the_members() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    let holder = Holder::new();
    let mut agent = scene.agent(AGENT);
    agent.path = ALL;
    agent.token = bound_token(AGENT, &holder);
    agent.holder = Some(holder);
    agent.initialize();
    each_member_answers(&mut agent);
    // To whoever does not hold it, it opens neither the whole nor a member.
    for path in [ALL, "/mcp/tickets"] {
        for holder in [None, Some(Holder::new())] {
            let mut thief = scene.agent(AGENT);
            thief.path = path;
            thief.token.clone_from(&agent.token);
            thief.holder = holder;
            assert_eq!(thief.post("{}").status, 401, "{path}");
        }
    }
}

#[test]
fn a_call_is_judged_where_its_member_is() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    let mut agent = caller(&scene, AGENT, ALL);
    each_member_answers(&mut agent);
    let called = || {
        let requests = upstream.requests();
        let calls = requests
            .iter()
            .filter(|it| asked(it)["method"] == "tools/call");
        calls.count()
    };
    assert_eq!(called(), 1);
    for denied in ["tickets__delete_all", "files__write_file"] {
        let body = json!({"jsonrpc": "2.0", "id": "mine", "method": "tools/call",
            "params": {"name": denied, "arguments": {}}});
        let reply = agent.post(&body.to_string());
        let answer = super::super::scene::answer(&reply);
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&json!("mine"), &json!(40300)),
            "{answer}"
        );
    }
    let mut other = caller(&scene, OTHER, ALL);
    assert_eq!(
        call(&mut other, "tickets__search_few")["error"]["code"],
        40300
    );
    let mut stranger = caller(&scene, STRANGER, ALL);
    for tool in ["tickets__search_a", "files__read_file"] {
        let answer = call(&mut stranger, tool);
        assert!(
            answer["error"]["code"].is_i64() && answer["result"].is_null(),
            "{answer}"
        );
    }
    assert_eq!(called(), 1, "what is denied goes nowhere");
}

#[test]
fn masks_and_budgets_of_a_member_hold_in_the_whole() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    let mut agent = caller(&scene, AGENT, ALL);
    let found = call(&mut agent, "tickets__search_a");
    assert!(
        found["result"]["structuredContent"]["mail"].is_string(),
        "{found}"
    );
    assert!(
        !found.to_string().contains("ada@tickets.example"),
        "{found}"
    );
    // One directly, one through the whole: it is the same budget.
    let mut direct = caller(&scene, AGENT, "/mcp/tickets");
    assert!(call(&mut direct, "search_few")["error"].is_null());
    assert!(call(&mut agent, "tickets__search_few")["error"].is_null());
    assert_eq!(
        call(&mut agent, "tickets__search_few")["error"]["code"],
        42900
    );
    assert_eq!(call(&mut direct, "search_few")["error"]["code"], 42900);
}

#[test]
fn a_tool_in_quarantine_is_not_in_the_whole() {
    let version = Arc::new(AtomicUsize::new(0));
    let shown = Arc::clone(&version);
    let upstream = server(move |asked| match asked["method"].as_str() {
        Some("initialize") => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "tickets", "version": "1"}})
        }
        Some("tools/list") => {
            json!({"tools": [{"name": "search_a", "inputSchema": {"type": "object"},
            "description": format!("version {}", shown.load(SeqCst))}]})
        }
        _ => json!({"content": []}),
    });
    let scene = gateway(&upstream);
    let mut agent = caller(&scene, OTHER, ALL);
    let list = agent.ask("tools/list", json!({}));
    assert_eq!(names(&list), ["tickets__search_a", "files__ask"]);
    version.store(1, SeqCst);
    let list = agent.ask("tools/list", json!({}));
    assert_eq!(names(&list), ["files__ask"]);
    assert_eq!(
        call(&mut agent, "tickets__search_a")["error"]["code"],
        40310
    );
}

#[test]
fn a_session_of_the_whole_is_sealed_to_its_principal_and_ends() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    for path in [ALL, "/mcp/files"] {
        let mut agent = caller(&scene, AGENT, path);
        let session = agent.session.clone().unwrap();
        assert!(!session.contains("upstream-1"), "{session}");
        let mut other = scene.agent(OTHER);
        other.path = path;
        other.session = agent.session.clone();
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert_eq!(other.post(ping).status, 404, "{path}");
        for method in ["GET", "DELETE"] {
            let head = other.head(method);
            let reply = Caller::plain(scene.address).ask(format!("{head}\r\n"));
            assert_eq!(reply.status, 404, "{path} {method}");
        }
        // Nor is it one of another connection.
        let mut astray = scene.agent(AGENT);
        astray.session = agent.session.clone();
        assert_eq!(astray.post(ping).status, 404);
        assert_eq!(agent.post(ping).status, 200, "{path}");
        let head = agent.head("DELETE");
        let reply = Caller::plain(scene.address).ask(format!("{head}\r\n"));
        assert!(
            matches!(reply.status, 200 | 204),
            "{path}: {}",
            reply.status
        );
        assert_eq!(agent.post(ping).status, 404, "{path}: it is over");
    }
}

#[test]
fn in_the_whole_nobody_comes_from_this_machine() {
    let upstream = tickets();
    let scene = gateway(&upstream);
    let mut direct = caller(&scene, AGENT, "/mcp/tickets");
    assert!(call(&mut direct, "near")["error"].is_null());
    let mut agent = caller(&scene, AGENT, ALL);
    let answer = call(&mut agent, "tickets__near");
    assert_eq!(answer["error"]["code"], 40300, "{answer}");
}
