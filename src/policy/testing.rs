//! What the tests of this room share.

use super::compile::{Line, Protocol, policy};
use super::facts::Subject;
use super::rule::{Policies, Policy};
use super::who::Who;
use crate::auth::PrincipalKind;

/// A user of whom nothing is known but who shows the token.
pub(super) const NOBODY: Subject<'static> = Subject {
    issuer: "entra",
    tenant: None,
    object: "o",
    kind: PrincipalKind::User,
    client: None,
    shown_by: Some("tool"),
    roles: &[],
    groups: Some(&[]),
    scopes: &[],
    agent: None,
    blueprint: None,
};

/// Callers with one of these roles and one of these groups.
pub(super) fn named(roles: &[&str], groups: &[&str]) -> Who {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    Who {
        issuer: "entra".into(),
        roles: owned(roles),
        groups: owned(groups),
        ..Who::default()
    }
}

pub(super) fn set(policies: Vec<Policy>) -> Policies {
    Policies {
        generation: 1,
        policies,
    }
}

/// Policies of an `mcp` connection, all for whoever has the role `Reader`.
pub(super) fn mcp(lines: &[Line<'static>]) -> Policies {
    let who = named(&["Reader"], &[]);
    set(vec![
        policy("p", who, Protocol::Mcp, lines.iter().copied()).expect("a policy"),
    ])
}
