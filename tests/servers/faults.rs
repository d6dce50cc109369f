//! Servers that fail, lie, flood or hang: whoever waits gets an answer, and nobody else notices.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice::servers::stdio::Share;
use sluice::servers::{Health, Host};

use crate::client::{
    ALICE, Answer, BOB, Caller, host, host_of, initialize, is_alive, plan, server, until,
};

/// The message of the error that a server's end leaves behind.
async fn ended(answer: Answer) -> String {
    let body = answer.json().await;
    assert_eq!(body["error"]["code"], 50200, "{body}");
    body["error"]["message"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_crash_answers_whoever_waits_and_ends_sessions() {
    let host = host(&[]);
    let alice = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let other = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let bob = Caller::with_session(&host, BOB, "2025-11-25").await;
    let mut listening = alice.get().await;
    let waiting = [(&alice, "7"), (&other, r#""x""#)].map(|(caller, id)| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.call(id, "hang", "{}").await.json().await })
    });
    alice.call("2", "echo", "{}").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let why = ended(alice.call("9", "crash", "{}").await).await;
    assert!(why.contains("exit status: 3"), "{why}");
    for (waiting, id) in waiting.into_iter().zip([json!(7), json!("x")]) {
        let answer = waiting.await.unwrap();
        assert!(
            answer["id"] == id && answer["error"]["code"] == 50200,
            "{answer}"
        );
    }
    while listening.event().await.is_some() {}
    assert_eq!(alice.call("1", "echo", "{}").await.status, 404);
    assert_eq!(other.get().await.status, 404);
    assert_eq!(
        bob.call("1", "echo", "{}").await.status,
        200,
        "bob's is another process"
    );

    // It is started again, but not at once.
    let refused = Caller::new(&host, ALICE)
        .post(&initialize("2025-11-25"))
        .await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    until("it may be started again", || pause_is_over(&host)).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    Caller::with_session(&host, ALICE, "2025-11-25").await;
}

fn pause_is_over(host: &Host) -> bool {
    !matches!(host.health("s"), Some(Health::BackingOff { .. }))
}

#[tokio::test]
async fn what_always_fails_is_tried_less_and_less_often() {
    let host = host(&[("BROKEN", "1")]);
    let caller = Caller::new(&host, ALICE);
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        until("the pause is over", || pause_is_over(&host)).await;
        pauses.push(start.elapsed());
        let answer = caller.post(&initialize("2025-06-18")).await;
        assert!(ended(answer).await.contains("exit status: 7"));
        until("it is told", || {
            host.health("s").is_some_and(|health| !health.is_good())
        })
        .await;
        assert!(
            host.health("s")
                .unwrap()
                .to_string()
                .contains("exit status: 7")
        );
    }
    assert!(
        pauses[1] < pauses[2] + Duration::from_millis(250),
        "{pauses:?}"
    );
    assert!(pauses[2] >= Duration::from_millis(400), "{pauses:?}");
}

#[tokio::test]
async fn a_server_that_cannot_be_started_says_why_to_the_operator_only() {
    let mut missing = server("s", &[]);
    missing.command = "/nowhere/no-such-command".to_owned();
    let host = host_of(missing);
    let answer = Caller::new(&host, ALICE)
        .post(&initialize("2025-06-18"))
        .await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().await.contains("nowhere"));
    let health = host.health("s").unwrap();
    assert!(matches!(&health, Health::Failed(why) if why.contains("/nowhere/no-such-command")));
    // A plan that works is tried at once.
    host.set(plan(vec![server("s", &[])]));
    Caller::with_session(&host, ALICE, "2025-06-18").await;
    assert_eq!(host.health("s"), Some(Health::Running { parts: 1 }));
}

#[tokio::test]
async fn garbage_is_skipped_but_not_for_ever() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let some = "starting up\n{}\n\n   \n[1]\n\u{1}\n{\"id\":$ID,\"result\":1,\"error\":1}\n{\"id\":$ID,\"result\":2}";
    let params = json!({ "text": some }).to_string();
    assert_eq!(
        caller.call("1", "write", &params).await.json().await["result"],
        2
    );
    // Answers to what nobody asked are dropped.
    let stray = r#"{"id":77,"result":1}"#.to_owned() + "\n" + r#"{"id":$ID,"result":3}"#;
    let params = json!({ "text": stray }).to_string();
    assert_eq!(
        caller.call("2", "write", &params).await.json().await["result"],
        3
    );
    let params = json!({ "text": "not JSON\n".repeat(64) }).to_string();
    let why = ended(caller.call("3", "write", &params).await).await;
    assert!(why.contains("no JSON-RPC"), "{why}");
}

#[tokio::test]
async fn a_line_without_an_end_ends_the_process() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let why = ended(caller.call("1", "flood", "{}").await).await;
    assert!(why.contains("a line of more than 1048576 bytes"), "{why}");
}

#[tokio::test]
async fn too_much_memory_ends_the_process() {
    let mut server = server("s", &[]);
    server.memory = 100 << 20;
    let host = host_of(server);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let why = ended(caller.call("1", "memory", r#"{"bytes":200000000}"#).await).await;
    assert!(why.contains("MiB of memory, of 100"), "{why}");
}

#[tokio::test]
async fn a_fork_bomb_is_put_out() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let seconds = format!("600.{}", std::process::id());
    let params = json!({ "processes": 100_000, "seconds": seconds }).to_string();
    let why = ended(caller.call("1", "fork", &params).await).await;
    // Whichever bound it meets first: many processes are much memory, too.
    let bounded = ["more than 256 processes", "of memory"]
        .iter()
        .any(|bound| why.contains(bound));
    assert!(bounded, "{why}");
    until("none is left", || running_with(&seconds) == 0).await;
}

/// How many processes have this among their arguments.
fn running_with(argument: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let has = |line: &Vec<u8>| {
        line.split(|byte| *byte == 0)
            .any(|word| word == argument.as_bytes())
    };
    lines.filter(has).count()
}

#[tokio::test]
async fn a_launchers_children_end_with_it() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let launched = caller.call("1", "launch", "{}").await.json().await;
    let child = launched["result"]["child"].as_u64().expect("a child");
    until("it is not left behind", || !is_alive(child)).await;
}

#[tokio::test]
async fn a_server_that_does_not_read_makes_its_own_callers_wait() {
    let host = host(&[]);
    let alice = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let bob = Caller::with_session(&host, BOB, "2025-06-18").await;
    let deaf = tokio::spawn({
        let alice = alice.clone();
        async move { alice.call("1", "deaf", "{}").await.json().await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let large = format!(r#"{{"filler":"{}"}}"#, "x".repeat(1_000_000));
    let notes = (0..8).map(|_| {
        let (alice, large) = (alice.clone(), large.clone());
        let note = format!(r#"{{"method":"notifications/x","params":{large}}}"#);
        tokio::spawn(async move { alice.post(&note).await.status })
    });
    let notes: Vec<_> = notes.collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let accepted = notes.iter().filter(|note| note.is_finished()).count();
    assert!(
        (1..=3).contains(&accepted),
        "{accepted} of 8 are queued, the others wait"
    );
    assert_eq!(bob.call("1", "echo", "{}").await.status, 200);
    // Its end is everybody's answer.
    assert_eq!(alice.delete().await.status, 200);
    drop(deaf);
    for note in notes {
        let status = note.await.unwrap();
        assert!(matches!(status, 202 | 502), "{status}");
    }
}

#[tokio::test]
async fn a_slow_reader_holds_its_own_process_back_and_loses_nothing() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let mut answer = caller
        .call("1", "stream", r#"{"count":3000,"size":5000}"#)
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for n in 0..3000 {
        assert_eq!(answer.message().await["params"]["n"], n);
    }
    assert_eq!(answer.message().await["id"], 1);
    assert_eq!(answer.event().await, None);
}

#[tokio::test]
async fn a_slow_reader_of_a_shared_process_is_cut() {
    let mut server = server("s", &[]);
    server.share = Share::All;
    let host = host_of(server);
    let alice = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let bob = Caller::with_session(&host, BOB, "2025-06-18").await;
    let params = r#"{"count":3000,"size":5000,"_meta":{"progressToken":1}}"#;
    let mut slow = alice.call("1", "stream", params).await;
    assert!(slow.is_events());
    assert_eq!(
        bob.call("1", "echo", "{}").await.status,
        200,
        "bob does not wait for alice"
    );
    let mut read = 0;
    let cut = loop {
        match slow.try_event().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(cut && read < 3000, "after {read} events");
}
