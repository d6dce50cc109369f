//! Who is connected through a listener: how many in all, and how many from each address. All cores
//! share it; it is looked at when a connection comes and when it goes, never for a request.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::limits::CROWD_MAPS;
use crate::base::network::Network;

/// Those who are connected.
#[derive(Default)]
pub struct Crowd {
    all: AtomicU64,
    /// By network; whoever comes from one that is hashed to the same map waits for the other.
    maps: [Mutex<HashMap<Network, u64>>; CROWD_MAPS],
    hasher: RandomState,
}

/// A connection's place among them, for as long as it lives.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    from: Option<Network>,
}

impl Crowd {
    /// A place for one more; none when there are so many already.
    pub(super) fn enter(self: &Arc<Crowd>, most: u64) -> Option<Place> {
        let place = Place {
            crowd: Arc::clone(self),
            from: None,
        };
        // Counted first, and by its drop taken back: two cores at once cannot both be the last.
        (self.all.fetch_add(1, Relaxed) < most).then_some(place)
    }

    fn map(&self, network: Network) -> Option<MutexGuard<'_, HashMap<Network, u64>>> {
        let index = self.hasher.hash_one(network) as usize % CROWD_MAPS;
        let map = self.maps.get(index)?;
        // Whoever panicked has left a count that is off by one at most.
        Some(map.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// The connection comes from there; false when so many do already.
    pub(super) fn comes_from(&mut self, ip: IpAddr, most: u64) -> bool {
        let network = Network::around(ip);
        let Some(mut map) = self.crowd.map(network) else {
            return false;
        };
        let count = map.entry(network).or_insert(0);
        if *count >= most {
            return false;
        }
        *count += 1;
        drop(map);
        self.leave();
        self.from = Some(network);
        true
    }

    /// It comes from nowhere any more.
    fn leave(&mut self) {
        let Some(network) = self.from.take() else {
            return;
        };
        if let Some(mut map) = self.crowd.map(network)
            && let Some(count) = map.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                map.remove(&network);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
        self.crowd.all.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let crowd = Arc::new(Crowd::default());
        let first = crowd.enter(2).expect("a place");
        let second = crowd.enter(2);
        assert!(second.is_some() && crowd.enter(2).is_none() && crowd.enter(2).is_none());
        drop(first);
        assert!(crowd.enter(2).is_some());
    }

    #[test]
    fn each_address_has_places_of_its_own() {
        let crowd = Arc::new(Crowd::default());
        let mut places: Vec<_> = (0..4).filter_map(|_| crowd.enter(9)).collect();
        assert!(places[0].comes_from(ip("192.0.2.1"), 2));
        assert!(places[1].comes_from(ip("::ffff:192.0.2.1"), 2));
        assert!(!places[2].comes_from(ip("192.0.2.1"), 2));
        assert!(places[2].comes_from(ip("192.0.2.2"), 2));
        places.remove(0);
        assert!(places[2].comes_from(ip("192.0.2.1"), 2));
        // A proxy's connection is its own until it says whose.
        assert!(places[2].comes_from(ip("2001:db8::1"), 2));
        assert!(places[0].comes_from(ip("2001:db8::2"), 2));
        assert!(!places[1].comes_from(ip("2001:db8::3"), 2));
        drop(places);
        let left = |map: &Mutex<HashMap<Network, u64>>| map.lock().expect("a map").len();
        assert_eq!(crowd.maps.iter().map(left).sum::<usize>(), 0);
        assert_eq!(crowd.all.load(Relaxed), 0);
    }
}
