//! What one core keeps of its upstreams: connections that no exchange uses, and how each upstream
//! has fared.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hashbrown::HashMap;

use super::balance::Balance;
use crate::base::addresses::Place;
use crate::base::clock::Mono;
use crate::base::credential::Credential;
use crate::base::limits::UPSTREAM_IDLE;
use crate::exchange::rules::Connection;
use crate::worker::io::Driver;
use crate::worker::transport::Transport;

/// What two exchanges must have in common to use one connection after each other: configuration
/// (which includes TLS), upstream, the credential that it has seen, and the address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    rules: u64,
    connection: usize,
    credential: u64,
    pub address: SocketAddr,
}

impl Key {
    pub(super) fn new(
        connection: &Connection,
        credential: Option<&Credential>,
        address: SocketAddr,
    ) -> Key {
        Key {
            rules: connection.policies.generation,
            connection: connection.index,
            credential: credential.map_or(0, |credential| credential.generation),
            address,
        }
    }
}

/// The upstreams of one core.
pub(in crate::worker) struct Upstreams<D: Driver> {
    idle: HashMap<Key, Vec<Idle<D::Stream>>>,
    /// By the place that each is at: that outlives a configuration.
    balances: HashMap<usize, Rc<Balance>>,
}

/// A connection that no exchange uses.
pub(super) struct Idle<S> {
    pub transport: Transport<S>,
    pub since: Mono,
    /// It is not used any more from then on.
    pub until: Mono,
}

impl<D: Driver> Default for Upstreams<D> {
    fn default() -> Upstreams<D> {
        Upstreams {
            idle: HashMap::new(),
            balances: HashMap::new(),
        }
    }
}

impl<D: Driver> Upstreams<D> {
    pub(super) fn put(&mut self, key: Key, idle: Idle<D::Stream>) {
        let kept = self.idle.entry(key).or_default();
        if kept.len() < UPSTREAM_IDLE {
            kept.push(idle);
        }
    }

    /// The one used last: it is the least likely to have been closed.
    pub(super) fn take(&mut self, key: &Key) -> Option<Idle<D::Stream>> {
        self.idle.get_mut(key)?.pop()
    }

    /// How the upstream at that place has fared.
    pub(super) fn balance(&mut self, place: &Arc<Place>) -> Rc<Balance> {
        let at = Arc::as_ptr(place).addr();
        let balance = self.balances.entry(at);
        Rc::clone(balance.or_insert_with(|| Rc::new(Balance::new(Arc::clone(place)))))
    }

    /// Closes what has been idle for too long, and what no exchange under the rules in force can use.
    pub(in crate::worker) fn sweep(&mut self, now: Mono, rules: u64) {
        self.idle.retain(|key, kept| {
            kept.retain(|idle| now < idle.until);
            key.rules == rules && !kept.is_empty()
        });
        self.balances.retain(|_, balance| balance.is_needed());
    }
}
