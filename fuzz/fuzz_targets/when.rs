//! Conditions: a text is refused or can be judged, at bounded cost; and what is certain before the
//! arguments are known stays so.
//!
//! The input is a condition and, after a NUL, the JSON of the call's arguments and body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::auth::PrincipalKind;
use sluice::json::Document;
use sluice::policy::{
    Arguments, Asked, Facts, Fields, McpCall, Protocol, Question, Subject, Truth, When,
};

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or_default()) else {
        return;
    };
    let document = Document::parse(parts.next().unwrap_or_default()).ok();
    let value = document.as_ref().map(Document::root);
    for protocol in [Protocol::Mcp, Protocol::Http] {
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
    }
});

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
        },
        facts: Facts {
            query: "a=1&%24top=5&b=%zz",
            fields: Fields::Listed(&[("x-a", b"1"), ("x-b", b"\xff")]),
            body: arguments,
            ..Facts::at(1_795_348_800)
        },
    };
    when.holds(&question, &subject)
}
