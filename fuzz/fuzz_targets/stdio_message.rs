//! What a server process writes: lines come out the same however they are read, `serde_json` reads
//! the same messages in them, and what is replaced in one changes nothing else of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sluice::servers::stdio::fuzzing::{Read, lines, messages};
use sluice_fuzz::strict;

/// Where the names of a message stand; the second under `_meta` but in notifications.
const NAMES: [&str; 4] = ["id", "progressToken", "subscriptionId", "requestId"];

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (left, right) = bytes.split_at(usize::from(cut) % (bytes.len() + 1));
    for cut in [false, true] {
        split_lines(left, right, cut);
    }
    let Some((messages, is_array)) = messages(bytes) else {
        return;
    };
    let Some(whole) = strict::read_too(bytes) else {
        return;
    };
    let items = match &whole {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    assert_eq!((whole.is_array(), items.len()), (is_array, messages.len()));
    for (item, message) in items.iter().zip(&messages) {
        same(item, message);
    }
});

fn split_lines(left: &[u8], right: &[u8], cut: bool) {
    const BOUND: usize = 32;
    let bytes = [left, right].concat();
    let (read, overlong) = lines(left, right, BOUND, cut);
    assert_eq!(
        (&read, overlong),
        (&lines(&bytes, b"", BOUND, cut).0, overlong)
    );
    let mut expected: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    if expected.last().is_some_and(|last| last.is_empty()) {
        expected.pop();
    }
    let long = expected.iter().position(|line| line.len() > BOUND);
    if cut {
        assert!(!overlong);
        let short = expected.iter().map(|line| &line[..line.len().min(BOUND)]);
        assert!(read.iter().eq(short));
    } else {
        assert_eq!(overlong, long.is_some());
        let whole = &expected[..long.unwrap_or(expected.len())];
        assert!(read.iter().eq(whole));
    }
}

fn same(item: &Value, message: &Read) {
    assert!(!message.text.contains(&b'\n') && !message.text.contains(&b'\r'));
    assert_eq!(strict::read(&message.text).as_ref(), Ok(item));
    assert_eq!(
        item.get("method")
            .map_or("", |it| it.as_str().expect("text")),
        &*message.method
    );
    let kind = match (item.get("method"), item.get("id"), item.get("result")) {
        (Some(_), Some(_), _) => "request",
        (Some(_), None, _) => "notification",
        (None, Some(_), Some(_)) => "result",
        _ => "error",
    };
    assert_eq!(message.kind, kind);
    for (at, name) in message.names.iter().enumerate() {
        let Some((span, text)) = name else { continue };
        let stands: Value = serde_json::from_slice(&message.text[span.clone()]).expect("a value");
        assert_eq!(text.parse::<Value>().expect("a value"), stands);
        assert!(stands.is_string() || stands.is_number());
        assert!(at != 0 || item["id"] == stands, "{}", NAMES[at]);
    }
    let mut expected = item.clone();
    for (at, name) in message.names.iter().enumerate() {
        if name.is_some() {
            *place(&mut expected, at, kind) = at.into();
        }
    }
    assert_eq!(strict::read(&message.renamed), Ok(expected));
}

fn place<'v>(item: &'v mut Value, at: usize, kind: &str) -> &'v mut Value {
    match at {
        0 => &mut item["id"],
        1 if kind == "notification" => &mut item["params"][NAMES[1]],
        1 => &mut item["params"]["_meta"][NAMES[1]],
        2 => &mut item["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        _ => &mut item["params"][NAMES[3]],
    }
}
