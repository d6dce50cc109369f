use super::*;
use crate::policy::compile::{Line, Protocol, policy};
use crate::policy::facts::Fields;
use crate::policy::rule::Effect;
use crate::policy::testing::{NOBODY, set};
use crate::policy::who::Who;

fn allowing(when: Option<&str>, protocol: Protocol, pattern: &str) -> Policies {
    let who = Who {
        issuer: "entra".into(),
        scopes: vec!["read".into()],
        ..Who::default()
    };
    let line = Line {
        when,
        ..Line::from((Effect::Allow, pattern))
    };
    set(vec![policy("p", who, protocol, [line]).expect("a policy")])
}

fn asked(arguments: &str) -> AskedBefore {
    let (arguments, annotations) = (
        Document::parse(arguments.as_bytes()).expect("JSON"),
        Document::parse(br#"{"readOnlyHint":true}"#).expect("JSON"),
    );
    let call = McpCall {
        arguments: Arguments::Known(Some(arguments.root())),
        annotations: Some(annotations.root()),
        ..McpCall::bare("tools/call", Some("watch"))
    };
    let facts = Facts {
        source: Source {
            ip: Some("10.0.0.7".parse().expect("an address")),
            spiffe: Some("spiffe://td/a"),
            certificate: None,
        },
        ..Facts::at(10)
    };
    AskedBefore::mcp(&[McpCall::bare("tools/list", None), call], &facts)
}

fn still(policies: &Policies, before: &AskedBefore, wall: u64) -> bool {
    let scopes = [Box::from("read")];
    let subject = Subject {
        scopes: &scopes,
        ..NOBODY
    };
    before.passes(policies, &subject, wall)
}

#[test]
fn a_stream_keeps_its_right_while_the_rules_give_it() {
    let small = asked(r#"{"count":2}"#);
    for (pattern, when, want) in [
        ("tools/call watch", None, true),
        ("tools/call search", None, false),
        ("prompts/get", None, false),
        ("tools/call", Some("arguments.count < 5"), true),
        ("tools/call", Some("arguments.count > 5"), false),
        ("tools/call", Some("annotations.readOnlyHint"), true),
        ("tools/call", Some("source.ip == '10.0.0.7'"), true),
        ("tools/call", Some("now.unix < 100"), true),
        ("tools/call", Some("now.unix < 20"), false),
        ("tools/call", Some("has(headers.host)"), false),
    ] {
        let policies = allowing(when, Protocol::Mcp, pattern);
        assert_eq!(still(&policies, &small, 50), want, "{pattern} {when:?}");
    }
    let policies = allowing(None, Protocol::Mcp, "tools/call");
    assert!(!small.passes(&policies, &NOBODY, 50), "the scope is gone");
    assert!(!still(&Policies::default(), &small, 50));
}

#[test]
fn what_was_too_long_to_keep_is_not_known() {
    let large = asked(&format!(
        r#"{{"count":2,"text":"{}"}}"#,
        "x".repeat(ASKED_BYTES)
    ));
    let by_name = allowing(None, Protocol::Mcp, "tools/call watch");
    assert!(still(&by_name, &large, 0));
    let by_argument = allowing(Some("arguments.count < 5"), Protocol::Mcp, "tools/call");
    assert!(!still(&by_argument, &large, 0));
    let either = Some("name == 'watch' || arguments.count < 5");
    assert!(still(
        &allowing(either, Protocol::Mcp, "tools/call"),
        &large,
        0
    ));
}

#[test]
fn an_http_call_is_judged_again_too() {
    let facts = Facts {
        query: "a=1",
        fields: Fields::Listed(&[("x-a", b"1")]),
        ..Facts::at(0)
    };
    let before = AskedBefore::http("GET", "/stream", &facts);
    for (pattern, when, want) in [
        ("GET /stream", None, true),
        ("GET /**", Some("query.a == '1'"), true),
        ("GET /**", Some("headers['x-a'] == '1'"), false),
        ("POST /**", None, false),
    ] {
        let policies = allowing(when, Protocol::Http, pattern);
        assert_eq!(still(&policies, &before, 0), want, "{pattern} {when:?}");
    }
}

#[test]
fn nothing_asked_is_nothing_allowed() {
    let nothing = AskedBefore::mcp(&[], &Facts::at(0));
    assert!(!still(&allowing(None, Protocol::Mcp, "*"), &nothing, 0));
}
