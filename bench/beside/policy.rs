//! A judgement of a tool call under a typical set of rules: by pattern alone and with conditions;
//! beside Cedar with the same rules, and beside the `cel` crate's interpreter with those conditions
//! alone, each with and without making its context of the call.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Value};
use criterion::{Criterion, criterion_group, criterion_main};
use sluice::auth::PrincipalKind;
use sluice::json::{Document, Kind};
use sluice::policy::compile::policy;
use sluice::policy::judge::{judge, shows};
use sluice::policy::{
    Arguments, Asked, Effect, Facts, Line, McpCall, Policies, Protocol, Question, Subject, Who,
};
use sluice_beside::Cedar;

/// What a team of agents might have: effect, pattern, condition.
const RULES: &[(Effect, &str, &str)] = &[
    (
        Effect::Allow,
        "tools/call search_*",
        "arguments.limit <= 100 && arguments.query.size() < 200",
    ),
    (Effect::Allow, "tools/call get_*", "has(arguments.id)"),
    (
        Effect::Allow,
        "resources/read file:///docs/*",
        "!name.endsWith('.key')",
    ),
    (
        Effect::Approve,
        "tools/call close_ticket",
        "arguments.count > 1",
    ),
    (Effect::Deny, "tools/call delete_*", "true"),
    (
        Effect::Deny,
        "tools/call *",
        "has(arguments.force) && arguments.force == true",
    ),
    (Effect::Deny, "tools/call *", "'secret' in arguments.labels"),
    (Effect::Allow, "prompts/get", "true"),
];

/// Each has a policy of all these rules; the caller has the second.
const ROLES: [&str; 3] = ["Admin", "Agent", "Audit"];

const ARGUMENTS: &str = r#"{"query":"printer on the third floor does not answer","status":["open","pending"],
    "assignee":null,"limit":25,"offset":0,"sort":{"by":"updated","descending":true},
    "labels":["hardware","office","urgent"],"since":"2026-10-01T00:00:00Z"}"#;

fn policies(conditional: bool) -> Policies {
    let line = |(effect, pattern, when): &(Effect, &'static str, &'static str)| Line {
        // Without conditions, the denials that have one are left to patterns that do not match.
        pattern: if *pattern == "tools/call *" && !conditional {
            "tools/call drop_*"
        } else {
            pattern
        },
        when: conditional.then_some(*when),
        ..Line::from((*effect, *pattern))
    };
    let one = |name: &str, role: &str| {
        let who = Who {
            issuer: "entra".into(),
            roles: vec![role.into()],
            ..Who::default()
        };
        policy(name, who, Protocol::Mcp, RULES.iter().map(line)).expect("a policy")
    };
    Policies {
        generation: 1,
        policies: ROLES.map(|role| one(role, role)).into(),
    }
}

fn judgements(criterion: &mut Criterion) {
    let document = Document::parse(ARGUMENTS.as_bytes()).expect("JSON");
    let roles = [Box::from("Reader"), Box::from("Agent")];
    let subject = Subject {
        issuer: "entra",
        tenant: None,
        object: "o",
        kind: PrincipalKind::Application,
        client: Some("app"),
        shown_by: Some("app"),
        roles: &roles,
        groups: Some(&[]),
        scopes: &[],
        agent: None,
        blueprint: None,
    };
    let question = Question {
        asked: Asked::Mcp(McpCall {
            arguments: Arguments::Known(Some(document.root())),
            ..McpCall::bare("tools/call", Some("search_tickets"))
        }),
        facts: Facts::at(0),
    };
    let mut group = criterion.benchmark_group("policy: one tool call, 3 policies of 8 rules");
    for (name, policies) in [
        ("patterns", policies(false)),
        ("with conditions", policies(true)),
    ] {
        let allowed = judge(&policies, &subject, &question).verdict.effect();
        assert_eq!(allowed, Effect::Allow, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| judge(black_box(&policies), &subject, black_box(&question)));
        });
    }
    let conditional = policies(true);
    group.bench_function("with conditions, listed", |bencher| {
        bencher.iter(|| shows(black_box(&conditional), &subject, black_box(&question)));
    });

    let cedar = Cedar::new(ROLES, &["Reader", "Agent"], "search_tickets", ARGUMENTS);
    let request = cedar.request();
    assert!(cedar.allows(&request));
    group.bench_function("with conditions, cedar", |bencher| {
        bencher.iter(|| cedar.allows(black_box(&request)));
    });
    group.bench_function(
        "with conditions, cedar, its request made of the call",
        |bencher| {
            bencher.iter(|| cedar.allows(&cedar.request()));
        },
    );

    // The three conditions that the call above meets.
    let programs = [RULES[0].2, RULES[5].2, RULES[6].2].map(|text| {
        let parsed = cel::parser::Parser::new().parse(text);
        parsed.expect("a condition")
    });
    let run = |context: &Context<'_, '_>| {
        let truths = programs
            .each_ref()
            .map(|program| Value::resolve(program, context));
        assert_eq!(
            truths.map(Result::ok),
            [true, false, false].map(|truth| Some(Value::Bool(truth)))
        );
    };
    let context = || {
        let mut context = Context::default();
        context.add_variable_from_value("arguments", as_cel(document.root()));
        context.add_variable_from_value("name", "search_tickets");
        context
    };
    let made = context();
    group.bench_function("the same conditions alone, cel interpreter", |bencher| {
        bencher.iter(|| run(black_box(&made)));
    });
    group.bench_function("the same, its context made of the call", |bencher| {
        bencher.iter(|| run(&context()));
    });
}

fn as_cel(value: sluice::json::Value<'_>) -> Value {
    match value.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(value.as_bool().unwrap_or_default()),
        Kind::Number => Value::Int(value.as_u64().unwrap_or_default() as i64),
        Kind::String => value.as_str().unwrap_or_default().into(),
        Kind::Array => Value::List(Arc::new(value.items().map(as_cel).collect())),
        Kind::Object => {
            let members = value.members();
            let members = members
                .map(|(name, value)| (Key::String(Arc::new(name.to_owned())), as_cel(value)));
            Value::Map(Map {
                map: Arc::new(members.collect::<HashMap<_, _>>()),
            })
        }
    }
}

criterion_group!(benches, judgements);
criterion_main!(benches);
