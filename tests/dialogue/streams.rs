//! Event streams: each event as soon as it is there, and nothing that the caller must not hear.

use std::io::{BufRead as _, Read as _};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::caller::Caller;
use super::origin::{Origin, PATIENCE};
use super::scene::{AGENT, Plan, STRANGER};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The bytes of a chunked body as they come, until `end` is among them.
pub fn read_until(caller: &mut Caller, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut line = String::new();
        caller.wire.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("{line:?}"));
        let mut bytes = vec![0; size + 2];
        caller.wire.read_exact(&mut bytes).unwrap();
        text += std::str::from_utf8(&bytes[..size]).unwrap();
        assert!(size > 0, "ended: {text}");
    }
    text
}

pub fn read_head(caller: &mut Caller) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(caller.wire.read_line(&mut head).unwrap() > 0, "{head}");
    }
    head
}

#[test]
fn events_pass_as_they_are_and_at_once() {
    const PRIMING: &str = "id: 1\r\nretry: 50\r\ndata:\r\n\r\n";
    const COMMENT: &str = ": still here\n\n";
    const NOTHING: &str = "id: x\ndata: {}\n\n";
    const MESSAGE: &str = "event: message\nid: 2\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"notifications/progress\",\"params\":{\"n\":1.00}}\n\n";
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let upstream = Origin::talking(None, move |mut conn| {
        let Some(_) = conn.head()? else { return Ok(()) };
        conn.send(EVENTS)?;
        for part in [PRIMING, COMMENT, NOTHING, MESSAGE] {
            conn.send(chunk(part))?;
            let _ = gone.lock().unwrap().recv_timeout(Duration::from_secs(10));
        }
        Ok(())
    });
    let scene = Plan::default().start(&upstream);
    let agent = scene.agent(AGENT);
    let mut caller = Caller::plain(scene.address);
    caller.send(format!("{}\r\n", agent.head("GET")));
    let head = read_head(&mut caller);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for part in [PRIMING, COMMENT, NOTHING, MESSAGE] {
        // The next is sent only once this one is here.
        assert_eq!(
            read_until(&mut caller, "\n\n".replace("\n\n", part).as_str()),
            part
        );
        go.send(()).unwrap();
    }
}

#[test]
fn a_request_of_the_servers_is_judged_and_answered_in_the_callers_place() {
    const ASKED: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"method\":\"sampling/createMessage\",\"params\":{}}\n\n";
    const PING: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":\"s2\",\"method\":\"ping\"}\n\n";
    let (tell, told) = mpsc::channel::<String>();
    let tell = std::sync::Mutex::new(tell);
    let upstream = Origin::talking(None, move |mut conn| {
        while let Some(head) = conn.head()? {
            let body = conn.body(&head)?;
            if head.starts_with("GET") {
                conn.send(EVENTS)?;
                conn.send(chunk(ASKED))?;
                conn.send(chunk(PING))?;
                std::thread::sleep(Duration::from_secs(3));
                return Ok(());
            }
            tell.lock()
                .unwrap()
                .send(String::from_utf8(body).unwrap())
                .unwrap();
            conn.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
        }
        Ok(())
    });
    let scene = Plan::default().start(&upstream);
    let agent = scene.agent(AGENT);
    let mut caller = Caller::plain(scene.address);
    caller.send(format!("{}\r\n", agent.head("GET")));
    read_head(&mut caller);
    let heard = read_until(&mut caller, "ping");
    assert_eq!(heard, PING);
    let answer = told.recv_timeout(PATIENCE).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["id"], "s1");
    assert_eq!(answer["error"]["code"], 40300, "{answer}");
}

#[test]
fn a_request_of_the_servers_passes_where_a_rule_allows_it() {
    const ASKED: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"method\":\"sampling/createMessage\",\"params\":{}}\n\n";
    let upstream = Origin::talking(None, move |mut conn| {
        let Some(_) = conn.head()? else { return Ok(()) };
        conn.send(EVENTS)?;
        conn.send(chunk(ASKED))?;
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    });
    let plan = Plan {
        rules: "\n      - allow: sampling/createMessage",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let mut caller = Caller::plain(scene.address);
    caller.send(format!("{}\r\n", scene.agent(AGENT).head("GET")));
    read_head(&mut caller);
    assert_eq!(read_until(&mut caller, "sampling"), ASKED);
}

#[test]
fn what_is_asked_within_a_result_is_judged_too() {
    let upstream = super::scene::server(|_| {
        json!({"resultType": "input_required", "requestState": "s", "inputRequests": {
            "a": {"method": "elicitation/create", "params": {"message": "your password?"}}}})
    });
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    let reply = agent.ask("tools/call", json!({"name": "search_a", "arguments": {}}));
    assert_eq!(reply["error"]["code"], 40300, "{reply}");
    assert!(!reply.to_string().contains("password"), "{reply}");
}

#[test]
fn an_event_whose_message_is_withheld_keeps_its_id() {
    let upstream = Origin::talking(None, |mut conn| {
        let Some(head) = conn.head()? else {
            return Ok(());
        };
        conn.body(&head)?;
        conn.send(EVENTS)?;
        let result = json!({"jsonrpc": "2.0", "id": 7, "result": {"text": "x".repeat(5000)}});
        conn.send(chunk(&format!(
            "id: 42\nevent: message\ndata: {result}\n\n"
        )))?;
        conn.send("0\r\n\r\n")
    });
    let plan = Plan {
        connection: "budgets: [ { result_bytes: 1KiB } ]",
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let mut caller = Caller::plain(scene.address);
    caller.send(scene.agent(AGENT).posting(super::envelope::CALL));
    read_head(&mut caller);
    let told = read_until(&mut caller, "\n\n");
    assert!(told.contains("id: 42\nevent: message\ndata: {"), "{told}");
    assert!(told.contains("result_too_large"), "{told}");
    assert!(!told.contains("xxxx"), "{told}");
}

/// What an upstream saw of its caller after the caller of the gateway went away.
fn after_hanging_up(version: &'static str) -> bool {
    let (tell, told) = mpsc::channel::<bool>();
    let tell = std::sync::Mutex::new(tell);
    let upstream = Origin::talking(None, move |mut conn| {
        let Some(head) = conn.head()? else {
            return Ok(());
        };
        conn.body(&head)?;
        // In one piece: whoever has seen the head may be gone before the next.
        conn.send(format!("{EVENTS}{}", chunk(": begun\n\n")))?;
        let mut alive = true;
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(50));
            alive &= conn.send(chunk(": working\n\n")).is_ok();
        }
        let _ = tell.lock().unwrap().send(alive);
        Ok(())
    });
    let scene = Plan::default().start(&upstream);
    let mut agent = scene.agent(AGENT);
    agent.version = version;
    agent.fields = "Mcp-Method: tools/call\r\nMcp-Name: search_a\r\n".to_owned();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "search_a", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {}}}});
    let mut caller = Caller::plain(scene.address);
    caller.send(agent.posting(&body.to_string()));
    read_head(&mut caller);
    drop(caller);
    told.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn going_away_cancels_in_the_newest_revision_only() {
    assert!(after_hanging_up("2025-11-25"), "an older call goes on");
    assert!(!after_hanging_up("2026-07-28"), "a newer one is cancelled");
}

#[test]
fn a_server_of_the_oldest_transport_is_reached_by_a_sealed_address() {
    let (tell, told) = mpsc::channel::<String>();
    let tell = std::sync::Mutex::new(tell);
    let upstream = Origin::talking(None, move |mut conn| {
        while let Some(head) = conn.head()? {
            conn.body(&head)?;
            if head.starts_with("GET") {
                conn.send(EVENTS)?;
                conn.send(chunk(
                    "event: endpoint\r\ndata: /messages?sessionId=s-1\r\n\r\n",
                ))?;
                std::thread::sleep(Duration::from_secs(3));
                return Ok(());
            }
            tell.lock().unwrap().send(head).unwrap();
            conn.send("HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nAccepted")?;
        }
        Ok(())
    });
    let scene = Plan::default().start(&upstream);
    let mut caller = Caller::plain(scene.address);
    let agent = scene.agent(AGENT);
    caller.send(format!("{}\r\n", agent.head("GET")));
    read_head(&mut caller);
    let event = read_until(&mut caller, "\r\n\r\n");
    let address = event.split("data: ").nth(1).unwrap().trim();
    assert!(
        address.starts_with("/mcp/tickets?sluice-endpoint="),
        "{event}"
    );
    assert!(!address.contains("s-1"));
    let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let posted = agent.posting(&body).replacen("/mcp/tickets", address, 1);
    let reply = Caller::plain(scene.address).ask(&posted);
    assert_eq!((reply.status, reply.text()), (202, "Accepted"));
    let head = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        head.starts_with("POST /messages?sessionId=s-1 HTTP/1.1\r\n"),
        "{head}"
    );
    let stranger = posted.replace(&agent.token, &super::scene::token(super::scene::OTHER));
    assert_eq!(Caller::plain(scene.address).ask(stranger).status, 404);
    let nobody = posted.replace(&agent.token, &super::scene::token(STRANGER));
    assert_eq!(Caller::plain(scene.address).ask(nobody).status, 403);
}

#[test]
fn an_accepted_notification_may_end_in_chunks_of_nothing_under_masks() {
    let masked = |body: &'static str| {
        let upstream = Origin::answering(move |_| {
            let head = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n";
            let body = if body.is_empty() {
                String::new()
            } else {
                chunk(body)
            };
            format!("{head}{body}0\r\n\r\n").into_bytes()
        });
        let plan = Plan {
            connection: "masks: [people]",
            more: "masks: { people: { fields: [mail], recognise: [email] } }".to_owned(),
            ..Plan::default()
        };
        let scene = plan.start(&upstream);
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
        let mut agent = scene.agent(AGENT);
        agent.caller.send(agent.posting(&body));
        agent
            .caller
            .try_reply(false)
            .map(|reply| (reply.status, reply.body))
    };
    assert_eq!(masked("").unwrap(), (202, Vec::new()));
    let refused = masked("someone@example.com");
    assert!(
        refused.as_ref().is_ok_and(|(status, _)| *status == 502) || refused.is_err(),
        "what nobody can read is not handed on: {refused:?}"
    );
}
