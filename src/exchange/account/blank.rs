//! An account of which nothing is known: a new one, and one that was closed.

use super::again::Asked;
use super::parts::Parts;
use super::{Account, Whence};
use crate::base::access::AccessEntry;
use crate::base::clock::Now;
use crate::record::Timings;

impl Account {
    /// An account of an exchange of which nothing is known; see [`crate::exchange::Core::account`].
    pub(in crate::exchange) fn new(now: Now) -> Account {
        Account {
            opened: now,
            entry: AccessEntry::new(now.wall),
            whence: Whence::default(),
            hops: None,
            crossing: None,
            identity: None,
            possession: None,
            connection: None,
            log: None,
            session: None,
            generation: 0,
            asked: Asked::Nothing,
            parts: Parts::default(),
            looked: 0,
            cleared: 0,
            hits: 0,
            slot: None,
            timings: Timings::default(),
        }
    }

    /// Forgets what it said, in its place.
    pub(in crate::exchange) fn clear(&mut self) {
        // Named one by one, so that none is forgotten.
        let Account {
            opened,
            entry,
            whence,
            hops,
            crossing,
            identity,
            possession,
            connection,
            log,
            session,
            generation,
            asked,
            parts,
            looked,
            cleared,
            hits,
            slot,
            timings,
        } = self;
        entry.clear();
        *opened = Now::default();
        *whence = Whence::default();
        (*hops, *crossing, *identity, *possession) = (None, None, None, None);
        (*connection, *log, *session, *slot) = (None, None, None, None);
        (*generation, *looked, *cleared, *hits) = (0, 0, 0, 0);
        *asked = Asked::Nothing;
        *parts = Parts::default();
        *timings = Timings::default();
    }
}
