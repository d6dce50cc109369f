//! Conditions: a text is refused or can be judged, at bounded cost; what is certain before the
//! arguments are known stays so; and the `cel` crate's interpreter says the same.
//!
//! The input is a condition and, after a NUL, the JSON of the call's arguments and body.

#![no_main]

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Value};
use libfuzzer_sys::fuzz_target;
use sluice::auth::PrincipalKind;
use sluice::json::Document;
use sluice::policy::{
    Arguments, Asked, Facts, Fields, GraphCall, McpCall, Protocol, Question, Subject, Truth, When,
};

/// A second, and its hour and minute.
const NOW: (u64, i64, i64) = (1_795_348_800, 12, 0);

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or_default()) else {
        return;
    };
    let json = parts.next().unwrap_or_default();
    let document = Document::parse(json).ok();
    let value = document.as_ref().map(Document::root);
    for protocol in [Protocol::Mcp, Protocol::Http, Protocol::Graph] {
        let Ok(when) = When::parse(text, protocol) else {
            continue;
        };
        let known = ask(&when, protocol, Arguments::Known(value));
        match ask(&when, protocol, Arguments::Unknown) {
            Truth::Unknown => assert_ne!(known, Truth::Unknown),
            Truth::Wrong(_) => assert!(matches!(known, Truth::Wrong(_)), "{text}"),
            // Looking at a large value may cost more than looking at none.
            certain => assert!(
                certain == known || matches!(known, Truth::Wrong(_)),
                "{text}"
            ),
        }
        if protocol == Protocol::Mcp {
            against_cel(text, json, known);
        }
    }
});

/// What is not put in the interpreter's context.
const APART: [&str; 7] = [
    "headers", "query", "source", "groups", "weekday", "scopes", "kind",
];

/// The interpreter says the same of arguments that are a map. It has no bound on what it does, and
/// an error of its own where ours is a bound is none of ours.
fn against_cel(text: &str, json: &[u8], known: Truth) {
    let Ok(arguments @ serde_json::Value::Object(_)) = serde_json::from_slice(json) else {
        return;
    };
    if APART.iter().any(|name| text.contains(name)) {
        return;
    }
    let Ok(parsed) = cel::parser::Parser::new().parse(text) else {
        panic!("{text:?} is a condition here and no expression there");
    };
    let context = context(&arguments);
    match (Value::resolve(&parsed, &context), known) {
        (Ok(Value::Bool(value)), Truth::Yes | Truth::No) => {
            assert_eq!(value, known == Truth::Yes, "{text} with {arguments}");
        }
        (Ok(value), Truth::Yes | Truth::No) => panic!("{text} with {arguments}: {value:?}"),
        (Err(error), Truth::Yes | Truth::No) => panic!("{text} with {arguments}: {error}"),
        _ => {}
    }
}

fn context(arguments: &serde_json::Value) -> Context<'static, 'static> {
    let roles = Value::List(Arc::new(vec!["Reader".into()]));
    let claims = [
        ("roles", roles),
        ("tenant", "t".into()),
        ("client", "app".into()),
        ("object", "o".into()),
        ("issuer", "entra".into()),
    ];
    let now = [
        ("hour", Value::Int(NOW.1)),
        ("minute", Value::Int(NOW.2)),
        ("unix", Value::Int(NOW.0 as i64)),
    ];
    let call = || {
        [
            ("method", Value::from("tools/call")),
            ("name", "search".into()),
            ("arguments", as_cel(arguments)),
            ("annotations", map([])),
        ]
    };
    let mut context = Context::default();
    for (name, value) in call() {
        context.add_variable_from_value(name, value);
    }
    context.add_variable_from_value("call", map(call()));
    context.add_variable_from_value("claims", map(claims));
    context.add_variable_from_value("now", map(now));
    context
}

/// As conditions read it: whole numbers are integers.
fn as_cel(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().expect("a number")),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(as_cel).collect())),
        Json::Object(members) => map(members.iter().map(|(name, value)| (&**name, as_cel(value)))),
    }
}

fn map<'n>(members: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    let members = members
        .into_iter()
        .map(|(name, value)| (Key::String(Arc::new(name.to_owned())), value));
    Value::Map(Map {
        map: Arc::new(members.collect::<HashMap<_, _>>()),
    })
}

fn ask(when: &When, protocol: Protocol, arguments: Arguments<'_>) -> Truth {
    let roles = [Box::from("Reader")];
    let subject = Subject {
        issuer: "entra",
        tenant: Some("t"),
        object: "o",
        kind: PrincipalKind::User,
        client: None,
        shown_by: Some("app"),
        roles: &roles,
        groups: None,
        scopes: &roles,
        agent: None,
        blueprint: None,
    };
    let call = McpCall {
        arguments,
        ..McpCall::bare("tools/call", Some("search"))
    };
    let (method, path) = ("GET", "/v1.0/users");
    let question = Question {
        asked: match protocol {
            Protocol::Mcp => Asked::Mcp(call),
            Protocol::Http => Asked::Http { method, path },
            Protocol::Graph => Asked::Graph(GraphCall {
                method,
                path,
                expand: &[],
            }),
        },
        facts: Facts {
            query: "a=1&%24top=5&b=%zz",
            fields: Fields::Listed(&[("x-a", b"1"), ("x-b", b"\xff")]),
            body: arguments,
            ..Facts::at(NOW.0)
        },
    };
    when.holds(&question, &subject)
}
