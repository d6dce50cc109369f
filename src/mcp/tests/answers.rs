//! What servers say, and lists without what a caller may not know of.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::json::Document;
use crate::mcp::{
    Answers, Edits, ListKind, Revision, Rewriter, Unreadable, What, filter, same_id, write_error,
};

fn unreadable(body: &str) -> Option<Unreadable> {
    Answers::new().read(body.as_bytes()).err()
}

#[test]
fn messages_are_told_apart() {
    let mut answers = Answers::new();
    let body = r#"[{"jsonrpc":"2.0","id":"\u0061","result":{"x":1,"x":2}},
        {"jsonrpc":"2.0","error":{"code":-32600,"message":""}},
        {"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}},
        {"jsonrpc":"2.0","method":"notifications/progress"}]"#;
    let said = answers.read(body.as_bytes()).unwrap();
    let [result, error, request, notification] = said.answers() else {
        panic!("four messages");
    };
    assert_eq!(result.id, Some(r#""\u0061""#));
    assert!(matches!(result.what, What::Result(result) if result.raw().contains(r#""x":2"#)));
    assert!(matches!(error.what, What::Error(_)) && error.id.is_none());
    assert!(
        matches!(request.what, What::Request(asked) if asked.method == "sampling/createMessage")
    );
    assert!(matches!(notification.what, What::Notification(_)));
}

#[test]
fn what_can_be_read_in_two_ways_is_not_handed_on() {
    use Unreadable::{Asked, Key, Shape};
    for (body, why) in [
        ("7", Shape),
        (r#"{"jsonrpc":"2.0","id":1}"#, Shape),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":{},"result":{}}"#, Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Shape),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"x"}"#,
            Shape,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#, Key),
        (r#"{"jsonrpc":"2.0","id":1,"Result":{}}"#, Key),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"InputRequests":{}}}"#,
            Key,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[]}}"#,
            Key,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"inputRequests":[]}}"#,
            Asked,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"inputRequests":{"a":{}}}}"#,
            Asked,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"inputRequests":{"a":{"method":7}}}}"#,
            Asked,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"data":{"elicitations":{}}}}"#,
            Asked,
        ),
    ] {
        assert_eq!(unreadable(body), Some(why), "{body}");
    }
    assert!(matches!(unreadable("nothing"), Some(Unreadable::Json(_))));
}

#[test]
fn what_a_server_asks_within_an_answer_is_seen() {
    for (body, methods) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{
                "a":{"method":"elicitation/create","params":{"mode":"form"}},
                "b":{"method":"sampling/createMessage"}},"requestState":"s"}}"#,
            &["elicitation/create", "sampling/createMessage"][..],
        ),
        // A task that waits says so in a result of another type, and in a notification.
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","taskId":"t","inputRequests":{
                "a":{"method":"roots/list"}}}}"#,
            &["roots/list"],
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"t","inputRequests":{
                "a":{"method":"roots/list"}}}}"#,
            &["roots/list"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"","data":{"elicitations":[
                {"mode":"url","elicitationId":"e","url":"https://x"}]}}}"#,
            &["elicitation/create"],
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#, &[]),
    ] {
        let mut answers = Answers::new();
        let said = answers.read(body.as_bytes()).unwrap();
        let asked: Vec<_> = said.answers()[0]
            .embedded()
            .map(|asked| asked.method)
            .collect();
        assert_eq!(asked, methods, "{body}");
    }
}

#[test]
fn state_and_tasks_are_found() {
    for (result, tasks) in [
        (json!({"taskId": "a", "requestState": "s"}), vec!["a"]),
        (
            json!({"task": {"taskId": "a"}, "requestState": "s"}),
            vec!["a"],
        ),
        (
            json!({"tasks": [{"taskId": "a"}, {"taskId": "b"}], "requestState": "s"}),
            vec!["a", "b"],
        ),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        let mut answers = Answers::new();
        let said = answers.read(body.as_bytes()).unwrap();
        let answer = said.answers()[0];
        assert_eq!(answer.tasks().collect::<Vec<_>>(), tasks);
        assert_eq!(&body[answer.request_state().unwrap().span()], "\"s\"");
        assert_eq!(answer.result_type(), None);
    }
}

#[test]
fn ids_are_compared_as_what_they_say() {
    assert!(same_id("1", "1") && same_id(r#""a""#, r#""\u0061""#));
    assert!(!same_id("1", "\"1\"") && !same_id(r#""a""#, r#""\u0062""#));
}

#[test]
fn errors_of_our_own_echo_the_id() {
    let mut out = Vec::new();
    write_error(Some("\"a\""), 40300, "no \"rule\"", b"{}", &mut out);
    let error: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        error,
        json!({"jsonrpc": "2.0", "id": "a", "error": {"code": 40300, "message": "no \"rule\"", "data": {}}})
    );
    out.clear();
    write_error(None, 1, "m", b"", &mut out);
    let error: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        error,
        json!({"jsonrpc": "2.0", "error": {"code": 1, "message": "m"}})
    );
}

/// The body of a list answer, filtered.
fn filtered(
    body: &str,
    revision: Revision,
    keep: impl Fn(&str) -> bool,
) -> Result<String, Unreadable> {
    let mut answers = Answers::new();
    let said = answers.read(body.as_bytes())?;
    let What::Result(result) = said.answers()[0].what else {
        panic!("a result");
    };
    let mut edits = Edits::new();
    filter(result, revision, &mut edits, |item| keep(item.name))?;
    let mut out = Vec::new();
    Rewriter::new().rewrite(body.as_bytes(), &edits, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn items_go_with_one_comma_each() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"a", "n":1.0} , {"name":"b"},
        {"name":"c"} ],"nextCursor":"x"}}"#;
    for (kept, list) in [
        (
            "abc",
            r#"[ {"name":"a", "n":1.0} , {"name":"b"},
        {"name":"c"} ]"#,
        ),
        ("ab", r#"[ {"name":"a", "n":1.0} , {"name":"b"} ]"#),
        ("a", r#"[ {"name":"a", "n":1.0} ]"#),
        (
            "bc",
            r#"[ {"name":"b"},
        {"name":"c"} ]"#,
        ),
        (
            "ac",
            r#"[ {"name":"a", "n":1.0},
        {"name":"c"} ]"#,
        ),
        ("c", r#"[ {"name":"c"} ]"#),
        ("", "[  ]"),
    ] {
        let out = filtered(body, Revision::V2025_11_25, |name| kept.contains(name)).unwrap();
        let want =
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{list},"nextCursor":"x"}}}}"#);
        assert_eq!(out, want, "{kept}");
    }
}

#[test]
fn caches_are_private() {
    let modern = Revision::V2026_07_28;
    for (result, revision, want) in [
        (
            r#"{"tools":[]}"#,
            modern,
            r#"{"cacheScope":"private","tools":[]}"#,
        ),
        ("{}", modern, r#"{"cacheScope":"private"}"#),
        (r#"{"tools":[]}"#, Revision::V2025_11_25, r#"{"tools":[]}"#),
        (
            r#"{"cacheScope":"public","tools":[]}"#,
            Revision::V2025_11_25,
            r#"{"cacheScope":"private","tools":[]}"#,
        ),
        (
            r#"{"tools":[], "cacheScope" : "public"}"#,
            modern,
            r#"{"tools":[], "cacheScope" : "private"}"#,
        ),
        (
            r#"{"cacheScope":"private"}"#,
            modern,
            r#"{"cacheScope":"private"}"#,
        ),
    ] {
        let body = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let out = filtered(&body(result), revision, |_| true).unwrap();
        assert_eq!(out, body(want));
    }
}

#[test]
fn what_cannot_be_named_is_not_shown() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[7,{},{"name":7},{"Name":"a"},{"name":"a","name":"b"},
        {"name":"a"}],"resources":[{"name":"a"},{"uri":"a"}],"resourceTemplates":[{"uriTemplate":"a"}],"prompts":[]}}"#;
    let out = filtered(body, Revision::V2025_06_18, |name| name == "a").unwrap();
    let out: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        out["result"],
        json!({"tools": [{"name": "a"}], "resources": [{"uri": "a"}],
            "resourceTemplates": [{"uriTemplate": "a"}], "prompts": []})
    );
    for result in [r#"{"tools":{}}"#, "[]", "null"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        assert_eq!(
            filtered(&body, Revision::V2025_06_18, |_| true),
            Err(Unreadable::List)
        );
    }
    assert_eq!(ListKind::of_method("tools/list"), Some(ListKind::Tools));
    assert_eq!(ListKind::of_method("tools/call"), None);
}

proptest! {
    /// What stays is what was there, byte by byte and in order; the rest of the message is the same.
    #[test]
    fn a_filtered_list_is_the_list_without_some(
        items in prop::collection::vec((prop::bool::ANY, "[a-c]{1,2}", "[ \n]{0,2}", "[ \t]{0,2}"), 0..9),
        tail in "[ ]{0,2}",
    ) {
        let text = |index: usize, name: &str| format!(r#"{{"name":"{name}{index}" ,"v":1e{index}}}"#);
        let list: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, (_, name, before, after))| format!("{before}{}{after}", text(index, name)))
            .collect();
        let body = format!(r#"{{"id":1,"jsonrpc":"2.0","result":{{"a":[1 , 2],"tools":[{}{tail}],"z":"\u0041"}}}}"#, list.join(","));
        let kept = |name: &str| items.iter().enumerate().any(|(index, (keep, item, ..))| *keep && name == format!("{item}{index}"));
        let out = filtered(&body, Revision::V2025_11_25, kept).unwrap();
        let want: Vec<_> = items.iter().enumerate().filter(|(_, item)| item.0).map(|(index, item)| text(index, &item.1)).collect();
        let (head, rest) = out.split_once("\"tools\":[").unwrap();
        prop_assert_eq!(head, r#"{"id":1,"jsonrpc":"2.0","result":{"a":[1 , 2],"#);
        let (list, rest) = rest.rsplit_once("],\"z\"").unwrap();
        prop_assert_eq!(rest, r#":"\u0041"}}"#);
        let list = format!("[{list}]");
        let list = Document::parse(list.as_bytes()).unwrap();
        let raw: Vec<_> = list.root().items().map(|item| item.raw().to_string()).collect();
        prop_assert_eq!(raw, want);
    }
}
