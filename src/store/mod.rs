//! Floor 5: what outlives the process beside the recording: the pinned tools, who began which task,
//! and what operators have revoked.
//!
//! A store is a [`Store`]. [`Embedded`] is the one there is: SQLite in the data directory, which the
//! gateway and the command line open at the same time. Unlike its neighbours below floor 6, this
//! room does I/O: it waits for its disk, and is called by threads that may.
//!
//! Rows carry a revision that only grows. Whoever shares a store learns what others changed by
//! asking for what is newer than what it has.

mod embedded;
mod error;

use crate::auth::{Revocation, RevokedKind};
use crate::base::clock::Wall;
use crate::mcp::pins::{State, ToolSeen};
use crate::mcp::print::Fingerprint;
use crate::mcp::tasks::TaskBound;

pub use self::embedded::{Embedded, FILE};
pub use self::error::StoreError;

/// What a store does. Every method leaves all that it was to do done, or nothing.
pub trait Store: Send {
    /// Writes what cores have told, in order; answers the tools whose definition is now another than
    /// the trusted one and than any that the store knew.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written.
    fn keep(
        &mut self,
        tools: &[ToolSeen],
        tasks: &[TaskBound],
        now: Wall,
    ) -> Result<Vec<Surprise>, StoreError>;

    /// Some of the tools with a revision above `revision`, in its order; none when there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tools_since(&mut self, revision: u64) -> Result<Vec<Tool>, StoreError>;

    /// All tools of a connection, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tools_of(&mut self, connection: &str) -> Result<Vec<Tool>, StoreError>;

    /// Trusts the definition that was seen last, if it still is the one that was looked at.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is approved.
    fn approve(&mut self, approval: &Approval<'_>, now: Wall) -> Result<Approved, StoreError>;

    /// The tasks that are not over; the others are forgotten, as are those beyond
    /// [`TASKS`](crate::base::limits::TASKS).
    ///
    /// # Errors
    /// [`StoreError`].
    fn tasks(&mut self, now: Wall) -> Result<Vec<TaskBound>, StoreError>;

    /// Revokes something; answers the number of the revocation, which no other has had.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is revoked.
    fn revoke(&mut self, revoke: &Revoke<'_>, now: Wall) -> Result<u64, StoreError>;

    /// Takes back the revocation of that number; false when there is none.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is taken back.
    fn lift(&mut self, id: u64) -> Result<bool, StoreError>;

    /// All revocations whose time is not over, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revocations(&mut self, now: Wall) -> Result<Vec<KeptRevocation>, StoreError>;

    /// Whether another process may have changed something since this was asked last.
    ///
    /// # Errors
    /// [`StoreError`].
    fn changed(&mut self) -> Result<bool, StoreError>;
}

/// An operator revokes something.
#[derive(Clone, Copy, Debug)]
pub struct Revoke<'a> {
    /// What is named.
    pub kind: RevokedKind,
    /// Its name.
    pub name: &'a str,
    /// The configured name of the only issuer that is meant.
    pub issuer: Option<&'a str>,
    /// Only tokens issued before this second since 1970.
    pub before: Option<u64>,
    /// The second since 1970 in which it ends by itself.
    pub until: Option<u64>,
    /// Why, in the operator's words.
    pub reason: Option<&'a str>,
    /// Who.
    pub by: &'a str,
}

/// A revocation as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRevocation {
    /// What callers are judged by.
    pub revocation: Revocation,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Who.
    pub by: String,
    /// Since which second since 1970.
    pub at: u64,
}

/// A definition and its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The JSON text, as the server wrote it.
    pub text: String,
    /// Of that text's canonical form.
    pub print: Fingerprint,
}

/// A tool as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Counts the changes of all tools.
    pub revision: u64,
    /// The connection's configured name.
    pub connection: String,
    /// The tool's own name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The definition that is trusted; none while the first one waits for approval.
    pub pinned: Option<Definition>,
    /// The last definition that was not the trusted one, until one is approved.
    pub other: Option<Definition>,
    /// The definition that the server showed last: one of the two.
    pub seen: Fingerprint,
    /// When it was seen first, in Unix seconds.
    pub first_seen: u64,
    /// When it changed last, in Unix seconds: by its server or by an approval.
    pub changed_at: u64,
    /// Who trusted the pinned definition; nobody, when it was trusted at first sight.
    pub approved_by: Option<String>,
}

/// A tool that is no longer what was trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// The connection's configured name.
    pub connection: String,
    /// The tool's own name.
    pub name: String,
    /// What came of it.
    pub state: State,
}

/// Somebody trusts a tool.
#[derive(Clone, Copy, Debug)]
pub struct Approval<'a> {
    /// The connection's configured name.
    pub connection: &'a str,
    /// The tool's own name.
    pub tool: &'a str,
    /// The definition that was looked at.
    pub seen: &'a Fingerprint,
    /// Who.
    pub by: &'a str,
}

/// What an approval came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approved {
    /// The definition is trusted now.
    Pinned,
    /// It was already, and nothing stood against it.
    Already,
    /// The server has shown another one since: look again.
    Moved,
    /// There is no such tool.
    Unknown,
}

impl Tool {
    /// The definition that the server showed last, which an approval would trust.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], when it is none of those that are kept.
    pub fn shown(&self) -> Result<&Definition, StoreError> {
        let mut kept = [&self.pinned, &self.other].into_iter().flatten();
        kept.find(|kept| kept.print == self.seen).ok_or_else(|| {
            let what = "a tool was shown that is not kept";
            StoreError::Corrupt(what.to_owned())
        })
    }
}
