//! Every bound on what a peer controls, with its reason. One section per room.
//!
//! What an operator may change is in the configuration under the same name.

use std::time::Duration;

// ---- base ----

/// Size of a lent buffer: one read's worth. Large enough that a full head always fits, so a head
/// that does not fit is refused rather than grown for.
pub const BUFFER_BYTES: usize = 64 * 1024;

// ---- http ----

/// A request or response head, start line to blank line. Graph's longest real request heads are
/// dominated by a bearer token of up to ~8 KiB.
pub const HEAD_BYTES: usize = 32 * 1024;
/// Header fields in one head.
pub const HEAD_FIELDS: usize = 100;
/// Digits of a `Content-Length`; 18 always fit an `u64`.
pub const LENGTH_DIGITS: usize = 18;
/// Bytes of a chunk's size line, extensions included: extensions mean nothing to us.
pub const CHUNK_LINE_BYTES: usize = 256;
/// Bytes of a trailer section.
pub const TRAILER_BYTES: usize = 8 * 1024;

const _: () = assert!(HEAD_BYTES < BUFFER_BYTES, "a head fits a buffer");
const _: () = assert!(HEAD_BYTES <= u16::MAX as usize, "ranges in a head are u16");

// ---- json ----

/// Containers open at once in a JSON text. Graph and MCP stay below 20; parsers behind us begin to
/// give up at 64 (.NET) and 128 (serde).
pub const JSON_DEPTH: u32 = 64;
/// A JSON text that is read as a whole. Offsets in it are kept in 32 bits; a key set, a token's
/// claims and a tool call are far smaller.
pub const JSON_BYTES: usize = 64 * 1024 * 1024;

const _: () = assert!(JSON_BYTES <= u32::MAX as usize, "offsets in a text are u32");

// ---- time ----

/// From the first byte of a head to its blank line.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// Between two reads of a request body.
pub const BODY_IDLE_TIME: Duration = Duration::from_secs(30);
/// Between two exchanges on a keep-alive connection.
pub const KEEP_ALIVE_TIME: Duration = Duration::from_secs(75);
/// A peer that takes no byte of what we send.
pub const WRITE_IDLE_TIME: Duration = Duration::from_secs(30);
/// Opening an upstream connection, TLS included.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);
/// From the request's end to the first byte of the upstream's reply.
pub const FIRST_BYTE_TIME: Duration = Duration::from_secs(60);
/// Between two reads of a reply body that is not an event stream.
pub const REPLY_IDLE_TIME: Duration = Duration::from_secs(60);
