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
/// A method: the registered ones have at most 17 letters.
pub const METHOD_BYTES: usize = 32;
/// A request target; RFC 9112, section 3, asks for at least 8,000.
pub const TARGET_BYTES: usize = 16 * 1024;
/// A `Host`: a domain name of 253 bytes and a port.
pub const HOST_BYTES: usize = 259;
/// Names listed by the `Connection` fields of one head; real ones list one or two.
pub const CONNECTION_OPTIONS: usize = 16;
/// Digits of a `Content-Length`; 18 always fit an `u64`.
pub const LENGTH_DIGITS: usize = 18;
/// Bytes of a chunk's size line, extensions included: extensions mean nothing to us.
pub const CHUNK_LINE_BYTES: usize = 256;
/// Bytes of a trailer section.
pub const TRAILER_BYTES: usize = 8 * 1024;

const _: () = assert!(HEAD_BYTES < BUFFER_BYTES, "a head fits a buffer");
const _: () = assert!(
    TARGET_BYTES <= HEAD_BYTES / 2,
    "a target leaves half of a head to its fields"
);
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

// ---- configurable ----

/// A request's body, decoded. Larger ones are refused with 413.
pub const REQUEST_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// How long keys fetched from an issuer serve when it cannot be reached any more.
pub const KEY_SET_AGE: Duration = Duration::from_secs(24 * 3600);
/// How far an issuer's clock may be from ours.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The bounds an operator may change, by the names they have in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`HEAD_TIME`].
    pub head_time: Duration,
    /// See [`BODY_IDLE_TIME`].
    pub body_idle_time: Duration,
    /// See [`KEEP_ALIVE_TIME`].
    pub keep_alive_time: Duration,
    /// See [`WRITE_IDLE_TIME`].
    pub write_idle_time: Duration,
    /// See [`CONNECT_TIME`].
    pub connect_time: Duration,
    /// See [`FIRST_BYTE_TIME`].
    pub first_byte_time: Duration,
    /// See [`REPLY_IDLE_TIME`].
    pub reply_idle_time: Duration,
    /// See [`REQUEST_BODY_BYTES`].
    pub request_body_bytes: u64,
    /// See [`KEY_SET_AGE`].
    pub key_set_age: Duration,
    /// See [`CLOCK_SKEW`].
    pub clock_skew: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_time: HEAD_TIME,
            body_idle_time: BODY_IDLE_TIME,
            keep_alive_time: KEEP_ALIVE_TIME,
            write_idle_time: WRITE_IDLE_TIME,
            connect_time: CONNECT_TIME,
            first_byte_time: FIRST_BYTE_TIME,
            reply_idle_time: REPLY_IDLE_TIME,
            request_body_bytes: REQUEST_BODY_BYTES,
            key_set_age: KEY_SET_AGE,
            clock_skew: CLOCK_SKEW,
        }
    }
}

// ---- tls ----

/// Bytes a peer may send before the handshake is complete. Long certificate chains reach some
/// 20 KiB.
pub const TLS_HANDSHAKE_BYTES: usize = 64 * 1024;
/// The most application bytes in one record (RFC 8446, section 5.1).
pub const TLS_FRAGMENT_BYTES: usize = 16 * 1024;
/// The most a record is longer than its content, in any version (RFC 5246, section 6.2.3).
pub const TLS_RECORD_OVERHEAD: usize = 5 + 2048;

const _: () = assert!(
    TLS_FRAGMENT_BYTES + TLS_RECORD_OVERHEAD < BUFFER_BYTES,
    "a record fits a buffer"
);
