//! Bounds that an operator may change, and bounds on what a configuration may hold.

use std::time::Duration;

use super::*;

// ---- bounds an operator may change ----

/// A request's body, decoded. Larger ones are refused with 413.
pub const REQUEST_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// How long keys fetched from an issuer serve when it cannot be reached any more.
pub const KEY_SET_AGE: Duration = Duration::from_secs(24 * 3600);
/// How far an issuer's clock may be from ours.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Scopes that one connection tells of: they stand in a header field of every 401.
pub const ADVERTISED_SCOPES: usize = 64;

/// The bounds an operator may change, by the names they have in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`HEAD_TIME`].
    pub head_time: Duration,
    /// See [`BODY_IDLE_TIME`].
    pub body_idle_time: Duration,
    /// See [`BODY_RATE`]; 0 sets no bound.
    pub body_rate: u64,
    /// See [`READ_RATE`]; 0 sets no bound.
    pub read_rate: u64,
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
    /// See [`UPGRADED_IDLE_TIME`].
    pub upgraded_idle_time: Duration,
    /// See [`REQUEST_BODY_BYTES`].
    pub request_body_bytes: u64,
    /// See [`KEY_SET_AGE`].
    pub key_set_age: Duration,
    /// See [`CLOCK_SKEW`].
    pub clock_skew: Duration,
    /// See [`DPOP_WINDOW`].
    pub dpop_window: Duration,
    /// See [`WAIT_TIME`].
    pub wait_time: Duration,
    /// See [`DRAIN_TIME`].
    pub drain_time: Duration,
    /// See [`REQUESTS_PER_CONNECTION`].
    pub requests_per_connection: u64,
    /// See [`CONNECTIONS_PER_WORKER`].
    pub connections_per_worker: u64,
    /// See [`HANDSHAKE_TIME`].
    pub handshake_time: Duration,
    /// See [`HANDSHAKES_PER_WORKER`].
    pub handshakes_per_worker: u64,
    /// See [`CONNECTIONS_PER_LISTENER`].
    pub connections_per_listener: u64,
    /// See [`CONNECTIONS_PER_ADDRESS`].
    pub connections_per_address: u64,
    /// See [`MEMORY_BYTES`].
    pub memory_bytes: u64,
    /// See [`UPSTREAM_IDLE_TIME`].
    pub upstream_idle_time: Duration,
    /// See [`SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// See [`RETENTION_BYTES`].
    pub retention_bytes: u64,
    /// See [`RESERVE_BYTES`].
    pub reserve_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_time: HEAD_TIME,
            body_idle_time: BODY_IDLE_TIME,
            body_rate: BODY_RATE,
            read_rate: READ_RATE,
            keep_alive_time: KEEP_ALIVE_TIME,
            write_idle_time: WRITE_IDLE_TIME,
            connect_time: CONNECT_TIME,
            first_byte_time: FIRST_BYTE_TIME,
            reply_idle_time: REPLY_IDLE_TIME,
            upgraded_idle_time: UPGRADED_IDLE_TIME,
            request_body_bytes: REQUEST_BODY_BYTES,
            key_set_age: KEY_SET_AGE,
            clock_skew: CLOCK_SKEW,
            dpop_window: DPOP_WINDOW,
            wait_time: WAIT_TIME,
            drain_time: DRAIN_TIME,
            requests_per_connection: REQUESTS_PER_CONNECTION,
            connections_per_worker: CONNECTIONS_PER_WORKER,
            handshake_time: HANDSHAKE_TIME,
            handshakes_per_worker: HANDSHAKES_PER_WORKER,
            connections_per_listener: CONNECTIONS_PER_LISTENER,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            memory_bytes: MEMORY_BYTES,
            upstream_idle_time: UPSTREAM_IDLE_TIME,
            segment_bytes: SEGMENT_BYTES,
            retention_bytes: RETENTION_BYTES,
            reserve_bytes: RESERVE_BYTES,
        }
    }
}

// ---- what a configuration may hold ----

/// Keys that session ids are sealed with: the one in use and those that sessions still know.
pub const SESSION_KEYS: usize = 16;
/// One such key: what AES-256 takes.
pub const SESSION_KEY_BYTES: usize = 32;
/// The name of such a key, which stands in every session id.
pub const SESSION_KEY_ID_BYTES: usize = 16;
/// Scopes, origins or hosts that one connection lists.
pub const LISTED_NAMES: usize = 64;
/// Servers that one virtual connection presents: a list is asked of each of them.
pub const UNION_MEMBERS: usize = 256;
/// A rule's condition, as text.
pub const WHEN_BYTES: usize = 4096;
/// One JSON-RPC message of an MCP connection, unless the configuration says otherwise.
pub const MESSAGE_BYTES: u64 = 4 * 1024 * 1024;
/// The most that may be configured as [`MESSAGE_BYTES`]: it is read as a whole.
pub const MESSAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Arguments of a stdio server, and variables of its environment.
pub const STDIO_WORDS: usize = 256;
/// Processes of one stdio server, unless the configuration says otherwise.
pub const STDIO_PROCESSES: u32 = 32;
/// The most that may be configured as [`STDIO_PROCESSES`].
pub const STDIO_PROCESSES_MAX: u32 = 1024;
/// How long a stdio server's process stays that nobody uses, unless configured otherwise.
pub const STDIO_IDLE: Duration = Duration::from_secs(600);
/// The most that may be configured as [`STDIO_IDLE`].
pub const STDIO_IDLE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Memory of one stdio server's process, unless configured otherwise.
pub const STDIO_MEMORY: u64 = 1 << 30;
/// The range in which [`STDIO_MEMORY`] may be configured: below it no runtime starts.
pub const STDIO_MEMORY_RANGE: std::ops::RangeInclusive<u64> = 16 << 20..=1 << 40;

const _: () = assert!(MESSAGE_BYTES <= MESSAGE_BYTES_MAX);
const _: () = assert!(
    MESSAGE_BYTES_MAX <= JSON_BYTES as u64,
    "a message can be read"
);
const _: () = assert!(STDIO_PROCESSES <= STDIO_PROCESSES_MAX);

/// Connections that a running gateway can get and still count each by itself.
pub const ROWS_ADDED: usize = 64;

/// How long a reload waits for keys, tokens and addresses of what is new.
pub const RELOAD_PATIENCE: Duration = Duration::from_secs(2);
