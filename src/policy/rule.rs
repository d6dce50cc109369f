//! Who a policy is for and what its rules say.

use std::sync::Arc;

use super::pattern::CallPattern;

/// What a rule does with the calls it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The call goes on.
    Allow,
    /// The call needs a person's yes. In this version nobody can give one, so it is refused with a
    /// reason of its own.
    Approve,
    /// The call is refused whatever else allows it.
    Deny,
}

impl Effect {
    /// The word the configuration uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::Approve => "approve",
            Effect::Deny => "deny",
        }
    }
}

/// One line of a policy.
#[derive(Debug)]
pub struct Rule {
    /// `POLICY/N`, N counting from 1: how refusals and recordings name it.
    pub name: Arc<str>,
    /// What it does.
    pub effect: Effect,
    /// The calls it covers.
    pub calls: CallPattern,
}

impl Rule {
    /// True when the rule is about this call. An `allow` is about what it says and nothing else; the
    /// others also about what an upstream may take for the same.
    #[must_use]
    pub fn covers(&self, method: &str, path: &str) -> bool {
        match self.effect {
            Effect::Allow => self.calls.matches(method, path),
            Effect::Approve | Effect::Deny => self.calls.touches(method, path),
        }
    }
}

/// The callers a policy is for: of this issuer, and in at least one of each list that is given.
#[derive(Debug, Default)]
pub struct Who {
    /// The configured issuer's name.
    pub issuer: String,
    /// Application roles, any of which satisfies.
    pub roles: Vec<String>,
    /// Group object ids, any of which satisfies.
    pub groups: Vec<String>,
    /// Client (application) ids, any of which satisfies.
    pub clients: Vec<String>,
}

/// A named set of rules for some callers on one connection.
#[derive(Debug)]
pub struct Policy {
    /// The configured name.
    pub name: Arc<str>,
    /// Whom it is for.
    pub who: Who,
    /// Its rules, in the order written; order decides nothing but which is named first.
    pub rules: Vec<Arc<Rule>>,
}

/// All policies of one connection, at one generation of the configuration.
#[derive(Debug, Default)]
pub struct Policies {
    /// Counts configurations; a permit of another generation is not honoured.
    pub generation: u64,
    /// In the order written.
    pub policies: Vec<Policy>,
}
