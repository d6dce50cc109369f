//! What Microsoft Graph is asked for.

/// How deep one `$expand` may stand within another; Graph itself takes one or two.
pub const EXPAND_DEPTH: usize = 8;
/// How often a value of a query may be percent-encoded: once is what clients do.
pub const QUERY_DECODINGS: usize = 4;
/// What one rule lets `$expand` name.
pub const RULE_EXPANDS: usize = 64;
