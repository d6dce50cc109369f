//! What a rule says, and the set of them that a connection is judged by.

use std::sync::Arc;

use super::facts::{Asked, Subject};
use super::graph::GraphPattern;
use super::judge::Question;
use super::mcp::McpPattern;
use super::pattern::CallPattern;
use super::when::{Truth, When};
use super::who::Who;

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
    /// `POLICY/N`, N counting from 1: how refusals and recordings name it. `POLICY/lifecycle` is the
    /// rule that every policy of an `mcp` connection has beside its own.
    pub name: Arc<str>,
    /// What it does.
    pub effect: Effect,
    /// The calls it covers.
    pub calls: Calls,
    /// Under what condition it is about them; none is always.
    pub when: Option<When>,
    /// Judged like any rule, and told; it decides nothing.
    pub shadow: bool,
}

/// A pattern in the terms of the connection's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Over HTTP method and path.
    Http(CallPattern),
    /// Over a method of the Model Context Protocol and a name.
    Mcp(McpPattern),
    /// Over method and path of Microsoft Graph.
    Graph(GraphPattern),
}

impl Calls {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Calls::Http(pattern) => pattern.as_str(),
            Calls::Mcp(pattern) => pattern.as_str(),
            Calls::Graph(pattern) => pattern.as_str(),
        }
    }
}

impl Rule {
    /// True when the rule is about this call. An `allow` is about what it says and nothing else; the
    /// others also about what an upstream may take for the same. A call of another protocol than the
    /// pattern's is covered by what restricts, since no such call should come here.
    #[must_use]
    pub fn covers(&self, asked: &Asked<'_>) -> bool {
        match (&self.calls, asked) {
            (Calls::Http(calls), Asked::Http { method, path }) => match self.effect {
                Effect::Allow => calls.matches(method, path),
                Effect::Approve | Effect::Deny => calls.touches(method, path),
            },
            (Calls::Mcp(calls), Asked::Mcp(call)) => match self.effect {
                Effect::Allow => calls.matches(call.method, call.name),
                Effect::Approve => calls.touches_beyond_lifecycle(call.method, call.name),
                Effect::Deny => calls.touches(call.method, call.name),
            },
            (Calls::Graph(calls), Asked::Graph(call)) => match self.effect {
                Effect::Allow => calls.matches(call),
                Effect::Approve | Effect::Deny => calls.touches(call),
            },
            (Calls::Http(_) | Calls::Mcp(_) | Calls::Graph(_), _) => self.effect != Effect::Allow,
        }
    }
}

impl Rule {
    /// Whether its condition holds for a call that it covers.
    #[must_use]
    pub fn holds(&self, question: &Question<'_>, subject: &Subject<'_>) -> Truth {
        let condition = self.when.as_ref();
        condition.map_or(Truth::Yes, |when| when.holds(question, subject))
    }
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

impl Policies {
    /// Whether a rule goes by the body of HTTP calls, which must then be read before the decision.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        let mut rules = self.policies.iter().flat_map(|policy| &policy.rules);
        rules.any(|rule| rule.when.as_ref().is_some_and(When::reads_body))
    }

    /// Whether some policy for callers of that issuer goes by their groups.
    #[must_use]
    pub fn goes_by_groups(&self, issuer: &str) -> bool {
        let by_condition = |rule: &Arc<Rule>| rule.when.as_ref().is_some_and(When::reads_groups);
        let mut policies = self.policies.iter();
        policies.any(|policy| {
            let of_issuer = policy.who.issuer == issuer;
            of_issuer && (!policy.who.groups.is_empty() || policy.rules.iter().any(by_condition))
        })
    }
}
