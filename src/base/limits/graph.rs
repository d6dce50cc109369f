//! What Microsoft Graph is asked for.

/// How deep one `$expand` may stand within another; Graph itself takes one or two.
pub const EXPAND_DEPTH: usize = 8;
/// How often a value of a query may be percent-encoded: once is what clients do.
pub const QUERY_DECODINGS: usize = 4;
/// What one rule lets `$expand` name.
pub const RULE_EXPANDS: usize = 64;

/// Requests of one `$batch`: what Graph takes.
pub const BATCH_REQUESTS: usize = 20;
/// The id of one: clients write numbers or GUIDs.
pub const BATCH_ID_BYTES: usize = 128;
