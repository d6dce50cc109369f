//! What a connection tells who has no token, and whom it does not listen to.

use super::caller::Caller;
use super::scene::{AGENT, Plan, silent};

#[test]
fn whoever_has_no_token_is_told_where_to_get_one() {
    let upstream = silent();
    let plan = Plan {
        connection: "scopes: [tickets.read, tickets.write]",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let mut caller = Caller::plain(scene.address);
    let reply =
        caller.ask("POST /mcp/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(reply.status, 401);
    let challenge = reply.field("www-authenticate").unwrap();
    let at = challenge
        .split("resource_metadata=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        at,
        "http://localhost/.well-known/oauth-protected-resource/mcp/tickets"
    );
    assert!(challenge.contains("tickets.read"), "{challenge}");
    let mut bad = scene.agent(AGENT);
    bad.token += "x";
    let reply = bad.post("{}");
    let challenge = reply.field("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    for path in [
        "/.well-known/oauth-protected-resource/mcp/tickets",
        "/.well-known/oauth-protected-resource",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let reply = Caller::plain(scene.address).ask(request);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let told: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!(told["resource"], "http://localhost/mcp/tickets");
        assert_eq!(told["authorization_servers"].as_array().unwrap().len(), 1);
        assert_eq!(told["scopes_supported"].as_array().unwrap().len(), 2);
    }
    assert!(upstream.requests().is_empty());
}

#[test]
fn missing_scopes_are_all_named_at_once() {
    let upstream = silent();
    let plan = Plan {
        rules: "
      - allow: ping
  - name: users
    connection: tickets
    who: { issuer: local, scopes: [tickets.read, tickets.write] }
    rules:
      - allow: tools/call *",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let mut agent = scene.agent(super::scene::STRANGER);
    let reply = agent.post("{}");
    assert_eq!(reply.status, 403, "{}", reply.text());
    let challenge = reply.field("www-authenticate").unwrap_or_default();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{}",
        reply.head
    );
    assert!(
        challenge.contains("tickets.read") && challenge.contains("tickets.write"),
        "{challenge}"
    );
    assert!(upstream.requests().is_empty());
}

#[test]
fn pages_of_others_and_names_of_others_are_turned_away() {
    let upstream = silent();
    let plan = Plan {
        connection: "origins: [\"https://app.example\"], hosts: [localhost, tickets.example]",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (origin, status) in [
        ("https://app.example", 200),
        ("https://evil.example", 403),
        ("null", 403),
        ("https://app.example.evil.example", 403),
    ] {
        let mut agent = scene.agent(AGENT);
        agent.fields = format!("Origin: {origin}\r\n");
        let reply = agent.post(ping);
        assert_eq!(reply.status, status, "{origin}: {}", reply.text());
    }
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| request.field("origin").is_none())
    );
    let agent = scene.agent(AGENT);
    for (host, status) in [("tickets.example:80", 200), ("rebound.example", 421)] {
        let request = agent
            .posting(ping)
            .replace("Host: localhost", &format!("Host: {host}"));
        assert_eq!(
            Caller::plain(scene.address).ask(request).status,
            status,
            "{host}"
        );
    }
    let path = "/.well-known/oauth-protected-resource/mcp/tickets";
    for (host, status) in [("tickets.example", 200), ("rebound.example", 404)] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let reply = Caller::plain(scene.address).ask(request);
        assert_eq!(reply.status, status, "{host}");
    }
}

#[test]
fn a_caller_cannot_pretend_to_come_from_within() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    agent.fields = "Sluice-Inner: x\r\nSluice-Principal: y\r\nSluice-Caller: z\r\n".to_owned();
    let reply = agent.post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let head = upstream.requests()[0].head.to_lowercase();
    assert!(
        !head.lines().any(|line| line.starts_with("sluice-")),
        "{head}"
    );
}

#[test]
fn other_methods_are_not_offered() {
    let upstream = silent();
    let scene = Plan::default().start(&upstream);
    let agent = scene.agent(AGENT);
    for method in ["PUT", "HEAD", "PATCH", "OPTIONS"] {
        let mut caller = Caller::plain(scene.address);
        caller.send(format!("{}\r\n", agent.head(method)));
        let reply = caller.try_reply(method == "HEAD").unwrap();
        assert_eq!(reply.status, 405, "{method}");
    }
    assert!(upstream.requests().is_empty());
}
