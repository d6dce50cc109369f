//! What one judgement allocates: **nothing**, whatever rules and conditions it goes through, as long
//! as no value has to be decoded.

use sluice::auth::PrincipalKind;
use sluice::json::{Keys, Tape};
use sluice::policy::compile::policy;
use sluice::policy::judge::{judge, shows};
use sluice::policy::{
    Arguments, Asked, Effect, Facts, Fields, Line, McpCall, Policies, Protocol, Question, Subject,
    Who,
};

fn policies() -> Policies {
    let when = |effect, pattern, when| Line {
        when: Some(when),
        ..Line::from((effect, pattern))
    };
    let lines = [
        when(
            Effect::Allow,
            "tools/call search_*",
            "arguments.count < 100 && arguments.query.startsWith('open') && !(arguments.kind in ['a', 'b'])",
        ),
        when(
            Effect::Deny,
            "tools/call *",
            "has(arguments.force) && arguments.force == true || 'x' in arguments.tags",
        ),
        when(
            Effect::Deny,
            "tools/call *",
            "size(arguments.tags) > 9 || claims.client == 'bad' || 'Banned' in claims.roles",
        ),
        when(
            Effect::Deny,
            "*",
            "now.hour > 22 || headers['x-team'] == 'red' || annotations.destructiveHint",
        ),
        Line::from((Effect::Deny, "tools/call Delete_*")),
    ];
    let who = Who {
        issuer: "entra".into(),
        roles: vec!["Reader".into()],
        ..Who::default()
    };
    Policies {
        generation: 1,
        policies: vec![policy("p", who, Protocol::Mcp, lines).expect("a policy")],
    }
}

const ARGUMENTS: &[u8] =
    br#"{"count":25,"query":"open and \u0061ssigned","kind":"c","tags":["y","z"],"force":false}"#;

#[test]
fn a_judgement_allocates_nothing() {
    let policies = policies();
    let (mut arguments, mut annotations) = (Tape::new(), Tape::new());
    let arguments = arguments.parse(ARGUMENTS, Keys::Distinct).expect("JSON");
    let annotations = annotations.parse(br#"{"destructiveHint":false}"#, Keys::Distinct);
    let annotations = annotations.expect("JSON");
    let roles = [Box::from("Reader"), Box::from("Writer")];
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
    let call = McpCall {
        arguments: Arguments::Known(Some(arguments.root())),
        annotations: Some(annotations.root()),
        ..McpCall::bare("tools/call", Some("search_tickets"))
    };
    let question = Question {
        asked: Asked::Mcp(call),
        facts: Facts {
            fields: Fields::Listed(&[("x-team", b"blue")]),
            ..Facts::at(0)
        },
    };
    let effect = || judge(&policies, &subject, &question).verdict.effect();
    assert_eq!(effect(), Effect::Allow);
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            std::hint::black_box(effect());
            std::hint::black_box(shows(&policies, &subject, &question));
        }
    });
    assert_eq!(counted.count_total, 0);
}
