//! The one function that decides: for requests, for what a list shows, for streams that a reload may
//! cut, and for `sluice policy explain`.

use std::sync::Arc;

use super::facts::{Arguments, Asked, Facts, McpCall, Subject};
use super::rule::{Effect, Policies, Rule};
use super::when::{Trouble, Truth};
use super::who::Included;

/// What is judged.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The call.
    pub asked: Asked<'a>,
    /// What is known beside it.
    pub facts: Facts<'a>,
}

/// What comes of a judgement.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What holds.
    pub verdict: Verdict,
    /// What would hold if rules in shadow counted, where that is something else.
    pub shadowed: Option<Verdict>,
}

/// The verdict on one call.
#[derive(Clone, Debug)]
pub enum Verdict {
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
    /// The condition of this rule, which covers the call, cannot be judged.
    Condition(Arc<Rule>, Trouble),
    /// No rule of any policy for this caller covers it.
    NoRule,
    /// A policy goes by groups, and the token does not say which the caller is in.
    GroupsUnknown,
    /// No rule covers it, but one would if a user had allowed the client one of these scopes: all
    /// that policies name which the caller meets but for that, each once.
    ScopeMissing(Arc<Vec<Box<str>>>),
}

impl Verdict {
    /// The word the configuration has for it.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Verdict::Allow(_) => Effect::Allow,
            Verdict::Approve(_) => Effect::Approve,
            Verdict::Deny(_) => Effect::Deny,
        }
    }

    /// The rule it is due to, where it is one.
    #[must_use]
    pub fn rule(&self) -> Option<&Arc<Rule>> {
        match self {
            Verdict::Allow(rule)
            | Verdict::Approve(rule)
            | Verdict::Deny(Denial::Rule(rule) | Denial::Condition(rule, _)) => Some(rule),
            Verdict::Deny(Denial::NoRule | Denial::GroupsUnknown | Denial::ScopeMissing(_)) => None,
        }
    }
}

/// Whether some arguments of this call could be allowed, or approved: what a list shows. Judged as the
/// call will be, with arguments that nobody knows yet, so that what is hidden cannot be called.
#[must_use]
pub fn shows(policies: &Policies, subject: &Subject<'_>, question: &Question<'_>) -> bool {
    let asked = match question.asked {
        Asked::Mcp(call) => Asked::Mcp(McpCall {
            arguments: Arguments::Unknown,
            ..call
        }),
        http => http,
    };
    let question = Question { asked, ..*question };
    let judgement = judge_with(policies, subject, &question, Doubt::Shows);
    judgement.verdict.effect() != Effect::Deny
}

/// On whose side a doubt about a condition is, where arguments are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// A call: a condition that might hold might also fail.
    Refuses,
    /// A list: shown is what some arguments would let through.
    Shows,
}

/// Judges a call: deny beats approve beats allow, and nothing matching means deny. A condition that
/// cannot be judged denies, whatever its rule says.
#[must_use]
pub fn judge(policies: &Policies, subject: &Subject<'_>, question: &Question<'_>) -> Judgement {
    judge_with(policies, subject, question, Doubt::Refuses)
}

fn judge_with(
    policies: &Policies,
    subject: &Subject<'_>,
    question: &Question<'_>,
    doubt: Doubt,
) -> Judgement {
    let (mut real, mut with_shadows) = (Tally::default(), Tally::default());
    let mut in_shadow = false;
    for policy in &policies.policies {
        let included = policy.who.includes(subject);
        if matches!(included, Included::No | Included::LacksScope) {
            continue;
        }
        let covering = policy.rules.iter();
        for rule in covering.filter(|rule| rule.covers(&question.asked)) {
            if included == Included::ByClient && rule.effect != Effect::Deny {
                continue;
            }
            let word = Word {
                rule,
                included,
                truth: rule.holds(question, subject),
            };
            with_shadows.take(&word, doubt);
            match rule.shadow {
                true => in_shadow = true,
                false => real.take(&word, doubt),
            }
        }
    }
    let verdict = match real.verdict() {
        Verdict::Deny(Denial::NoRule) => Verdict::Deny(unless_scoped(policies, subject, question)),
        verdict => verdict,
    };
    let other = in_shadow.then(|| with_shadows.verdict());
    Judgement {
        shadowed: other.filter(|other| other.effect() != verdict.effect()),
        verdict,
    }
}

/// What one rule has to say.
struct Word<'p> {
    rule: &'p Arc<Rule>,
    included: Included,
    truth: Truth,
}

/// The rules that a verdict is made of, as far as they matter to it.
#[derive(Default)]
struct Tally<'p> {
    strongest: Option<&'p Arc<Rule>>,
    /// The strongest word of a policy that may or may not be for this caller.
    unknown: Option<Effect>,
    failed: Option<(&'p Arc<Rule>, Trouble)>,
}

impl<'p> Tally<'p> {
    fn take(&mut self, word: &Word<'p>, doubt: Doubt) {
        let Word { rule, included, .. } = *word;
        let holds = match (word.truth, doubt) {
            (Truth::Yes, _) => true,
            (Truth::No, _) => false,
            (Truth::Wrong(trouble), _) => {
                self.failed.get_or_insert((rule, trouble));
                false
            }
            (Truth::Unknown, Doubt::Refuses) => {
                self.failed.get_or_insert((rule, Trouble::UNKNOWN));
                false
            }
            // An `approve` of a policy that may be for this caller only refuses.
            (Truth::Unknown, Doubt::Shows) => {
                rule.effect != Effect::Deny && included == Included::Yes
            }
        };
        match (included, rule.effect) {
            _ if !holds => {}
            (Included::Yes, _) | (_, Effect::Deny) => {
                if self
                    .strongest
                    .is_none_or(|before| rule.effect > before.effect)
                {
                    self.strongest = Some(rule);
                }
            }
            (_, effect) => self.unknown = self.unknown.max(Some(effect)),
        }
    }

    fn verdict(&self) -> Verdict {
        if let Some(rule) = self.strongest
            && rule.effect == Effect::Deny
        {
            return Verdict::Deny(Denial::Rule(Arc::clone(rule)));
        }
        if let Some((rule, trouble)) = self.failed {
            return Verdict::Deny(Denial::Condition(Arc::clone(rule), trouble));
        }
        match self.strongest.map(|rule| (rule.effect, Arc::clone(rule))) {
            // An `approve` that may be for this caller beats an `allow` that is.
            _ if self.unknown == Some(Effect::Approve) => Verdict::Deny(Denial::GroupsUnknown),
            Some((Effect::Approve, rule)) => Verdict::Approve(rule),
            Some((_, rule)) => Verdict::Allow(rule),
            None if self.unknown.is_some() => Verdict::Deny(Denial::GroupsUnknown),
            None => Verdict::Deny(Denial::NoRule),
        }
    }
}

/// Nothing covers the call. A scope may be all that is missing.
fn unless_scoped(policies: &Policies, subject: &Subject<'_>, question: &Question<'_>) -> Denial {
    let mut scopes: Vec<Box<str>> = Vec::new();
    for policy in &policies.policies {
        let would = |rule: &Arc<Rule>| {
            rule.effect != Effect::Deny
                && !rule.shadow
                && rule.covers(&question.asked)
                && matches!(rule.holds(question, subject), Truth::Yes | Truth::Unknown)
        };
        if policy.who.includes(subject) != Included::LacksScope || !policy.rules.iter().any(would) {
            continue;
        }
        for scope in &policy.who.scopes {
            if !scopes.iter().any(|one| **one == **scope) {
                scopes.push(scope.as_str().into());
            }
        }
    }
    match scopes.is_empty() {
        true => Denial::NoRule,
        false => Denial::ScopeMissing(Arc::new(scopes)),
    }
}

#[cfg(test)]
mod lists;
#[cfg(test)]
mod order;
#[cfg(test)]
mod tests;
