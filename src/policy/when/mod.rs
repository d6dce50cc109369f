//! Conditions: `when: arguments.count > 1 && !(claims.client in ["3c77…"])`.
//!
//! The language is a part of the Common Expression Language: literals, lists of literals, members and
//! indices, `has()`, `!`, `&&`, `||`, `?:`, comparison, `in`, arithmetic on numbers, `size()`,
//! `startsWith`, `endsWith`, `contains`. There are no loops, so what a condition costs is bounded by
//! its own length and by what it looks at. The `cel` crate parses; what runs is code of our own,
//! because a condition must also be judged before its arguments are known, must say where it failed,
//! and must cost no memory. The tests hold the two to the same answers.
//!
//! | variable | of | |
//! |---|---|---|
//! | `arguments`, `method`, `name`, `annotations` | `mcp` | also as `call.arguments` and so on; without arguments an empty map; annotations are the server's own claim |
//! | `method`, `path`, `query.NAME`, `body` | `http`, `graph` | the canonical path without the route's prefix; query values decoded; a JSON body, where it is read |
//! | `headers.NAME` | all | by lower-case name, `headers["x-name"]`; never those that carry authority |
//! | `claims` | all | `.roles`, `.groups`, `.scopes`, `.client` (whoever shows the token), `.tenant`, `.object`, `.issuer`, `.kind` (`"application"` or `"user"`) |
//! | `now` | all | UTC: `.hour`, `.minute`, `.weekday` (0 is Sunday), `.unix` |
//! | `source` | all | `.ip`, as text; of the caller's certificate `.spiffe` and `.certificate`, its SHA-256 in base64url |
//!
//! Numbers written without fraction and exponent are integers of 64 bits; what fits no 64 bits is an
//! error. So is a member that is missing (ask `has()` first), and one that is there in another letter
//! case: an upstream that ignores case would see what the rule does not. An error in the condition of
//! a rule that covers a call refuses the call, whatever the rule says.

mod code;
mod look;
mod lower;
mod names;
mod run;
mod types;
mod value;

#[cfg(test)]
mod against_cel;
#[cfg(test)]
mod any_text;
#[cfg(test)]
mod tests;

use thiserror::Error;

use self::lower::Reads;
use super::compile::Protocol;
use super::facts::Subject;
use super::judge::Question;
use code::Node;

/// A condition that can be judged.
#[derive(Clone, Debug)]
pub struct When {
    root: Node,
    text: Box<str>,
    reads: Reads,
}

/// Why a condition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why} (at character {} of the condition)", .at + 1)]
pub struct WhenError {
    /// What is wrong.
    pub why: String,
    /// Where in the text, in characters from 0.
    pub at: usize,
}

/// What a condition says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// That depends on what is not known.
    Unknown,
    /// It fails, whatever is not known.
    Wrong(Trouble),
}

/// How a condition failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{fault} (at character {} of the condition)", .at + 1)]
pub struct Trouble {
    /// What went wrong.
    pub fault: Fault,
    /// Where in the text, in characters from 0.
    pub at: u32,
}

impl Trouble {
    /// The condition is judged without what it goes by.
    pub(super) const UNKNOWN: Trouble = Trouble {
        fault: Fault::Unknown,
        at: 0,
    };
}

/// What can go wrong in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A member, claim, field or parameter that is not there.
    #[error("there is no such member")]
    Missing,
    /// There is one in another letter case.
    #[error("there is such a member in another letter case")]
    CaseVariant,
    /// Given more than once.
    #[error("it is given more than once")]
    Repeated,
    /// An operation that this kind of value does not have.
    #[error("that cannot be done with such a value")]
    Kind,
    /// A whole number beyond 64 bits, or a division by zero.
    #[error("the result is no number of 64 bits")]
    Overflow,
    /// A JSON number that 64 bits do not hold.
    #[error("the number does not fit into 64 bits")]
    Number,
    /// An index beyond a list.
    #[error("the list is shorter")]
    Index,
    /// Not UTF-8.
    #[error("it is not text")]
    NotText,
    /// The token leaves the caller's groups out.
    #[error("the token leaves the caller's groups out")]
    GroupsUnknown,
    /// It depends on what is not known.
    #[error("it depends on what is not known")]
    Unknown,
    /// More work than [`WHEN_COST`](crate::base::limits::WHEN_COST).
    #[error("judging it takes too long")]
    Costly,
}

impl When {
    /// Reads a condition in the terms of a protocol.
    ///
    /// # Errors
    /// When it cannot be parsed, uses what is not in the language, names what calls of this protocol do
    /// not have, can never have a truth value, or is too large.
    pub fn parse(text: &str, protocol: Protocol) -> Result<When, WhenError> {
        let (root, reads) = lower::lower(text, protocol)?;
        Ok(When {
            root,
            text: text.into(),
            reads,
        })
    }

    /// What it says of a call.
    #[must_use]
    pub fn holds(&self, question: &Question<'_>, subject: &Subject<'_>) -> Truth {
        run::holds(&self.root, question, subject)
    }

    /// Whether it goes by the body of an HTTP call, which must then be read before the decision.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        self.reads.body
    }

    /// Whether it goes by the caller's groups.
    #[must_use]
    pub fn reads_groups(&self) -> bool {
        self.reads.groups
    }

    /// The condition as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
