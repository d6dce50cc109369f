//! Microsoft Graph through the gateway, over real sockets: callers with tokens of an issuer, a
//! directory that says what a test wants it to say.

#[path = "../wire/caller.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod caller;
#[path = "../wire/holder.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod holder;
#[path = "../control/issuer.rs"]
#[allow(dead_code, reason = "shared with the tests of the control plane")]
mod issuer;
#[path = "../wire/origin.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod origin;
#[path = "../dialogue/scene.rs"]
#[allow(dead_code, reason = "shared with the tests of MCP")]
mod scene;

mod batches;
mod bodies;
mod directory;
mod links;
mod paths;
