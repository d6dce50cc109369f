//! From the configuration's words to rules that can be judged.

use std::sync::Arc;

use thiserror::Error;

use super::pattern::{CallPattern, PatternError};
use super::rule::{Effect, Policy, Rule, Who};

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// `who` names an issuer only: every application of a tenant can get a role-less token.
    #[error(
        "`who` must name at least one of roles, groups or clients: a valid token alone is not a right"
    )]
    NobodyNamed,
    /// A rule's pattern is not usable; the number counts from 1.
    #[error("rule {0}: {1}")]
    Rule(usize, PatternError),
}

/// Makes a policy of its name, subject and `(effect, pattern)` lines.
///
/// # Errors
/// When nobody is named or a pattern can never match.
pub fn policy<'t>(
    name: &str,
    who: Who,
    lines: impl IntoIterator<Item = (Effect, &'t str)>,
) -> Result<Policy, PolicyError> {
    if who.roles.is_empty() && who.groups.is_empty() && who.clients.is_empty() {
        return Err(PolicyError::NobodyNamed);
    }
    let rule = |(index, (effect, text)): (usize, (Effect, &str))| {
        let number = index + 1;
        let calls = CallPattern::parse(text).map_err(|why| PolicyError::Rule(number, why))?;
        Ok(Arc::new(Rule {
            name: format!("{name}/{number}").into(),
            effect,
            calls,
        }))
    };
    Ok(Policy {
        name: name.into(),
        who,
        rules: lines
            .into_iter()
            .enumerate()
            .map(rule)
            .collect::<Result<_, _>>()?,
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
        assert_eq!(
            policy("all", who, [(Effect::Allow, "GET /x")]).err(),
            Some(PolicyError::NobodyNamed)
        );
    }
}
