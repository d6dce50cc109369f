//! Patterns over a method of the Model Context Protocol and a name: `tools/call search_*`,
//! `resources/read,resources/subscribe file:///docs/*`, `sampling/*`.
//!
//! A method is written whole, as a family (`tasks/*`), or as `*`. In a name `*` stands for any run of
//! characters, `/` included and the empty one too; a pattern without a name is about every name. What
//! the name is depends on the method: a tool's, a prompt's, a resource's URI, a task's id.
//!
//! What permits matches exactly, byte for byte, and a name in which an upstream may resolve `..`
//! matches no star. What restricts matches every spelling that a careless upstream may take for the
//! same ([`super::spelling`]): letter case, percent-encoding, `\` for `/`, doubled slashes, white
//! space; and it matches every name that holds `..`, since nobody knows what such a name means.
//!
//! What an `allow` does not name is denied, so `*` as its method stands for the methods known here
//! ([`METHODS`]); one that is not known must be named.

use thiserror::Error;

use super::spelling::{self, Loose};

/// The method of a GET, which opens a stream and carries no message.
pub const LISTEN: &str = "GET";
/// The method of a DELETE, which ends a session.
pub const END: &str = "DELETE";
/// The method of a POST that answers a request of the server's.
pub const ANSWER: &str = "POST";

/// What whoever has any right on a connection may do, unless a rule denies it: without it there is
/// no conversation. Lists are filtered item by item.
pub const LIFECYCLE: &[&str] = &[
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    LISTEN,
    END,
    ANSWER,
];

/// Messages that nobody answers.
const NOTIFICATIONS: &str = "notifications/";

/// The methods, beside the conversation's own, that `*` stands for in an `allow`: those of the
/// revisions up to 2026-07-28, the server's requests to its client included.
pub const METHODS: &[&str] = &[
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
    "tasks/get",
    "tasks/result",
    "tasks/list",
    "tasks/update",
    "tasks/cancel",
    "sampling/createMessage",
    "elicitation/create",
    "roots/list",
];

/// Which calls a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpPattern {
    methods: Vec<Method>,
    name: Name,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Method {
    Any,
    /// What it begins with, the slash included.
    Family(String),
    One(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Any,
    Glob {
        /// The pieces between the stars; a name without stars is one piece.
        exact: Vec<String>,
        /// The same in their loose reading.
        loose: Vec<Box<[u8]>>,
    },
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum McpPatternError {
    /// Nothing, or a name that no call could have.
    #[error("expected a method and perhaps a name, such as `tools/call search_*`")]
    Shape,
    /// Not a method of JSON-RPC that could be asked for.
    #[error(
        "`{0}` is not a method: write it like `tools/call`, a family of methods like `tasks/*`, or `*`"
    )]
    Method(String),
    /// No message, so nothing that has a name.
    #[error(
        "`{0}` is an HTTP method, which has no name to go by: rules of this connection are about messages"
    )]
    Nameless(String),
    /// Only resolving it tells what it means, so a star in it would never match.
    #[error("`{0}` holds `.` or `..` as a segment: say what it stands for")]
    Unsettled(String),
}

impl McpPattern {
    /// Reads `METHOD[,METHOD…] [NAME]`.
    ///
    /// # Errors
    /// When the text is not of that form or can never match.
    pub fn parse(text: &str) -> Result<McpPattern, McpPatternError> {
        let text = text.trim();
        let (methods, name) = match text.split_once(' ') {
            Some((methods, name)) => (methods, Some(name.trim_start())),
            None => (text, None),
        };
        if text.is_empty() || name.is_some_and(|name| name.contains(char::is_control)) {
            return Err(McpPatternError::Shape);
        }
        let nameless = |method: &&str| [LISTEN, END, ANSWER].contains(method);
        if let (Some(method), Some(_)) = (methods.split(',').find(nameless), name) {
            return Err(McpPatternError::Nameless(method.to_owned()));
        }
        Ok(McpPattern {
            methods: methods
                .split(',')
                .map(Method::parse)
                .collect::<Result<_, _>>()?,
            name: name.map_or(Ok(Name::Any), Name::parse)?,
            text: text.to_owned(),
        })
    }

    /// What whoever has any right on a connection may do.
    pub(super) fn lifecycle() -> McpPattern {
        let one = |method: &&str| Method::One((*method).to_owned());
        let mut methods: Vec<_> = LIFECYCLE.iter().map(one).collect();
        methods.push(Method::Family(NOTIFICATIONS.to_owned()));
        McpPattern {
            methods,
            name: Name::Any,
            text: format!("{},{NOTIFICATIONS}*", LIFECYCLE.join(",")),
        }
    }

    /// True when the pattern covers exactly this call.
    #[must_use]
    pub fn matches(&self, method: &str, name: Option<&str>) -> bool {
        self.methods.iter().any(|one| one.matches(method)) && self.name.matches(name)
    }

    /// True when the pattern covers this call, or one that an upstream may take for the same.
    #[must_use]
    pub fn touches(&self, method: &str, name: Option<&str>) -> bool {
        self.methods.iter().any(|one| one.touches(method)) && self.name.touches(name)
    }

    /// Like [`McpPattern::touches`], but about the conversation's own methods only where the pattern
    /// has them by name: `approve: tools/*` is not about `tools/list`, which nobody could wait for.
    #[must_use]
    pub fn touches_beyond_lifecycle(&self, method: &str, name: Option<&str>) -> bool {
        let named = |one: &Method| matches!(one, Method::One(_)) && one.touches(method);
        self.touches(method, name) && (!is_lifecycle(method) || self.methods.iter().any(named))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_lifecycle(method: &str) -> bool {
    LIFECYCLE.contains(&method) || method.starts_with(NOTIFICATIONS)
}

impl Method {
    fn parse(text: &str) -> Result<Method, McpPatternError> {
        if text == "*" {
            return Ok(Method::Any);
        }
        let (method, is_family) = match text.strip_suffix('*') {
            Some(family) => (family, true),
            None => (text, false),
        };
        let is_plain = !method.is_empty()
            && method
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_-.$".contains(&b));
        if !is_plain || method.starts_with('/') || method.ends_with('/') != is_family {
            return Err(McpPatternError::Method(text.to_owned()));
        }
        Ok(match is_family {
            true => Method::Family(method.to_owned()),
            false => Method::One(method.to_owned()),
        })
    }

    fn matches(&self, method: &str) -> bool {
        match self {
            Method::Any => METHODS.contains(&method) || is_lifecycle(method),
            Method::Family(family) => method.starts_with(family),
            Method::One(one) => one == method,
        }
    }

    fn touches(&self, method: &str) -> bool {
        match self {
            Method::Any => true,
            Method::Family(family) => {
                let mut read = Loose::new(method);
                Loose::new(family).all(|byte| read.next() == Some(byte))
            }
            Method::One(one) => one == method || spelling::same(one, method),
        }
    }
}

impl Name {
    fn parse(text: &str) -> Result<Name, McpPatternError> {
        if text == "*" {
            return Ok(Name::Any);
        }
        let exact: Vec<_> = text.split('*').map(str::to_owned).collect();
        if exact.len() > 1 && spelling::is_unsettled(&text.replace('*', "x")) {
            return Err(McpPatternError::Unsettled(text.to_owned()));
        }
        let loose = exact.iter().map(|piece| Loose::new(piece).collect());
        Ok(Name::Glob {
            loose: loose.collect(),
            exact,
        })
    }

    fn matches(&self, name: Option<&str>) -> bool {
        match (self, name) {
            (Name::Any, _) => true,
            (Name::Glob { .. }, None) => false,
            (Name::Glob { exact, .. }, Some(name)) => {
                is_glob(exact, name) && (exact.len() == 1 || !spelling::is_unsettled(name))
            }
        }
    }

    fn touches(&self, name: Option<&str>) -> bool {
        match (self, name) {
            (Name::Any, _) => true,
            (Name::Glob { .. }, None) => false,
            (Name::Glob { exact, loose }, Some(name)) => {
                is_glob(exact, name) || Loose::new(name).fits(loose) || spelling::is_unsettled(name)
            }
        }
    }
}

/// True when `text` is the first piece, anything, the next piece, and so on to its end.
fn is_glob(pieces: &[String], text: &str) -> bool {
    let [first, others @ ..] = pieces else {
        return false;
    };
    let [middle @ .., last] = others else {
        return first == text;
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests;
