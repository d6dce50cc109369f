//! Callers without sessions, members without sessions.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::caller::{Events, answer_of, echo, json_of, rig};
use crate::member::{Era, MODERN, Member};

#[tokio::test(flavor = "multi_thread")]
async fn discover_is_answered_for_all_and_what_is_gone_is_gone() {
    let rig = rig(vec![
        Member::new("a", Era::Modern),
        Member::new("b", Era::Modern),
    ])
    .await;
    let caller = rig.modern("ann");
    let answer = caller.ask(1, "server/discover", json!({})).await;
    let result = &answer["result"];
    assert!(
        result["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&MODERN.into())
    );
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "all"
    );
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    assert!(
        result["capabilities"]
            .get("logging")
            .is_none_or(Value::is_object)
    );
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "no/such",
    ] {
        let response = caller
            .post(&caller.text(2, method, json!({ "uri": "x" })))
            .await;
        assert_eq!(response.status(), 404, "{method}");
        assert_eq!(json_of(response).await["error"]["code"], -32601);
    }
    assert_eq!(caller.get(None).await.status(), 405);
    assert_eq!(caller.delete().await.status(), 405);
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
    let response = caller.post(bare).await;
    assert_eq!(response.status(), 400);
    assert_eq!(json_of(response).await["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_have_their_headers_rewritten() {
    let rig = rig(vec![
        Member::new("a", Era::Modern),
        Member::new("b", Era::Modern),
    ])
    .await;
    let caller = rig.modern("ann");
    let params = json!({ "name": "b__echo", "arguments": { "region": "eu" } });
    let response = caller
        .post_with(
            &caller.text(5, "tools/call", params),
            ("mcp-param-region", "eu"),
        )
        .await;
    assert!(response.headers().get("mcp-session-id").is_none());
    let says = echo(&answer_of(response, 5).await);
    assert_eq!(
        (&says["member"], &says["name"], &says["param"]),
        (&"b".into(), &"echo".into(), &"eu".into())
    );
    let odd = caller.call(6, "b__größe", json!({})).await;
    assert_eq!(odd["error"]["message"], "no such tool");
    let seen = rig.members[1].seen("tools/call").pop().unwrap();
    assert_eq!(seen.headers["mcp-name"], "=?base64?Z3LDtsOfZQ==?=");
    let read = caller
        .ask(7, "resources/read", json!({ "uri": "b:///one" }))
        .await;
    assert_eq!(read["result"]["contents"][0]["text"], "b");
    assert_eq!(
        rig.members[1].seen("resources/read")[0].headers["mcp-name"],
        "b:///one"
    );
    let task = caller.call(8, "a__task", json!({})).await;
    assert_eq!(task["result"]["taskId"], "a__t1");
    let got = caller
        .ask(9, "tasks/get", json!({ "taskId": "a__t1" }))
        .await;
    assert_eq!(got["result"]["taskId"], "a__t1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_for_input_comes_back_to_the_member_that_has_it() {
    let rig = rig(vec![
        Member::new("a", Era::Modern),
        Member::new("b", Era::Modern),
    ])
    .await;
    let caller = rig.modern("ann");
    let first = caller.call(1, "b__ask", json!({})).await;
    assert_eq!(first["result"]["resultType"], "input_required");
    assert_eq!(first["result"]["requestState"], "b:state of b");
    let with = |name: &str| {
        json!({
            "name": name, "arguments": {}, "requestState": "b:state of b", "inputResponses": { "who": { "role": "me" } },
        })
    };
    let last = caller.ask(2, "tools/call", with("b__ask")).await;
    assert_eq!(last["result"]["state"], "state of b");
    assert_eq!(last["result"]["answer"], json!({ "role": "me" }));
    let other = caller.ask(3, "tools/call", with("a__ask")).await;
    assert!(
        other["error"].is_object(),
        "a state is not for another member: {other}"
    );
    assert!(rig.members[0].seen("tools/call").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn going_away_cancels() {
    for era in [Era::Modern, Era::Legacy("2025-11-25")] {
        let rig = rig(vec![Member::new("a", era)]).await;
        let mut caller = rig.modern("ann");
        caller.capabilities = json!({});
        let params = json!({ "name": "a__hang", "arguments": {}, "_meta": { "io.modelcontextprotocol/logLevel": "info" } });
        let mut events = Events::of(caller.post(&caller.text(1, "tools/call", params)).await);
        assert_eq!(events.next().await.message["params"]["data"], "begun");
        drop(events);
        rig.members[0]
            .until("cancelled", |member| {
                member.cancelled.load(Ordering::Relaxed)
            })
            .await;
        if era != Era::Modern {
            let told = rig.members[0]
                .seen("notifications/cancelled")
                .pop()
                .unwrap();
            let call = rig.members[0].seen("tools/call").pop().unwrap();
            assert_eq!(told.body["params"]["requestId"], call.body["id"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_tells_what_all_members_tell() {
    let rig = rig(vec![
        Member::new("a", Era::Modern),
        Member::new("b", Era::Legacy("2025-11-25")),
    ])
    .await;
    let caller = rig.modern("ann");
    let wanted = json!({ "notifications": {
        "toolsListChanged": true, "resourceSubscriptions": ["a:///one", "b:///one", "z:///"],
    } });
    let mut events = Events::of(
        caller
            .post(&caller.text(77, "subscriptions/listen", wanted))
            .await,
    );
    let first = events.next().await.message;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let agreed =
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:///one", "b:///one"] });
    assert_eq!(first["params"]["notifications"], agreed);
    // Who is told that it listens, listens.
    assert!(rig.members.iter().all(|member| member.listeners() == 1));
    let subscribed = rig.members[1].seen("resources/subscribe").pop().unwrap();
    assert_eq!(subscribed.body["params"]["uri"], "b:///one");
    let marked = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":SUBSCRIPTION,"x":1e3}}}"#;
    rig.members[0].say(marked);
    let event = events.next().await;
    assert!(
        event
            .data
            .contains(r#""io.modelcontextprotocol/subscriptionId":77,"x":1e3"#),
        "{}",
        event.data
    );
    rig.members[1].say(r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#);
    rig.members[1].say(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    let event = events.next().await.message;
    assert_eq!(
        event["method"], "notifications/tools/list_changed",
        "not what was not asked for"
    );
    rig.members[1].say(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"b:///one"}}"#);
    let event = events.next().await.message;
    assert_eq!(event["params"]["uri"], "b:///one");
    assert_eq!(
        event["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        77
    );
    rig.set(&["a"]);
    assert_eq!(
        events.next().await.message["method"],
        "notifications/tools/list_changed"
    );
    drop(events);
    for member in &rig.members {
        member.until("left", |member| member.listeners() == 0).await;
    }
}
