//! Floor 2: HTTP/1.1 as bytes. Strict, resumable, without I/O.
//!
//! ```text
//! bytes -> scan (request, response) -> head -> framing (chunked) -> content
//!                                       |-> uri: the target's one spelling
//! write: head and size lines -> bytes
//! ```
//!
//! - [`scan`]: [`RequestScanner`] and [`ResponseScanner`]; any split gives the same verdict.
//!   `request` and `response` judge what only one side has.
//! - [`head`]: [`RequestHead`] and [`ResponseHead`], ranges into the scanned bytes; `fields` are
//!   their fields.
//! - [`known`]: field names recognised once, and what follows from a name; `lookup` finds them.
//! - [`challenge`]: what `WWW-Authenticate` asks for.
//! - [`framing`]: where a body ends; `chunked` is its largest part.
//! - [`proxy`] and [`forwarded`]: where a connection or a request comes from, as proxies tell it.
//! - [`uri`]: canonical targets.
//! - [`mod@write`]: the only place where heads are made.
//! - [`websocket`]: whether a 101 answers the opening that it was sent for.
//! - [`error`]: one variant per refused head.
//!
//! Where RFC 9112 lets a recipient be lenient, this one is not: no empty line before a head, no
//! bare line feed, no white space repaired, one `Content-Length` even if the values agree.

mod bytes;
pub mod challenge;
mod chunked;
pub mod error;
mod fields;
pub mod forwarded;
pub mod framing;
pub mod head;
pub mod known;
mod lookup;
pub mod proxy;
mod request;
mod response;
pub mod scan;
pub mod uri;
pub mod websocket;
pub mod write;

pub use error::HeadError;
pub use fields::{FieldRef, Spare};
pub use framing::{BodyDecoder, BodyError, BodyLength, Data, Gathered, Noted, Piece};
pub use head::{RequestHead, ResponseHead};
pub use known::Known;
pub use scan::{HeadLimits, RequestScanner, ResponseScanner};
pub use uri::{CanonicalTarget, TargetError, canonical};
pub use write::{HeadWriter, SizeLine, WriteError};
