//! Patterns over a method and a canonical path: `GET /v1.0/users/*`, `GET,HEAD /files/**`, `* /health`.
//!
//! `*` stands for any run of characters within one segment (never empty when it is the whole segment),
//! `**` only as the last segment and for any number of segments, none included. Matching happens on
//! the canonical, still percent-encoded form: what is judged is what is forwarded.
//!
//! What permits matches exactly; what restricts matches widely ([`CallPattern::touches`]): an
//! upstream may take `/Users/42/` for `/users/42`, and a rule that forbids the one forbids the other.

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

    /// True when the pattern covers this call, or one that an upstream may take for the same: letter
    /// case, a slash at the end and `%2B` for `+` make no difference, and what covers `GET` covers
    /// `HEAD`.
    #[must_use]
    pub fn touches(&self, method: &str, path: &str) -> bool {
        self.methods.touch(method) && self.path.walk(path, Reading::Wide).is_some()
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// How a pattern is compared with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Exact,
    Wide,
}

impl Reading {
    /// How much of the front of `text` reads as `piece`.
    fn prefix(self, text: &str, piece: &str) -> Option<usize> {
        if self == Reading::Exact {
            return text.starts_with(piece).then_some(piece.len());
        }
        let (mut text, mut read) = (text.as_bytes(), 0);
        let mut piece = piece.as_bytes();
        while !piece.is_empty() {
            let ((a, a_length), (b, b_length)) = (folded(text)?, folded(piece)?);
            if a != b {
                return None;
            }
            (text, piece) = (&text[a_length..], &piece[b_length..]);
            read += a_length;
        }
        Some(read)
    }

    /// Where in `text` the first `piece` begins and ends.
    fn find(self, text: &str, piece: &str) -> Option<(usize, usize)> {
        (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .find_map(|at| Some((at, at + self.prefix(&text[at..], piece)?)))
    }

    fn same(self, text: &str, literal: &str) -> bool {
        self.prefix(text, literal) == Some(text.len())
    }

    /// Whether `text` ends in `piece`.
    fn ends(self, text: &str, piece: &str) -> bool {
        if self == Reading::Exact || piece.is_empty() {
            return text.ends_with(piece);
        }
        (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| self.same(&text[at..], piece))
    }
}

/// The first character as the most careless upstream reads it, and its length.
fn folded(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', b'2', b'B' | b'b', ..] => Some((b'+', 3)),
        [byte, ..] => Some((byte.to_ascii_lowercase(), 1)),
        [] => None,
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

    fn touch(&self, method: &str) -> bool {
        // `HEAD` tells most of what `GET` does, and many upstreams run the same code for both.
        let head = method.eq_ignore_ascii_case("HEAD");
        match self {
            Methods::Any => true,
            Methods::Listed(listed) => listed
                .iter()
                .any(|one| one.eq_ignore_ascii_case(method) || (head && one == "GET")),
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
        self.walk(path, Reading::Exact)
    }

    fn walk<'p>(&self, path: &'p str, reading: Reading) -> Option<&'p str> {
        let mut rest = path.strip_prefix('/').map(|_| path)?;
        for (index, segment) in self.segments.iter().enumerate() {
            // `/users/` as a pattern ends in an empty segment, which `/users` lacks.
            if reading == Reading::Wide && rest.is_empty() && index > 0 && segment.is_empty() {
                continue;
            }
            rest = segment.strip(rest.strip_prefix('/')?, reading)?;
        }
        match (self.open_ended, rest) {
            (true, "") => Some("/"),
            (true, rest) => Some(rest),
            (false, "") => Some(path),
            (false, "/") if reading == Reading::Wide => Some(path),
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

    fn is_empty(&self) -> bool {
        matches!(self, Segment::Literal(literal) if literal.is_empty())
    }

    /// What follows the first segment of `text`, where that is one of these.
    fn strip<'t>(&self, text: &'t str, reading: Reading) -> Option<&'t str> {
        if let (Segment::Literal(literal), Reading::Exact) = (self, reading) {
            let rest = text.strip_prefix(literal.as_str())?;
            return (rest.is_empty() || rest.starts_with('/')).then_some(rest);
        }
        let end = memchr::memchr(b'/', text.as_bytes()).unwrap_or(text.len());
        let (segment, rest) = text.split_at(end);
        let matches = match self {
            Segment::Literal(literal) => reading.same(segment, literal),
            Segment::Glob(pieces) => glob_matches(pieces, segment, reading),
        };
        matches.then_some(rest)
    }
}

/// Leftmost-shortest matching of the pieces between stars; a lone star needs at least one character.
fn glob_matches(pieces: &[String], text: &str, reading: Reading) -> bool {
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let Some(start) = reading.prefix(text, first) else {
        return false;
    };
    let mut rest = &text[start..];
    for piece in middle {
        let Some((_, end)) = reading.find(rest, piece) else {
            return false;
        };
        rest = &rest[end..];
    }
    reading.ends(rest, last) && !text.is_empty()
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
    fn wide_reading_takes_other_spellings_for_the_same() {
        for (pattern, method, path, want) in [
            ("GET /users/", "GET", "/USERS", true),
            ("GET /users/*", "GET", "/users/", false),
            ("GET /users/*", "HEAD", "/Users/42/", true),
            ("GET /users('*')", "GET", "/Users('42')", true),
            ("GET /a*B*c", "GET", "/AxbyC", true),
            ("GET /a*B*c", "GET", "/Axby", false),
            ("HEAD /a", "GET", "/a", false),
            ("* /", "GET", "/", true),
            ("* /%20x", "GET", "/%20X", true),
            ("* /a+", "GET", "/a%2B", true),
            ("* /a+", "GET", "/a%2", false),
        ] {
            let compiled = CallPattern::parse(pattern).expect(pattern);
            assert_eq!(
                compiled.touches(method, path),
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
