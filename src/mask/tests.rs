//! What goes in and what comes out, however it is cut.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::base::secret::Secret;

pub(super) const LITERALS: [&str; 4] = ["Alice Miller", "Miller-Smith", "geheim", "\u{fc}nal"];

pub(super) fn spec() -> MaskSpec {
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

pub(super) fn masks(spec: &MaskSpec) -> Arc<Masks> {
    Arc::new(Masks::compile(spec).expect("a valid profile"))
}

pub(super) fn stream(masks: &Arc<Masks>, kind: ContentKind) -> Stream {
    Stream::new(Arc::clone(masks), kind, "https://gw.example/g/")
}

pub(super) type Outcome = Result<(String, Vec<Hit>), Unreadable>;

pub(super) fn run<'c>(stream: &mut Stream, chunks: impl IntoIterator<Item = &'c [u8]>) -> Outcome {
    let (mut out, mut hits) = (Vec::new(), Vec::new());
    let mut take = |masked: Masked<'_>| {
        let before = out.len();
        out.extend(masked.slices().flatten());
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

fn becomes(kind: ContentKind, body: &str, expected: &str) {
    let text = every_split(kind, body.as_bytes()).map(|(out, _)| out);
    assert_eq!(text.as_deref(), Ok(expected), "{body}");
}

fn json_becomes(cases: &[(&str, &str)]) {
    for (body, expected) in cases {
        becomes(ContentKind::Json, body, expected);
    }
}

#[test]
fn members_are_masked_by_name_however_deep() {
    json_becomes(&[
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
            r#"{"otherMails":["[otherMails]"],"z":0}"#,
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
        (" 12 ", " 12 "),
    ]);
}

#[test]
fn text_is_masked_by_what_it_decodes_to() {
    json_becomes(&[
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
    ]);
}

#[test]
fn json_within_text_is_read_like_json() {
    json_becomes(&[
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
    ]);
}

/// Links that only begin like one to the upstream.
const ELSEWHERE: &str = r#"[{"@odata.nextLink":"https://up.example/based/x"},{"@odata.nextLink":"https://up.example.evil/"},{"@odata.nextLink":"https://up.example:44/base"},{"@odata.nextLink":"https://up.example:4433/base"},{"@odata.nextLink":"https://up.example:44"},{"@odata.nextLink":"https://up.example:443:443/base"}]"#;

#[test]
fn links_to_the_upstream_lead_to_the_gateway() {
    json_becomes(&[
        (
            r#"{"@odata.nextLink":"https://up.example/base/users?$skiptoken=bob@x.example"}"#,
            r#"{"@odata.nextLink":"https://gw.example/g/users?$skiptoken=[email]"}"#,
        ),
        (
            r#"{"@odata.nextLink":"HTTPS:\/\/up.example\/base"}"#,
            r#"{"@odata.nextLink":"https://gw.example/g"}"#,
        ),
        (
            r#"[{"@odata.nextLink":"https://up.example:443/base/x"},{"@odata.nextLink":"https://UP.example:\/base"}]"#,
            r#"[{"@odata.nextLink":"https://gw.example/g/x"},{"@odata.nextLink":"https://gw.example/g"}]"#,
        ),
        (ELSEWHERE, ELSEWHERE),
        (
            r#"{"@odata.nextLink":["https://up.example/base"],"x":"https://up.example/base"}"#,
            r#"{"@odata.nextLink":["https://up.example/base"],"x":"https://up.example/base"}"#,
        ),
    ]);
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
            "data: {\"mail\":[\"[mail]\"]\ndata: }\n\ndata: gehe\n\ndata: im\n\n",
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
        becomes(kind, body, expected);
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
