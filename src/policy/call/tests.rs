use super::*;
use crate::policy::rule::Effect;
use crate::policy::testing::{NOBODY, mcp};

/// What comes of a batch: the rules that allow it, or what refuses it and where.
fn decided(policies: &Policies, calls: &[(&str, Option<&str>)]) -> String {
    let calls: Vec<_> = calls
        .iter()
        .map(|(method, name)| McpCall::bare(method, *name))
        .collect();
    let roles = [Box::from("Reader")];
    let subject = Subject {
        roles: &roles,
        ..NOBODY
    };
    match decide_all(All::Mcp(&calls, Facts::at(0)), &subject, policies) {
        Ok((rule, more)) => {
            let others = more.iter().flat_map(|more| &more.others);
            let names = std::iter::once(&rule).chain(others);
            let names: Vec<&str> = names.map(|rule| &*rule.name).collect();
            format!("allow {}", names.join(" "))
        }
        Err(stop) => match stop.why {
            Why::Approval(rule) => format!("approve {} at {}", rule.name, stop.at),
            Why::Denial(Denial::Rule(rule)) => format!("deny {} at {}", rule.name, stop.at),
            Why::Denial(denial) => format!("{denial:?} at {}", stop.at),
        },
    }
}

#[test]
fn a_batch_is_allowed_when_each_of_it_is() {
    let policies = mcp(&[
        (Effect::Allow, "tools/call").into(),
        (Effect::Approve, "tools/call close").into(),
        (Effect::Deny, "tools/call delete").into(),
    ]);
    let (open, close, delete) = (
        ("tools/call", Some("open")),
        ("tools/call", Some("close")),
        ("tools/call", Some("delete")),
    );
    let list = ("tools/list", None);
    let unknown = ("vendor/thing", None);
    for (calls, want) in [
        (&[open][..], "allow p/1"),
        (&[open, list, open], "allow p/1 p/lifecycle p/1"),
        (&[open, close, list], "approve p/2 at 1"),
        (&[close, open, delete], "deny p/3 at 2"),
        (&[list, unknown, delete], "NoRule at 1"),
        (&[], "NoRule at 0"),
    ] {
        assert_eq!(decided(&policies, calls), want);
    }
}
