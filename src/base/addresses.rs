//! Where upstreams are, published by the control plane and read by every core.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// The addresses of one upstream. It lives on with whoever still goes there, whatever becomes of the
/// configuration that it came from.
#[derive(Debug, Default)]
pub struct Place(ArcSwap<Vec<SocketAddr>>);

impl Place {
    /// What is known of it; empty when nothing is. Takes no lock and does not allocate.
    #[must_use]
    pub fn get(&self) -> Arc<Vec<SocketAddr>> {
        self.0.load_full()
    }

    /// Puts addresses in force; an order that has not changed is not published again.
    pub fn publish(&self, addresses: Vec<SocketAddr>) {
        if **self.0.load() != addresses {
            self.0.store(Arc::new(addresses));
        }
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
