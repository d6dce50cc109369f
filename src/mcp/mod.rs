//! Floor 3: the Model Context Protocol on the wire, as bytes. No connection, no clock, no policy.
//!
//! ```text
//! caller -> envelope (fields, message, mirror) -> what rules are asked about
//! server -> event -> answer -> filter, edit -> what the caller may know
//! ```
//!
//! - [`envelope`]: a POST's body, read once and strictly, and whether the headers agree with it;
//!   [`fields`] are those headers, [`message`] one JSON-RPC message, [`objection`] why not.
//! - [`mirror`]: the arguments that a tool wants repeated in headers.
//! - [`event`]: server-sent events, frame by frame, as the bytes that came.
//! - [`answer`]: a server's message: what it ends, tells or asks.
//! - [`mod@filter`]: lists without what a caller may not know of.
//! - [`inner`]: header fields between the gateway and servers of its own.
//! - [`edit`]: changes to a text as a list of places.
//! - [`pins`]: which tools are as they were when somebody looked, told by their [`mod@print`];
//!   [`tasks`]: whose a task is.
//! - [`seal`]: what a client holds for the gateway and can neither read nor pass on.
//! - [`revision`]: the protocol's revisions.
//!
//! Four revisions and their forerunner pass at the same time, and one caller may try several. What
//! only one of them knows is refused here only where it could be read in two ways; whether a server
//! speaks it is the server's to say, since clients feel their way by its answers.

pub mod answer;
pub mod edit;
pub mod envelope;
pub mod event;
pub mod fields;
pub mod filter;
pub mod inner;
mod keys;
pub mod message;
pub mod mirror;
pub mod objection;
pub mod pins;
pub mod print;
pub mod revision;
pub mod seal;
pub mod tasks;
#[cfg(test)]
mod tests;

pub use crate::base::ids::principal_digest as principal;
pub use crate::json::write_string;
pub use answer::{Answer, Answers, Asked, Said, Unreadable, What, same_id, write_error};
pub use edit::Edits;
pub use envelope::{Post, Reader};
pub use event::{Events, Frame, Overlong};
pub use fields::{Fields, NO_PARAMS, Param, Params, param_name};
pub use filter::{Count, Item, ListKind, Rewriter, filter};
pub use message::{Kind, Message};
pub use mirror::Mirrors;
pub use objection::{Mirrored, Objection, Refused, Requested};
pub use print::Fingerprint;
pub use revision::Revision;
pub use seal::{Digest, NotOurs, SealError, Sealer, SessionState};
