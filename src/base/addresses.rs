//! Where upstreams are, published by the control plane and read by every core.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::gate::{Gate, GateSpec};

/// The addresses of one upstream, and the bound on calls there. It lives on with whoever still goes
/// there, whatever becomes of the configuration that it came from.
#[derive(Debug, Default)]
pub struct Place {
    addresses: ArcSwap<Vec<SocketAddr>>,
    gate: Option<Gate>,
}

impl Place {
    /// A place that nothing is known of, with a bound on calls where one is given.
    #[must_use]
    pub fn behind(gate: Option<GateSpec>) -> Place {
        Place {
            addresses: ArcSwap::default(),
            gate: gate.map(Gate::new),
        }
    }

    /// What is known of it; empty when nothing is. Takes no lock and does not allocate.
    #[must_use]
    pub fn get(&self) -> Arc<Vec<SocketAddr>> {
        self.addresses.load_full()
    }

    /// True when `seen` is what [`Place::get`] would answer.
    #[must_use]
    pub fn is_still(&self, seen: &Arc<Vec<SocketAddr>>) -> bool {
        Arc::ptr_eq(&self.addresses.load(), seen)
    }

    /// Puts addresses in force; an order that has not changed is not published again.
    pub fn publish(&self, addresses: Vec<SocketAddr>) {
        if **self.addresses.load() != addresses {
            self.addresses.store(Arc::new(addresses));
        }
    }

    /// The bound on calls that are under way there, if there is one.
    #[must_use]
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }
}

/// The places of every connection's upstream, in the order of one configuration.
#[derive(Debug, Default)]
pub struct Addresses(Box<[Arc<Place>]>);

impl Addresses {
    /// `count` upstreams that have no address yet.
    #[must_use]
    pub fn new(count: usize) -> Addresses {
        (0..count).map(|_| Arc::default()).collect()
    }

    /// The place of an upstream.
    #[must_use]
    pub fn place(&self, connection: usize) -> Option<&Arc<Place>> {
        self.0.get(connection)
    }

    /// What is known of an upstream; empty when nothing is.
    #[must_use]
    pub fn of(&self, connection: usize) -> Arc<Vec<SocketAddr>> {
        self.place(connection)
            .map_or_else(Arc::default, |place| place.get())
    }
}

impl FromIterator<Arc<Place>> for Addresses {
    /// Of places that may be known from another configuration.
    fn from_iter<I: IntoIterator<Item = Arc<Place>>>(places: I) -> Addresses {
        Addresses(places.into_iter().collect())
    }
}
