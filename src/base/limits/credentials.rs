//! What the gateway shows upstream, and how it gets it.

use std::time::Duration;

/// How long an assertion of the gateway's own is good for: it is used at once.
pub const ASSERTION_LIFE: Duration = Duration::from_secs(300);
/// An upstream token is replaced this long before it ends; a short-lived one at four fifths of its
/// life.
pub const TOKEN_AHEAD: Duration = Duration::from_secs(300);
/// The longest life of an upstream token that is believed. Entra's longest is 24 hours or so.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(48 * 3600);
/// A token that an upstream does not take is replaced at most once in this time, where the upstream
/// asks for claims, and where it only says no: it may say so whatever it is shown.
pub const CHALLENGED_EVERY: Duration = Duration::from_secs(5);
/// See [`CHALLENGED_EVERY`].
pub const REJECTED_EVERY: Duration = Duration::from_secs(60);
/// Bytes of the tokens that one credential has got on behalf of callers; real ones have 2 KiB.
pub const CALLER_TOKEN_BYTES: u64 = 64 * 1024 * 1024;
/// A caller's token that nothing was got for is asked about once in this time.
pub const CALLER_REFUSED_TIME: Duration = Duration::from_secs(5);
/// Requests on behalf of callers that one credential has under way. Those beyond wait.
pub const CALLER_FLIGHTS: usize = 64;
/// Connections at once to the endpoint where callers get tokens for the gateway.
pub const IDENTITY_CONNECTIONS: usize = 64;
/// What a token endpoint asks a caller to satisfy first.
pub const CLAIMS_BYTES: usize = 4 * 1024;
