//! What is asked of others to know a caller.

use std::time::Duration;

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

const _: () = assert!(GROUPS_FLIGHTS <= GROUPS_WAITING);
const _: () = assert!(GROUPS * 40 <= GROUPS_BYTES);
