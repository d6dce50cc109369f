//! The one function that decides, for requests and for `sluice policy explain` alike.

use std::sync::Arc;

use super::rule::{Effect, Policies, Rule, Who};

/// What is known of a caller when its call is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The configured name of the issuer that vouches for it.
    pub issuer: &'a str,
    /// The client (application) id, when the token proves one.
    pub client: Option<&'a str>,
    /// The application roles.
    pub roles: &'a [Box<str>],
    /// The group ids, or `None` when the token left them out (overage): unknown, not none.
    pub groups: Option<&'a [Box<str>]>,
}

/// The verdict on one call.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// This rule allows it.
    Allow(Arc<Rule>),
    /// This rule asks for a person's yes.
    Approve(Arc<Rule>),
    /// It is refused.
    Deny(Denial),
}

/// Why a call is refused.
#[derive(Clone, Debug)]
pub enum Denial {
    /// A rule says so.
    Rule(Arc<Rule>),
    /// No rule of any policy for this caller covers it.
    NoRule,
    /// A policy goes by groups, and the token does not say which the caller is in.
    GroupsUnknown,
}

/// Three values: what is unknown satisfies no `allow` and trips every `deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Yes,
    No,
    Unknown,
}

impl Who {
    fn includes(&self, subject: &Subject<'_>) -> Known {
        let any_of = |wanted: &[String], held: &[Box<str>]| {
            wanted.is_empty() || held.iter().any(|one| wanted.iter().any(|w| **w == **one))
        };
        let client = self.clients.is_empty()
            || subject
                .client
                .is_some_and(|client| self.clients.iter().any(|one| one == client));
        if self.issuer != subject.issuer || !client || !any_of(&self.roles, subject.roles) {
            return Known::No;
        }
        match subject.groups {
            _ if self.groups.is_empty() => Known::Yes,
            Some(held) if any_of(&self.groups, held) => Known::Yes,
            Some(_) => Known::No,
            None => Known::Unknown,
        }
    }
}

/// Judges a call: deny beats approve beats allow, and nothing matching means deny.
#[must_use]
pub fn judge(policies: &Policies, subject: &Subject<'_>, method: &str, path: &str) -> Judgement {
    let mut strongest: Option<&Arc<Rule>> = None;
    let mut groups_matter = false;
    for policy in &policies.policies {
        let included = policy.who.includes(subject);
        if included == Known::No {
            continue;
        }
        for rule in policy
            .rules
            .iter()
            .filter(|rule| rule.calls.matches(method, path))
        {
            if included == Known::Unknown && rule.effect != Effect::Deny {
                groups_matter = true;
            } else if strongest.is_none_or(|before| rule.effect > before.effect) {
                strongest = Some(rule);
            }
        }
    }
    match strongest.map(|rule| (rule.effect, Arc::clone(rule))) {
        Some((Effect::Deny, rule)) => Judgement::Deny(Denial::Rule(rule)),
        // An `approve` that may be for this caller beats an `allow` that is.
        _ if groups_matter => Judgement::Deny(Denial::GroupsUnknown),
        Some((Effect::Approve, rule)) => Judgement::Approve(rule),
        Some((Effect::Allow, rule)) => Judgement::Allow(rule),
        None => Judgement::Deny(Denial::NoRule),
    }
}

/// One policy's part in a judgement, for `sluice policy explain`.
#[derive(Debug)]
pub struct Consideration {
    /// The policy's name.
    pub policy: Arc<str>,
    /// `yes`, `no` or `unknown`: whether the caller is among its subjects.
    pub for_caller: &'static str,
    /// The rules that cover the call.
    pub rules: Vec<Arc<Rule>>,
}

/// What each policy contributed to [`judge`]'s verdict on the same call.
#[must_use]
pub fn explain(
    policies: &Policies,
    subject: &Subject<'_>,
    method: &str,
    path: &str,
) -> Vec<Consideration> {
    let consider = |policy: &super::rule::Policy| Consideration {
        policy: Arc::clone(&policy.name),
        for_caller: match policy.who.includes(subject) {
            Known::Yes => "yes",
            Known::No => "no",
            Known::Unknown => "unknown",
        },
        rules: policy
            .rules
            .iter()
            .filter(|rule| rule.calls.matches(method, path))
            .cloned()
            .collect(),
    };
    policies.policies.iter().map(consider).collect()
}

#[cfg(test)]
mod tests {
    use super::super::compile::policy;
    use super::*;

    fn named(roles: &[&str], groups: &[&str]) -> Who {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        Who {
            issuer: "entra".into(),
            roles: owned(roles),
            groups: owned(groups),
            clients: vec![],
        }
    }

    fn verdict(
        policies: &Policies,
        groups: Option<&[Box<str>]>,
        method: &str,
        path: &str,
    ) -> String {
        let roles = [Box::from("Reader")];
        let subject = Subject {
            issuer: "entra",
            client: None,
            roles: &roles,
            groups,
        };
        match judge(policies, &subject, method, path) {
            Judgement::Allow(rule) => format!("allow {}", rule.name),
            Judgement::Approve(rule) => format!("approve {}", rule.name),
            Judgement::Deny(Denial::Rule(rule)) => format!("deny {}", rule.name),
            Judgement::Deny(Denial::NoRule) => "no rule".into(),
            Judgement::Deny(Denial::GroupsUnknown) => "groups unknown".into(),
        }
    }

    fn set(policies: Vec<Policy>) -> Policies {
        Policies {
            generation: 1,
            policies,
        }
    }

    use super::super::rule::Policy;

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
                policy("p", named(&["Reader"], &[]), lines).expect("a policy"),
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
            policy("open", named(&["Reader"], &[]), [(Effect::Allow, "* /**")]).expect("a policy"),
            policy(
                "some",
                named(&[], &["g1"]),
                [(Effect::Approve, "PUT /**"), (Effect::Deny, "DELETE /**")],
            )
            .expect("a policy"),
        ]);
        assert_eq!(verdict(&policies, None, "GET", "/a"), "allow open/1");
        assert_eq!(verdict(&policies, None, "PUT", "/a"), "groups unknown");
        assert_eq!(verdict(&policies, None, "DELETE", "/a"), "deny some/2");
    }
}
