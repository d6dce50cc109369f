use super::super::compile::{Line, Protocol, policy};
use super::super::facts::McpCall;
use super::super::who::Who;
use super::*;
use crate::policy::testing::{NOBODY, mcp, named, set};

pub(super) fn verdict(
    policies: &Policies,
    groups: Option<&[Box<str>]>,
    method: &str,
    path: &str,
) -> String {
    let roles = [Box::from("Reader")];
    let subject = Subject {
        roles: &roles,
        groups,
        ..NOBODY
    };
    let question = Question {
        asked: Asked::Http { method, path },
        facts: Facts::at(0),
    };
    told(&judge(policies, &subject, &question).verdict)
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow(rule) => format!("allow {}", rule.name),
        Verdict::Approve(rule) => format!("approve {}", rule.name),
        Verdict::Deny(Denial::Rule(rule)) => format!("deny {}", rule.name),
        Verdict::Deny(Denial::Condition(rule, _)) => format!("fails {}", rule.name),
        Verdict::Deny(Denial::NoRule) => "no rule".into(),
        Verdict::Deny(Denial::GroupsUnknown) => "groups unknown".into(),
        Verdict::Deny(Denial::ScopeMissing(scopes)) => format!("scopes {}", scopes.join(" ")),
    }
}

#[test]
fn deny_beats_approve_beats_allow_in_any_order() {
    let lines = [
        (Effect::Allow, "GET /**"),
        (Effect::Approve, "GET /b/**"),
        (Effect::Deny, "GET /b/c"),
    ];
    for turn in 0..3 {
        let mut lines = lines;
        lines.rotate_left(turn);
        let policies = set(vec![
            policy("p", named(&["Reader"], &[]), Protocol::Http, lines).expect("a policy"),
        ]);
        assert!(verdict(&policies, Some(&[]), "GET", "/a").starts_with("allow"));
        assert!(verdict(&policies, Some(&[]), "GET", "/b").starts_with("approve"));
        assert!(verdict(&policies, Some(&[]), "GET", "/b/c").starts_with("deny"));
        assert_eq!(verdict(&policies, Some(&[]), "PUT", "/a"), "no rule");
    }
}

#[test]
fn every_list_that_is_given_must_be_met() {
    let policies = set(vec![
        policy(
            "p",
            named(&["Reader"], &["g1"]),
            Protocol::Http,
            [(Effect::Allow, "GET /**")],
        )
        .expect("a policy"),
    ]);
    assert_eq!(
        verdict(&policies, Some(&[Box::from("g1")]), "GET", "/a"),
        "allow p/1"
    );
    assert_eq!(
        verdict(&policies, Some(&[Box::from("g2")]), "GET", "/a"),
        "no rule"
    );
}

#[test]
fn unknown_groups_allow_nothing_and_deny_everything() {
    let policies = set(vec![
        policy(
            "open",
            named(&["Reader"], &[]),
            Protocol::Http,
            [(Effect::Allow, "* /**")],
        )
        .expect("a policy"),
        policy(
            "some",
            named(&[], &["g1"]),
            Protocol::Http,
            [(Effect::Approve, "PUT /**"), (Effect::Deny, "DELETE /**")],
        )
        .expect("a policy"),
    ]);
    assert_eq!(verdict(&policies, None, "GET", "/a"), "allow open/1");
    assert_eq!(verdict(&policies, None, "PUT", "/a"), "groups unknown");
    assert_eq!(verdict(&policies, None, "DELETE", "/a"), "deny some/2");
}

#[test]
fn an_allow_that_is_certain_needs_no_other() {
    let policies = set(vec![
        policy(
            "open",
            named(&["Reader"], &[]),
            Protocol::Http,
            [(Effect::Allow, "GET /**")],
        )
        .expect("a policy"),
        policy(
            "more",
            named(&[], &["g1"]),
            Protocol::Http,
            [(Effect::Allow, "* /**")],
        )
        .expect("a policy"),
    ]);
    assert_eq!(verdict(&policies, None, "GET", "/a"), "allow open/1");
    assert_eq!(verdict(&policies, None, "PUT", "/a"), "groups unknown");
}

#[test]
fn what_is_denied_to_a_client_is_denied_to_whoever_calls_by_it() {
    let who = Who {
        issuer: "entra".into(),
        clients: vec!["tool".into()],
        ..Who::default()
    };
    let lines = [(Effect::Deny, "GET /b"), (Effect::Allow, "PUT /**")];
    let policies = set(vec![
        policy(
            "open",
            named(&["Reader"], &[]),
            Protocol::Http,
            [(Effect::Allow, "GET /**")],
        )
        .expect("a policy"),
        policy("tool", who, Protocol::Http, lines).expect("a policy"),
    ]);
    assert_eq!(verdict(&policies, Some(&[]), "GET", "/a"), "allow open/1");
    assert_eq!(verdict(&policies, Some(&[]), "GET", "/b"), "deny tool/1");
    assert_eq!(
        verdict(&policies, Some(&[]), "PUT", "/b"),
        "no rule",
        "a client's name authorises nobody else"
    );
}

#[test]
fn other_spellings_walk_around_no_deny() {
    let lines = [
        (Effect::Allow, "* /**"),
        (Effect::Deny, "GET /users/42"),
        (Effect::Deny, "DELETE /**"),
        (Effect::Approve, "POST /c++/*"),
    ];
    let policies = set(vec![
        policy("p", named(&["Reader"], &[]), Protocol::Http, lines).expect("a policy"),
    ]);
    for (method, path, want) in [
        ("GET", "/users/43", "allow p/1"),
        ("GET", "/users/42/manager", "allow p/1"),
        ("GET", "/users/42", "deny p/2"),
        ("GET", "/users/42/", "deny p/2"),
        ("GET", "/Users/42", "deny p/2"),
        ("HEAD", "/users/42", "deny p/2"),
        ("get", "/users/42", "deny p/2"),
        ("PUT", "/users/42", "allow p/1"),
        ("delete", "/a", "deny p/3"),
        ("POST", "/c%2B%2b/x", "approve p/4"),
    ] {
        assert_eq!(
            verdict(&policies, Some(&[]), method, path),
            want,
            "{method} {path}"
        );
    }
}

fn judged(policies: &Policies, method: &str, name: Option<&str>) -> Judgement {
    let roles = [Box::from("Reader")];
    let subject = Subject {
        roles: &roles,
        ..NOBODY
    };
    let question = Question {
        asked: Asked::Mcp(McpCall::bare(method, name)),
        facts: Facts::at(0),
    };
    judge(policies, &subject, &question)
}

#[test]
fn whoever_has_a_right_may_converse() {
    let policies = mcp(&[
        (Effect::Allow, "tools/call search_*").into(),
        (Effect::Approve, "tools/*").into(),
        (Effect::Deny, "resources/templates/list").into(),
        (Effect::Deny, "tools/call delete_*").into(),
    ]);
    for (method, name, want) in [
        ("initialize", None, "allow p/lifecycle"),
        ("server/discover", None, "allow p/lifecycle"),
        ("notifications/cancelled", None, "allow p/lifecycle"),
        ("tools/list", None, "allow p/lifecycle"),
        ("GET", None, "allow p/lifecycle"),
        ("resources/templates/list", None, "deny p/3"),
        ("tools/call", Some("search_x"), "approve p/2"),
        ("tools/call", Some("DELETE_x"), "deny p/4"),
        ("prompts/get", Some("x"), "no rule"),
        ("sampling/createMessage", None, "no rule"),
        ("vendor/thing", None, "no rule"),
        ("Tools/list", None, "approve p/2"),
    ] {
        let told = told(&judged(&policies, method, name).verdict);
        assert_eq!(told, want, "{method} {name:?}");
    }
    let stranger = judge(
        &policies,
        &NOBODY,
        &Question {
            asked: Asked::Mcp(McpCall::bare("initialize", None)),
            facts: Facts::at(0),
        },
    );
    assert_eq!(told(&stranger.verdict), "no rule");
}

#[test]
fn a_rule_in_shadow_is_told_and_decides_nothing() {
    let shadow = |effect, pattern| Line {
        shadow: true,
        ..Line::from((effect, pattern))
    };
    let policies = mcp(&[
        (Effect::Allow, "tools/call *").into(),
        shadow(Effect::Deny, "tools/call delete_*"),
        shadow(Effect::Allow, "prompts/get"),
        shadow(Effect::Allow, "tools/call"),
    ]);
    for (method, name, want, aside) in [
        ("tools/call", "search", "allow p/1", None),
        ("tools/call", "delete_x", "allow p/1", Some("deny p/2")),
        ("prompts/get", "x", "no rule", Some("allow p/3")),
        ("resources/read", "x", "no rule", None),
    ] {
        let judgement = judged(&policies, method, Some(name));
        assert_eq!(told(&judgement.verdict), want);
        let shadowed = judgement.shadowed.as_ref().map(told);
        assert_eq!(shadowed.as_deref(), aside, "{method} {name}");
    }
}

#[test]
fn every_scope_that_is_missing_is_named() {
    let scoped = |name, scopes: &[&str], pattern| {
        let who = Who {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..named(&[], &[])
        };
        policy(name, who, Protocol::Mcp, [(Effect::Allow, pattern)]).expect("a policy")
    };
    let policies = set(vec![
        scoped("a", &["read", "all"], "tools/call search"),
        scoped("b", &["write", "all"], "tools/call *"),
        scoped("c", &["admin"], "prompts/get"),
    ]);
    let ask = |scopes: &[Box<str>], name| {
        let subject = Subject { scopes, ..NOBODY };
        let question = Question {
            asked: Asked::Mcp(McpCall::bare("tools/call", Some(name))),
            facts: Facts::at(0),
        };
        told(&judge(&policies, &subject, &question).verdict)
    };
    assert_eq!(ask(&[], "search"), "scopes read all write");
    assert_eq!(ask(&["read".into()], "search"), "allow a/1");
    assert_eq!(ask(&["read".into()], "close"), "scopes write all");
    let other = Subject {
        issuer: "other",
        ..NOBODY
    };
    let question = Question {
        asked: Asked::Mcp(McpCall::bare("tools/call", Some("search"))),
        facts: Facts::at(0),
    };
    assert_eq!(
        told(&judge(&policies, &other, &question).verdict),
        "no rule"
    );
}
