//! What the gateway shows upstream, and how it gets it.

use std::time::Duration;

/// How long an assertion of the gateway's own is good for: it is used at once.
pub const ASSERTION_LIFE: Duration = Duration::from_secs(300);
/// An upstream token is replaced this long before it ends; a short-lived one at four fifths of its
/// life.
pub const TOKEN_AHEAD: Duration = Duration::from_secs(300);
/// The longest life of an upstream token that is believed. Entra's longest is 24 hours or so.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(48 * 3600);
