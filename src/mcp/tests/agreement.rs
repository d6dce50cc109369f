//! Headers beside bodies, in every revision.

use super::{META, fields, passes, refused};
use crate::mcp::{Mirrored, Objection, Reader, Refused, Revision};

#[test]
fn versions() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        passes(body, &fields(version, "", ""));
    }
    let mut reader = Reader::new();
    let Refused { objection, id } = reader
        .read(body.as_bytes(), &fields("1900-01-01\"x", "", ""))
        .unwrap_err();
    assert_eq!(
        (objection.http_status(), objection.rpc_code()),
        (400, -32022)
    );
    assert_eq!(&body[id.unwrap()], "1");
    let mut data = Vec::new();
    objection.write_data(&mut data);
    let data: serde_json::Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(data["requested"], "1900-01-01");
    assert_eq!(data["supported"][0], "2026-07-28");
}

/// A body in the modern revision, and its headers.
fn call() -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a b","arguments":{{}},{META}}}}}"#
    )
}

#[test]
fn headers_must_agree_whatever_the_version_says() {
    use Mirrored::{Method, Name, Version};
    let body = call();
    passes(&body, &fields("2026-07-28", "tools/call", "a b"));
    passes(
        &body,
        &fields("2026-07-28", "tools/call", "=?base64?YSBi?="),
    );
    for (version, method, name, objection) in [
        ("", "tools/call", "a b", Objection::Missing(Version)),
        (
            "2025-11-25",
            "tools/call",
            "a b",
            Objection::Mismatch(Version),
        ),
        ("2026-07-28", "", "a b", Objection::Missing(Method)),
        (
            "2026-07-28",
            "tools/list",
            "a b",
            Objection::Mismatch(Method),
        ),
        (
            "2026-07-28",
            "Tools/call",
            "a b",
            Objection::Mismatch(Method),
        ),
        ("2026-07-28", "tools/call", "", Objection::Missing(Name)),
        ("2026-07-28", "tools/call", "b", Objection::Mismatch(Name)),
        (
            "2026-07-28",
            "tools/call",
            "=?base64?YSBj?=",
            Objection::Mismatch(Name),
        ),
        (
            "2026-07-28",
            "tools/call",
            "=?base64?YSBi=?=",
            Objection::Mismatch(Name),
        ),
    ] {
        let fields = fields(version, method, name);
        assert_eq!(
            refused(&body, &fields),
            Some(objection),
            "{version} {method} {name}"
        );
        assert_eq!(
            (objection.http_status(), objection.rpc_code()),
            (400, -32020)
        );
    }
    let old = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}"#;
    for version in ["", "2025-03-26", "2025-06-18", "2025-11-25"] {
        passes(old, &fields(version, "tools/call", "delete"));
        let lie = refused(old, &fields(version, "tools/list", ""));
        assert_eq!(lie, Some(Objection::Mismatch(Method)));
        let lie = refused(old, &fields(version, "", "search"));
        assert_eq!(lie, Some(Objection::Mismatch(Name)));
    }
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let lie = refused(list, &fields("", "", "search"));
    assert_eq!(lie, Some(Objection::Mismatch(Name)));
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let lie = refused(answer, &fields("", "ping", ""));
    assert_eq!(lie, Some(Objection::Mismatch(Method)));
}

#[test]
fn an_extension_may_name_something_of_its_own() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"events/update","params":{"streamId":"s1"}}"#;
    passes(body, &fields("", "events/update", "s1"));
    let lie = refused(body, &fields("", "events/update", "s2"));
    assert_eq!(lie, Some(Objection::Mismatch(Mirrored::Name)));
}

#[test]
fn modern_requests_carry_their_terms() {
    let modern = |meta: &str| {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{meta}}}}}"#);
        refused(&body, &fields("2026-07-28", "tools/list", ""))
    };
    assert_eq!(modern(META), None);
    for meta in [
        "",
        r#""_meta":{}"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        r#""_meta":{"io.modelcontextprotocol/clientCapabilities":{}}"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":7,"io.modelcontextprotocol/clientCapabilities":{}}"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}"#,
    ] {
        assert_eq!(modern(meta), Some(Objection::Meta), "{meta}");
    }
    assert_eq!(
        (Objection::Meta.http_status(), Objection::Meta.rpc_code()),
        (400, -32602)
    );
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let said = refused(answer, &fields("2026-07-28", "", ""));
    assert_eq!(said, Some(Objection::Response));
    let notification =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    passes(notification, &fields("2026-07-28", "", ""));
}

/// What only the upstream can say: it answers, and clients of both eras feel their way by that.
#[test]
fn what_is_the_upstreams_to_answer_passes() {
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2026-07-28","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let mut reader = Reader::new();
    for (version, revision) in [
        ("", Revision::V2025_03_26),
        ("2025-06-18", Revision::V2025_06_18),
        ("2026-07-28", Revision::V2025_11_25),
    ] {
        let post = reader
            .read(initialize.as_bytes(), &fields(version, "", ""))
            .unwrap();
        assert_eq!(post.revision(), revision);
    }
    passes(
        r#"{"jsonrpc":"2.0","id":1,"method":"no/such/method"}"#,
        &fields("2025-11-25", "", ""),
    );
}
