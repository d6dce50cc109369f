//! From the configuration's words to rules that can be judged.

use std::sync::Arc;

use thiserror::Error;

use super::graph::{GraphPattern, GraphPatternError};
use super::mcp::{McpPattern, McpPatternError};
use super::pattern::{CallPattern, PatternError};
use super::rule::{Calls, Effect, Policy, Rule};
use super::when::{When, WhenError};
use super::who::Who;

/// In whose terms a connection's rules are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `METHOD[,METHOD…] /path`; see [`super::pattern`].
    Http,
    /// `METHOD[,METHOD…] [NAME]`; see [`super::mcp`].
    Mcp,
    /// `METHOD[,METHOD…] /path` in one spelling; see [`super::graph`].
    Graph,
}

/// One rule as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Line<'t> {
    /// What it does.
    pub effect: Effect,
    /// Which calls it is about.
    pub pattern: &'t str,
    /// Under what condition; see [`super::when`].
    pub when: Option<&'t str>,
    /// Judged and told, but decides nothing.
    pub shadow: bool,
    /// What an `allow` of Microsoft Graph lets `$expand` name; see [`super::graph`].
    pub expand: &'t [String],
}

impl<'t> From<(Effect, &'t str)> for Line<'t> {
    fn from((effect, pattern): (Effect, &'t str)) -> Line<'t> {
        Line {
            effect,
            pattern,
            when: None,
            shadow: false,
            expand: &[],
        }
    }
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// `who` names an issuer only: every application of a tenant can get a role-less token.
    #[error(
        "`who` must name at least one of roles, groups, clients or scopes: a valid token alone is not a right"
    )]
    NobodyNamed,
    /// A rule is not usable; the number counts from 1.
    #[error("rule {0}: {1}")]
    Rule(usize, LineError),
}

/// Why a rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// Its pattern, over HTTP.
    #[error(transparent)]
    Http(#[from] PatternError),
    /// Its pattern, over the Model Context Protocol.
    #[error(transparent)]
    Mcp(#[from] McpPatternError),
    /// Its pattern, of Microsoft Graph.
    #[error(transparent)]
    Graph(#[from] GraphPatternError),
    /// Its condition.
    #[error("when: {0}")]
    When(#[from] WhenError),
}

/// Makes a policy of its name, subject and lines.
///
/// # Errors
/// When nobody is named, a pattern can never match or a condition cannot be judged.
pub fn policy<'t, L: Into<Line<'t>>>(
    name: &str,
    who: Who,
    protocol: Protocol,
    lines: impl IntoIterator<Item = L>,
) -> Result<Policy, PolicyError> {
    if who.names_nobody() {
        return Err(PolicyError::NobodyNamed);
    }
    let rule = |(index, line): (usize, L)| {
        let number = index + 1;
        let rule = rule(format!("{name}/{number}").into(), protocol, line.into());
        rule.map_err(|why| PolicyError::Rule(number, why))
    };
    let rules = lines.into_iter().enumerate().map(rule);
    let mut rules: Vec<_> = rules.collect::<Result<_, _>>()?;
    if protocol == Protocol::Mcp {
        rules.push(lifecycle(name));
    }
    Ok(Policy {
        name: name.into(),
        who,
        rules,
    })
}

fn rule(name: Arc<str>, protocol: Protocol, line: Line<'_>) -> Result<Arc<Rule>, LineError> {
    Ok(Arc::new(Rule {
        name,
        effect: line.effect,
        calls: match protocol {
            Protocol::Http => Calls::Http(CallPattern::parse(line.pattern)?),
            Protocol::Mcp => Calls::Mcp(McpPattern::parse(line.pattern)?),
            Protocol::Graph => Calls::Graph(GraphPattern::parse(line.pattern, line.expand)?),
        },
        when: line
            .when
            .map(|text| When::parse(text, protocol))
            .transpose()?,
        shadow: line.shadow,
    }))
}

/// Whoever may call anything may hold the conversation in which it is called.
fn lifecycle(policy: &str) -> Arc<Rule> {
    Arc::new(Rule {
        name: format!("{policy}/lifecycle").into(),
        effect: Effect::Allow,
        calls: Calls::Mcp(McpPattern::lifecycle()),
        when: None,
        shadow: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_for_everybody_is_refused() {
        let who = Who {
            issuer: "entra".into(),
            ..Who::default()
        };
        let line = (Effect::Allow, "GET /x");
        assert_eq!(
            policy("all", who, Protocol::Http, [line]).err(),
            Some(PolicyError::NobodyNamed)
        );
    }

    #[test]
    fn a_pattern_is_read_in_the_connections_terms() {
        let who = || Who {
            issuer: "entra".into(),
            scopes: vec!["read".into()],
            ..Who::default()
        };
        let of = |protocol, pattern| policy("p", who(), protocol, [(Effect::Allow, pattern)]);
        assert!(of(Protocol::Mcp, "tools/call x").is_ok());
        assert!(of(Protocol::Http, "GET /x").is_ok());
        assert!(matches!(
            of(Protocol::Http, "tools/call x"),
            Err(PolicyError::Rule(1, LineError::Http(_)))
        ));
        assert!(matches!(
            of(Protocol::Mcp, "tools/"),
            Err(PolicyError::Rule(1, LineError::Mcp(_)))
        ));
    }
}
