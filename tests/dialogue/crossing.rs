//! Many calls at once whose JSON-RPC ids are equal: each answer is its caller's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use super::origin::{Conn, Origin, field};
use super::scene::{AGENT, Agent, OTHER, Plan};

/// Calls in all, in so many connections with a session each.
const CALLS: usize = 100_000;
const CONNECTIONS: usize = 40;
/// Calls that a connection sends before it reads their answers.
const AHEAD: usize = 10;

/// Answers calls with what they asked and the session they came in.
fn serve(mut conn: Conn, sessions: &AtomicUsize) -> std::io::Result<()> {
    while let Some(head) = conn.head()? {
        let body = conn.body(&head)?;
        let asked: Value = serde_json::from_slice(&body)?;
        let id = &asked["id"];
        let (field, result) = if asked["method"] == "initialize" {
            let session = format!("up-{}", sessions.fetch_add(1, SeqCst));
            let result = json!({"protocolVersion": "2025-11-25", "session": session});
            (format!("Mcp-Session-Id: {session}\r\n"), result.to_string())
        } else {
            let session = field(&head, "mcp-session-id").unwrap_or("none");
            let mine = &asked["params"]["arguments"]["mine"];
            (String::new(), told(session, mine.as_str().unwrap_or("")))
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let length = body.len();
        conn.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{field}Content-Length: {length}\r\n\r\n{body}"
        ))?;
    }
    Ok(())
}

fn told(session: &str, mine: &str) -> String {
    format!(r#"{{"session":"{session}","mine":"{mine}"}}"#)
}

/// One connection's share; every connection uses the same ids in the same order.
fn talk(mut agent: Agent, connection: usize) -> usize {
    let opened = agent.initialize();
    let session = opened["result"]["session"].as_str().unwrap().to_owned();
    let share = CALLS / CONNECTIONS;
    let ids: Vec<usize> = (0..share).collect();
    for ids in ids.chunks(AHEAD) {
        let mine = |id: &usize| format!("{connection}/{id}");
        let asked: String = (ids.iter())
            .map(|id| {
                let mine = mine(id);
                agent.posting(&format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"search_all","arguments":{{"mine":"{mine}"}}}}}}"#
                ))
            })
            .collect();
        agent.caller.send(asked);
        for id in ids {
            let reply = agent.caller.reply();
            let result = told(&session, &mine(id));
            let want = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
            assert_eq!((reply.status, reply.text()), (200, &*want));
        }
    }
    share
}

#[test]
fn a_hundred_thousand_calls_with_equal_ids_do_not_cross() {
    let sessions = Arc::new(AtomicUsize::new(0));
    let opened = Arc::clone(&sessions);
    let upstream = Origin::talking(None, move |conn| serve(conn, &sessions));
    let plan = Plan {
        workers: 2,
        ..Plan::default()
    };
    let scene = plan.start(&upstream);
    let answered: usize = std::thread::scope(|scope| {
        let talks: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let client = if connection % 2 == 0 { AGENT } else { OTHER };
                let agent = scene.agent(client);
                scope.spawn(move || talk(agent, connection))
            })
            .collect();
        talks.into_iter().map(|talk| talk.join().unwrap()).sum()
    });
    assert_eq!(answered, CALLS);
    assert_eq!(opened.load(SeqCst), CONNECTIONS);
}
