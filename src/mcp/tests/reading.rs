//! Bodies: what is read in one way only, and what is made of it.

use super::{bare, fields, passes, refused};
use crate::base::limits::{MCP_ID_BYTES, MCP_MESSAGES};
use crate::json::Problem;
use crate::mcp::{Fields, Kind, Mirrored, Objection, Reader, Revision};

#[test]
fn a_call_is_read() {
    let body = r#" {"jsonrpc":"2.0","id":"a\u0031","method":"tools/call","params":{"name":"se\u0061rch",
        "arguments":{"n":12345678901234567890},"requestState":"s","_meta":{"progressToken":7}}}"#;
    let mut reader = Reader::new();
    let post = reader
        .read(body.as_bytes(), &fields("2025-06-18", "", ""))
        .unwrap();
    assert_eq!(post.revision(), Revision::V2025_06_18);
    let message = post.only().unwrap();
    assert_eq!(message.kind, Kind::Request);
    assert_eq!(message.method, Some("tools/call"));
    assert_eq!(message.id, Some(r#""a\u0031""#));
    assert_eq!(message.name, Some("search"));
    assert_eq!(
        message.arguments.unwrap().raw(),
        r#"{"n":12345678901234567890}"#
    );
    assert_eq!(&body[message.request_state.unwrap().span()], "\"s\"");
    assert!(message.progress_token);
}

#[test]
fn what_a_method_is_about() {
    for (method, params, name) in [
        ("tools/call", r#"{"name":"a"}"#, Some("a")),
        ("prompts/get", r#"{"name":"a","uri":"b"}"#, Some("a")),
        ("resources/read", r#"{"name":"a","uri":"b"}"#, Some("b")),
        ("resources/subscribe", r#"{"uri":"b"}"#, Some("b")),
        ("tasks/cancel", r#"{"taskId":"t"}"#, Some("t")),
        ("logging/setLevel", r#"{"level":"debug"}"#, Some("debug")),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"p","uri":"u"}}"#,
            Some("p"),
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","name":"p","uri":"u"}}"#,
            Some("u"),
        ),
        ("tools/list", r#"{"cursor":"c"}"#, None),
        ("vendor/thing", r#"{"taskId":"t"}"#, Some("t")),
        ("vendor/thing", r"{}", None),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let mut reader = Reader::new();
        let post = reader.read(body.as_bytes(), &fields("", "", "")).unwrap();
        assert_eq!(post.only().unwrap().name, name, "{body}");
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":
        {"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b","c:d"]}}}"#;
    let mut reader = Reader::new();
    let post = reader.read(body.as_bytes(), &fields("", "", "")).unwrap();
    let subscriptions: Vec<_> = post.only().unwrap().subscriptions().collect();
    assert_eq!(subscriptions, ["a:b", "c:d"]);
}

#[test]
fn what_is_no_message_is_refused() {
    use Objection::{Id, Jsonrpc, KeyVariant, Method, NotAMessage, Params, Shape};
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":{},"method":"ping"}}"#,
        "1".repeat(MCP_ID_BYTES + 1)
    );
    for (body, objection) in [
        ("7", NotAMessage),
        (r#"{"id":1,"method":"ping"}"#, Jsonrpc),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, Jsonrpc),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, Id),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#, Id),
        (r#"{"jsonrpc":"2.0","id":1e0,"method":"ping"}"#, Id),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, Id),
        (&long, Id),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Method),
        (r#"{"jsonrpc":"2.0","id":1,"method":""}"#, Method),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a b"}"#, Method),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            Params,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
            Params,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            Shape,
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":7}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Id),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Id),
        (r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#, KeyVariant),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"Name":"a"}}"#,
            KeyVariant,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"task_id":"a"}}"#,
            KeyVariant,
        ),
    ] {
        assert_eq!(bare(body), Some(objection), "{body}");
    }
}

#[test]
fn params_that_cannot_be_judged_are_refused() {
    use Objection::{Arguments, Meta, Name, RequestState};
    for (body, objection) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, Name),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["a"]}}"#,
            Name,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"vendor/x","params":{"name":["a"]}}"#,
            Name,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}}"#,
            Arguments,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":1}}"#,
            RequestState,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":7}}"#,
            Meta,
        ),
    ] {
        assert_eq!(bare(body), Some(objection), "{body}");
    }
}

#[test]
fn uncommon_messages_pass() {
    for good in [
        r#"{"jsonrpc":"2.0","id":-12345678901234567890,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":null}}"#,
    ] {
        passes(good, &fields("", "", ""));
    }
}

#[test]
fn what_parsers_read_apart_is_refused() {
    let deep = "[".repeat(70);
    for (body, problem) in [
        ("\u{feff}{}", Problem::ByteOrderMark),
        ("not json", Problem::Unexpected),
        ("", Problem::Truncated),
        (deep.as_str(), Problem::Depth),
        (
            r#"{"jsonrpc":"2.0","method":"a","method":"b"}"#,
            Problem::Duplicate,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"a","m\u0065thod":"b"}"#,
            Problem::Duplicate,
        ),
        (r#"{"method":"a","Method":"b"}"#, Problem::CaseVariant),
        (
            r#"{"params":{"arguments":{"force":0,"FORCE":1}}}"#,
            Problem::CaseVariant,
        ),
        ("\"\\ud800\"", Problem::Surrogate),
    ] {
        let Some(Objection::Json(error)) = bare(body) else {
            panic!("{body} passes");
        };
        assert_eq!(error.problem, problem, "{body}");
    }
    let mut reader = Reader::new();
    assert!(
        reader
            .read(b"{\"a\":\"\xff\"}", &fields("", "", ""))
            .is_err()
    );
}

#[test]
fn only_json_is_read() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/json; charset=utf-16"),
    ] {
        let fields = Fields {
            content_type: content_type.map(str::as_bytes),
            ..fields("", "", "")
        };
        assert_eq!(refused(body, &fields), Some(Objection::ContentType));
    }
    assert_eq!(Objection::ContentType.http_status(), 415);
}

#[test]
fn batches() {
    let ping = |id: usize| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let batch = |count: usize| {
        let list: Vec<_> = (0..count).map(ping).collect();
        format!("[{}]", list.join(","))
    };
    for version in ["", "2025-03-26"] {
        let fields = fields(version, "", "");
        passes(&batch(MCP_MESSAGES), &fields);
        for (body, objection) in [
            (batch(0), Objection::BatchLength),
            (batch(MCP_MESSAGES + 1), Objection::BatchLength),
            ("[7]".into(), Objection::NotAMessage),
            (format!("[{0},[{0}]]", ping(1)), Objection::NotAMessage),
            (format!("[{0},{0}]", ping(1)), Objection::BatchIds),
            (
                r#"[{"jsonrpc":"2.0","id":1,"method":"initialize"}]"#.into(),
                Objection::BatchInitialize,
            ),
        ] {
            assert_eq!(refused(&body, &fields), Some(objection), "{body}");
        }
    }
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let said = refused(&batch(1), &fields(version, "", ""));
        assert_eq!(said, Some(Objection::BatchRevision), "{version}");
    }
    let two = format!(
        "[{},{}]",
        ping(1),
        r#"{"jsonrpc":"2.0","method":"tools/list"}"#
    );
    let lie = refused(&two, &fields("", "ping", ""));
    assert_eq!(lie, Some(Objection::Mismatch(Mirrored::Method)));
    let mut reader = Reader::new();
    let post = reader.read(two.as_bytes(), &fields("", "", "")).unwrap();
    assert!(post.is_batch() && post.only().is_none());
    let methods: Vec<_> = post
        .messages()
        .iter()
        .map(|message| message.method)
        .collect();
    assert_eq!(methods, [Some("ping"), Some("tools/list")]);
}
