//! Streams of callers with sessions: what members say and ask, cancellation, coming back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::{Caller, Event, Events, rig};
use crate::member::{Era, Member};

const LEGACY: Era = Era::Legacy("2025-11-25");

fn two() -> Vec<std::sync::Arc<Member>> {
    vec![Member::new("a", LEGACY), Member::new("b", LEGACY)]
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "arguments": {} })
}

async fn answer(caller: &Caller, to: &Event, result: &str) {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#,
        to.message["id"]
    );
    assert_eq!(caller.post(&text).await.status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_ids_of_two_members_do_not_meet() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    let mut streams = Vec::new();
    for (id, name) in [(1, "a__ask"), (2, "b__ask")] {
        streams.push(Events::of(
            caller
                .post(&caller.text(id, "tools/call", tool(name)))
                .await,
        ));
    }
    let from_a = streams[0].next().await;
    let from_b = streams[1].next().await;
    assert_ne!(from_a.message["id"], from_b.message["id"]);
    assert_eq!(
        (
            &from_a.message["params"]["from"],
            &from_b.message["params"]["from"]
        ),
        (&"a".into(), &"b".into())
    );
    answer(&caller, &from_b, r#""for b""#).await;
    answer(&caller, &from_a, r#""for a""#).await;
    for (stream, want) in streams.iter_mut().zip(["for a", "for b"]) {
        assert_eq!(stream.next().await.message["result"]["answer"], want);
    }
    for (member, want) in rig.members.iter().zip(["for a", "for b"]) {
        let seen = member.seen.lock().unwrap();
        let posted = seen
            .iter()
            .find(|each| each.body.get("result").is_some())
            .unwrap();
        assert_eq!(
            posted.text,
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{want}"}}"#)
        );
    }
    let twice = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":0}}"#,
        from_a.message["id"]
    );
    assert_eq!(
        caller.post(&twice).await.status(),
        400,
        "nobody waits for it any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_reaches_the_right_call() {
    for era in [LEGACY, Era::Modern] {
        let rig = rig(vec![Member::new("a", LEGACY), Member::new("b", era)]).await;
        let caller = rig.legacy("ann").await;
        let mut kept = Events::of(
            caller
                .post(&caller.text(6, "tools/call", tool("a__hang")))
                .await,
        );
        let mut hung = Events::of(
            caller
                .post(&caller.text(7, "tools/call", tool("b__hang")))
                .await,
        );
        kept.next().await;
        hung.next().await;
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,"reason":"x"}}"#;
        assert_eq!(caller.post(cancel).await.status(), 202);
        let [a, b] = &rig.members[..] else { panic!() };
        b.until("cancelled", |member| {
            member.cancelled.load(Ordering::Relaxed)
        })
        .await;
        assert!(
            hung.maybe().await.is_none(),
            "its stream ends without an answer"
        );
        assert!(kept.is_silent().await && !a.cancelled.load(Ordering::Relaxed));
        if era == LEGACY {
            let told = b.seen("notifications/cancelled").pop().unwrap();
            assert_eq!(
                told.body["params"]["requestId"],
                b.seen("tools/call")[0].body["id"]
            );
            assert_eq!(told.body["params"]["reason"], "x");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standing_stream_has_what_all_members_say() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    let mut standing = Events::of(caller.get(None).await);
    for member in &rig.members {
        member
            .until("listened to", |member| member.listeners() == 1)
            .await;
        let changed =
            r#"{ "jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"x":1E5}}"#;
        member.say(changed);
        assert_eq!(standing.next().await.data, changed);
        member.say(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    }
    // A request on it, and its withdrawal.
    rig.members[1].say(r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"_meta":{"progressToken":5}}}"#);
    let asked = standing.next().await.message;
    assert_eq!(asked["method"], "elicitation/create");
    let token = &asked["params"]["_meta"]["progressToken"];
    let progress = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
    );
    assert_eq!(caller.post(&progress).await.status(), 202);
    assert_eq!(
        rig.members[1].seen("notifications/progress")[0].body["params"]["progressToken"],
        5
    );
    rig.members[1]
        .say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"q"}}"#);
    assert_eq!(
        standing.next().await.message["params"]["requestId"],
        asked["id"]
    );
    // The pings were answered by the union, each to the one that asked.
    for member in &rig.members {
        member
            .until("answered", |member| {
                let seen = member.seen.lock().unwrap();
                seen.iter()
                    .any(|each| each.text == r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
            })
            .await;
    }
    rig.members[0].say(
        r#"[{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"t1"}},{"jsonrpc":"2.0","method":"notifications/message","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t1"}},"taskId":"x"}}]"#,
    );
    assert_eq!(standing.next().await.message["params"]["taskId"], "a__t1");
    let related = standing.next().await.message;
    let task = &related["params"]["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(task["taskId"], "a__t1");
    assert_eq!(related["params"]["taskId"], "x");
    rig.members[0].say(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:///one"}}"#);
    assert_eq!(standing.next().await.message["params"]["uri"], "a:///one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_comes_back_for_what_it_missed() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    let mut events = Events::of(
        caller
            .post(&caller.text(1, "tools/call", tool("a__ask")))
            .await,
    );
    let primer = events.any().await.unwrap();
    assert!(primer.data.is_empty() && primer.id.is_some(), "{primer:?}");
    let asked = events.next().await;
    // The connection is lost, the call goes on.
    drop(events);
    answer(&caller, &asked, r#""late""#).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    for (after, missed) in [(primer.id.unwrap(), 2), (asked.id.unwrap(), 1)] {
        let mut again = Events::of(caller.get(Some(&after)).await);
        for _ in 1..missed {
            again.next().await;
        }
        let last = again.next().await.message;
        assert_eq!(
            (&last["id"], &last["result"]["answer"]),
            (&json!(1), &"late".into())
        );
        assert!(again.maybe().await.is_none());
    }
    assert_eq!(caller.get(Some("9.9")).await.status(), 400);
    assert_eq!(caller.get(Some("nonsense")).await.status(), 400);
    let mut other = rig.legacy("bob").await;
    assert_eq!(
        other.get(Some("1.1")).await.status(),
        400,
        "another session's events are not there"
    );
    other.session = caller.session.clone();
    assert_eq!(other.get(Some("1.1")).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_broken_stream_is_taken_up_again() {
    let rig = rig(two()).await;
    for caller in [rig.legacy("ann").await, rig.modern("ann")] {
        let answer = caller.ask(1, "tools/call", tool("b__broken")).await;
        assert_eq!(answer["result"]["resumed"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_members_of_open_sessions() {
    let rig = rig(vec![
        Member::new("a", LEGACY),
        Member::new("b", LEGACY),
        Member::new("c", LEGACY),
    ])
    .await;
    rig.set(&["a", "b"]);
    let caller = rig.legacy("ann").await;
    let mut standing = Events::of(caller.get(None).await);
    rig.members[0]
        .until("listened to", |member| member.listeners() == 1)
        .await;
    assert_eq!(
        caller.call(1, "c__echo", json!({})).await["error"]["code"],
        -32602
    );
    let mut open = Events::of(
        caller
            .post(&caller.text(2, "tools/call", tool("a__ask")))
            .await,
    );
    let asked = open.next().await;
    rig.set(&["a", "c"]);
    let lists: Vec<Value> = [
        standing.next().await,
        standing.next().await,
        standing.next().await,
    ]
    .map(|event| event.message["method"].clone())
    .to_vec();
    assert_eq!(lists[0], "notifications/tools/list_changed");
    assert!(caller.call(3, "c__echo", json!({})).await["result"].is_object());
    assert_eq!(
        caller.call(4, "b__echo", json!({})).await["error"]["code"],
        -32602
    );
    rig.members[2]
        .until("listened to", |member| member.listeners() == 1)
        .await;
    rig.members[1]
        .until("left", |member| {
            member
                .seen
                .lock()
                .unwrap()
                .iter()
                .any(|each| each.verb == "DELETE")
        })
        .await;
    // What goes on at a member that stays is not touched.
    answer(&caller, &asked, r#""still""#).await;
    assert_eq!(open.next().await.message["result"]["answer"], "still");
    assert_eq!(rig.members[0].seen("initialize").len(), 1);
}
