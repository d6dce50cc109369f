//! Sessions of MCP that an operator revokes.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice::auth::RevokedKind;
use sluice::base::clock::Clock;
use sluice::store::{Embedded, Revoke, Store};

use super::caller::Caller;
use super::origin::Origin;
use super::scene::{AGENT, Agent, Plan, Scene, asked};
use super::streams::{read_head, read_until};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A server that gives every session a name of its own, and answers a GET with a silent stream.
fn upstream() -> Origin {
    let count = std::sync::atomic::AtomicU64::new(1);
    Origin::talking(None, move |mut conn| {
        while let Some(head) = conn.head()? {
            let body = conn.body(&head)?;
            if head.starts_with("GET") {
                conn.send(EVENTS)?;
                conn.send("9\r\ndata: {}\n\r\n1\r\n\n\r\n")?;
                conn.wire.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            let request = super::origin::Request { head, body };
            let asked = asked(&request);
            let session = match asked["method"].as_str() {
                Some("initialize") => {
                    let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    format!("Mcp-Session-Id: upstream-{number}\r\n")
                }
                _ => String::new(),
            };
            let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {}}).to_string();
            conn.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{session}Content-Length: {}\r\n\r\n{body}",
                body.len()
            ))?;
        }
        Ok(())
    })
}

fn call() -> String {
    let params = json!({"name": "search_all", "arguments": {}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

fn revoke(scene: &Scene, kind: RevokedKind, name: &str) {
    let mut store = Embedded::open_existing(&scene.directory.path().join("data")).unwrap();
    let revoke = Revoke {
        kind,
        name,
        issuer: None,
        before: None,
        until: None,
        reason: None,
        by: "carol",
    };
    store.revoke(&revoke, Clock::start().now().wall).unwrap();
}

/// An event stream of the agent's session, which has said its first event.
fn listen(scene: &Scene, agent: &Agent) -> Caller {
    let mut caller = Caller::plain(scene.address);
    caller.send(format!("{}\r\n", agent.head("GET")));
    let head = read_head(&mut caller);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    read_until(&mut caller, "\n\n");
    caller
}

fn is_cut(mut caller: Caller) {
    let begun = Instant::now();
    let mut rest = Vec::new();
    // A reset, or an end without the last chunk.
    let _ = caller.wire.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a clean end");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_session_that_is_revoked_is_over_and_the_caller_begins_another() {
    let upstream = upstream();
    let scene = Plan::default().start(&upstream);
    let (mut one, mut other) = (scene.agent(AGENT), scene.agent(AGENT));
    one.initialize();
    other.initialize();
    assert_eq!(one.post(&call()).status, 200);
    let log = scene.access_log(3);
    let digest = log[2]["mcp.session.id"].as_str().unwrap().to_owned();
    let cut = listen(&scene, &one);
    let mut goes_on = listen(&scene, &other);

    revoke(&scene, RevokedKind::McpSession, &digest);
    is_cut(cut);
    let over = one.post(&call());
    assert_eq!(
        (over.status, over.code().as_str()),
        (404, "session_revoked")
    );
    assert_eq!(other.post(&call()).status, 200);
    let wait = Some(Duration::from_millis(200));
    goes_on
        .wire
        .get_ref()
        .socket()
        .set_read_timeout(wait)
        .unwrap();
    let silent = goes_on.wire.read(&mut [0]).unwrap_err();
    assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock);
    one.session = None;
    one.initialize();
    assert_eq!(one.post(&call()).status, 200);
    let log = scene.access_log(8);
    let told = |line: &&Value| line["outcome"] == "session_revoked";
    assert_eq!(log.iter().filter(told).count(), 2, "{log:?}");
    assert_eq!(log.iter().find(told).unwrap()["detail"], "revocation 1");
}

#[test]
fn a_client_that_is_revoked_is_told_where_tokens_come_from() {
    let upstream = upstream();
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    agent.initialize();
    let cut = listen(&scene, &agent);
    revoke(&scene, RevokedKind::Client, AGENT);
    is_cut(cut);
    let refused = agent.post(&call());
    assert_eq!((refused.status, refused.code().as_str()), (401, "revoked"));
    let challenge = refused.field("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert!(challenge.contains("resource_metadata="), "{challenge}");
}
