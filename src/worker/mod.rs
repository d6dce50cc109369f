//! Floor 6: the data plane, one runtime per core.
//!
//! A request comes in at `listener`, is moved through its exchange by `pump`, goes out over a
//! connection of `upstream`, and its reply leaves by `downstream`. `transport` lays TLS
//! between bytes and sockets, [`io`] are the runtimes, `crowd` is who is connected, `core` what the
//! connections of one core share, `seats` how their tasks wait for time and for what is told to all,
//! `turn` in which order they get theirs, `rooms` the memory that an exchange has while it is under
//! way. Nothing here judges anything: the exchange says what it needs, the worker waits for it.

mod core;
mod crowd;
mod directions;
mod downstream;
pub mod io;
mod listener;
mod pump;
mod rooms;
mod seats;
mod slices;
mod transport;
mod turn;
mod upstream;
mod wait;

use std::net::IpAddr;
use std::sync::Arc;

pub use self::core::Seed;
pub use self::crowd::Crowd;
use crate::base::network::Network;
use crate::exchange::Hops;
use crate::tls::Door;

/// A listening socket of one core. Every core has its own on each address (`SO_REUSEPORT`).
pub struct Listener {
    /// Bound and listening.
    pub socket: std::net::TcpListener,
    /// Who comes there, and how.
    pub entrance: Entrance,
}

/// How a listener is entered. Clones share it.
#[derive(Clone)]
pub struct Entrance {
    /// What it offers.
    pub offers: Offers,
    /// Who is there.
    pub crowd: Arc<Crowd>,
    /// Proxies, which begin with where a connection comes from (the PROXY protocol).
    pub introduces: Arc<[Network]>,
    /// Who is believed about where requests come from.
    pub hops: Option<Arc<Hops>>,
}

impl Entrance {
    /// Whether a connection from there begins with where it comes from.
    fn is_introduced(&self, ip: IpAddr) -> bool {
        self.introduces.iter().any(|network| network.contains(ip))
    }
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

/// The bytes that a task of this kind keeps.
#[cfg(test)]
fn room<A, F>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}
