//! The JSON Schema takes every good file, refuses every slip in a key, and knows the same words as
//! those who judge the file.

use serde_json::Value;

use super::*;

/// Where and why `value` is not what `schema` says; the few words of JSON Schema that are in use.
fn unlike(schema: &Value, value: &Value, path: &str) -> Option<String> {
    let known = [
        "$schema",
        "title",
        "description",
        "type",
        "enum",
        "pattern",
        "anyOf",
        "items",
        "properties",
        "additionalProperties",
        "required",
    ];
    let schema = schema.as_object().expect("a schema is an object");
    let strange = schema.keys().find(|key| !known.contains(&key.as_str()));
    assert_eq!(strange, None, "a word this test does not know");
    if let Some(ways) = schema.get("anyOf").and_then(Value::as_array) {
        let fits = |way: &Value| unlike(way, value, path).is_none();
        return (!ways.iter().any(fits)).then(|| format!("{path}: none of the ways"));
    }
    let is = |name: &Value| match name.as_str() {
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => panic!("an unknown type {name}"),
    };
    let fits = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().any(is),
        Some(name) => is(name),
        None => true,
    };
    let is_word = |words: &Value| words.as_array().is_none_or(|words| words.contains(value));
    if !fits || !schema.get("enum").is_none_or(is_word) {
        return Some(format!("{path}: {value}"));
    }
    let pattern = schema.get("pattern").and_then(Value::as_str);
    if let (Some(pattern), Some(text)) = (pattern, value.as_str())
        && !regex::Regex::new(pattern)
            .expect("a pattern")
            .is_match(text)
    {
        return Some(format!("{path}: {text} is not like {pattern}"));
    }
    let items = value.as_array().into_iter().flatten().enumerate();
    let mut items =
        items.filter_map(|(at, item)| unlike(&schema["items"], item, &format!("{path}/{at}")));
    items.next().or_else(|| unlike_keys(schema, value, path))
}

fn unlike_keys(
    schema: &serde_json::Map<String, Value>,
    value: &Value,
    path: &str,
) -> Option<String> {
    let object = value.as_object()?;
    for needed in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if !object.contains_key(needed.as_str()?) {
            return Some(format!("{path}: {needed} is missing"));
        }
    }
    object.iter().find_map(|(key, value)| {
        let path = format!("{path}/{key}");
        let known = schema.get("properties").and_then(|keys| keys.get(key));
        match (known, schema.get("additionalProperties")) {
            (Some(schema), _) => unlike(schema, value, &path),
            (None, Some(each @ Value::Object(_))) => unlike(each, value, &path),
            (None, _) => Some(format!("{path} is unknown")),
        }
    })
}

fn judged(text: &str) -> Option<String> {
    let value: Value = serde_saphyr::from_str(text).expect("YAML");
    unlike(&json_schema(), &value, "")
}

#[test]
fn good_files_are_as_the_schema_says() {
    assert_eq!(judged(GOOD), None);
    assert_eq!(judged(mcp::GOOD), None);
    assert_eq!(
        judged(include_str!("../../../../examples/sluice.yaml")),
        None
    );
    assert_eq!(judged(include_str!("../../../../examples/mcp.yaml")), None);
}

#[test]
fn every_unknown_or_missing_key_is_against_the_schema() {
    let mut seen = 0;
    let tables = [(GOOD, MISTAKES), (mcp::GOOD, mcp::MISTAKES)];
    for (good, mistakes) in tables {
        for (from, to, want) in mistakes {
            let is_key = want.contains("unknown key") || want.contains("unknown limit");
            // Some keys are missing only in one kind of a thing.
            let is_missing = want.contains("is missing here")
                && !["`tenant`", "`scope`", "`by`", "`record`"]
                    .iter()
                    .any(|key| want.contains(key));
            if !is_key && !is_missing {
                continue;
            }
            let text = good.replacen(from, to, 1);
            assert!(judged(&text).is_some(), "the schema takes {to}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} mistakes");
}

/// Every place in the schema that lists words, as the keys that lead there.
fn word_lists(schema: &Value, path: &str, found: &mut Vec<(String, Vec<String>)>) {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter_map(Value::as_str).map(str::to_owned);
        found.push((path.to_owned(), words.collect()));
    }
    for way in schema
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        word_lists(way, path, found);
    }
    let keys = schema.get("properties").and_then(Value::as_object);
    for (key, inner) in keys.into_iter().flatten() {
        word_lists(inner, &format!("{path}/{key}"), found);
    }
    for inside in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(inside).filter(|inner| inner.is_object()) {
            word_lists(inner, path, found);
        }
    }
}

/// Where words are listed: the place, a good file, what stands there in it, and the same with a word that
/// nobody knows.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("/io", GOOD, "io: tokio", "io: zzzzzzzz"),
    ("/issuers/kind", GOOD, "kind: entra,", "kind: zzzzzzzz,"),
    ("/issuers/algorithms", GOOD, "[ES256, PS256]", "[zzzzzzzz]"),
    ("/credentials/kind", GOOD, "kind: bearer", "kind: zzzzzzzz"),
    (
        "/issuers/bound",
        GOOD,
        "algorithms: [ES256, PS256]",
        "bound: zzzzzzzz",
    ),
    (
        "/issuers/dpop/algorithms",
        GOOD,
        "algorithms: [ES256, PS256]",
        "dpop: { algorithms: [zzzzzzzz] }",
    ),
    (
        "/credentials/certificate/algorithm",
        GOOD,
        "secret: env:SECRET\n    scope",
        "certificate: { algorithm: zzzzzzzz }\n    scope",
    ),
    (
        "/connections/protocol",
        GOOD,
        "protocol: http,",
        "protocol: zzzzzzzz,",
    ),
    (
        "/connections/batch",
        GOOD,
        "protocol: http",
        "batch: zzzzzzzz\n    protocol: http",
    ),
    (
        "/connections/record",
        GOOD,
        "record: durable",
        "record: zzzzzzzz",
    ),
    (
        "/connections/stdio/share",
        mcp::GOOD,
        "share: principal",
        "share: zzzzzzzz",
    ),
    (
        "/connections/tools/on_change",
        mcp::GOOD,
        "on_change: alert",
        "on_change: zzzzzzzz",
    ),
    (
        "/connections/tools/first",
        mcp::GOOD,
        "first: approve",
        "first: zzzzzzzz",
    ),
    (
        "/listeners/tls/client_certificates",
        GOOD,
        "key: file:tls.key }",
        "key: file:tls.key, client_ca: ca.pem, client_certificates: zzzzzzzz }",
    ),
    (
        "/listeners/forwarded/field",
        GOOD,
        "bind: 127.0.0.1:8443,",
        "bind: 127.0.0.1:8443, forwarded: { from: [\"::1\"], field: zzzzzzzz },",
    ),
    (
        "/masks/recognise",
        GOOD,
        "recognise: [email]",
        "recognise: [zzzzzzzz]",
    ),
];

#[test]
fn the_schema_knows_the_words_that_are_judged_by() {
    let directory = directory();
    let mut found = Vec::new();
    word_lists(&json_schema(), "", &mut found);
    for (path, words) in found {
        let place = PLACES.iter().find(|(known, ..)| *known == path);
        let (_, good, from, to) = place.unwrap_or_else(|| panic!("{path} is not in this table"));
        let shown = judge(directory.path(), &good.replacen(from, to, 1)).unwrap_err();
        let known = shown.split("known here: ").nth(1);
        let known = known.and_then(|known| known.lines().next()).expect(&shown);
        let known: Vec<&str> = known.split(", ").collect();
        assert_eq!(known, words, "{path}");
    }
}

#[test]
fn the_schema_says_what_keys_mean() {
    let schema = json_schema();
    let budgets =
        &schema["properties"]["connections"]["additionalProperties"]["properties"]["budgets"];
    assert_eq!(
        budgets["items"]["properties"]["calls"]["description"],
        "Calls in a time, such as `60/m`."
    );
    let limits = &schema["properties"]["limits"];
    assert_eq!(limits["additionalProperties"], false);
    assert!(limits["properties"]["head_time"].is_object());
}
