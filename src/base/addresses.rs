//! Where upstreams are, published by the control plane and read by every core.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// The addresses of every connection's upstream, in the order of the configuration.
#[derive(Debug)]
pub struct Addresses(Box<[ArcSwap<Vec<SocketAddr>>]>);

impl Addresses {
    /// `count` upstreams that have no address yet.
    #[must_use]
    pub fn new(count: usize) -> Addresses {
        Addresses(
            (0..count)
                .map(|_| ArcSwap::from_pointee(Vec::new()))
                .collect(),
        )
    }

    /// What is known of an upstream; empty when nothing is. Takes no lock and does not allocate.
    #[must_use]
    pub fn of(&self, connection: usize) -> Arc<Vec<SocketAddr>> {
        self.0
            .get(connection)
            .map_or_else(Arc::default, ArcSwap::load_full)
    }

    /// Puts addresses in force; an order that has not changed is not published again.
    pub fn publish(&self, connection: usize, addresses: Vec<SocketAddr>) {
        if let Some(slot) = self.0.get(connection)
            && **slot.load() != addresses
        {
            slot.store(Arc::new(addresses));
        }
    }
}
