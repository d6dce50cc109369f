//! Bounds on how callers may come, and on TLS.

use std::time::Duration;

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

/// From a connection's first byte to the end of its handshake, a proxy's introduction included.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// TLS handshakes that one worker begins in a second, and at once: a core signs about so often.
pub const HANDSHAKES_PER_WORKER: u64 = 1000;
/// Connections through one listener, over all workers.
pub const CONNECTIONS_PER_LISTENER: u64 = 65_536;
/// Of these, those of one address, or of 64 bits of version 6: who holds many open keeps no other out.
/// An office or a cluster behind one address comes through it as one.
pub const CONNECTIONS_PER_ADDRESS: u64 = 4096;
/// Maps over which addresses are spread: more than there are cores to meet in one.
pub const CROWD_MAPS: usize = 32;
/// A header of the PROXY protocol. Addresses take 52 bytes, what proxies add some hundred.
pub const PROXY_HEADER_BYTES: usize = 2048;
/// Networks that one listener trusts.
pub const TRUSTED_NETWORKS: usize = 256;

const _: () = assert!(PROXY_HEADER_BYTES < BUFFER_BYTES, "a header fits a buffer");

// ---- memory ----

/// Bytes that the process may have in use before it takes nothing new; 0 is [`MEMORY_SHARE`] of what
/// there is.
pub const MEMORY_BYTES: u64 = 0;
/// The part of the machine's or the control group's memory that may be in use: what is under way then
/// still grows by its own bounds, and the kernel must not have to choose a victim.
pub const MEMORY_SHARE: (u64, u64) = (4, 5);
/// The least that may be configured: below it nothing starts.
pub const MEMORY_BYTES_MIN: u64 = 16 << 20;
/// How often somebody looks.
pub const MEMORY_LOOK_TIME: Duration = Duration::from_millis(50);

/// A SPIFFE id (SPIFFE-ID, section 2.3, has the same bound).
pub const SPIFFE_BYTES: usize = 2048;
/// Certificates that one listener chooses from.
pub const LISTENER_CERTIFICATES: usize = 256;

// ---- pages of other origins ----

/// How long a browser may remember what a page may do, unless configured otherwise.
pub const CORS_AGE: Duration = Duration::from_secs(600);
/// The most that may be configured as [`CORS_AGE`]: browsers remember no longer.
pub const CORS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
