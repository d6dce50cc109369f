//! What goes in, what comes out, however it is cut; and a slow twin that reads the whole body.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::base::secret::Secret;

const LITERALS: [&str; 4] = ["Alice Miller", "Miller-Smith", "geheim", "\u{fc}nal"];

fn spec() -> MaskSpec {
    MaskSpec {
        fields: ["mail", "otherMails", "upn", "manager.id", "card"]
            .map(String::from)
            .into(),
        recognise: vec![Recogniser::Email, Recogniser::CreditCard],
        literals: LITERALS.map(String::from).into(),
        replace: HashMap::from([
            ("upn".to_owned(), Replace::Pseudonym),
            ("card".to_owned(), Replace::KeepLast4),
            ("credit_card".to_owned(), Replace::KeepLast4),
        ]),
        pseudonym_key: Some(Secret::new(b"k".to_vec())),
        links: Some(Links {
            members: vec!["@odata.nextLink".to_owned()],
            upstream: "https://up.example/base".to_owned(),
        }),
        ..MaskSpec::default()
    }
}

fn masks(spec: &MaskSpec) -> Arc<Masks> {
    Arc::new(Masks::compile(spec).expect("a valid profile"))
}

fn stream(masks: &Arc<Masks>, kind: ContentKind) -> Stream {
    Stream::new(Arc::clone(masks), kind, "https://gw.example/g/")
}

type Outcome = Result<(String, Vec<Hit>), Unreadable>;

fn run<'c>(stream: &mut Stream, chunks: impl IntoIterator<Item = &'c [u8]>) -> Outcome {
    let (mut out, mut hits) = (Vec::new(), Vec::new());
    let mut take = |masked: Masked<'_>| {
        let before = out.len();
        masked
            .slices()
            .for_each(|slice| out.extend_from_slice(slice));
        assert_eq!(out.len() - before, masked.len());
        hits.extend_from_slice(masked.hits());
    };
    for chunk in chunks {
        take(stream.push(chunk)?);
    }
    take(stream.finish()?);
    hits.sort_by_key(|hit| (hit.offset, hit.length, hit.rule));
    Ok((String::from_utf8(out).expect("UTF-8"), hits))
}

fn whole(kind: ContentKind, body: &str) -> Outcome {
    run(&mut stream(&masks(&spec()), kind), [body.as_bytes()])
}

/// Runs `body` in one piece, byte by byte and in two pieces at every place, in one stream that is
/// reset; all must say the same.
fn every_split(kind: ContentKind, body: &[u8]) -> Outcome {
    let masks = masks(&spec());
    let mut stream = stream(&masks, kind);
    let expected = run(&mut stream, [body]);
    let mut check = |chunks: &mut dyn Iterator<Item = &[u8]>, how: &str| {
        stream.reset(Arc::clone(&masks), kind, "https://gw.example/g/");
        let outcome = run(&mut stream, chunks);
        assert_eq!(outcome, expected, "{} {how}", String::from_utf8_lossy(body));
    };
    check(&mut body.chunks(1), "byte by byte");
    check(&mut body.chunks(3), "by threes");
    for cut in 0..=body.len() {
        let (left, right) = body.split_at(cut);
        check(
            &mut [left, &b""[..], right].into_iter(),
            &format!("cut at {cut}"),
        );
        let two = right.len().min(2);
        let (middle, right) = right.split_at(two);
        check(
            &mut [left, middle, right].into_iter(),
            &format!("cut at {cut} and 2 on"),
        );
    }
    expected
}

#[test]
fn json_bodies() {
    for (body, expected) in [
        (
            r#"{"a":1, "b" : [true,null]}"#,
            r#"{"a":1, "b" : [true,null]}"#,
        ),
        (r#"{"mail":"x"}"#, r#"{"mail":"[mail]"}"#),
        (
            r#"{"m\u0061il":"x","MAIL":""}"#,
            r#"{"m\u0061il":"[mail]","MAIL":"[mail]"}"#,
        ),
        (r#"{"mail":null,"a":2}"#, r#"{"mail":null,"a":2}"#),
        (
            r#"{"mail":-1.5e3,"a":[{"mail":true}]}"#,
            r#"{"mail":"[mail]","a":[{"mail":"[mail]"}]}"#,
        ),
        (
            r#"{"otherMails":["a","b",{"c":[]}],"z":0}"#,
            r#"{"otherMails":"[otherMails]","z":0}"#,
        ),
        (
            r#"{"mail":{"mail":"x","y":"geheim"} ,"z":0}"#,
            r#"{"mail":"[mail]" ,"z":0}"#,
        ),
        (
            r#"{"manager":[{"id":1}],"id":2}"#,
            r#"{"manager":[{"id":"[manager.id]"}],"id":2}"#,
        ),
        (
            r#"{"amanager":{"id":1},"manager":{"x":{"id":2}}}"#,
            r#"{"amanager":{"id":1},"manager":{"x":{"id":2}}}"#,
        ),
        (
            r#"{"t":"to bob@x.example, now"}"#,
            r#"{"t":"to [email], now"}"#,
        ),
        (
            r#"{"t":"to bob\u0040x.ex\u0061mple\n"}"#,
            r#"{"t":"to [email]\n"}"#,
        ),
        (r#"{"t":"\nbob@x.example\t"}"#, r#"{"t":"\n[email]\t"}"#),
        (r#"{"bob@x.example":1}"#, r#"{"[email]":1}"#),
        (r#"["Alice Miller-Smith!"]"#, r#"["[literal]!"]"#),
        (r#"["geheimgeheim"]"#, r#"["[literal][literal]"]"#),
        (
            r#"["\u0067eheim", "gehei", "geheim"]"#,
            r#"["[literal]", "gehei", "[literal]"]"#,
        ),
        (r#"["\u00fcnal"]"#, r#"["[literal]"]"#),
        (r#"["Alice Miller@x.example"]"#, r#"["[literal]"]"#),
        (
            r#"["4111 1111 1111 1111", 4111111111111111, 42]"#,
            r#"["[credit_card:*1111]", "[credit_card:*1111]", 42]"#,
        ),
        (
            r#"{"card":"4111111111111111"}"#,
            r#"{"card":"[card:*1111]"}"#,
        ),
        (r#"{"card":"1111"}"#, r#"{"card":"[card]"}"#),
        (
            r#"{"t":"{\"mail\":\"x\",\"n\":[1,\"bob@x.example\"]}"}"#,
            r#"{"t":"{\"mail\":\"[mail]\",\"n\":[1,\"[email]\"]}"}"#,
        ),
        (
            r#"{"t":"{\"mail\":{\"a\":\"}\"}}."}"#,
            r#"{"t":"{\"mail\":\"[mail]\"}."}"#,
        ),
        (
            r#"{"t":"so: {\u0022mail\":7} and {\"mail\":8}"}"#,
            r#"{"t":"so: {\u0022mail\":\"[mail]\"} and {\"mail\":\"[mail]\"}"}"#,
        ),
        (
            r#"{"t":"{\"u\":\"{\\\"mail\\\":\\\"x\\\",\\\"upx\\\":7}\"}"}"#,
            r#"{"t":"{\"u\":\"{\\\"mail\\\":\\\"[mail]\\\",\\\"upx\\\":7}\"}"}"#,
        ),
        (
            r#"{"t":"{\"u\":\"{\\\"mail\\\":7}\"}"}"#,
            r#"{"t":"{\"u\":\"{\\\"mail\\\":\\\"[mail]\\\"}\"}"}"#,
        ),
        (
            r#"{"t":"{\"a\\nbob@x.example"}"#,
            r#"{"t":"{\"a\\n[email]"}"#,
        ),
        (
            r#"{"t":"{\"mail\":\"abc oops"}"#,
            r#"{"t":"{\"mail\":\"[mail]"}"#,
        ),
        (
            r#"{"t":"[nancy@x.example] {bob@x.example}\""}"#,
            r#"{"t":"[[email]] {[email]}\""}"#,
        ),
        (
            r#"{"t":"{\"x\":\"\\u0062ob\\u0040x.example\"}"}"#,
            r#"{"t":"{\"x\":\"[email]\"}"}"#,
        ),
        (
            r#"{"@odata.nextLink":"https://up.example/base/users?$skiptoken=bob@x.example"}"#,
            r#"{"@odata.nextLink":"https://gw.example/g/users?$skiptoken=[email]"}"#,
        ),
        (
            r#"{"@odata.nextLink":"HTTPS:\/\/up.example\/base"}"#,
            r#"{"@odata.nextLink":"https://gw.example/g"}"#,
        ),
        (
            r#"{"@odata.nextLink":"https://up.example/based/x"}"#,
            r#"{"@odata.nextLink":"https://up.example/based/x"}"#,
        ),
        (
            r#"{"@odata.nextLink":"https://up.example.evil/"}"#,
            r#"{"@odata.nextLink":"https://up.example.evil/"}"#,
        ),
        (
            r#"{"@odata.nextLink":["https://up.example/base"],"x":"https://up.example/base"}"#,
            r#"{"@odata.nextLink":["https://up.example/base"],"x":"https://up.example/base"}"#,
        ),
        (" 12 ", " 12 "),
    ] {
        let outcome = every_split(ContentKind::Json, body.as_bytes());
        assert_eq!(
            outcome.map(|(out, _)| out).as_deref(),
            Ok(expected),
            "{body}"
        );
    }
}

#[test]
fn bodies_that_are_not_json_break_off_for_ever() {
    for body in [
        "",
        "x",
        "{\"mail\":\"x\"",
        "{}{}",
        "[\"\\ud800\"]",
        "\"\u{1}\"",
    ] {
        assert!(
            matches!(
                every_split(ContentKind::Json, body.as_bytes()),
                Err(Unreadable::Json(_))
            ),
            "{body}"
        );
    }
    let mut stream = stream(&masks(&spec()), ContentKind::Json);
    assert!(stream.push(b"}").is_err());
    assert!(matches!(stream.push(b"{}"), Err(Unreadable::Broken)));
    assert!(matches!(stream.finish(), Err(Unreadable::Broken)));
    let long = format!("[{}]", "1".repeat(600));
    assert_eq!(whole(ContentKind::Json, &long), Err(Unreadable::Number));
}

#[test]
fn lines_events_and_text() {
    use ContentKind::{EventStream, JsonLines, Text};
    for (kind, body, expected) in [
        (
            JsonLines,
            "{\"mail\":1}\n\n[2]\r\n7\n{}",
            "{\"mail\":\"[mail]\"}\n\n[2]\r\n7\n{}",
        ),
        (
            Text,
            "Dear Alice Miller,\nbob@x.example",
            "Dear [literal],\n[email]",
        ),
        (
            Text,
            "see {\"mail\":\"x\",\"n\":4111111111111111} {",
            "see {\"mail\":\"[mail]\",\"n\":\"[credit_card:*1111]\"} {",
        ),
        (Text, "gehei", "gehei"),
        (
            EventStream,
            "data: {\"mail\":\"x\"}\n\n",
            "data: {\"mail\":\"[mail]\"}\n\n",
        ),
        (
            EventStream,
            "id: 1\r\nevent: x\r\ndata:{\"mail\":\"x\",\r\ndata: \"b\":\"bob@x.example\"}\r\n\r\n: hi\r\n",
            "id: 1\r\nevent: x\r\ndata:{\"mail\":\"[mail]\",\r\ndata: \"b\":\"[email]\"}\r\n\r\n: hi\r\n",
        ),
        (
            EventStream,
            "data: [DONE]\n\ndata: geheim\n\n: geheim\nid: bob@x.example\n",
            "data: [DONE]\n\ndata: [literal]\n\n: [literal]\nid: [email]\n",
        ),
        (
            EventStream,
            "data: {\"mail\":[1,\ndata: 2]\ndata: }\n\ndata: gehe\n\ndata: im\n\n",
            "data: {\"mail\":\"[mail]\"\ndata: }\n\ndata: gehe\n\ndata: im\n\n",
        ),
        (
            EventStream,
            "data: {\"mail\":12\ndata: }\n\n",
            "data: {\"mail\":\"[mail]\"\ndata: }\n\n",
        ),
        (
            EventStream,
            "data: {\"mail\":\"x\n\ndata: {\"mail\":\"y\"}\n\n",
            "data: {\"mail\":\"[mail]\n\ndata: {\"mail\":\"[mail]\"}\n\n",
        ),
        (
            EventStream,
            "data: Alice\ndata: Miller\ndata\ndatab: geheim\r\rdata",
            "data: Alice\ndata: Miller\ndata\ndatab: [literal]\r\rdata",
        ),
        (
            EventStream,
            "data:{\"t\":\"{\\\"mail\\\":\\\"x\\\"}\"}\n\n",
            "data:{\"t\":\"{\\\"mail\\\":\\\"[mail]\\\"}\"}\n\n",
        ),
    ] {
        let outcome = every_split(kind, body.as_bytes());
        assert_eq!(
            outcome.map(|(out, _)| out).as_deref(),
            Ok(expected),
            "{body}"
        );
    }
}

#[test]
fn hits_name_rule_and_place_only() {
    let masks = masks(&spec());
    let (_, hits) = whole(ContentKind::Json, r#"{"mail":"x","t":"geheim"}"#).expect("JSON");
    let told: Vec<_> = hits
        .iter()
        .map(|hit| (masks.kind(hit.rule), hit.offset, hit.length))
        .collect();
    assert_eq!(told, [("mail", 9, 1), ("literal", 17, 6)]);
}

#[test]
fn pseudonyms_are_equal_for_equal_values_only() {
    let body = r#"[{"upn":"Bob"},{"upn":"b\u006fb"},{"upn":"bo"},{"upn":["b","ob"]}]"#;
    let (out, _) = every_split(ContentKind::Json, body.as_bytes()).expect("JSON");
    let values: Vec<Value> = serde_json::from_str(&out).expect("JSON");
    assert!(
        values[0]["upn"]
            .as_str()
            .is_some_and(|upn| upn.starts_with("[upn:") && upn.len() == 22)
    );
    assert_eq!(values[0], values[1]);
    assert_ne!(values[0], values[2]);
    assert_ne!(values[0], values[3]);
}

#[test]
fn nothing_is_held_past_a_string_an_event_or_the_longest_pattern() {
    let masks = masks(&spec());
    let pushed = |kind, body: &str| {
        let mut stream = stream(&masks, kind);
        stream.push(body.as_bytes()).map(|masked| masked.len())
    };
    let json = r#"{"a":"bob","b":[1,true"#;
    assert_eq!(pushed(ContentKind::Json, json), Ok(json.len()));
    let event = "data: Alice Mill\n\n";
    assert_eq!(pushed(ContentKind::EventStream, event), Ok(event.len()));
    let text = "x ".repeat(500) + "Alice M";
    assert_eq!(pushed(ContentKind::Text, &text), Ok(1000));
}

#[test]
fn unmasked_bytes_are_the_chunks_own() {
    let body = br#"{"a":"b","mail":"x","c":"d"}"#;
    let mut stream = stream(&masks(&spec()), ContentKind::Json);
    let masked = stream.push(body).expect("JSON");
    let inside = body.as_ptr_range();
    let own = masked
        .slices()
        .filter(|slice| inside.contains(&slice.as_ptr()));
    assert_eq!(own.count(), 2);
    assert_eq!(masked.slices().count(), 3);
    let same = unmasked(body);
    assert!(same.slices().all(|slice| std::ptr::eq(slice, body)));
}

#[test]
fn profiles_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut MaskSpec)| {
        let mut spec = spec();
        change(&mut spec);
        Masks::compile(&spec).err()
    };
    assert_eq!(
        refused(|spec| spec.literals.push(String::new())),
        Some(MaskError::EmptyLiteral)
    );
    assert_eq!(
        refused(|spec| spec.pseudonym_key = None),
        Some(MaskError::NoKey)
    );
    assert_eq!(
        refused(|spec| spec.fields.push("a..b".into())),
        Some(MaskError::Field("a..b".into()))
    );
    assert_eq!(
        refused(|spec| spec.default = "\"".into()),
        Some(MaskError::Replacement("mail".into()))
    );
    let typo = |spec: &mut MaskSpec| {
        spec.replace.insert("mial".into(), Replace::Pseudonym);
    };
    assert_eq!(refused(typo), Some(MaskError::Unused("mial".into())));
}

#[test]
fn heads_and_single_values_are_masked_by_the_same_rules() {
    let masks = masks(&spec());
    let mut out = Vec::new();
    let hits = masks.scrub(b"/users/bob@x.example/geheim", &mut out);
    assert_eq!(
        (out.as_slice(), hits),
        (&b"/users/[email]/[literal]"[..], 2)
    );
    let mut head = MaskedHead::start(&mut out, Some(&masks), 200);
    assert_eq!(head.field("X-User", b"for bob@x.example"), Ok(()));
    assert_eq!(head.field("X-Bad", b"a\r\nSet-Cookie: b"), Err(HeadRefused));
    let masked = head.finish();
    let text: Vec<u8> = masked.slices().flatten().copied().collect();
    assert_eq!(text, b"HTTP/1.1 200 \r\nX-User: for [email]\r\n\r\n");
}

#[test]
fn thousands_of_literals_in_any_case() {
    let mut spec = spec();
    spec.literals = (0..5_000).map(|i| format!("Name{i:04} Family")).collect();
    spec.literals_ignore_case = true;
    let masks = masks(&spec);
    let mut stream = stream(&masks, ContentKind::Json);
    let body = r#"["NAME0007 family","name4999 Family","name5000 family","Name0\u0031\u0031\u0031 FAMILY"]"#;
    let outcome = run(&mut stream, body.as_bytes().chunks(5)).map(|(out, _)| out);
    let expected = r#"["[literal]","[literal]","name5000 family","[literal]"]"#;
    assert_eq!(outcome.as_deref(), Ok(expected));
}

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
