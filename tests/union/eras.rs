//! A caller of one era and a member of the other.

use std::sync::Arc;

use serde_json::json;

use crate::caller::{Events, echo, rig};
use crate::member::{Era, Member};

const LEGACY: Era = Era::Legacy("2025-11-25");

fn both() -> Vec<Arc<Member>> {
    vec![Member::new("old", LEGACY), Member::new("new", Era::Modern)]
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_has_a_translation_works_across() {
    let rig = rig(both()).await;
    for caller in [rig.legacy("ann").await, rig.modern("ann")] {
        for name in ["old", "new"] {
            let says = echo(
                &caller
                    .call(1, &format!("{name}__echo"), json!({ "q": 1 }))
                    .await,
            );
            assert_eq!(says["member"], name);
            assert_eq!(says["session"].is_null(), name == "new");
            let prompt = caller
                .ask(
                    2,
                    "prompts/get",
                    json!({ "name": format!("{name}__greet") }),
                )
                .await;
            assert_eq!(prompt["result"]["description"], format!("{name}:\"greet\""));
            let uri = format!("{name}:///one");
            let read = caller.ask(3, "resources/read", json!({ "uri": uri })).await;
            assert_eq!(read["result"]["contents"][0]["text"], name);
            if caller.session.is_none() && name == "old" {
                assert_eq!(says["param"], json!(null));
                assert_eq!(read["result"]["resultType"], "complete");
                assert_eq!(read["result"]["cacheScope"], "private");
            }
            let progress = json!({ "name": format!("{name}__progress"), "arguments": {}, "_meta": { "progressToken": "t" } });
            let mut events = Events::of(caller.post(&caller.text(4, "tools/call", progress)).await);
            for step in 0..3 {
                let event = events.next().await.message;
                assert_eq!(event["params"]["progress"], step, "{event}");
                assert_eq!(event["params"]["progressToken"], "t");
            }
            let unasked = caller.session.is_none() && name == "old";
            if !unasked {
                assert_eq!(
                    events.next().await.message["method"],
                    "notifications/message"
                );
            }
            let last = events.next().await.message;
            assert_eq!(
                (&last["id"], &last["result"]["content"]),
                (&json!(4), &json!([]))
            );
            assert!(events.maybe().await.is_none());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_members_wish_for_input_is_a_request_to_a_legacy_caller() {
    let rig = rig(both()).await;
    let caller = rig.legacy("ann").await;
    let text = caller.text(
        5,
        "tools/call",
        json!({ "name": "new__ask", "arguments": { "n": 1 } }),
    );
    let mut events = Events::of(caller.post(&text).await);
    let asked = events.next().await.message;
    assert_eq!(asked["method"], "sampling/createMessage");
    assert_eq!(asked["params"]["from"], "new");
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{{"big":12345678901234567890}}}}"#,
        asked["id"]
    );
    assert_eq!(caller.post(&answer).await.status(), 202);
    let last = events.next().await;
    assert_eq!(last.message["id"], 5);
    assert_eq!(last.message["result"]["state"], "state of new");
    assert!(last.data.contains("12345678901234567890"), "{}", last.data);
    let again = rig.members[1].seen("tools/call").pop().unwrap();
    assert_eq!(again.body["params"]["arguments"], json!({ "n": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_members_request_is_a_wish_for_input_to_a_modern_caller() {
    let rig = rig(both()).await;
    let caller = rig.modern("ann");
    let first = caller.call(1, "old__ask", json!({})).await;
    let result = &first["result"];
    assert_eq!(result["resultType"], "input_required");
    let (key, request) = result["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert_eq!(request["method"], "sampling/createMessage");
    assert_eq!(request["params"]["from"], "old");
    let retry = json!({
        "name": "old__ask", "arguments": {}, "requestState": result["requestState"],
        "inputResponses": { key: { "says": "hello" } },
    });
    // Nobody else can go on with it, whatever they know.
    let theirs = rig.modern("bob").ask(2, "tools/call", retry.clone()).await;
    assert_eq!(theirs["error"]["code"], -32602);
    let last = caller.ask(3, "tools/call", retry.clone()).await;
    assert_eq!(last["result"]["answer"], json!({ "says": "hello" }));
    assert_eq!(last["result"]["resultType"], "complete");
    assert_eq!(
        rig.members[0].seen("tools/call").len(),
        1,
        "the member saw one call"
    );
    let spent = caller.ask(4, "tools/call", retry).await;
    assert_eq!(spent["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_caller_subscribes_at_a_modern_member() {
    let rig = rig(both()).await;
    let caller = rig.legacy("ann").await;
    let mut standing = Events::of(caller.get(None).await);
    let member = &rig.members[1];
    member
        .until("listened to", |member| member.listeners() == 1)
        .await;
    let answer = caller
        .ask(1, "resources/subscribe", json!({ "uri": "new:///one" }))
        .await;
    assert_eq!(answer["result"], json!({}));
    member
        .until("asked for it", |member| {
            let last = member.seen("subscriptions/listen").pop().unwrap();
            last.body["params"]["notifications"]["resourceSubscriptions"] == json!(["new:///one"])
                && member.listeners() == 1
        })
        .await;
    member.say(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"new:///one","_meta":{"io.modelcontextprotocol/subscriptionId":SUBSCRIPTION}}}"#);
    let event = standing.next().await;
    assert_eq!(event.message["params"]["uri"], "new:///one");
    assert!(!event.data.contains("subscriptionId"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_will_not_answer_ends_the_call_that_asked() {
    let rig = rig(both()).await;
    let caller = rig.legacy("ann").await;
    let text = caller.text(
        5,
        "tools/call",
        json!({ "name": "new__ask", "arguments": {} }),
    );
    let mut events = Events::of(caller.post(&text).await);
    let asked = events.next().await.message;
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-1,"message":"no"}}}}"#,
        asked["id"]
    );
    assert_eq!(caller.post(&answer).await.status(), 202);
    let last = events.next().await.message;
    assert_eq!(
        (&last["id"], &last["error"]["code"]),
        (&json!(5), &json!(50200))
    );
    assert!(events.maybe().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_repeated_in_headers_for_a_legacy_caller() {
    let rig = rig(both()).await;
    let caller = rig.legacy("ann").await;
    for (region, header) in [("eu", "eu"), ("münster", "=?base64?bcO8bnN0ZXI=?=")] {
        let says = echo(
            &caller
                .call(1, "new__echo", json!({ "region": region }))
                .await,
        );
        assert_eq!(says["param"], header);
    }
    let says = echo(&caller.call(2, "old__echo", json!({ "region": "eu" })).await);
    assert!(says["param"].is_null());
    assert_eq!(rig.members[1].seen("tools/list").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_member_does_not_count_on_what_a_modern_caller_cannot_do() {
    let rig = rig(both()).await;
    let mut caller = rig.modern("ann");
    caller.capabilities = json!({ "roots": {}, "sampling": {} });
    caller.call(1, "old__echo", json!({})).await;
    let told = rig.members[0].seen("initialize").pop().unwrap();
    assert_eq!(
        told.body["params"]["capabilities"],
        json!({ "sampling": {} })
    );
}
