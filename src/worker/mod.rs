//! Floor 6: the data plane, one runtime per core.
//!
//! A request comes in at `listener`, is moved through its exchange by `pump`, goes out over a
//! connection of `upstream`, and its reply leaves by `downstream`. `transport` lays TLS
//! between bytes and sockets, [`io`] are the runtimes, `core` is what the connections of one core
//! share, `seats` how their tasks wait for time and for what is told to all, `turn` in which order
//! they get theirs. Nothing here judges anything: the exchange says what it needs, the worker waits
//! for it.

mod core;
mod directions;
mod downstream;
pub mod io;
mod listener;
mod pump;
mod seats;
mod transport;
mod turn;
mod upstream;
mod wait;

use std::sync::Arc;

pub use self::core::Seed;
use crate::tls::Door;

/// A listening socket of one core. Every core has its own on each address (`SO_REUSEPORT`).
pub struct Listener {
    /// Bound and listening.
    pub socket: std::net::TcpListener,
    /// Who comes there, and how.
    pub offers: Offers,
}

/// What a listener offers.
#[derive(Clone)]
pub enum Offers {
    /// Plain HTTP to callers.
    Plain,
    /// HTTPS to callers, with what is shown to them at the moment.
    Tls(Arc<Door>),
    /// Plain HTTP to servers of the gateway's own, which show a secret.
    Inner,
}
