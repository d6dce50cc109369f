//! A slow twin that reads the whole body must say the same.

use proptest::prelude::*;
use serde_json::Value;

use super::tests::{LITERALS, masks, run, spec, stream};
use super::{ContentKind, Recogniser};

/// The slow twin: a body as a tree, every string searched at every place.
fn mask_slowly(value: &mut Value, path: &mut Vec<String>) {
    let hidden = |path: &[String]| {
        let last = path.last().map(|name| name.to_ascii_lowercase());
        match last.as_deref() {
            Some("mail") => Some("[mail]"),
            Some("othermails") => Some("[otherMails]"),
            Some("id")
                if path
                    .iter()
                    .rev()
                    .nth(1)
                    .is_some_and(|name| name == "manager") =>
            {
                Some("[manager.id]")
            }
            _ => None,
        }
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                path.push(name.clone());
                match hidden(path) {
                    Some(_) if value.is_null() => {}
                    Some(placeholder) if value.is_array() => *value = vec![placeholder].into(),
                    Some(placeholder) => *value = placeholder.into(),
                    None => mask_slowly(value, path),
                }
                path.pop();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_slowly(item, path)),
        Value::String(text) => *value = mask_text_slowly(text).into(),
        _ => {}
    }
}

fn mask_text_slowly(text: &str) -> String {
    if let Ok(mut inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        mask_slowly(&mut inner, &mut Vec::new());
        return inner.to_string();
    }
    let mut spans = Vec::new();
    for at in 0..text.len() {
        for literal in LITERALS {
            if text.as_bytes()[at..].starts_with(literal.as_bytes()) {
                spans.push((at, at + literal.len(), "[literal]"));
            }
        }
        if text.as_bytes()[at..].starts_with(b"bob@x.example") {
            spans.push((at, at + 13, "[email]"));
        }
    }
    spans.sort_by_key(|span| (span.0, std::cmp::Reverse(span.1)));
    let (mut out, mut covered) = (String::new(), 0);
    for (start, end, placeholder) in spans {
        if start >= covered {
            out += &text[covered..start];
            out += placeholder;
        }
        covered = covered.max(end);
    }
    out + &text[covered..]
}

fn trees() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "Alice Miller",
        "Alice",
        " Miller-Smith",
        "geheim",
        "gehe",
        "im",
        "\u{fc}nal",
        " bob@x.example ",
        "\n",
        "\"",
        "\\",
        "/",
        "\u{1f600}",
        "plain words that fill up space",
        " ",
        "\t",
        "-",
        "\u{e9}",
    ]);
    let text = prop::collection::vec(word, 0..6).prop_map(|words| words.concat());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i16>().prop_map(Into::into),
        any::<bool>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let names = prop::sample::select(vec![
            "mail",
            "Mail",
            "otherMails",
            "manager",
            "id",
            "a",
            "b\u{e9}",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(names, inner.clone(), 0..5).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
            inner.prop_map(|inner| if inner.is_object() || inner.is_array() {
                inner.to_string().into()
            } else {
                inner
            }),
        ]
    })
}

/// Writes some characters as escapes, so that what is matched is what is meant.
fn obfuscate(text: &str, seed: u64) -> String {
    let mut state = seed | 1;
    let mut out = String::new();
    let mut escaped = false;
    let mut in_string = false;
    for c in text.chars() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let bare = in_string && !escaped && c != '"' && c != '\\';
        if bare && seed != 0 && state >> 61 == 0 {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out += &format!("\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        in_string ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped && in_string;
    }
    out
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::String(text) => serde_json::from_str::<Value>(text)
            .ok()
            .filter(|inner| inner.is_object() || inner.is_array())
            .map_or(0, |inner| 1 + depth(&inner)),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn says_what_the_slow_twin_says(
        tree in trees().prop_filter("levels", |tree| depth(tree) < 3),
        seed in any::<u64>(),
        sizes in prop::collection::vec(1..20_usize, 1..9),
    ) {
        let body = obfuscate(&tree.to_string(), seed);
        let mut expected = tree;
        mask_slowly(&mut expected, &mut Vec::new());
        let mut sizes = sizes.iter().cycle();
        let mut rest = body.as_bytes();
        let chunks = std::iter::from_fn(|| {
            let size = sizes.next().map_or(1, |size| *size).min(rest.len());
            let (chunk, after) = rest.split_at(size);
            rest = after;
            (!chunk.is_empty()).then_some(chunk)
        });
        let masks = masks(&spec());
        let (out, _) = run(&mut stream(&masks, ContentKind::Json), chunks).expect("JSON");
        let found: Value = serde_json::from_str(&out).expect("JSON goes out as JSON");
        prop_assert_eq!(&found, &expected, "{}", body);
        for secret in ["geheim", "Alice Miller", "bob@x.example"] {
            prop_assert!(!found.to_string().contains(secret));
        }
        let at_once = run(&mut stream(&masks, ContentKind::Json), [body.as_bytes()]).expect("JSON");
        prop_assert_eq!(at_once.0, out);
    }
}

/// Bodies that are nearly something, to be read as anything.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\\"",
        "\\\\\\\"",
        "\\\\",
        "\\u0022",
        "\\u005c",
        "\\n",
        "\\",
        "\"mail\":",
        "\\\"mail\\\":",
        "\"upn\":",
        "\"card\":",
        "\"@odata.nextLink\":\"https://up.example/base",
        "geheim",
        "gehei",
        "m",
        "Alice ",
        "Miller",
        "-Smith",
        "bob",
        "@x.example",
        "\\u0040",
        "4111111111111111",
        "123",
        " ",
        "\n",
        "\r\n",
        "\n\n",
        "data: ",
        "data:",
        "id: ",
        "\r",
        "null",
        "true",
        "{\"a\":\"",
        "\"}",
        "{\\\"a\\\":",
        "\\\"}",
        "eyJhbGciOiJSUzI1NiJ9.",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "abc8Q~",
        "\u{e9}",
        "\u{1f600}",
        "+49 30 901820",
        "DE89 3704 0044 0532 0130 00",
        "078-05-1120",
    ]);
    prop::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn pieces_do_not_matter(
        body in soup(),
        kind in prop::sample::select(vec![
            ContentKind::Json, ContentKind::JsonLines, ContentKind::EventStream, ContentKind::Text,
        ]),
        in_a_string in any::<bool>(),
        sizes in prop::collection::vec(1..12_usize, 1..9),
    ) {
        let mut spec = spec();
        spec.recognise = Recogniser::ALL.into();
        let masks = masks(&spec);
        let body = if in_a_string {
            Value::String(String::from_utf8(body).expect("UTF-8")).to_string().into_bytes()
        } else {
            body
        };
        let mut sizes = sizes.iter().cycle();
        let mut rest = body.as_slice();
        let chunks = std::iter::from_fn(|| {
            let size = sizes.next().map_or(1, |size| *size).min(rest.len());
            let (chunk, after) = rest.split_at(size);
            rest = after;
            (!chunk.is_empty()).then_some(chunk)
        });
        let whole = run(&mut stream(&masks, kind), [body.as_slice()]);
        let pieces = run(&mut stream(&masks, kind), chunks);
        prop_assert_eq!(&whole, &pieces);
        if let Ok((out, _)) = whole && in_a_string {
            prop_assert!(!out.contains("geheim"), "{}", out);
            if kind == ContentKind::Json {
                prop_assert!(serde_json::from_str::<Value>(&out).is_ok(), "{}", out);
            }
        }
    }
}
