//! The language here against the `cel` crate's interpreter: the same value, or an error in both.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::auth::PrincipalKind;
use crate::json::Document;
use crate::policy::facts::{Arguments, Asked, Facts, McpCall};

/// Members that arguments may have: numbers, texts, lists, a map, null. `x` is never there.
const MEMBERS: &[&str] = &["b", "n", "m", "d", "s", "t", "l", "k", "z", "x"];

fn number() -> impl Strategy<Value = String> {
    let members = vec![
        "arguments.n",
        "arguments.m",
        "arguments.d",
        "arguments.k.n",
        "now.hour",
    ];
    let constants = vec!["0", "1", "2", "-3", "1.5", "0.0", "9223372036854775807"];
    let leaf = prop_oneof![
        4 => prop::sample::select(members).prop_map(str::to_owned),
        2 => prop::sample::select(constants).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 5, 2, |inner| {
        let sign = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        (inner.clone(), sign, inner).prop_map(|(a, sign, b)| format!("({a} {sign} {b})"))
    })
}

/// Something within the arguments, which may be of any kind.
fn within() -> impl Strategy<Value = String> {
    let member = || prop::sample::select(MEMBERS);
    prop_oneof![
        6 => member().prop_map(|name| format!("arguments.{name}")),
        2 => (member(), member()).prop_map(|(a, b)| format!("arguments.{a}.{b}")),
        1 => (member(), member()).prop_map(|(a, b)| format!("arguments.{a}[arguments.{b}]")),
        1 => (member(), 0..4_u8).prop_map(|(name, at)| format!("arguments.{name}[{at}]")),
        1 => member().prop_map(|name| format!("arguments['{name}']")),
        1 => member().prop_map(|name| format!("-arguments.{name}")),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let constants = vec![
        "true",
        "null",
        "'a'",
        "''",
        "'n'",
        "'ab\u{e9}'",
        "1",
        "2.0",
        "['a', 1, true]",
        "[]",
        "[1, 2.0, [1]]",
        "name",
        "claims.roles",
        "claims.tenant",
        "claims.client",
        "arguments",
        "annotations",
    ];
    let leaf = prop_oneof![
        8 => within(),
        2 => prop::sample::select(constants).prop_map(str::to_owned),
        1 => number(),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            2 => within().prop_map(|a| format!("size({a})")),
            1 => (truth(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

/// What is true or false at first sight.
fn truth() -> BoxedStrategy<String> {
    let member = || prop::sample::select(MEMBERS);
    prop_oneof![
        2 => member().prop_map(|name| format!("arguments.{name}")),
        2 => member().prop_map(|name| format!("has(arguments.{name})")),
        1 => member().prop_map(|name| format!("has(arguments.k.{name})")),
        1 => Just("true".to_owned()),
    ]
    .boxed()
}

fn expression() -> impl Strategy<Value = String> {
    let order = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let equal = || prop::sample::select(vec!["==", "!="]);
    let test = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
    let text = || {
        prop::sample::select(vec![
            "'a'",
            "''",
            "'ab\u{e9}'",
            "arguments.s",
            "arguments.t",
        ])
    };
    let list =
        || prop::sample::select(vec!["[1, 'a', null]", "arguments.l"]).prop_map(str::to_owned);
    let joined = |(a, sign, b): (String, &str, String)| format!("({a} {sign} {b})");
    let leaf = prop_oneof![
        3 => truth(),
        4 => (value(), equal(), within()).prop_map(joined),
        2 => (number(), order, number()).prop_map(joined),
        1 => (within(), equal(), value()).prop_map(joined),
        2 => (value(), Just("in"), within()).prop_map(joined),
        1 => (within(), Just("in"), list()).prop_map(joined),
        2 => (text(), test, text()).prop_map(|(a, test, b)| format!("{a}.{test}({b})")),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} == {b})")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => inner.prop_map(|a| format!("!{a}")),
        ]
    })
}

fn scalar() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-3),
        json!(2.0),
        json!(1.5),
        json!(i64::MAX),
        json!(""),
        json!("a"),
        json!("n"),
        json!("ab\u{e9}"),
    ])
}

/// Arguments whose members mostly have the kind that their names stand for.
pub(super) fn arguments() -> impl Strategy<Value = serde_json::Value> {
    let member = |usual: Vec<serde_json::Value>| {
        prop_oneof![
            6 => prop::sample::select(usual).prop_map(Some),
            1 => scalar().prop_map(Some),
            1 => Just(None),
        ]
    };
    use serde_json::json;
    (
        member(vec![json!(true), json!(false)]),
        member(vec![json!(0), json!(1), json!(2), json!(i64::MIN)]),
        member(vec![json!(1), json!(7)]),
        member(vec![json!(0.5), json!(2.0)]),
        member(vec![json!("a"), json!("ab"), json!("n")]),
        member(vec![json!("ab\u{e9}"), json!("")]),
        member(vec![
            json!([]),
            json!([1, "a"]),
            json!(["a", 1, true]),
            json!([[1]]),
        ]),
        member(vec![
            json!({}),
            json!({"n": 1}),
            json!({"n": 1, "s": {"a": []}}),
        ]),
    )
        .prop_map(|(b, n, m, d, s, t, l, k)| {
            let members = [
                ("b", b),
                ("n", n),
                ("m", m),
                ("d", d),
                ("s", s),
                ("t", t),
                ("l", l),
                ("k", k),
            ];
            let given = members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let mut all: serde_json::Map<_, _> = given.collect();
            all.insert("z".into(), json!(null));
            serde_json::Value::Object(all)
        })
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

fn map<'n>(members: impl Iterator<Item = (&'n str, Value)>) -> Value {
    let members = members.map(|(name, value)| (Key::String(Arc::new(name.to_owned())), value));
    Value::Map(Map {
        map: Arc::new(members.collect::<HashMap<_, _>>()),
    })
}

/// What the interpreter says; none for an error.
fn by_cel(text: &str, arguments: &serde_json::Value) -> Option<Value> {
    let mut context = Context::default();
    let roles: Vec<Value> = vec!["a".into(), "Reader".into()];
    let claims = map([
        ("roles", Value::List(Arc::new(roles))),
        ("tenant", "t".into()),
    ]
    .into_iter());
    context.add_variable_from_value("arguments", as_cel(arguments));
    context.add_variable_from_value("annotations", map(std::iter::empty()));
    context.add_variable_from_value("claims", claims);
    context.add_variable_from_value("name", "ab");
    context.add_variable_from_value("now", map([("hour", Value::Int(1))].into_iter()));
    let parsed = cel::parser::Parser::new().parse(text).expect(text);
    Value::resolve(&parsed, &context).ok()
}

/// What the language here says, with the arguments and before them.
pub(super) fn by_us(when: &When, arguments: &serde_json::Value) -> (Truth, Truth) {
    let text = arguments.to_string();
    let document = Document::parse(text.as_bytes()).expect("JSON");
    let roles = [Box::from("a"), Box::from("Reader")];
    let subject = Subject {
        issuer: "i",
        tenant: Some("t"),
        object: "o",
        kind: PrincipalKind::User,
        client: None,
        shown_by: None,
        roles: &roles,
        groups: None,
        scopes: &[],
        agent: None,
        blueprint: None,
    };
    let ask = |arguments| {
        let call = McpCall {
            arguments,
            ..McpCall::bare("tools/call", Some("ab"))
        };
        let question = Question {
            asked: Asked::Mcp(call),
            facts: Facts::at(3600),
        };
        when.holds(&question, &subject)
    };
    (
        ask(Arguments::Known(Some(document.root()))),
        ask(Arguments::Unknown),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_interpreter_says_the_same(text in expression(), arguments in arguments()) {
        let Ok(when) = When::parse(&text, Protocol::Mcp) else {
            // Refused is what can never be true: at most a comparison that is always false.
            return Ok(());
        };
        let (known, before) = by_us(&when, &arguments);
        match (by_cel(&text, &arguments), known) {
            (Some(Value::Bool(value)), Truth::Yes | Truth::No) => {
                prop_assert_eq!(value, known == Truth::Yes, "{} with {}", text, arguments);
            }
            (Some(Value::Bool(_)), _) | (_, Truth::Yes | Truth::No | Truth::Unknown) => {
                prop_assert!(false, "{text} with {arguments}: {known:?}");
            }
            (_, Truth::Wrong(_)) => {}
        }
        // What is certain before the arguments are known is so with any.
        match before {
            Truth::Yes | Truth::No => prop_assert_eq!(before, known, "{}", text),
            Truth::Wrong(_) => prop_assert!(matches!(known, Truth::Wrong(_)), "{}", text),
            Truth::Unknown => {}
        }
    }
}

/// The comparison is of use only as long as most of what is made up is a condition at all.
#[test]
fn most_of_what_is_compared_is_a_condition() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut valued) = (0, 0);
    for _ in 0..400 {
        let made = (expression(), arguments()).new_tree(&mut runner);
        let (text, arguments) = made.expect("a value").current();
        let Ok(when) = When::parse(&text, Protocol::Mcp) else {
            continue;
        };
        accepted += 1;
        valued += u32::from(matches!(by_us(&when, &arguments).0, Truth::Yes | Truth::No));
    }
    assert!(
        accepted > 200 && valued > 60,
        "{accepted} conditions, {valued} with a value"
    );
}
