//! Another configuration for a running gateway, over real sockets: taken over whole, between two
//! requests, without a word lost on streams that it does not concern.

#[path = "../wire/caller.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod caller;
#[path = "../control/issuer.rs"]
#[allow(dead_code, reason = "shared with the tests of the control plane")]
mod issuer;
#[path = "../wire/origin.rs"]
#[allow(dead_code, reason = "shared with the tests of HTTP")]
mod origin;
mod scene;

mod load;
mod process;
mod refuse;
mod servers;
mod streams;
