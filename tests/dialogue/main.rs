//! MCP through the gateway, over real sockets: callers with tokens of an issuer, upstreams that say
//! what a test wants them to say.

#[path = "../wire/caller.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod caller;
#[path = "../wire/holder.rs"]
mod holder;
#[path = "../control/issuer.rs"]
#[allow(dead_code, reason = "shared with the tests of the control plane")]
mod issuer;
#[path = "../wire/origin.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod origin;
mod scene;

mod crossing;
mod envelope;
mod lists;
mod own;
mod revoked;
mod sessions;
mod streams;
mod surface;
