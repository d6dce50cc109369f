//! Verified tokens, remembered so that a request with a known token costs a comparison.
//!
//! Three levels, each holding the same shared entries: the last bearer of a connection, a table of
//! each core, and a table of the process. A hit is only a hit under the generation in force and
//! within the entry's time; the authenticator then checks expiry and key age again, every time.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use moka::Expiry;

use super::Identity;
use crate::base::clock::{Mono, Now};
use crate::base::limits::{
    CORE_TOKENS, SHARED_TOKEN_BYTES, TOKEN_CACHE_TIME, UNKNOWN_KID_TIME, UNKNOWN_KIDS,
};
use crate::base::secret::Secret;

/// A verified token and what it proved. Shared by the levels, so a token is held in memory once.
pub(super) struct Remembered {
    token: Secret,
    pub(super) identity: Identity,
    until: Mono,
    /// For the process's table, which counts time by itself and only to free memory.
    life: Duration,
}

impl Remembered {
    pub(super) fn new(token: &[u8], identity: Identity, now: Now) -> Arc<Remembered> {
        let left = identity
            .usable_until()
            .saturating_sub(now.wall.unix_seconds());
        let life = TOKEN_CACHE_TIME.min(Duration::from_secs(left));
        Arc::new(Remembered {
            token: Secret::new(token.to_vec()),
            identity,
            until: now.mono.after(life),
            life,
        })
    }

    fn holds(&self, generation: u64, now: Now) -> bool {
        self.identity.generation() == generation && now.mono < self.until
    }
}

/// The last bearer of one connection.
#[derive(Default)]
pub struct LastBearer(Option<Arc<Remembered>>);

impl LastBearer {
    pub(super) fn find(&self, token: &[u8], generation: u64, now: Now) -> Option<&Remembered> {
        self.0
            .as_deref()
            .filter(|last| same_bytes(last.token.expose(), token) && last.holds(generation, now))
    }

    pub(super) fn remember(&mut self, entry: Arc<Remembered>) {
        self.0 = Some(entry);
    }
}

/// Equality without an early exit: the time tells nothing of where two tokens differ. In words, as
/// a byte at a time would cost more than the table's look-up.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = a.iter().zip(b).fold(0, |difference, (a, b)| {
        difference | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    let rest = a_rest.iter().zip(b_rest);
    let rest = rest.fold(0, |difference, (a, b)| difference | (a ^ b));
    std::hint::black_box(words | u64::from(rest)) == 0
}

/// One core's table: found by a keyed hash of the token, then compared whole. When it is full, the
/// oldest entry goes.
pub(super) struct CoreTokens {
    hasher: DefaultHashBuilder,
    slots: Vec<(u64, Arc<Remembered>)>,
    by_hash: HashTable<usize>,
    oldest: usize,
    generation: u64,
}

impl CoreTokens {
    pub(super) fn new() -> CoreTokens {
        CoreTokens {
            hasher: DefaultHashBuilder::default(),
            slots: Vec::new(),
            by_hash: HashTable::new(),
            oldest: 0,
            generation: 0,
        }
    }

    /// Forgets everything that was judged under another generation.
    pub(super) fn keep_only(&mut self, generation: u64) {
        if self.generation != generation {
            self.slots.clear();
            self.by_hash.clear();
            self.oldest = 0;
            self.generation = generation;
        }
    }

    pub(super) fn find(&self, token: &[u8], now: Now) -> Option<&Arc<Remembered>> {
        self.entry(self.hash(token), token)
            .map(|slot| &self.slots[slot].1)
            .filter(|entry| entry.holds(self.generation, now))
    }

    pub(super) fn remember(&mut self, entry: Arc<Remembered>) {
        let hash = self.hash(entry.token.expose());
        if let Some(slot) = self.entry(hash, entry.token.expose()) {
            self.slots[slot].1 = entry;
            return;
        }
        let slot = if self.slots.len() < CORE_TOKENS {
            self.slots.push((hash, entry));
            self.slots.len() - 1
        } else {
            let slot = self.oldest;
            self.oldest = (slot + 1) % CORE_TOKENS;
            let (old_hash, _) = std::mem::replace(&mut self.slots[slot], (hash, entry));
            if let Ok(old) = self.by_hash.find_entry(old_hash, |other| *other == slot) {
                old.remove();
            }
            slot
        };
        let slots = &self.slots;
        self.by_hash
            .insert_unique(hash, slot, |other| slots[*other].0);
    }

    fn hash(&self, token: &[u8]) -> u64 {
        self.hasher.hash_one(token)
    }

    fn entry(&self, hash: u64, token: &[u8]) -> Option<usize> {
        self.by_hash
            .find(hash, |slot| self.slots[*slot].1.token.expose() == token)
            .copied()
    }
}

/// The process's table, so that a token is verified by one core for all. Clones share it.
#[derive(Clone)]
pub struct SharedTokens(moka::sync::Cache<ByToken, Arc<Remembered>, DefaultHashBuilder>);

impl SharedTokens {
    /// An empty table.
    #[must_use]
    pub fn new() -> SharedTokens {
        let weigh = |key: &ByToken, _: &Arc<Remembered>| {
            u32::try_from(key.0.token.expose().len()).unwrap_or(u32::MAX)
        };
        SharedTokens(
            moka::sync::Cache::builder()
                .weigher(weigh)
                .max_capacity(SHARED_TOKEN_BYTES)
                .expire_after(AtItsEnd)
                .build_with_hasher(DefaultHashBuilder::default()),
        )
    }

    pub(super) fn find(&self, token: &[u8], generation: u64, now: Now) -> Option<Arc<Remembered>> {
        self.0
            .get(token)
            .filter(|entry| entry.holds(generation, now))
    }

    pub(super) fn remember(&self, entry: Arc<Remembered>) {
        self.0.insert(ByToken(entry.clone()), entry);
    }
}

impl Default for SharedTokens {
    fn default() -> SharedTokens {
        SharedTokens::new()
    }
}

/// An entry as the key to itself: the table hashes and compares the token's bytes.
struct ByToken(Arc<Remembered>);

impl Borrow<[u8]> for ByToken {
    fn borrow(&self) -> &[u8] {
        self.0.token.expose()
    }
}

impl Hash for ByToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.token.expose().hash(state);
    }
}

impl PartialEq for ByToken {
    fn eq(&self, other: &ByToken) -> bool {
        self.0.token.expose() == other.0.token.expose()
    }
}

impl Eq for ByToken {}

/// Frees an entry when its time is over. Whether it may be used is judged by our own [`Now`].
struct AtItsEnd;

impl Expiry<ByToken, Arc<Remembered>> for AtItsEnd {
    fn expire_after_create(
        &self,
        _: &ByToken,
        entry: &Arc<Remembered>,
        _: Instant,
    ) -> Option<Duration> {
        Some(entry.life)
    }

    fn expire_after_update(
        &self,
        _: &ByToken,
        entry: &Arc<Remembered>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.life)
    }
}

/// Key names that were asked for and stayed unknown: repeating one asks nobody again for a while.
/// Consulted only after the key set, so that a key which appears is found at once.
pub(super) struct UnknownKids {
    hasher: DefaultHashBuilder,
    until: HashMap<u64, Mono>,
}

impl UnknownKids {
    pub(super) fn new() -> UnknownKids {
        UnknownKids {
            hasher: DefaultHashBuilder::default(),
            until: HashMap::new(),
        }
    }

    pub(super) fn contains(&self, issuer: &str, kid: &str, now: Mono) -> bool {
        let hash = self.hasher.hash_one((issuer, kid));
        self.until.get(&hash).is_some_and(|until| now < *until)
    }

    pub(super) fn remember(&mut self, issuer: &str, kid: &str, now: Mono) {
        if self.until.len() == UNKNOWN_KIDS {
            self.until.retain(|_, until| now < *until);
        }
        // Full of live ones: somebody tries names at random. Forgetting costs one more question
        // each, and the control plane answers only so many.
        if self.until.len() == UNKNOWN_KIDS {
            self.until.clear();
        }
        let hash = self.hasher.hash_one((issuer, kid));
        self.until.insert(hash, now.after(UNKNOWN_KID_TIME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_every_byte() {
        let token: Vec<u8> = (0..37).collect();
        assert!(same_bytes(&token, &token.clone()));
        assert!(!same_bytes(&token, &token[..36]));
        for index in 0..token.len() {
            let mut other = token.clone();
            other[index] ^= 0x80;
            assert!(!same_bytes(&token, &other), "{index}");
        }
    }

    #[test]
    fn unknown_names_are_few_and_forgotten() {
        let mut unknown = UnknownKids::new();
        let start = Mono(1);
        unknown.remember("entra", "junk", start);
        assert!(unknown.contains("entra", "junk", start));
        assert!(!unknown.contains("other", "junk", start));
        assert!(!unknown.contains("entra", "junk", start.after(UNKNOWN_KID_TIME)));
        for index in 0..10 * UNKNOWN_KIDS {
            unknown.remember("entra", &index.to_string(), start);
            assert!(unknown.until.len() <= UNKNOWN_KIDS);
        }
    }
}
