//! Proofs that were seen: none is good twice, on whichever core and connection (RFC 9449, section
//! 11.1).
//!
//! One is remembered by a digest for as long as it could be shown again, together with those of the
//! same few seconds, and forgotten with them. Where there is no room for one more, it is refused: who
//! forgets one early takes it twice.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use super::proof::Proof;
use crate::base::limits::{DPOP_MAPS, DPOP_PROOFS, DPOP_SLOT_SECONDS};

/// A digest of key and `jti`: two that are alike cannot be found.
pub(super) type Id = [u8; 16];

/// What becomes of a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is the first of its kind.
    New,
    /// It was seen before.
    Seen,
    /// Nobody can say any more, or yet, whether it was seen.
    Forgotten,
    /// There is no room to remember it.
    Full,
}

/// Shared by all cores.
pub(super) struct Memory {
    /// By key, so that who fills one leaves room for others; which one, nobody can choose.
    maps: [Mutex<Map>; DPOP_MAPS],
    hasher: RandomState,
}

impl Memory {
    /// Proofs that were made before `begin` are none that we would know.
    pub(super) fn new(begin: u64) -> Memory {
        Memory {
            maps: std::array::from_fn(|_| Mutex::new(Map::new(begin))),
            hasher: RandomState::new(),
        }
    }

    /// Takes a proof that may be `window` seconds old.
    pub(super) fn take(&self, proof: &Proof, window: u64, now: u64) -> Outcome {
        let index = self.hasher.hash_one(proof.key) as usize % DPOP_MAPS;
        let Some(map) = self.maps.get(index) else {
            return Outcome::Full;
        };
        // Whoever panicked has left a map that knows one proof less at most, which was not taken.
        let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
        map.forget(now.saturating_sub(window));
        map.take(proof.id, proof.made)
    }
}

/// The proofs of some keys.
struct Map {
    /// By the seconds in which they were made.
    slots: BTreeMap<u64, HashSet<Id>>,
    count: usize,
    /// What was made before this second is not known.
    begin: u64,
}

impl Map {
    fn new(begin: u64) -> Map {
        Map {
            slots: BTreeMap::new(),
            count: 0,
            begin,
        }
    }

    fn take(&mut self, id: Id, made: u64) -> Outcome {
        if made < self.begin {
            return Outcome::Forgotten;
        }
        let slot = self.slots.entry(made / DPOP_SLOT_SECONDS).or_default();
        if slot.contains(&id) {
            return Outcome::Seen;
        }
        if self.count >= DPOP_PROOFS / DPOP_MAPS {
            return Outcome::Full;
        }
        slot.insert(id);
        self.count += 1;
        Outcome::New
    }

    /// Forgets slots whose every proof was made before that second; and remembers to have done so, in
    /// case the clock is put back.
    fn forget(&mut self, before: u64) {
        while let Some(slot) = self.slots.first_entry() {
            let end = (slot.key() + 1).saturating_mul(DPOP_SLOT_SECONDS);
            if end > before {
                break;
            }
            self.count -= slot.remove().len();
            self.begin = self.begin.max(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const WINDOW: u64 = 60;
    const START: u64 = 1_800_000_000;

    fn proof(key: u8, id: u64, made: u64) -> Proof {
        let mut text = [0; 16];
        text[..8].copy_from_slice(&id.to_le_bytes());
        text[8] = key;
        Proof {
            key: [key; 32],
            id: text,
            made,
            nonce: None,
        }
    }

    #[test]
    fn none_is_taken_twice_as_long_as_it_may_be_shown() {
        let memory = Memory::new(START);
        for made in [START, START + 1, START + WINDOW] {
            let proof = proof(1, made, made);
            assert_eq!(memory.take(&proof, WINDOW, START), Outcome::New);
            for now in START..=made + WINDOW {
                assert_eq!(
                    memory.take(&proof, WINDOW, now),
                    Outcome::Seen,
                    "{made} {now}"
                );
            }
        }
    }

    #[test]
    fn what_was_made_before_is_not_known() {
        let memory = Memory::new(START);
        let take = |made| memory.take(&proof(1, made, made), WINDOW, START);
        assert_eq!(take(START - 1), Outcome::Forgotten);
        assert_eq!(take(START), Outcome::New);
    }

    #[test]
    fn a_clock_that_is_put_back_brings_none_back() {
        let memory = Memory::new(START);
        let old = proof(1, 1, START);
        assert_eq!(memory.take(&old, WINDOW, START), Outcome::New);
        // Another of the same key, much later, has the first one forgotten.
        let later = START + 1000;
        assert_eq!(
            memory.take(&proof(1, 2, later), WINDOW, later),
            Outcome::New
        );
        assert_eq!(memory.take(&old, WINDOW, START), Outcome::Forgotten);
    }

    #[test]
    fn a_map_that_is_full_refuses_and_leaves_room_in_others() {
        let memory = Memory::new(START);
        let most = (DPOP_PROOFS / DPOP_MAPS) as u64;
        for id in 0..most {
            assert_eq!(
                memory.take(&proof(1, id, START), WINDOW, START),
                Outcome::New
            );
        }
        assert_eq!(
            memory.take(&proof(1, most, START), WINDOW, START),
            Outcome::Full
        );
        assert_eq!(
            memory.take(&proof(1, 0, START), WINDOW, START),
            Outcome::Seen
        );
        let others = (2..=255)
            .filter(|key| memory.take(&proof(*key, 0, START), WINDOW, START) == Outcome::New);
        assert!(others.count() > 200);
        // And there is room again once those could not be shown any more.
        let later = START + WINDOW + DPOP_SLOT_SECONDS;
        assert_eq!(
            memory.take(&proof(1, most, later), WINDOW, later),
            Outcome::New
        );
    }

    proptest! {
        /// Whatever the clock does, and however windows change.
        #[test]
        fn nothing_is_taken_twice(
            shown in prop::collection::vec((0..4u8, 0..6u64, 0..200u64, 0..200u64, 1..90u64), 1..200),
        ) {
            let memory = Memory::new(START);
            let mut taken = HashMap::new();
            for (key, id, made, now, window) in shown {
                let (made, now) = (START + made, START + now);
                if made.abs_diff(now) > window {
                    continue;
                }
                let outcome = memory.take(&proof(key, id, made), window, now);
                let times = taken.entry((key, id, made / DPOP_SLOT_SECONDS)).or_insert(0);
                *times += u32::from(outcome == Outcome::New);
                prop_assert!(*times <= 1);
                prop_assert!(*times == 1 || outcome == Outcome::Forgotten);
            }
        }
    }
}
