//! Lists of all members as one, in both eras.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::rig;
use crate::member::{Era, Member};

const LEGACY: Era = Era::Legacy("2025-11-25");

fn names(answer: &Value, list: &str, field: &str) -> Vec<String> {
    let items = answer["result"][list]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    items
        .iter()
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect()
}

fn tool(name: &str) -> String {
    format!(r#"{{"name":"{name}","x":12345678901234567890}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_merged_in_the_order_of_the_members_and_items_stay_as_they_are() {
    let (a, b) = (Member::new("a", LEGACY), Member::new("b", Era::Modern));
    let odd = r#"{ "n":1e2,"name":"\u0065cho" , "description":"\/"}"#;
    *a.tools.lock().unwrap() = vec![vec![odd.to_owned()], vec![tool("two")], vec![tool("three")]];
    *b.tools.lock().unwrap() = vec![vec![tool("echo")]];
    *a.slow.lock().unwrap() = Duration::from_millis(50);
    let rig = rig(vec![a, b]).await;
    for caller in [rig.legacy("ann").await, rig.modern("ann")] {
        let text = caller
            .post(&caller.text(1, "tools/list", json!({})))
            .await
            .text()
            .await
            .unwrap();
        assert!(
            text.contains(r#"{ "n":1e2,"name":"a__\u0065cho" , "description":"\/"}"#),
            "{text}"
        );
        assert!(
            text.contains(r#"{"name":"b__echo","x":12345678901234567890}"#),
            "{text}"
        );
        let answer: Value = serde_json::from_str(&text).unwrap();
        let tools = names(&answer, "tools", "name");
        assert_eq!(tools, ["a__echo", "a__two", "a__three", "b__echo"]);
        assert!(
            answer["result"].get("nextCursor").is_none() && answer["result"].get("_meta").is_none()
        );
        let modern = caller.session.is_none();
        assert_eq!(answer["result"]["cacheScope"] == "private", modern);
        assert_eq!(answer["result"]["resultType"] == "complete", modern);
        let prompts = caller.ask(2, "prompts/list", json!({})).await;
        assert_eq!(names(&prompts, "prompts", "name"), ["a__greet", "b__greet"]);
        let templates = caller.ask(3, "resources/templates/list", json!({})).await;
        let templates = names(&templates, "resourceTemplates", "uriTemplate");
        assert_eq!(templates, ["a:///item/{id}", "b:///item/{id}"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_for_one_answer_has_a_cursor() {
    let (a, b) = (Member::new("a", LEGACY), Member::new("b", LEGACY));
    let page = |n: usize| {
        vec![format!(
            r#"{{"name":"big{n}","d":"{}"}}"#,
            "x".repeat(1 << 20)
        )]
    };
    *a.tools.lock().unwrap() = (0..3).map(page).collect();
    *b.tools.lock().unwrap() = (0..3).map(page).collect();
    let rig = rig(vec![a, b]).await;
    let caller = rig.legacy("ann").await;
    let (mut found, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let params = if cursor.is_null() {
            json!({})
        } else {
            json!({ "cursor": cursor })
        };
        let answer = caller.ask(1, "tools/list", params).await;
        found.extend(names(&answer, "tools", "name"));
        pages += 1;
        cursor = answer["result"]["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    found.sort();
    assert_eq!(
        found,
        [
            "a__big0", "a__big1", "a__big2", "b__big0", "b__big1", "b__big2"
        ]
    );
    assert!(pages > 1);
    let bad = caller
        .ask(2, "tools/list", json!({ "cursor": "made up" }))
        .await;
    assert_eq!(bad["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_down_or_forbidden_is_left_out_and_named() {
    let members = ["a", "b", "c"].map(|name| Member::new(name, LEGACY));
    members[1].down.store(true, Ordering::Relaxed);
    let rig = rig(members.to_vec()).await;
    let mut forbidden = rig.caller("not-c");
    forbidden.bearer = "Bearer not-c".to_owned();
    let welcome = forbidden.initialize("2025-11-25").await;
    assert_eq!(welcome["_meta"]["sluice/left_out"][0]["server"], "b");
    let answer = forbidden.ask(1, "tools/list", json!({})).await;
    assert!(
        names(&answer, "tools", "name")
            .iter()
            .all(|name| name.starts_with("a__"))
    );
    let left_out = answer["result"]["_meta"]["sluice/left_out"]
        .as_array()
        .unwrap();
    let servers: Vec<_> = left_out
        .iter()
        .map(|each| each["server"].as_str().unwrap())
        .collect();
    assert_eq!(servers, ["b", "c"]);
    assert!(left_out[1]["why"].as_str().unwrap().contains("403"));
    // The others answer, and a call to one that is away says so.
    assert!(forbidden.call(2, "a__echo", json!({})).await["result"].is_object());
    let away = forbidden.call(3, "b__echo", json!({})).await;
    assert_eq!(away["error"]["code"], 50200);
    // It is asked again a little later.
    rig.members[1].down.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(forbidden.call(4, "b__echo", json!({})).await["result"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_member_is_left_out_and_the_rest_answers_in_time() {
    let (a, b) = (Member::new("a", LEGACY), Member::new("b", LEGACY));
    let rig = rig(vec![a, b.clone()]).await;
    let caller = rig.legacy("ann").await;
    *b.slow.lock().unwrap() = Duration::from_secs(60);
    let begun = std::time::Instant::now();
    let answer = caller.ask(1, "tools/list", json!({})).await;
    assert!(
        begun.elapsed() < Duration::from_secs(12),
        "{:?}",
        begun.elapsed()
    );
    assert!(names(&answer, "tools", "name").contains(&"a__echo".to_owned()));
    assert_eq!(
        answer["result"]["_meta"]["sluice/left_out"][0]["server"],
        "b"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_member_harms_itself_only() {
    let members = ["a", "b"].map(|name| Member::new(name, LEGACY));
    let liar = members[1].clone();
    let rig = rig(members.to_vec()).await;
    let caller = rig.legacy("ann").await;
    for lie in [
        r#"{"jsonrpc":"2.0","id":"other","result":{"tools":[]}}"#,
        r#"{"jsonrpc":"2.0","id":ID,"id":ID,"result":{"tools":[]}}"#,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"tools":[{"name":7},{"name":""}]}}"#,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"tools":[],"nextCursor":"0"}}"#,
        "no JSON",
        "",
    ] {
        *liar.lies.lock().unwrap() = Some(lie);
        let answer = caller.ask(1, "tools/list", json!({})).await;
        let tools = names(&answer, "tools", "name");
        assert!(
            !tools.is_empty() && tools.iter().all(|name| name.starts_with("a__")),
            "{lie}"
        );
        assert_eq!(
            answer["result"]["_meta"]["sluice/left_out"][0]["server"], "b",
            "{lie}"
        );
    }
    *liar.lies.lock().unwrap() = None;
    let answer = caller.call(2, "b__lie", json!({})).await;
    assert_eq!(
        answer["error"]["code"], 50200,
        "an answer to another id is none"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_clients_cannot_take_and_names_that_collide_are_left_out() {
    let members = ["a", "a__b"].map(|name| Member::new(name, LEGACY));
    *members[0].tools.lock().unwrap() = vec![vec![
        tool(&"x".repeat(126)),
        tool(&"y".repeat(125)),
        tool("b__same"),
    ]];
    *members[1].tools.lock().unwrap() = vec![vec![tool("same"), tool("echo")]];
    let rig = rig(members.to_vec()).await;
    let caller = rig.legacy("ann").await;
    let answer = caller.ask(1, "tools/list", json!({})).await;
    let long = format!("a__{}", "y".repeat(125));
    assert_eq!(
        names(&answer, "tools", "name"),
        [&long, "a__b__same", "a__b__echo"]
    );
    assert_eq!(
        answer["result"]["_meta"]["sluice/left_out"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        crate::caller::echo(&caller.call(2, "a__b__echo", json!({})).await)["member"],
        "a__b"
    );
}
