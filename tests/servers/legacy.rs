//! Revisions with sessions: 2025-03-26, 2025-06-18, 2025-11-25.

use serde_json::{Value, json};

use crate::client::{ALICE, BOB, Caller, host, initialize, request};

const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

#[tokio::test]
async fn only_who_knows_the_secret_comes_in() {
    let host = host(&[]);
    let caller = Caller::new(&host, ALICE);
    let body = initialize("2025-11-25");
    for stranger in [
        caller.without("sluice-inner"),
        caller.with("sluice-inner", ""),
        caller.with("sluice-inner", &"0".repeat(64)),
    ] {
        assert_eq!(stranger.post(&body).await.status, 403);
        assert_eq!(stranger.get().await.status, 403);
    }
    let mut twice = caller.clone();
    twice.headers.push(("sluice-inner", "0".to_owned()));
    assert_eq!(twice.post(&body).await.status, 403);
    assert_eq!(
        caller.without("sluice-principal").post(&body).await.status,
        400
    );
    assert_eq!(
        caller
            .with("sluice-principal", "alice")
            .post(&body)
            .await
            .status,
        400
    );
    let mut lost = caller.clone();
    lost.path = "/stdio/other".to_owned();
    assert_eq!(lost.post(&body).await.status, 404);
}

#[tokio::test]
async fn a_session_begins_serves_and_ends() {
    for revision in REVISIONS {
        let host = host(&[]);
        let caller = Caller::with_session(&host, ALICE, revision).await;
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let answer = caller.post(ready).await;
        assert_eq!((answer.status, answer.text().await.as_str()), (202, ""));

        let answer = caller.call("7", "echo", "{}").await;
        assert!(answer.status == 200 && !answer.is_events());
        assert_eq!(answer.json().await["id"], 7);

        let seen = caller.call("8", "seen", "{}").await.json().await;
        assert_eq!(seen["result"]["seen"], json!([ready]));

        assert_eq!(caller.delete().await.status, 200);
        assert_eq!(caller.call("9", "echo", "{}").await.status, 404);
        assert_eq!(caller.get().await.status, 404);
        assert_eq!(caller.delete().await.status, 404);
    }
}

#[tokio::test]
async fn a_session_is_needed_and_is_nobody_elses() {
    let host = host(&[]);
    let alice = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let without = alice.without("mcp-session-id");
    for (caller, status) in [
        (without.clone(), 400),
        (
            alice.with("mcp-session-id", "00000000000000000000000000000000"),
            404,
        ),
        (alice.with("sluice-principal", BOB), 404),
    ] {
        let answer = caller.call("5", "echo", "{}").await;
        assert_eq!(answer.status, status);
        let body = answer.json().await;
        assert!(
            body["id"] == 5 && body["error"]["code"].as_i64() > Some(0),
            "{body}"
        );
        assert_eq!(caller.get().await.status, status);
        assert_eq!(caller.delete().await.status, status);
    }
    assert_eq!(
        alice.post(&initialize("2025-06-18")).await.status,
        400,
        "once is enough"
    );
    assert_eq!(
        alice
            .with("mcp-protocol-version", "2024-01-01")
            .get()
            .await
            .status,
        400
    );
    assert_eq!(alice.send("PUT", "").await.status, 405);
    for bad in [
        "",
        "{",
        "[]",
        r#"{"id":1,"id":2,"method":"echo"}"#,
        r#"{"id":null,"method":"echo"}"#,
    ] {
        assert_eq!(alice.post(bad).await.status, 400, "{bad}");
    }
    assert_eq!(alice.post(&" ".repeat(2 << 20)).await.status, 413);
    assert_eq!(
        alice.call("6", "echo", "{}").await.status,
        200,
        "it lives on"
    );
}

#[tokio::test]
async fn bytes_pass_untouched() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let ids = [
        "12345678901234567890123",
        r#""a\u0062\/\n""#,
        "-1",
        "1e3",
        r#""""#,
    ];
    for id in ids {
        let body = format!(
            r#"{{ "z":1, "params" : {{"b":1.10,"a":[1e400,-0,"\u00e9\/\ud83d\ude00"],"big":90071992547409931234}}, "method":"echo","id": {id},"jsonrpc":"2.0" }}"#
        );
        let answer = caller.post(&format!("\n{body}\r\n")).await.json().await;
        assert_eq!(answer["result"]["line"], body);
        let out = r#"{ "result":{"z":123456789012345678901234567890,"a":"\u0041\/é","k":1.0}, "id":$ID,"jsonrpc":"2.0"}"#;
        let params = json!({ "text": out }).to_string();
        let answer = caller.call(id, "write", &params).await.text().await;
        assert_eq!(answer, out.replace("$ID", id));
    }
    let spread = "{\"jsonrpc\":\"2.0\",\r\n\t\"id\":1,\n\"method\":\"echo\"}";
    let answer = caller.post(spread).await.json().await;
    let line = answer["result"]["line"].as_str().unwrap();
    assert_eq!(
        line,
        spread.replace(['\r', '\n'], " "),
        "one line, and nothing else changed"
    );
}

#[tokio::test]
async fn what_comes_before_the_response_makes_an_event_stream() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1.0}}"#;
    let text = json!({ "text": format!("{log}\n{{\"id\":$ID,\"result\":{{}}}}") }).to_string();
    let mut answer = caller.call("1", "write", &text).await;
    assert!(answer.is_events());
    let first = answer.event().await.unwrap();
    assert_eq!(first.data, log);
    let second = answer.event().await.unwrap();
    assert_eq!(second.data, r#"{"id":1,"result":{}}"#);
    assert!(first.id.is_some() && second.id.is_some() && first.id != second.id);
    assert_eq!(answer.event().await, None);

    // Who takes no event streams gets the response alone.
    let plain = caller.with("accept", "application/json");
    let answer = plain.call("2", "write", &text).await;
    assert_eq!(answer.text().await, r#"{"id":2,"result":{}}"#);
}

#[tokio::test]
async fn progress_comes_as_it_is_made() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let progress =
        r#"{"method":"notifications/progress","params":{"progressToken":$TOKEN,"progress":1}}"#;
    let params = json!({ "_meta": { "progressToken": "t" }, "text": progress }).to_string();
    let mut answer = caller.call("1", "write", &params).await;
    assert!(answer.is_events(), "a token says that there will be events");
    let priming = answer.event().await.unwrap();
    assert_eq!(priming.data, "");
    assert!(priming.id.is_some());
    assert_eq!(answer.message().await["params"]["progressToken"], "t");
    // The response has not come yet, and comes when it does.
    let late = json!({ "text": r#"{"id":1,"result":"late"}"# }).to_string();
    let mut other = caller.clone();
    other.headers.retain(|(name, _)| *name != "accept");
    tokio::spawn(async move { other.call("2", "write", &late).await.text().await });
    assert_eq!(answer.message().await["result"], "late");
}

#[tokio::test]
async fn the_server_asks_and_is_answered() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let ask = r#"{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{}}"#;
    let params = json!({ "text": ask }).to_string();
    let mut answer = caller.call("1", "write", &params).await;
    assert_eq!(answer.event().await.unwrap().data, ask);
    let reply = r#"{"jsonrpc":"2.0","id":"s1","result":{"big":12345678901234567890}}"#;
    assert_eq!(caller.post(reply).await.status, 202);
    assert_eq!(
        caller.post(reply).await.status,
        202,
        "accepted, and not passed on twice"
    );
    let stray = r#"{"jsonrpc":"2.0","id":"s2","result":{}}"#;
    assert_eq!(caller.post(stray).await.status, 202);
    let seen = caller.call("2", "seen", "{}").await.json().await;
    assert_eq!(seen["result"]["seen"], json!([reply]));
}

#[tokio::test]
async fn who_listens_hears_what_belongs_to_no_request() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let text = json!({ "text": format!("{changed}\n{{\"id\":$ID,\"result\":1}}") }).to_string();
    // Said before anybody listens: kept for the first who does.
    assert!(!caller.call("1", "write", &text).await.is_events());
    let mut listening = caller.get().await;
    assert!(listening.is_events());
    assert_eq!(listening.event().await.unwrap().data, "", "a priming event");
    let first = listening.event().await.unwrap();
    assert_eq!(first.data, changed);

    // A second stream: the newest has it, and only the newest.
    let mut second = caller.get().await;
    assert_eq!(second.event().await.unwrap().data, "");
    caller.call("2", "write", &text).await;
    assert_eq!(second.event().await.unwrap().data, changed);
    drop(second);

    drop(listening);
    caller.call("3", "write", &text).await;
    let mut resumed = caller.with("last-event-id", &first.id.unwrap()).get().await;
    assert_eq!(resumed.status, 200);
    caller.call("4", "write", &text).await;
    assert_eq!(resumed.event().await.unwrap().data, changed);
    assert_eq!(
        caller.with("accept", "application/json").get().await.status,
        406
    );
    for bad in ["", "x", "99-1", "-1-1"] {
        assert_eq!(
            caller.with("last-event-id", bad).get().await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_broken_stream_is_taken_up_again() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let progress =
        r#"{"method":"notifications/progress","params":{"progressToken":9,"progress":1}}"#;
    let params = json!({ "_meta": { "progressToken": 9 }, "text": progress }).to_string();
    let mut answer = caller.call("1", "write", &params).await;
    let priming = answer.event().await.unwrap().id.unwrap();
    let event = answer.event().await.unwrap().id.unwrap();
    drop(answer);
    // The connection is gone and the call is not: nothing was cancelled.
    let result = json!({ "text": r#"{"id":1,"result":"kept"}"# }).to_string();
    tokio::spawn({
        let caller = caller.clone();
        async move { caller.call("2", "write", &result).await.text().await }
    });
    let mut resumed = caller.with("last-event-id", &event).get().await;
    assert_eq!(resumed.message().await["result"], "kept");
    assert_eq!(resumed.event().await, None, "and the stream is over");
    let mut again = caller.with("last-event-id", &priming).get().await;
    assert_eq!(
        again.event().await.unwrap().id.unwrap(),
        event,
        "all of it, from the beginning"
    );
    assert_eq!(again.message().await["result"], "kept");
    let seen = caller.call("3", "seen", "{}").await.json().await;
    assert_eq!(seen["result"]["seen"], json!([]));
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_there_too() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-06-18").await;
    let waiting = tokio::spawn({
        let caller = caller.clone();
        async move { caller.call("1", "hang", "{}").await.json().await }
    });
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    loop {
        // It takes effect once the call is there.
        assert_eq!(caller.post(cancel).await.status, 202);
        if waiting.is_finished() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let answer = waiting.await.unwrap();
    assert!(answer["id"] == 1 && answer["error"]["code"] == 49900);
    let seen = caller.call("2", "seen", "{}").await.json().await;
    assert_eq!(
        seen["result"]["seen"],
        json!([cancel]),
        "what names no open call is not passed on"
    );
}

#[tokio::test]
async fn arrays_are_taken_apart_and_answered() {
    let host = host(&[]);
    let caller = Caller::with_session(&host, ALICE, "2025-03-26").await;
    let note = r#"{"method":"notifications/x"}"#;
    let batch = format!(
        "[{},{note},{}]",
        request("1", "echo", "{}"),
        request("2", "echo", "{}")
    );
    let mut answer = caller.post(&batch).await;
    let mut ids = [
        answer.message().await["id"].clone(),
        answer.message().await["id"].clone(),
    ];
    ids.sort_by_key(Value::as_u64);
    assert_eq!(ids, [1, 2]);
    assert_eq!(answer.event().await, None);
    let plain = caller.with("accept", "application/json");
    assert_eq!(
        plain
            .post(&batch)
            .await
            .json()
            .await
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(caller.post(&format!("[{note}]")).await.status, 202);
}
