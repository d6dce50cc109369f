//! Whom every core trusts right now: one snapshot of issuers, their keys, and who is revoked, swapped
//! whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use thiserror::Error;

use super::error::AuthError;
use super::issuer::Issuer;
use super::key::Key;
use super::keyset::Keys;
use super::revoked::Revocations;
use crate::base::clock::Mono;

/// The configured issuers and their keys, and what is revoked, at one moment.
#[derive(Clone, Debug)]
pub struct KeySets {
    generation: u64,
    issuers: Vec<Trust>,
    revision: u64,
    revocations: Arc<Revocations>,
}

/// One issuer and its keys.
#[derive(Clone, Debug)]
pub struct Trust {
    issuer: Arc<Issuer>,
    keys: Option<(Arc<Keys>, Mono)>,
}

impl KeySets {
    /// Counts the changes of keys and issuers. What was judged under another generation is judged
    /// again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Counts the changes of what is revoked; 0 while nothing ever was. Who was found not to be among
    /// it is not looked for again before it changes.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What is revoked.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// All issuers.
    #[must_use]
    pub fn issuers(&self) -> &[Trust] {
        &self.issuers
    }

    /// Whether every issuer has keys that may be used: part of being ready.
    #[must_use]
    pub fn is_ready(&self, now: Mono) -> bool {
        self.issuers.iter().all(|trust| trust.keys(now).is_ok())
    }

    /// The issuer that goes by exactly that `iss`.
    pub(super) fn by_iss(&self, iss: &str) -> Option<&Trust> {
        self.issuers.iter().find(|trust| trust.issuer.goes_by(iss))
    }
}

impl Trust {
    /// The issuer as configured.
    #[must_use]
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// When the keys in force were asked for.
    #[must_use]
    pub fn fetched_at(&self) -> Option<Mono> {
        self.keys.as_ref().map(|(_, fetched_at)| *fetched_at)
    }

    /// The keys, while they are young enough.
    pub fn keys(&self, now: Mono) -> Result<&Arc<Keys>, AuthError> {
        let (keys, fetched_at) = self.keys.as_ref().ok_or(AuthError::NoKeys)?;
        if now.since(*fetched_at) >= self.issuer.key_age() {
            return Err(AuthError::KeysTooOld);
        }
        Ok(keys)
    }

    /// Whether that very key is still published, under its name and with its material.
    pub(super) fn still_has(&self, key: &Key, now: Mono) -> Result<(), AuthError> {
        match self.keys(now)?.find(key.kid()) {
            Some(current) if **current == *key => Ok(()),
            _ => Err(AuthError::UnknownKey),
        }
    }
}

/// Where the control plane publishes and the cores read. Clones share one place.
#[derive(Clone, Debug)]
pub struct PublishedKeys(Arc<ArcSwap<KeySets>>);

/// The issuer is no longer configured as it was when its keys were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the issuer's configuration has changed since its keys were asked for")]
pub struct Superseded;

impl Default for PublishedKeys {
    fn default() -> PublishedKeys {
        PublishedKeys::new(Vec::new())
    }
}

impl PublishedKeys {
    /// Issuers without keys: every token is refused until keys are published.
    #[must_use]
    pub fn new(issuers: Vec<Arc<Issuer>>) -> PublishedKeys {
        let issuers = issuers
            .into_iter()
            .map(|issuer| Trust { issuer, keys: None });
        PublishedKeys(Arc::new(ArcSwap::from_pointee(KeySets {
            generation: 1,
            issuers: issuers.collect(),
            revision: 0,
            revocations: Arc::default(),
        })))
    }

    /// The snapshot in force.
    #[must_use]
    pub fn load(&self) -> Arc<KeySets> {
        self.0.load_full()
    }

    /// Puts new keys of an issuer in force. `fetched_at` is when the request for them was *sent*:
    /// they are at least that old. Answers the new generation.
    ///
    /// The issuer is compared whole, so that keys which were asked for under another authority
    /// never become those of its successor.
    pub fn publish(
        &self,
        issuer: &Issuer,
        keys: Keys,
        fetched_at: Mono,
    ) -> Result<u64, Superseded> {
        let keys = Arc::new(keys);
        let mut outcome = Err(Superseded);
        self.0.rcu(|sets| {
            outcome = Err(Superseded);
            let mut issuers = sets.issuers.clone();
            if let Some(trust) = issuers.iter_mut().find(|trust| *trust.issuer == *issuer) {
                trust.keys = Some((keys.clone(), fetched_at));
                outcome = Ok(sets.generation + 1);
            }
            match outcome {
                Ok(generation) => Arc::new(KeySets {
                    generation,
                    issuers,
                    ..KeySets::clone(sets)
                }),
                Err(Superseded) => sets.clone(),
            }
        });
        outcome
    }

    /// Puts a new configuration in force. An issuer that is configured as before stays what it
    /// was, keys and all, and what it proved still stands.
    pub fn configure(&self, issuers: &[Arc<Issuer>]) {
        self.0.rcu(|sets| {
            let keep = |issuer: &Arc<Issuer>| {
                let before = sets.issuers.iter().find(|trust| trust.issuer == *issuer);
                before.cloned().unwrap_or_else(|| Trust {
                    issuer: issuer.clone(),
                    keys: None,
                })
            };
            Arc::new(KeySets {
                generation: sets.generation + 1,
                issuers: issuers.iter().map(keep).collect(),
                ..KeySets::clone(sets)
            })
        });
    }

    /// Puts another set of revocations in force, whole.
    pub fn revoke(&self, revocations: Revocations) {
        let revocations = Arc::new(revocations);
        self.0.rcu(|sets| {
            Arc::new(KeySets {
                revision: sets.revision + 1,
                revocations: Arc::clone(&revocations),
                ..KeySets::clone(sets)
            })
        });
    }

    pub(super) fn cached(&self) -> CachedKeys {
        arc_swap::Cache::new(self.0.clone())
    }
}

/// One core's view: a load costs one comparison while nothing is published.
pub(super) type CachedKeys = arc_swap::Cache<Arc<ArcSwap<KeySets>>, Arc<KeySets>>;
