//! Patterns over a method and a canonical path: `GET /v1.0/users/*`, `GET,HEAD /files/**`, `* /health`.
//!
//! `*` stands for any run of characters within one segment (never empty when it is the whole segment),
//! `**` only as the last segment and for any number of segments, none included. Matching is
//! case-sensitive and happens on the canonical, still percent-encoded form: what is judged is what is
//! forwarded.

use thiserror::Error;

use crate::http::uri;

/// Which calls a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPattern {
    methods: Methods,
    path: PathPattern,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Methods {
    Any,
    Listed(Vec<String>),
}

/// Which canonical paths match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<Segment>,
    open_ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// The literal pieces between the stars: `a*b` is `["a", "b"]`, `*` is `["", ""]`.
    Glob(Vec<String>),
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Not of the form `METHOD /path`.
    #[error("expected a method and a path, such as `GET /v1.0/users`")]
    Shape,
    /// The method is not a token (RFC 9110, section 9.1) in upper case, or a list of such.
    #[error("`{0}` is not a method: write it in capitals, several separated by commas, or `*`")]
    Method(String),
    /// The path does not begin with a slash.
    #[error("the path must begin with `/`")]
    NoSlash,
    /// The path, stars aside, is not in canonical form, so it could never match.
    #[error("`{0}` can never match: requests are judged on the canonical path `{1}`")]
    NotCanonical(String, String),
    /// The path cannot be a canonical path at all.
    #[error("`{0}` can never match a canonical path: {1}")]
    Impossible(String, String),
    /// Rules are about paths; a query is not part of one.
    #[error("a pattern has no query: rules are judged on the path alone")]
    Query,
    /// `**` somewhere else than as the last segment.
    #[error("`**` may only be the last segment")]
    StarsInside,
}

impl CallPattern {
    /// Reads `METHOD[,METHOD…] /path`.
    ///
    /// # Errors
    /// When the text is not of that form or can never match.
    pub fn parse(text: &str) -> Result<CallPattern, PatternError> {
        let (methods, path) = text.trim().split_once(' ').ok_or(PatternError::Shape)?;
        Ok(CallPattern {
            methods: Methods::parse(methods)?,
            path: PathPattern::parse(path.trim())?,
            text: text.trim().to_owned(),
        })
    }

    /// True when the pattern covers this call.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str) -> bool {
        self.methods.contain(method) && self.path.matches(path)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Methods {
    fn parse(text: &str) -> Result<Methods, PatternError> {
        if text == "*" {
            return Ok(Methods::Any);
        }
        let listed = |method: &str| {
            let plain =
                !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
            plain
                .then(|| method.to_owned())
                .ok_or_else(|| PatternError::Method(method.to_owned()))
        };
        Ok(Methods::Listed(
            text.split(',').map(listed).collect::<Result<_, _>>()?,
        ))
    }

    fn contain(&self, method: &str) -> bool {
        match self {
            Methods::Any => true,
            Methods::Listed(listed) => listed.iter().any(|one| one == method),
        }
    }
}

impl PathPattern {
    /// Reads a path whose segments may hold `*`, and whose last may be `**`.
    ///
    /// # Errors
    /// When it does not begin with a slash, is not canonical, or has `**` inside.
    pub fn parse(text: &str) -> Result<PathPattern, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::NoSlash)?;
        must_be_canonical(text)?;
        let mut segments: Vec<&str> = rest.split('/').collect();
        let open_ended = segments.last() == Some(&"**");
        if open_ended {
            segments.pop();
        }
        if segments.iter().any(|segment| segment.contains("**")) {
            return Err(PatternError::StarsInside);
        }
        Ok(PathPattern {
            segments: segments.into_iter().map(Segment::parse).collect(),
            open_ended,
        })
    }

    /// True when `path` (canonical, beginning with a slash) is covered.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.split_match(path).is_some()
    }

    /// Like [`PathPattern::matches`], but answers what `**` stood for: the rest of the path, with
    /// its leading slash (`/` when nothing is left). For a pattern without `**` the whole path.
    #[must_use]
    pub fn split_match<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path.strip_prefix('/').map(|_| path)?;
        for segment in &self.segments {
            let inner = rest.strip_prefix('/')?;
            let end = inner.find('/').unwrap_or(inner.len());
            if !segment.matches(&inner[..end]) {
                return None;
            }
            rest = &inner[end..];
        }
        match (self.open_ended, rest) {
            (true, "") => Some("/"),
            (true, rest) => Some(rest),
            (false, "") => Some(path),
            (false, _) => None,
        }
    }

    /// How many segments are fixed, for ordering the most specific first.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.segments.len()
    }
}

impl Segment {
    fn parse(text: &str) -> Segment {
        if text.contains('*') {
            Segment::Glob(text.split('*').map(str::to_owned).collect())
        } else {
            Segment::Literal(text.to_owned())
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Segment::Literal(literal) => literal == text,
            Segment::Glob(pieces) => glob_matches(pieces, text),
        }
    }
}

/// Leftmost-shortest matching of the pieces between stars; a lone star needs at least one character.
fn glob_matches(pieces: &[String], text: &str) -> bool {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return false;
    };
    let Some(rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
        return false;
    };
    for piece in &pieces[1..pieces.len() - 1] {
        let Some(at) = rest.find(piece.as_str()) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    !text.is_empty()
}

/// A pattern that is not in canonical form would silently match nothing.
fn must_be_canonical(text: &str) -> Result<(), PatternError> {
    let plain = text.replace('*', "x");
    match uri::canonical(plain.as_bytes(), &mut Vec::new()) {
        Ok(canonical) if canonical.query().is_some() => Err(PatternError::Query),
        Ok(canonical) if canonical.as_str() == plain => Ok(()),
        Ok(canonical) => Err(PatternError::NotCanonical(
            text.to_owned(),
            canonical.as_str().to_owned(),
        )),
        Err(why) => Err(PatternError::Impossible(text.to_owned(), why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, method, path, want) in [
            ("GET /v1.0/users", "GET", "/v1.0/users", true),
            ("GET /v1.0/users", "POST", "/v1.0/users", false),
            ("GET /v1.0/users", "GET", "/v1.0/users/", false),
            ("GET /v1.0/users/*", "GET", "/v1.0/users/42", true),
            ("GET /v1.0/users/*", "GET", "/v1.0/users/", false),
            ("GET /v1.0/users/*", "GET", "/v1.0/users/42/manager", false),
            ("GET /v1.0/users('*')", "GET", "/v1.0/users('42')", true),
            ("GET /v1.0/users('*')", "GET", "/v1.0/users", false),
            ("GET,HEAD /files/**", "HEAD", "/files", true),
            ("GET,HEAD /files/**", "GET", "/files/a/b", true),
            ("GET,HEAD /files/**", "PUT", "/files/a", false),
            ("DELETE /**", "DELETE", "/", true),
            ("DELETE /**", "DELETE", "/a/b", true),
            ("* /health", "PROPFIND", "/health", true),
            ("GET /a*b*c", "GET", "/aXbYc", true),
            ("GET /a*b*c", "GET", "/ac", false),
            ("GET /a*a", "GET", "/a", false),
            ("GET /Users", "GET", "/users", false),
        ] {
            let compiled = CallPattern::parse(pattern).expect(pattern);
            assert_eq!(
                compiled.matches(method, path),
                want,
                "{pattern} on {method} {path}"
            );
        }
    }

    #[test]
    fn patterns_that_never_match_are_refused() {
        for pattern in [
            "GET",
            "get /x",
            "GET x",
            "GET /a/../b",
            "GET /a//b",
            "GET /a/**/b",
            "GET /%7Ea",
            ",GET /a",
        ] {
            assert!(CallPattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn the_rest_keeps_its_slash() {
        let prefix = PathPattern::parse("/graph/**").expect("a pattern");
        assert_eq!(prefix.split_match("/graph"), Some("/"));
        assert_eq!(prefix.split_match("/graph/v1.0/users"), Some("/v1.0/users"));
        assert_eq!(prefix.split_match("/graphs/v1.0"), None);
    }
}
