//! What each policy contributed to a verdict, for `sluice policy explain`.

use std::sync::Arc;

use super::facts::Subject;
use super::judge::Question;
use super::rule::{Policies, Policy, Rule};
use super::when::Truth;

/// One policy's part in a judgement.
#[derive(Debug)]
pub struct Consideration {
    /// The policy's name.
    pub policy: Arc<str>,
    /// Whether the caller is among its subjects, in a word or two.
    pub for_caller: &'static str,
    /// The rules that cover the call.
    pub rules: Vec<Considered>,
}

/// A rule that covers the call.
#[derive(Debug)]
pub struct Considered {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Whether its condition holds.
    pub truth: Truth,
}

/// What each policy contributed to [`judge`](super::judge::judge)'s verdict on the same call.
#[must_use]
pub fn explain(
    policies: &Policies,
    subject: &Subject<'_>,
    question: &Question<'_>,
) -> Vec<Consideration> {
    let considered = |rule: &Arc<Rule>| Considered {
        rule: Arc::clone(rule),
        truth: rule.holds(question, subject),
    };
    let consider = |policy: &Policy| Consideration {
        policy: Arc::clone(&policy.name),
        for_caller: policy.who.includes(subject).as_str(),
        rules: policy
            .rules
            .iter()
            .filter(|rule| rule.covers(&question.asked))
            .map(considered)
            .collect(),
    };
    policies.policies.iter().map(consider).collect()
}
