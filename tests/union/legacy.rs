//! Callers with sessions.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::caller::{Events, answer_of, echo, rig};
use crate::member::{Era, Member};
use crate::tools::RAW;

const LEGACY: Era = Era::Legacy("2025-11-25");

fn two() -> Vec<std::sync::Arc<Member>> {
    vec![Member::new("a", LEGACY), Member::new("b", LEGACY)]
}

#[tokio::test(flavor = "multi_thread")]
async fn initialize_is_answered_for_all() {
    let members = vec![
        Member::new("a", Era::Legacy("2025-06-18")),
        Member::new("b", Era::Legacy("2025-03-26")),
    ];
    let rig = rig(members).await;
    let mut caller = rig.caller("ann");
    let welcome = caller.initialize("2025-11-25").await;
    assert_eq!(
        welcome["protocolVersion"], "2025-06-18",
        "the newest that one of them shares"
    );
    assert_eq!(welcome["serverInfo"]["name"], "all");
    assert_eq!(welcome["capabilities"]["tools"]["listChanged"], true);
    assert_eq!(welcome["capabilities"]["resources"]["subscribe"], true);
    assert_eq!(welcome["instructions"], "# a\n\nuse a\n\n# b\n\nuse b");
    for member in &rig.members {
        let seen = &member.seen("initialize")[0];
        assert_eq!(seen.body["params"]["clientInfo"]["name"], "test");
        assert_eq!(seen.body["params"]["capabilities"], caller.capabilities);
        assert_eq!(member.seen("notifications/initialized").len(), 1);
    }
    // What is not known is answered with what is.
    let mut odd = rig.caller("ann");
    assert_eq!(
        odd.initialize("2026-07-28").await["protocolVersion"],
        "2025-06-18"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_to_their_member_with_the_callers_token_and_come_back_as_they_are() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    for name in ["a", "b"] {
        let says = echo(
            &caller
                .call(7, &format!("{name}__echo"), json!({ "q": 1 }))
                .await,
        );
        assert_eq!(says["member"], name);
        assert_eq!(says["bearer"], "Bearer token-of-ann");
        assert_eq!(says["arguments"], json!({ "q": 1 }));
        assert!(says["session"].as_str().unwrap().starts_with(name));
    }
    let id = r#""\u0061-12345678901234567890""#;
    let text = format!(
        r#"{{ "id" : {id}, "params":{{"arguments":{{"n":9007199254740993.0 ,"s":"\u00e9\/"}},"name":"b__\u0072aw"}}, "method":"tools/call","jsonrpc":"2.0"}}"#
    );
    let response = caller.post(&text).await.text().await.unwrap();
    assert_eq!(
        response,
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{RAW}}}"#)
    );
    let sent = rig.members[1].seen("tools/call").pop().unwrap();
    let own = sent.body["id"].to_string();
    let want = text.replace(id, &own).replace("b__\\u0072aw", "\\u0072aw");
    assert_eq!(
        sent.text, want,
        "nothing but the id and the prefix is changed"
    );
    let unknown = caller.call(8, "c__echo", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(
        caller.ask(9, "no/such", json!({})).await["error"]["code"],
        -32601
    );
    assert_eq!(caller.ask(10, "ping", json!({})).await["result"], json!({}));
    assert_eq!(
        caller.call(11, "a__nothing", json!({})).await["error"]["message"],
        "no such tool"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_completion_resources_and_tasks_find_their_member() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    let prompt = caller
        .ask(1, "prompts/get", json!({ "name": "b__greet" }))
        .await;
    assert_eq!(prompt["result"]["description"], "b:\"greet\"");
    let complete =
        |reference: Value| json!({ "ref": reference, "argument": { "name": "x", "value": "" } });
    let by_prompt = complete(json!({ "type": "ref/prompt", "name": "a__greet" }));
    let values = caller.ask(2, "completion/complete", by_prompt).await;
    assert_eq!(
        values["result"]["completion"]["values"],
        json!(["a", { "type": "ref/prompt", "name": "greet" }])
    );
    // Nobody has listed anything yet: the union looks around by itself.
    let read = |uri: &str| json!({ "uri": uri });
    let answer = caller.ask(3, "resources/read", read("b:///one")).await;
    assert_eq!(
        answer["result"]["contents"][0],
        json!({ "uri": "b:///one", "text": "b" })
    );
    let by_template = complete(json!({ "type": "ref/resource", "uri": "b:///item/{id}" }));
    let values = caller.ask(4, "completion/complete", by_template).await;
    assert_eq!(values["result"]["completion"]["values"][0], "b");
    let answer = caller.ask(5, "resources/read", read("a:///item/7")).await;
    assert_eq!(answer["result"]["contents"][0]["text"], "a");
    // Two have the same address: the first has it plain, the other with its name.
    let listed = caller.ask(6, "resources/list", json!({})).await;
    let uris: Vec<_> = listed["result"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["uri"].as_str().unwrap())
        .collect();
    let other = "sluice-member:b/file:///same";
    assert_eq!(uris, ["a:///one", "file:///same", "b:///one", other]);
    for (uri, member) in [("file:///same", "a"), (other, "b")] {
        let answer = caller.ask(7, "resources/read", read(uri)).await;
        assert_eq!(
            answer["result"]["contents"][0],
            json!({ "uri": uri, "text": member })
        );
    }
    let unknown = caller.ask(8, "resources/read", read("z:///")).await;
    assert_eq!(unknown["error"]["code"], -32002);
    // A result may name what no list does.
    caller.call(9, "b__link", json!({})).await;
    let answer = caller.ask(10, "resources/read", read("b:///hidden")).await;
    assert_eq!(answer["result"]["contents"][0]["text"], "b");
    let task = caller.call(11, "b__task", json!({})).await;
    assert_eq!(task["result"]["task"]["taskId"], "b__t1");
    let got = caller
        .ask(12, "tasks/get", json!({ "taskId": "b__t1" }))
        .await;
    assert_eq!(got["result"]["taskId"], "b__t1");
    assert_eq!(
        rig.members[1].seen("tasks/get")[0].body["params"]["taskId"],
        "t1"
    );
    let all = caller.ask(13, "tasks/list", json!({})).await;
    assert_eq!(all["result"]["tasks"][0]["taskId"], "a__t1");
    assert_eq!(all["result"]["tasks"][1]["taskId"], "b__t1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_goes_to_all_and_roots_that_changed_too() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    let answer = caller
        .ask(1, "logging/setLevel", json!({ "level": "debug" }))
        .await;
    assert_eq!(answer["result"], json!({}));
    let told = caller
        .post(r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#)
        .await;
    assert_eq!(told.status(), 202);
    for member in &rig.members {
        assert_eq!(
            member.seen("logging/setLevel")[0].body["params"]["level"],
            "debug"
        );
        assert_eq!(member.seen("notifications/roots/list_changed").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_principals_and_ends_everywhere() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    let mut other = rig.caller("bob");
    other.session.clone_from(&caller.session);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(other.post(ping).await.status(), 404);
    assert_eq!(other.get(None).await.status(), 404);
    assert_eq!(other.delete().await.status(), 404);
    let mut nameless = caller.clone();
    nameless.session = None;
    assert_eq!(nameless.post(ping).await.status(), 400);
    assert_eq!(
        caller.post("[]").await.status(),
        400,
        "no arrays in this revision"
    );
    assert_eq!(caller.post(r#"{"id":1,"id":2}"#).await.status(), 400);
    assert_eq!(caller.post(ping).await.status(), 200);
    assert_eq!(caller.delete().await.status(), 200);
    assert_eq!(caller.post(ping).await.status(), 404);
    for member in &rig.members {
        member
            .until("deleted", |member| {
                let seen = member.seen.lock().unwrap();
                seen.iter().any(|each| {
                    each.verb == "DELETE" && each.headers.contains_key("mcp-session-id")
                })
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_forgot_its_session_gets_another() {
    let rig = rig(two()).await;
    let caller = rig.legacy("ann").await;
    rig.members[0].forgets.store(true, Ordering::Relaxed);
    let says = echo(&caller.call(1, "a__echo", json!({})).await);
    assert_eq!(says["session"], "a-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_revision_sends_arrays() {
    let rig = rig(vec![
        Member::new("a", Era::Legacy("2025-03-26")),
        Member::new("b", Era::Legacy("2025-03-26")),
    ])
    .await;
    let mut caller = rig.caller("ann");
    assert_eq!(
        caller.initialize("2025-03-26").await["protocolVersion"],
        "2025-03-26"
    );
    let call = |id, tool| caller.text(id, "tools/call", json!({ "name": tool, "arguments": {} }));
    let cancelled =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#;
    let array = [
        call(1, "a__echo"),
        call(2, "b__progress"),
        caller.text(3, "ping", json!({})),
        cancelled.to_owned(),
    ];
    let response = caller.post(&format!("[{}]", array.join(","))).await;
    let mut events = Events::of(response);
    let mut ids = Vec::new();
    while let Some(event) = events.maybe().await {
        ids.extend(event.message["id"].as_u64());
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(caller.post(&format!("[{cancelled}]")).await.status(), 202);
    assert_eq!(
        rig.members[0].seen("tools/call")[0]
            .headers
            .get("mcp-protocol-version"),
        None
    );
    let single = caller.post(&call(5, "b__echo")).await;
    assert_eq!(echo(&answer_of(single, 5).await)["member"], "b");
}
