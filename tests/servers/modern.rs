//! The revision without sessions: 2026-07-28.

use std::time::Duration;

use serde_json::json;

use crate::client::{ALICE, BOB, Caller, host, initialize};

#[tokio::test]
async fn a_request_stands_for_itself() {
    let host = host(&[("MODERN", "1")]);
    let caller = Caller::modern(&host, ALICE).with("mcp-session-id", "ignored");
    let answer = caller.call("1", "server/discover", "{}").await;
    assert!(answer.status == 200 && answer.header("mcp-session-id").is_none());
    assert!(answer.json().await["result"].is_object());
    let line = r#"{ "id" : 90071992547409931234, "method":"echo", "params":{} }"#;
    let answer = caller.post(line).await.json().await;
    assert_eq!(answer["result"]["line"], line);
    assert_eq!(
        caller.post(r#"{"method":"notifications/x"}"#).await.status,
        202
    );
    assert_eq!(caller.get().await.status, 405);
    let refused = caller.delete().await;
    assert!(refused.status == 405 && refused.header("allow").as_deref() == Some("POST"));
    assert_eq!(caller.post("[]").await.status, 400);
    assert_eq!(caller.post(&format!("[{line}]")).await.status, 400);
}

#[tokio::test]
async fn errors_have_the_status_of_the_revision() {
    let host = host(&[("MODERN", "1")]);
    let caller = Caller::modern(&host, ALICE);
    for (code, status) in [
        (-32601, 404),
        (-32022, 400),
        (-32020, 400),
        (-32602, 200),
        (7, 200),
    ] {
        let error =
            format!(r#"{{"jsonrpc":"2.0","id":$ID,"error":{{"code":{code},"message":"m"}}}}"#);
        let answer = caller
            .call("1", "write", &json!({ "text": error }).to_string())
            .await;
        assert_eq!(answer.status, status, "{code}");
        assert_eq!(
            answer.text().await,
            error.replace("$ID", "1"),
            "the body is the server's"
        );
    }
}

#[tokio::test]
async fn events_have_no_ids() {
    let host = host(&[("MODERN", "1")]);
    let caller = Caller::modern(&host, ALICE);
    let lines = concat!(
        r#"{"method":"notifications/progress","params":{"progressToken":$TOKEN,"progress":1}}"#,
        "\n",
        r#"{"id":$ID,"result":{}}"#
    );
    let params = json!({ "_meta": { "progressToken": 4 }, "text": lines }).to_string();
    let mut answer = caller.call("1", "write", &params).await;
    assert!(answer.is_events());
    let event = answer.event().await.unwrap();
    assert!(
        event.id.is_none() && event.data.contains(r#""progressToken":4"#),
        "no priming event"
    );
    assert_eq!(
        answer.event().await.unwrap().data,
        r#"{"id":1,"result":{}}"#
    );
    assert_eq!(answer.event().await, None);
}

#[tokio::test]
async fn who_goes_away_cancels() {
    let host = host(&[("MODERN", "1")]);
    let caller = Caller::modern(&host, ALICE);
    // Once while the answer is awaited, and once within an event stream.
    let waiting = tokio::spawn({
        let caller = caller.clone();
        async move { caller.call(r#""w""#, "hang", "{}").await.status }
    });
    let params = json!({
        "_meta": { "progressToken": 4 },
        "text": r#"{"method":"notifications/progress","params":{"progressToken":4,"progress":1}}"#,
    });
    let mut answer = caller.call("17", "write", &params.to_string()).await;
    answer.event().await.unwrap();
    drop(answer);
    tokio::time::sleep(Duration::from_millis(200)).await;
    waiting.abort();
    let cancelled = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the caller is gone"}}}}"#
        )
    };
    for n in 0.. {
        let seen = caller
            .call(&format!("{}", 100 + n), "seen", "{}")
            .await
            .json()
            .await;
        if seen["result"]["seen"] == json!([cancelled("17"), cancelled(r#""w""#)]) {
            break;
        }
        assert!(n < 200, "{seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // An id that the server may still answer is not used for another call.
    let answer = caller.call("17", "echo", "{}").await.json().await;
    assert_eq!(answer["id"], 17);
    let line = answer["result"]["line"].as_str().unwrap();
    assert!(!line.contains(r#""id":17"#), "{line}");
}

#[tokio::test]
async fn a_subscription_is_a_stream_of_its_own() {
    let host = host(&[("MODERN", "1")]);
    let caller = Caller::modern(&host, ALICE);
    let told = |id: &str| {
        format!(
            r#"{{"method":"notifications/resources/updated","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        )
    };
    let params = json!({ "text": told("$ID") }).to_string();
    let mut first = caller.call("1", "write", &params).await;
    let mut second = caller.call(r#""two""#, "write", &params).await;
    assert_eq!(first.event().await.unwrap().data, told("1"));
    assert_eq!(second.event().await.unwrap().data, told(r#""two""#));
    // The server ends one, the way it does on stdio; the other goes on.
    let lines = format!(
        "{}\n{}\n{}",
        r#"{"method":"notifications/cancelled","params":{"requestId":1}}"#,
        told(r#""two""#),
        r#"{"id":$ID,"result":{}}"#
    );
    let answer = caller
        .call("3", "write", &json!({ "text": lines }).to_string())
        .await;
    assert_eq!(answer.json().await["id"], 3);
    assert_eq!(first.event().await, None);
    assert_eq!(second.event().await.unwrap().data, told(r#""two""#));
}

#[tokio::test]
async fn the_server_may_not_ask() {
    let host = host(&[("MODERN", "1")]);
    let caller = Caller::modern(&host, ALICE);
    let lines = concat!(
        r#"{"id":"s","method":"sampling/createMessage"}"#,
        "\n",
        r#"{"id":"p","method":"ping"}"#,
        "\n",
        r#"{"id":$ID,"result":{}}"#
    );
    let answer = caller
        .call("1", "write", &json!({ "text": lines }).to_string())
        .await;
    assert_eq!(answer.json().await["id"], 1);
    let seen = caller.call("2", "seen", "{}").await.json().await;
    let seen: Vec<_> = seen["result"]["seen"].as_array().unwrap().iter().collect();
    assert!(
        seen[0].as_str().unwrap().contains(r#""id":"s","error""#),
        "{seen:?}"
    );
    assert_eq!(seen[1], r#"{"jsonrpc":"2.0","id":"p","result":{}}"#);
}

#[tokio::test]
async fn a_server_that_wants_initialize_says_so_to_both() {
    let host = host(&[]);
    let modern = Caller::modern(&host, ALICE);
    for _ in 0..2 {
        let answer = modern.call("1", "server/discover", "{}").await;
        assert_eq!(
            answer.status, 400,
            "whereupon a client of both eras falls back"
        );
        let body = answer.json().await;
        assert!(body["id"] == 1 && body["error"]["code"] == 40010, "{body}");
    }
    let legacy = Caller::with_session(&host, ALICE, "2025-11-25").await;
    assert_eq!(legacy.call("2", "echo", "{}").await.status, 200);
}

#[tokio::test]
async fn both_eras_are_served_at_once_by_processes_of_their_own() {
    let host = host(&[("MODERN", "1")]);
    let pid = |answer: serde_json::Value| answer["result"]["pid"].as_u64().unwrap();
    let modern = Caller::modern(&host, ALICE);
    // `initialize` is what selects the older revisions, whatever the version header says.
    let opened = modern.post(&initialize("2025-11-25")).await;
    assert!(opened.status == 200 && opened.header("mcp-session-id").is_some());
    let legacy = Caller::with_session(&host, ALICE, "2025-11-25").await;
    let of_modern = pid(modern.call("1", "echo", "{}").await.json().await);
    let of_legacy = pid(legacy.call("1", "echo", "{}").await.json().await);
    let of_bob = pid(Caller::modern(&host, BOB)
        .call("1", "echo", "{}")
        .await
        .json()
        .await);
    assert!(of_modern != of_legacy && of_modern != of_bob && of_legacy != of_bob);
    assert_eq!(
        pid(modern.call("2", "echo", "{}").await.json().await),
        of_modern
    );
}
