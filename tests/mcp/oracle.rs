//! `serde_json` reads what the envelope reads, wherever the envelope lets a body pass.

use proptest::prelude::*;
use serde_json::Value;
use sluice::mcp::{Fields, Kind, Reader};

/// Members of a message, some of them common, some not, in any order and number.
fn member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""jsonrpc":"2.0""#,
        r#""jsonrpc":"2.0""#,
        r#""jsonrpc":"2.0""#,
        r#""jsonrpc":2"#,
        r#""id":1"#,
        r#""id":"\u0061""#,
        r#""id":12345678901234567890123"#,
        r#""id":null"#,
        r#""method":"tools/call""#,
        r#""method":"t\u006fols/call""#,
        r#""method":"tools/list""#,
        r#""Method":"tools/call""#,
        r#""params":{"name":"search"}"#,
        r#""params":{"name":"s\u0065arch","arguments":{"a":1}}"#,
        r#""params":{"name":"x","name":"y"}"#,
        r#""params":{"NAME":"x"}"#,
        r#""params":[]"#,
        r#""result":{}"#,
        r#""error":{}"#,
        r#""x":[{"a":1,"a":2}]"#,
        r#""x":1e999"#,
    ])
    .prop_map(String::from)
}

fn message() -> impl Strategy<Value = String> {
    prop::collection::vec(member(), 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => message(),
        1 => prop::collection::vec(message(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
    ]
}

/// Names in the order in which they stand, twice where they stand twice.
fn count_names(text: &str) -> usize {
    let mut inside = false;
    let mut names = 0;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if inside => drop(bytes.next()),
            b'"' => inside = !inside,
            b':' if !inside => names += 1,
            _ => {}
        }
    }
    names
}

fn count_members(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.len() + map.values().map(count_members).sum::<usize>(),
        Value::Array(list) => list.iter().map(count_members).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_passes_is_read_alike(
        body in body(),
        method in prop::option::of(prop::sample::select(vec!["tools/call", "tools/list"])),
        name in prop::option::of(prop::sample::select(vec!["search", "other"])),
    ) {
        let fields = Fields {
            version: None,
            method: method.map(str::as_bytes),
            name: name.map(str::as_bytes),
            params: &[],
            content_type: Some(b"application/json"),
        };
        let mut reader = Reader::new();
        let Ok(post) = reader.read(body.as_bytes(), &fields) else {
            return Ok(());
        };
        let Ok(whole) = serde_json::from_str::<Value>(&body) else {
            // A number that no double holds is for the server to refuse.
            prop_assert!(body.contains("1e999"));
            return Ok(());
        };
        prop_assert_eq!(count_names(&body), count_members(&whole), "a name is there twice");
        let items = match &whole {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        prop_assert_eq!(items.len(), post.messages().len());
        for (item, message) in items.iter().zip(post.messages()) {
            prop_assert_eq!(&item["jsonrpc"], "2.0");
            prop_assert_eq!(item["method"].as_str(), message.method);
            let id = message.id.map_or(Value::Null, |id| serde_json::from_str(id).unwrap());
            prop_assert_eq!(&item["id"], &id);
            if message.method == Some("tools/call") {
                prop_assert!(message.name.is_some());
                prop_assert_eq!(item["params"]["name"].as_str(), message.name);
                prop_assert!(name.is_none() || message.name == name);
            }
            prop_assert!(method.is_none() || message.method == method);
            let answer = item.get("result").is_some() || item.get("error").is_some();
            prop_assert_eq!(message.kind == Kind::Response, answer);
        }
    }
}
