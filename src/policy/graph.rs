//! Patterns over calls of Microsoft Graph: those of HTTP, in the one spelling that paths of Graph have,
//! and what `$expand` may reach beside.
//!
//! `GET /v1.0/Users('*')` is `GET /v1.0/users/*`. `/v1.0` and `/beta` are two services, and a rule
//! speaks of the one that it names. A batch is not spoken of: what is in it is judged one by one.

use thiserror::Error;

use super::pattern::{CallPattern, PatternError};
use crate::base::limits::RULE_EXPANDS;
use crate::graph::{self, PathError, readings};

/// One call of Microsoft Graph, as far as rules go by it.
#[derive(Clone, Copy)]
pub struct GraphCall<'a> {
    /// The method.
    pub method: &'a str,
    /// The canonical path, without the route's prefix.
    pub path: &'a str,
    /// What `$expand` asks for; see [`graph::Query::expand`].
    pub expand: &'a [Box<str>],
}

/// Which calls a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphPattern {
    /// In canonical form.
    calls: CallPattern,
    /// The same without namespaces, where that is another.
    wide: Option<CallPattern>,
    /// What an `allow` lets `$expand` name.
    expand: Vec<Box<str>>,
    text: String,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraphPatternError {
    /// It is none of HTTP's.
    #[error(transparent)]
    Http(#[from] PatternError),
    /// No canonical path is like it.
    #[error("`{0}` can never match: {1}")]
    Path(String, PathError),
    /// A rule about batches.
    #[error("a batch needs no rule: each request in it is judged as if it came alone")]
    Batch,
    /// `expand` with something that is no name.
    #[error("`{0}` is not what `$expand` names: a name, names joined by `/`, or `*`")]
    Expand(String),
    /// More than anybody writes.
    #[error("`expand` has at most {RULE_EXPANDS} names")]
    Expands,
}

impl GraphPattern {
    /// Reads `METHOD[,METHOD…] /path`, and what the rule lets `$expand` name.
    ///
    /// # Errors
    /// When the text is not of that form or can never match.
    pub fn parse(text: &str, expand: &[String]) -> Result<GraphPattern, GraphPatternError> {
        let text = text.trim();
        CallPattern::parse(text)?;
        let (methods, path) = text.split_once(' ').ok_or(PatternError::Shape)?;
        let path = path.trim();
        let mut canonical = String::new();
        graph::canonical_pattern(path, &mut canonical)
            .map_err(|why| GraphPatternError::Path(path.to_owned(), why))?;
        if canonical.ends_with("/$batch") {
            return Err(GraphPatternError::Batch);
        }
        if expand.len() > RULE_EXPANDS {
            return Err(GraphPatternError::Expands);
        }
        let name =
            |one: &String| graph::expanded(one).map_err(|_| GraphPatternError::Expand(one.clone()));
        let plain = graph::plain(&canonical);
        let wide = match plain == canonical {
            true => None,
            false => Some(CallPattern::parse(&format!("{methods} {plain}"))?),
        };
        Ok(GraphPattern {
            calls: CallPattern::parse(&format!("{methods} {canonical}"))?,
            wide,
            expand: expand.iter().map(name).collect::<Result<_, _>>()?,
            text: text.to_owned(),
        })
    }

    /// True when the pattern covers this call and names all that it expands.
    #[must_use]
    pub fn matches(&self, call: &GraphCall<'_>) -> bool {
        let named = |asked: &str| {
            self.expand
                .iter()
                .any(|one| **one == *"*" || **one == *asked)
        };
        self.calls.matches(call.method, call.path) && call.expand.iter().all(|asked| named(asked))
    }

    /// True when the pattern covers this call, or one that Graph may take for the same, whatever it
    /// expands.
    #[must_use]
    pub fn touches(&self, call: &GraphCall<'_>) -> bool {
        let touched = |path: &str| {
            self.calls.touches(call.method, path)
                || (self.wide.as_ref()).is_some_and(|wide| wide.touches(call.method, path))
        };
        touched(call.path) || readings(call.path, touched)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(method: &'a str, path: &'a str, expand: &'a [Box<str>]) -> GraphCall<'a> {
        GraphCall {
            method,
            path,
            expand,
        }
    }

    #[test]
    fn patterns_and_paths_have_one_spelling() {
        for (pattern, path, want) in [
            ("GET /v1.0/Users('*')", "/v1.0/users/42", true),
            (
                "GET /v1.0/users/*/MailFolders",
                "/v1.0/users/42/mailFolders",
                true,
            ),
            ("GET /beta/users", "/v1.0/users", false),
            ("GET /*/users", "/beta/users", true),
            ("GET /**", "/v1.0/me", true),
            ("GET /v1.0/users/*", "/v1.0/applications(appId='x')", false),
            (
                "GET /v1.0/applications(AppId='*')",
                "/v1.0/applications(appId='x')",
                false,
            ),
            (
                "GET /v1.0/applications(appId='*')",
                "/v1.0/applications(appId='x')",
                true,
            ),
        ] {
            let compiled = GraphPattern::parse(pattern, &[]).expect(pattern);
            assert_eq!(
                compiled.matches(&call("GET", path, &[])),
                want,
                "{pattern} on {path}"
            );
        }
    }

    #[test]
    fn what_restricts_covers_what_graph_takes_for_the_same() {
        for (pattern, method, path, want) in [
            ("* /v1.0/users/*", "GET", "/v1.0/me", true),
            ("* /v1.0/me/drive", "GET", "/v1.0/me/drive/$value", true),
            (
                "POST /v1.0/users/*/revokeSignInSessions",
                "POST",
                "/v1.0/users/1/microsoft.graph.revokeSignInSessions",
                true,
            ),
            (
                "POST /v1.0/users/*/microsoft.graph.revokeSignInSessions",
                "POST",
                "/v1.0/users/1/revokeSignInSessions",
                true,
            ),
            (
                "* /v1.0/groups/*/members",
                "GET",
                "/v1.0/groups/1/members/microsoft.graph.user",
                true,
            ),
            (
                "* /v1.0/groups/*/members/microsoft.graph.user",
                "GET",
                "/v1.0/groups/1/members",
                false,
            ),
            (
                "* /v1.0/applications/*",
                "GET",
                "/v1.0/applications(appId='x')",
                true,
            ),
            ("GET /v1.0/somethingNew", "HEAD", "/v1.0/somethingnew", true),
            ("* /beta/users/*", "GET", "/v1.0/users/1", false),
        ] {
            let compiled = GraphPattern::parse(pattern, &[]).expect(pattern);
            assert_eq!(
                compiled.touches(&call(method, path, &[])),
                want,
                "{pattern} on {path}"
            );
        }
    }

    #[test]
    fn an_allow_names_what_may_be_expanded() {
        let expand = |names: &[&str]| -> Vec<Box<str>> {
            names.iter().map(|name| Box::from(*name)).collect()
        };
        for (listed, asked, want) in [
            (&[][..], &[][..], true),
            (&[], &["manager"], false),
            (&["Manager"], &["manager"], true),
            (&["manager"], &["manager", "manager/manager"], false),
            (&["*"], &["manager", "members/owners"], true),
            (&["manager"], &["*"], false),
        ] {
            let listed: Vec<String> = listed.iter().map(|one: &&str| (*one).to_owned()).collect();
            let pattern = GraphPattern::parse("GET /v1.0/users", &listed).expect("a pattern");
            let asked = expand(asked);
            assert_eq!(
                pattern.matches(&call("GET", "/v1.0/users", &asked)),
                want,
                "{listed:?}"
            );
            assert!(pattern.touches(&call("GET", "/v1.0/users", &asked)));
        }
    }

    #[test]
    fn patterns_that_never_match_are_refused() {
        for pattern in [
            "GET /users",
            "GET /v1/users",
            "POST /v1.0/$batch",
            "GET /v1.0/users/$entity",
            "GET /v1.0/users('*",
            "GET",
        ] {
            assert!(GraphPattern::parse(pattern, &[]).is_err(), "{pattern}");
        }
        let bad = ["manager($select=id)".to_owned()];
        assert!(GraphPattern::parse("GET /v1.0/users", &bad).is_err());
    }
}
