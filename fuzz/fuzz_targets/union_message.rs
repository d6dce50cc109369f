//! What the members of a union say: `serde_json` reads the same in a message, events are those of
//! the specification in any pieces, and what a union writes itself is read as it was meant.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sluice::servers::union::fuzzing::{event, events, expands, message, parts, places};
use sluice_fuzz::{sse, strict};

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    one(bytes);
    stream(bytes, usize::from(cut));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some((said, Some(again))) = places(text) {
        assert_eq!(places(&again).map(|(same, _)| same), Some(said));
    }
    if let Some((template, address)) = text.split_once('\n') {
        // Without an expression a template is an address.
        assert!(template.contains('{') || expands(template, address) == (template == address));
    }
});

fn one(bytes: &[u8]) {
    let whole = strict::read(bytes);
    let parts = parts(bytes);
    match &whole {
        Ok(Value::Array(items)) => {
            assert_eq!(items.len(), parts.len());
            for (item, part) in items.iter().zip(&parts) {
                assert_eq!(strict::read(part).as_ref(), Ok(item));
            }
        }
        Ok(_) => assert_eq!(parts, [bytes]),
        Err(_) => {}
    }
    let Some((kind, method, id, token)) = message(bytes) else {
        return;
    };
    let whole = match whole {
        Ok(whole) => whole,
        Err(why) => return assert!(strict::only_too_large(&why), "{why}"),
    };
    assert_eq!(whole["jsonrpc"], "2.0");
    assert_eq!(whole["method"].as_str().unwrap_or_default(), method);
    let value = |text: String| text.parse::<Value>().expect("a value");
    assert_eq!(
        whole.get("id").filter(|id| !id.is_null()),
        id.map(value).as_ref()
    );
    if let Some(token) = token {
        assert_eq!(whole["params"]["_meta"]["progressToken"], value(token));
    }
    let has = |name: &str| whole.get(name).is_some();
    match kind {
        "request" => assert!(has("method") && has("id")),
        "notification" => assert!(has("method") && whole["id"].is_null()),
        "result" => assert!(has("result") && !has("method")),
        _ => assert!(has("error") && !has("method")),
    }
}

fn stream(bytes: &[u8], cut: usize) {
    let (left, right) = bytes.split_at(cut % (bytes.len() + 1));
    let whole = events([bytes]);
    assert_eq!(whole, events([left, right]));
    assert_eq!(whole, events(bytes.chunks(1)));
    let heard = |events: Vec<Vec<u8>>| -> Vec<_> {
        events.into_iter().filter(|data| !data.is_empty()).collect()
    };
    // Its last line end may be half of a pair, which nobody waits for here.
    let ended = [bytes, b"\n\n"].concat();
    let by_the_book: Vec<_> = sse::by_the_book(&ended)
        .into_iter()
        .map(|it| it.data)
        .collect();
    assert_eq!(heard(events([&*ended]).0), heard(by_the_book));

    let written = event(Some("7"), Some("message"), bytes);
    let read = sse::by_the_book(&written);
    let lines: Vec<_> = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].data, lines.join(&b"\n"[..]));
    assert_eq!((&*read[0].id, &*read[0].kind), (&b"7"[..], &b"message"[..]));
}
