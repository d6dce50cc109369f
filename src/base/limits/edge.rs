//! Bounds on how callers may come, and on TLS.

use super::BUFFER_BYTES;

// ---- tls ----

/// Bytes a peer may send before the handshake is complete; long certificate chains reach 20 KiB.
pub const TLS_HANDSHAKE_BYTES: usize = 64 * 1024;
/// Upstream names whose last sessions are kept, to resume them.
pub const TLS_SESSIONS: usize = 256;
/// The most application bytes in one record (RFC 8446, section 5.1).
pub const TLS_FRAGMENT_BYTES: usize = 16 * 1024;
/// The most a record is longer than its content, in any version (RFC 5246, section 6.2.3).
pub const TLS_RECORD_OVERHEAD: usize = 5 + 2048;

const _: () = assert!(
    TLS_FRAGMENT_BYTES + TLS_RECORD_OVERHEAD < BUFFER_BYTES,
    "a record fits a buffer"
);

// ---- who connects ----

/// A SPIFFE id (SPIFFE-ID, section 2.3, has the same bound).
pub const SPIFFE_BYTES: usize = 2048;
/// Certificates that one listener chooses from.
pub const LISTENER_CERTIFICATES: usize = 256;
