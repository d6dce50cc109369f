//! What each policy contributed to a verdict, for `sluice policy explain`.

use std::sync::Arc;

use super::facts::Subject;
use super::judge::Question;
use super::rule::{Policies, Policy, Rule};

/// One policy's part in a judgement.
#[derive(Debug)]
pub struct Consideration {
    /// The policy's name.
    pub policy: Arc<str>,
    /// Whether the caller is among its subjects, in a word or two.
    pub for_caller: &'static str,
    /// The rules that cover the call.
    pub rules: Vec<Arc<Rule>>,
}

/// What each policy contributed to [`judge`](super::judge::judge)'s verdict on the same call.
#[must_use]
pub fn explain(
    policies: &Policies,
    subject: &Subject<'_>,
    question: &Question<'_>,
) -> Vec<Consideration> {
    let consider = |policy: &Policy| Consideration {
        policy: Arc::clone(&policy.name),
        for_caller: policy.who.includes(subject).as_str(),
        rules: policy
            .rules
            .iter()
            .filter(|rule| rule.covers(&question.asked))
            .cloned()
            .collect(),
    };
    policies.policies.iter().map(consider).collect()
}
