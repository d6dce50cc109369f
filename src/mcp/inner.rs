//! Header fields between the gateway and servers of its own. Callers cannot send them on: what
//! begins with `sluice-` is never forwarded.

/// Shows that a request comes from the gateway.
pub const SECRET_HEADER: &str = "sluice-inner";
/// Who calls, as sessions are bound: 64 hexadecimal digits.
pub const PRINCIPAL_HEADER: &str = "sluice-principal";
/// The caller's own `Authorization`, for servers that call other connections in its name.
pub const CALLER_HEADER: &str = "sluice-caller";
