//! What is asked of others to know a caller, and what callers prove themselves.

use std::time::Duration;

use super::HEAD_BYTES;

/// Revocations that stand at once. An operator types them; a script that revokes for ever is told.
pub const REVOCATIONS: usize = 10_000;
/// The reason that an operator gives for one, and who it is.
pub const REVOCATION_TEXT_BYTES: usize = 256;
/// An answer with the groups of one caller: ids of 36 characters.
pub const GROUPS_BYTES: usize = 512 * 1024;
/// Groups of one caller. Graph answers with 11,000 at most, and nobody's policy names so many.
pub const GROUPS: usize = 8_192;
/// How long groups that were asked for answer for further tokens of the same caller. Of one token they
/// serve as long as it is remembered: [`TOKEN_CACHE_TIME`](super::TOKEN_CACHE_TIME).
pub const GROUPS_TIME: Duration = Duration::from_secs(120);
/// Callers of one issuer whose groups are remembered.
pub const GROUPS_CALLERS: usize = 1_024;
/// Callers of one issuer whose groups are asked for at once.
pub const GROUPS_FLIGHTS: usize = 16;
/// Callers of one issuer that wait for theirs; others are not told.
pub const GROUPS_WAITING: usize = 256;
/// After a refusal nobody of that issuer is asked about for so long: a directory that is busy or away
/// is not made busier.
pub const GROUPS_PAUSE: Duration = Duration::from_secs(5);

/// How far the second in which a DPoP proof was made may be from ours, either way, unless configured
/// otherwise.
pub const DPOP_WINDOW: Duration = Duration::from_secs(60);
/// The most that may be configured as [`DPOP_WINDOW`]: so long every proof is remembered, twice over
/// where callers' clocks are ahead.
pub const DPOP_WINDOW_MAX: Duration = Duration::from_secs(300);
/// One proof. With the largest key that is taken it has 5 KiB.
pub const DPOP_PROOF_BYTES: usize = 8 * 1024;
/// The nonce that a proof names. Ours have 22 bytes.
pub const DPOP_NONCE_BYTES: usize = 256;
/// How long a nonce is given out; it is taken for as long again.
pub const DPOP_NONCE_SECONDS: u64 = 120;
/// Proofs that are remembered, over all cores: about 40 bytes each. Where there are as many, no other is
/// taken.
pub const DPOP_PROOFS: usize = 1 << 20;
/// Maps over which they are spread, by key: of one key, or of one attacker's, no more are remembered than
/// fit one.
pub const DPOP_MAPS: usize = 16;
/// Proofs of so many seconds are forgotten together.
pub const DPOP_SLOT_SECONDS: u64 = 10;

const _: () = assert!(DPOP_WINDOW.as_secs() <= DPOP_WINDOW_MAX.as_secs());
const _: () = assert!(DPOP_PROOFS.is_multiple_of(DPOP_MAPS));
const _: () = assert!(DPOP_PROOF_BYTES < HEAD_BYTES, "a proof fits a head");
const _: () = assert!(GROUPS_FLIGHTS <= GROUPS_WAITING);
const _: () = assert!(GROUPS * 40 <= GROUPS_BYTES);
