//! Several callers, one process: whose is what.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice::servers::Host;
use sluice::servers::stdio::Share;

use crate::client::{ALICE, BOB, Caller, MODERN, host, host_of, server};

fn shared(env: &[(&str, &str)]) -> Host {
    let mut server = server("s", env);
    server.share = Share::All;
    host_of(server)
}

/// A thousand calls at once, every id used by both; each answer is its caller's own.
async fn none_crosses(alice: Caller, bob: Caller) {
    let calls = (0..1000).map(|n: u32| {
        let (caller, who) = if n.is_multiple_of(2) {
            (alice.clone(), "alice")
        } else {
            (bob.clone(), "bob")
        };
        tokio::spawn(async move {
            let id = (n / 2).to_string();
            let mine = format!("{who} {id}");
            let params = json!({ "mine": mine, "ms": (n * 7919) % 400 }).to_string();
            let answer = caller.call(&id, "sleep", &params).await.json().await;
            assert_eq!(answer["id"].to_string(), id, "{mine}: {answer}");
            assert_eq!(answer["result"]["mine"], mine);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("an answer of its own");
    }
}

#[tokio::test]
async fn a_thousand_calls_with_equal_ids_do_not_cross() {
    for host in [shared(&[]), host(&[])] {
        let alice = Caller::with_session(&host, ALICE, "2025-11-25").await;
        let bob = Caller::with_session(&host, BOB, "2025-11-25").await;
        none_crosses(alice, bob).await;
    }
}

#[tokio::test]
async fn nor_do_they_without_sessions_nor_within_one_principal() {
    let modern = shared(&[("MODERN", "1")]);
    none_crosses(Caller::modern(&modern, ALICE), Caller::modern(&modern, BOB)).await;
    let private = host(&[("MODERN", "1")]);
    let alice = Caller::modern(&private, ALICE);
    none_crosses(alice.clone(), alice).await;
    let sessions = host(&[]);
    let first = Caller::with_session(&sessions, ALICE, "2025-06-18").await;
    let second = Caller::with_session(&sessions, ALICE, "2025-06-18").await;
    none_crosses(first, second).await;
}

#[tokio::test]
async fn a_shared_process_is_greeted_once() {
    let host = shared(&[]);
    let mut pids = BTreeSet::new();
    let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    for principal in [ALICE, BOB, ALICE] {
        let caller = Caller::with_session(&host, principal, "2025-06-18").await;
        assert_eq!(caller.post(ready).await.status, 202);
        let echo = caller.call("1", "echo", "{}").await.json().await;
        pids.insert(echo["result"]["pid"].as_u64());
        let seen = caller.call("2", "seen", "{}").await.json().await;
        assert_eq!(seen["result"]["seen"], json!([ready]));
    }
    assert_eq!(pids.len(), 1);
}

#[tokio::test]
async fn the_process_sees_names_of_our_own_and_callers_theirs() {
    let host = shared(&[]);
    let alice = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let bob = Caller::with_session(&host, BOB, "2025-06-18").await;
    let progress = r#"{"method":"notifications/progress","params":{"k":1.0,"progressToken":$TOKEN,"progress":1}}"#;
    let params =
        |text: &str| json!({ "_meta": { "progressToken": "t" }, "text": text }).to_string();
    let mut a = alice.call("1", "write", &params(progress)).await;
    let mut b = bob.call("1", "write", &params(progress)).await;
    for answer in [&mut a, &mut b] {
        let want = progress.replace("$TOKEN", r#""t""#);
        assert_eq!(answer.event().await.unwrap().data, want);
    }
    let mut lines = BTreeSet::new();
    for caller in [&alice, &bob] {
        let echo = caller
            .call(r#""x""#, "echo", r#"{"_meta":{"progressToken":"t"}}"#)
            .await;
        let mut echo = echo;
        let echo = echo.message().await;
        assert_eq!(echo["id"], "x");
        let line: Value = serde_json::from_str(echo["result"]["line"].as_str().unwrap()).unwrap();
        lines.insert((
            line["id"].as_u64(),
            line["params"]["_meta"]["progressToken"].as_u64(),
        ));
    }
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|(id, token)| id.is_some() && token.is_some() && id != token)
    );
    // Who cancels names the call by their own id; the other's call with that id stays open.
    let cancel = r#"{"method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(bob.post(cancel).await.status, 202);
    assert_eq!(b.message().await["error"]["code"], 49900);
    let seen = alice.call("3", "seen", "{}").await.json().await;
    let cancelled: Value =
        serde_json::from_str(seen["result"]["seen"][0].as_str().unwrap()).unwrap();
    assert!(
        cancelled["params"]["requestId"].as_u64() > Some(1),
        "{cancelled}"
    );
    drop(a);
}

#[tokio::test]
async fn what_names_nobody_reaches_nobody_where_there_are_several() {
    let host = shared(&[]);
    let alice = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let bob = Caller::with_session(&host, BOB, "2025-06-18").await;
    let (mut to_alice, mut to_bob) = (alice.get().await, bob.get().await);
    alice
        .call("1", "resources/subscribe", r#"{"uri":"a://1"}"#)
        .await;
    let lines = [
        r#"{"method":"notifications/message","params":{"data":"private"}}"#,
        r#"{"id":"s","method":"sampling/createMessage","params":{"of":"somebody"}}"#,
        r#"{"method":"notifications/tasks/status","params":{"taskId":"private"}}"#,
        r#"{"method":"notifications/resources/updated","params":{"uri":"a://1"}}"#,
        r#"{"method":"notifications/tools/list_changed"}"#,
        r#"{"id":$ID,"result":{}}"#,
    ];
    let params = json!({ "text": lines.join("\n") }).to_string();
    let answer = bob.call("2", "write", &params).await;
    assert!(
        !answer.is_events(),
        "not even to the one who has a call open"
    );
    assert_eq!(to_alice.event().await.unwrap().data, lines[3]);
    assert_eq!(to_alice.event().await.unwrap().data, lines[4]);
    assert_eq!(to_bob.event().await.unwrap().data, lines[4]);
    let seen = bob.call("3", "seen", "{}").await.json().await;
    let refused = seen["result"]["seen"][0].as_str().unwrap();
    assert!(
        refused.contains(r#""id":"s","error":{"code":40410"#),
        "{refused}"
    );
    // Once there is only one, it is theirs again.
    assert_eq!(alice.delete().await.status, 200);
    let mut answer = bob.call("4", "write", &params).await;
    assert_eq!(answer.event().await.unwrap().data, lines[0]);
    assert_eq!(answer.event().await.unwrap().data, lines[1]);
}

#[tokio::test]
async fn both_eras_of_a_shared_server_are_apart() {
    let host = shared(&[("MODERN", "1")]);
    let legacy = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let modern = legacy.with("mcp-protocol-version", MODERN);
    let pid = |answer: Value| answer["result"]["pid"].as_u64().unwrap();
    let a = pid(legacy.call("1", "echo", "{}").await.json().await);
    let b = pid(modern.call("1", "echo", "{}").await.json().await);
    assert_ne!(a, b);
}
