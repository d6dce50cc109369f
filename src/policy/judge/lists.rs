//! What a list hides cannot be called, and what is allowed with arguments unknown is allowed with any.

use proptest::prelude::*;

use super::*;
use crate::json::Document;
use crate::policy::compile::{Line, Protocol, policy};
use crate::policy::facts::{Arguments, McpCall};
use crate::policy::testing::{NOBODY, mcp, named, set};

const PATTERNS: [&str; 6] = [
    "*",
    "tools/*",
    "tools/call",
    "tools/call a*",
    "tools/call ab",
    "prompts/get",
];

/// Conditions that hold, do not, fail, or depend on the arguments.
const CONDITIONS: [Option<&str>; 10] = [
    None,
    None,
    Some("arguments.n > 1"),
    Some("arguments.force"),
    Some("has(arguments.n) && arguments.n != 2"),
    Some("arguments.force || name == 'ab'"),
    Some("!has(arguments.n) && name != 'ab'"),
    Some("claims.kind == 'user'"),
    Some("annotations.missing && arguments.force"),
    Some("arguments.n + annotations.missing > 1"),
];

const ARGUMENTS: [&str; 6] = [
    "{}",
    r#"{"n":1}"#,
    r#"{"n":2,"force":true}"#,
    r#"{"n":3,"force":false}"#,
    r#"{"n":"x","force":null}"#,
    r#"{"N":1,"force":true}"#,
];

#[derive(Clone, Debug)]
struct Drawn {
    effect: Effect,
    pattern: &'static str,
    when: Option<&'static str>,
    whose: u8,
    shadow: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let effect = prop::sample::select(vec![
        Effect::Allow,
        Effect::Allow,
        Effect::Approve,
        Effect::Deny,
    ]);
    let pattern = prop::sample::select(&PATTERNS[..]);
    let when = prop::sample::select(&CONDITIONS[..]);
    (effect, pattern, when, 0..5_u8, prop::bool::weighted(0.2)).prop_map(
        |(effect, pattern, when, whose, shadow)| Drawn {
            effect,
            pattern,
            when,
            whose,
            shadow,
        },
    )
}

fn policies(drawn: &[Drawn]) -> Policies {
    let one = |one: &Drawn| {
        let who = match one.whose {
            0..3 => named(&["Reader"], &[]),
            3 => named(&["Reader"], &["g"]),
            _ => named(&["Other"], &[]),
        };
        let line = Line {
            effect: one.effect,
            pattern: one.pattern,
            when: one.when,
            shadow: one.shadow,
            expand: &[],
        };
        policy("p", who, Protocol::Mcp, [line]).expect("a policy")
    };
    set(drawn.iter().map(one).collect())
}

fn verdict(
    policies: &Policies,
    groups: Option<&[Box<str>]>,
    call: (&str, &str),
    arguments: Option<&str>,
    doubt: Doubt,
) -> Effect {
    let roles = [Box::from("Reader")];
    let subject = Subject {
        roles: &roles,
        groups,
        ..NOBODY
    };
    let document = arguments.map(|text| Document::parse(text.as_bytes()).expect("JSON"));
    let call = McpCall {
        arguments: match &document {
            Some(document) => Arguments::Known(Some(document.root())),
            None => Arguments::Unknown,
        },
        ..McpCall::bare(call.0, Some(call.1))
    };
    let question = Question {
        asked: Asked::Mcp(call),
        facts: Facts::at(0),
    };
    judge_with(policies, &subject, &question, doubt)
        .verdict
        .effect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_hidden_cannot_be_called(
        drawn in prop::collection::vec(drawn(), 0..6),
        method in prop::sample::select(vec!["tools/call", "prompts/get"]),
        name in prop::sample::select(vec!["ab", "a", "b", "AB"]),
        known in prop::bool::ANY,
    ) {
        let policies = policies(&drawn);
        let member = [Box::from("g")];
        let groups = known.then_some(&member[..]);
        let ask = |arguments, doubt| verdict(&policies, groups, (method, name), arguments, doubt);
        let shown = ask(None, Doubt::Shows) != Effect::Deny;
        let certain = ask(None, Doubt::Refuses);
        for arguments in ARGUMENTS {
            let called = ask(Some(arguments), Doubt::Refuses);
            prop_assert!(shown || called == Effect::Deny, "hidden, and allowed with {arguments}");
            prop_assert!(certain != Effect::Allow || called == Effect::Allow, "{arguments}");
            // With everything known there is no doubt to be on anybody's side.
            prop_assert_eq!(called, ask(Some(arguments), Doubt::Shows));
        }
        if drawn.iter().all(|one| one.when.is_none_or(|when| !when.contains("arguments"))) {
            prop_assert_eq!(shown, ask(Some("{}"), Doubt::Refuses) != Effect::Deny);
        }
    }
}

#[test]
fn a_list_shows_what_some_arguments_let_through() {
    let when = |effect, pattern, when| Line {
        when: Some(when),
        ..Line::from((effect, pattern))
    };
    let policies = mcp(&[
        (Effect::Allow, "tools/call open").into(),
        when(Effect::Allow, "tools/call few", "arguments.count < 5"),
        when(Effect::Deny, "tools/call open", "arguments.force"),
        (Effect::Approve, "tools/call close").into(),
        when(
            Effect::Allow,
            "tools/call never",
            "arguments.count < annotations.most",
        ),
        when(
            Effect::Allow,
            "tools/call closed",
            "arguments.count < 5 && claims.kind == 'application'",
        ),
    ]);
    let ask = |name, arguments, doubt| {
        verdict(&policies, Some(&[]), ("tools/call", name), arguments, doubt)
    };
    for (name, shown) in [
        ("open", true),
        ("few", true),
        ("close", true),
        ("never", false),
        ("closed", false),
        ("other", false),
    ] {
        assert_eq!(
            ask(name, None, Doubt::Shows) != Effect::Deny,
            shown,
            "{name}"
        );
    }
    for (name, arguments, want) in [
        ("few", r#"{"count":2}"#, Effect::Allow),
        ("few", r#"{"count":7}"#, Effect::Deny),
        ("few", "{}", Effect::Deny),
        ("open", r#"{"force":false}"#, Effect::Allow),
        ("open", r#"{"force":true}"#, Effect::Deny),
        ("open", r#"{"Force":true}"#, Effect::Deny),
        ("open", "{}", Effect::Deny),
    ] {
        assert_eq!(
            ask(name, Some(arguments), Doubt::Refuses),
            want,
            "{name} {arguments}"
        );
    }
}
