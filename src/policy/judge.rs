//! The one function that decides, for requests and for `sluice policy explain` alike.

use std::sync::Arc;

use super::rule::{Effect, Policies, Rule, Who};

/// What is known of a caller when its call is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The configured name of the issuer that vouches for it.
    pub issuer: &'a str,
    /// The client (application) id, when it acts for itself: then it may authorise.
    pub client: Option<&'a str>,
    /// The client that shows the token, whoever it acts for. It authorises nothing, and what is
    /// denied to it is denied.
    pub shown_by: Option<&'a str>,
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

/// Whether a policy is for a caller. What is not certain satisfies no `allow` and trips every `deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Included {
    Yes,
    No,
    /// It goes by groups, and the token leaves them out.
    Unknown,
    /// It names the client by which somebody else calls: only its denials count.
    ByClient,
}

impl Who {
    fn includes(&self, subject: &Subject<'_>) -> Included {
        let any_of = |wanted: &[String], held: &[Box<str>]| {
            wanted.is_empty() || held.iter().any(|one| wanted.iter().any(|w| **w == **one))
        };
        let named = |client: Option<&str>| {
            client.is_some_and(|client| self.clients.iter().any(|one| one == client))
        };
        let for_itself = self.clients.is_empty() || named(subject.client);
        if self.issuer != subject.issuer
            || !any_of(&self.roles, subject.roles)
            || !(for_itself || named(subject.shown_by))
            || subject
                .groups
                .is_some_and(|held| !any_of(&self.groups, held))
        {
            return Included::No;
        }
        match subject.groups {
            _ if !for_itself => Included::ByClient,
            None if !self.groups.is_empty() => Included::Unknown,
            _ => Included::Yes,
        }
    }
}

/// Judges a call: deny beats approve beats allow, and nothing matching means deny.
#[must_use]
pub fn judge(policies: &Policies, subject: &Subject<'_>, method: &str, path: &str) -> Judgement {
    let mut strongest: Option<&Arc<Rule>> = None;
    let mut unknown: Option<Effect> = None;
    for policy in &policies.policies {
        let included = policy.who.includes(subject);
        if included == Included::No {
            continue;
        }
        for rule in policy.rules.iter().filter(|rule| rule.covers(method, path)) {
            match (included, rule.effect) {
                (Included::Yes, _) | (_, Effect::Deny) => {
                    if strongest.is_none_or(|before| rule.effect > before.effect) {
                        strongest = Some(rule);
                    }
                }
                (Included::Unknown, effect) => unknown = unknown.max(Some(effect)),
                (Included::ByClient | Included::No, _) => {}
            }
        }
    }
    match strongest.map(|rule| (rule.effect, Arc::clone(rule))) {
        Some((Effect::Deny, rule)) => Judgement::Deny(Denial::Rule(rule)),
        // An `approve` that may be for this caller beats an `allow` that is.
        _ if unknown == Some(Effect::Approve) => Judgement::Deny(Denial::GroupsUnknown),
        Some((Effect::Approve, rule)) => Judgement::Approve(rule),
        Some((Effect::Allow, rule)) => Judgement::Allow(rule),
        None if unknown.is_some() => Judgement::Deny(Denial::GroupsUnknown),
        None => Judgement::Deny(Denial::NoRule),
    }
}

/// One policy's part in a judgement, for `sluice policy explain`.
#[derive(Debug)]
pub struct Consideration {
    /// The policy's name.
    pub policy: Arc<str>,
    /// Whether the caller is among its subjects, in a word or two.
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
            Included::Yes => "yes",
            Included::No => "no",
            Included::Unknown => "unknown",
            Included::ByClient => "its denials only",
        },
        rules: policy
            .rules
            .iter()
            .filter(|rule| rule.covers(method, path))
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
            shown_by: Some("tool"),
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

    #[test]
    fn an_allow_that_is_certain_needs_no_other() {
        let policies = set(vec![
            policy(
                "open",
                named(&["Reader"], &[]),
                [(Effect::Allow, "GET /**")],
            )
            .expect("a policy"),
            policy("more", named(&[], &["g1"]), [(Effect::Allow, "* /**")]).expect("a policy"),
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
                [(Effect::Allow, "GET /**")],
            )
            .expect("a policy"),
            policy("tool", who, lines).expect("a policy"),
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
            policy("p", named(&["Reader"], &[]), lines).expect("a policy"),
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

    /// A rule, and whether its policy is for the caller, for others, or for groups nobody knows.
    type Line = (u8, u8, u8);

    const CALLS: [&str; 5] = ["* /**", "GET /a/**", "GET /a/b", "PUT /a/*", "GET /*/b"];

    fn set_of(lines: &[Line]) -> Policies {
        let one = |(effect, whose, call): &Line| {
            let effect = [Effect::Allow, Effect::Approve, Effect::Deny][usize::from(*effect) % 3];
            let who = match whose % 3 {
                0 => named(&["Reader"], &[]),
                1 => named(&["Other"], &[]),
                _ => named(&["Reader"], &["g1"]),
            };
            let call = CALLS[usize::from(*call) % CALLS.len()];
            policy("p", who, [(effect, call)]).expect("a policy")
        };
        set(lines.iter().map(one).collect())
    }

    /// The verdict without the rule's name, which order may change.
    fn word(lines: &[Line], groups: Option<&[Box<str>]>, call: (&str, &str)) -> String {
        let text = verdict(&set_of(lines), groups, call.0, call.1);
        text.split(" p/").next().unwrap_or_default().to_owned()
    }

    proptest::proptest! {
        #[test]
        fn the_strongest_word_wins_in_any_order(
            lines in proptest::collection::vec(proptest::prelude::any::<Line>(), 0..8),
            turn in 0_usize..8,
            put in proptest::bool::ANY,
            path in proptest::sample::select(vec!["/", "/a", "/a/b", "/c/b", "/a/b/c"]),
            known in proptest::bool::ANY,
        ) {
            let call = (if put { "PUT" } else { "GET" }, path);
            let member = [Box::from("g1")];
            let groups = known.then_some(&member[..]);
            let before = word(&lines, groups, call);

            // By the book: every rule that is for the caller and covers the call.
            let applies = |line: &&Line| {
                let pattern = CALLS[usize::from(line.2) % CALLS.len()];
                let pattern = super::super::pattern::CallPattern::parse(pattern).expect("one");
                line.1 % 3 != 1 && pattern.matches(call.0, call.1)
            };
            let unsure = |line: &&Line| !known && line.1 % 3 == 2 && line.0 % 3 != 2;
            let word_of = |line: &Line| line.0 % 3;
            let covering = || lines.iter().filter(applies);
            let sure = covering().filter(|line| !unsure(line)).map(word_of).max();
            let perhaps = covering().filter(unsure).map(word_of).max();
            let want = match (sure, perhaps) {
                (Some(2), _) => "deny",
                (_, Some(1)) | (None, Some(_)) => "groups unknown",
                (Some(1), _) => "approve",
                (Some(_), _) => "allow",
                (None, None) => "no rule",
            };
            proptest::prop_assert_eq!(&before, want);

            let mut turned = lines.clone();
            turned.rotate_left(turn.min(lines.len()));
            proptest::prop_assert_eq!(&word(&turned, groups, call), want);
            turned.reverse();
            proptest::prop_assert_eq!(&word(&turned, groups, call), want);

            // One more deny never opens anything.
            turned.push((2, 0, 0));
            proptest::prop_assert_eq!(word(&turned, groups, call), "deny");
        }
    }
}
