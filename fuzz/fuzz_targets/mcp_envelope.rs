//! Envelopes: whatever passes, `serde_json` reads the same method, name and id in it, and no member
//! twice; headers that are there agree with it. The first byte chooses the headers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sluice::mcp::{Fields, Kind, Reader};
use sluice_fuzz::strict;

const VERSIONS: [Option<&str>; 8] = [
    None,
    Some("2024-11-05"),
    Some("2025-03-26"),
    Some("2025-06-18"),
    Some("2025-11-25"),
    Some("2026-07-28"),
    None,
    Some("2027-01-01"),
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let version = VERSIONS[usize::from(choice & 7)];
    let method = (choice & 8 != 0).then_some("tools/call");
    let name = (choice & 16 != 0).then_some("search");
    let fields = Fields {
        version: version.map(str::as_bytes),
        method: method.map(str::as_bytes),
        name: name.map(str::as_bytes),
        params: &[],
        content_type: Some(b"application/json"),
    };
    let mut reader = Reader::new();
    let post = match reader.read(body, &fields) {
        Ok(post) => post,
        Err(refused) => {
            assert!(refused.id.is_none_or(|id| body.get(id).is_some()));
            return;
        }
    };
    let Some(whole) = strict::read_too(body) else {
        return;
    };
    let items = match &whole {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    assert_eq!(whole.is_array(), post.is_batch());
    assert!(!post.is_batch() || matches!(version, None | Some("2025-03-26")));
    assert_ne!(version, Some("2027-01-01"));
    assert_eq!(items.len(), post.messages().len());
    for (item, message) in items.iter().zip(post.messages()) {
        assert_eq!(item["jsonrpc"], "2.0");
        assert_eq!(item.get("method").and_then(Value::as_str), message.method);
        let id = message
            .id
            .map(|id| serde_json::from_str::<Value>(id).unwrap());
        let nameless = item.get("id").is_none_or(Value::is_null);
        assert_eq!(item.get("id").filter(|_| !nameless), id.as_ref());
        let known = match message.method {
            Some("tools/call" | "prompts/get") => Some("name"),
            Some("resources/read" | "resources/subscribe") => Some("uri"),
            Some("tasks/get" | "tasks/cancel" | "tasks/result") => Some("taskId"),
            _ => None,
        };
        if let Some(member) = known {
            assert_eq!(item["params"][member].as_str(), message.name);
            assert!(message.name.is_some());
        }
        assert!(method.is_none_or(|method| message.method == Some(method)));
        if known == Some("name") {
            assert!(name.is_none_or(|name| message.name == Some(name)));
        }
        let answers = item.get("result").is_some() != item.get("error").is_some();
        assert_eq!(message.kind == Kind::Response, answers);
    }
});
