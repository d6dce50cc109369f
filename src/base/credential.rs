//! What a gateway shows upstream, published by the control plane and read by every core.

mod callers;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::clock::Mono;
use super::secret::Secret;

pub use callers::{CallerKey, CallerTokens, Known, Rebuff};

/// One header field that authorises a request upstream.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The field's name.
    pub field: Arc<str>,
    /// The field's value, scheme included.
    pub value: Secret,
    /// From when on it must not be used any more; `None` never ends.
    pub expires: Option<Mono>,
    /// Counts how often this credential has been replaced; part of an upstream pool's key.
    pub generation: u64,
    /// Of what is each caller's own: the key to it.
    pub owner: Option<CallerKey>,
}

/// Where one credential is put in force. It lives on with whoever shares it, whatever becomes of the
/// configuration that it came from.
#[derive(Debug, Default)]
pub struct Slot(ArcSwapOption<Credential>);

impl Slot {
    /// The credential, while it may be used. Takes no lock and does not allocate.
    #[must_use]
    pub fn current(&self, now: Mono) -> Option<Arc<Credential>> {
        let credential = self.0.load_full()?;
        credential
            .expires
            .is_none_or(|expires| now < expires)
            .then_some(credential)
    }

    /// Puts a credential in force; answers its generation.
    pub fn publish(&self, field: &str, value: Secret, expires: Option<Mono>) -> u64 {
        let last = self.0.load();
        let generation = last.as_ref().map_or(1, |last| last.generation + 1);
        self.0.store(Some(Arc::new(Credential {
            field: field.into(),
            value,
            expires,
            generation,
            owner: None,
        })));
        generation
    }

    /// Takes a credential out of force, unless it was replaced since.
    pub fn withdraw(&self, generation: u64) {
        if let Some(last) = &*self.0.load()
            && last.generation == generation
        {
            self.0.store(Some(Arc::new(Credential {
                expires: Some(Mono(0)),
                ..Credential::clone(last)
            })));
        }
    }
}

/// Where what one credential gives is put in force.
#[derive(Clone, Debug)]
pub enum Shelf {
    /// The same for every caller.
    Shared(Arc<Slot>),
    /// Each caller's own.
    PerCaller(Arc<CallerTokens>),
}

/// All configured credentials, one shelf each, in the order of one configuration.
#[derive(Debug, Default)]
pub struct Credentials(Box<[Shelf]>);

/// What is asked of whoever keeps credentials: to bring one that is not there.
#[derive(Clone, Debug)]
pub struct CredentialWanted {
    /// Which.
    pub slot: usize,
    /// Of credentials that are each caller's own: the caller's token, and the key to what is got for
    /// it.
    pub caller: Option<(CallerKey, Secret)>,
    /// Set when an upstream did not take the one that was there.
    pub rejected: Option<Rejected>,
}

/// What an upstream did not take (401).
#[derive(Clone, Debug)]
pub struct Rejected {
    /// [`Credential::generation`] of what it was shown.
    pub generation: u64,
    /// What the next one has to satisfy, where the upstream says so: JSON.
    pub claims: Option<Arc<str>>,
}

impl CredentialWanted {
    /// Asks for one that is the same for every caller.
    #[must_use]
    pub fn shared(slot: usize) -> CredentialWanted {
        CredentialWanted {
            slot,
            caller: None,
            rejected: None,
        }
    }

    /// Asks for what `token` of a caller's is exchanged for.
    #[must_use]
    pub fn of_caller(slot: usize, key: CallerKey, token: &[u8]) -> CredentialWanted {
        let caller = Some((key, Secret::new(token.to_vec())));
        CredentialWanted {
            slot,
            caller,
            rejected: None,
        }
    }

    /// Asks for another in the place of one that an upstream did not take.
    #[must_use]
    pub fn instead(slot: usize, generation: u64, claims: Option<Arc<str>>) -> CredentialWanted {
        CredentialWanted {
            slot,
            caller: None,
            rejected: Some(Rejected { generation, claims }),
        }
    }
}

impl Credentials {
    /// `count` empty slots.
    #[must_use]
    pub fn new(count: usize) -> Credentials {
        (0..count).map(|_| Shelf::Shared(Arc::default())).collect()
    }

    /// Where a credential is put in force.
    #[must_use]
    pub fn shelf(&self, slot: usize) -> Option<&Shelf> {
        self.0.get(slot)
    }

    /// The credential in a slot that all callers share, while it may be used. Takes no lock and does
    /// not allocate.
    #[must_use]
    pub fn current(&self, slot: usize, now: Mono) -> Option<Arc<Credential>> {
        match self.0.get(slot)? {
            Shelf::Shared(slot) => slot.current(now),
            Shelf::PerCaller(_) => None,
        }
    }

    /// Puts a credential in force that all callers share; answers its generation, and none where
    /// there is no such slot.
    pub fn publish(
        &self,
        slot: usize,
        field: &str,
        value: Secret,
        expires: Option<Mono>,
    ) -> Option<u64> {
        match self.0.get(slot)? {
            Shelf::Shared(slot) => Some(slot.publish(field, value, expires)),
            Shelf::PerCaller(_) => None,
        }
    }
}

impl FromIterator<Shelf> for Credentials {
    /// Of shelves that may be known from another configuration.
    fn from_iter<I: IntoIterator<Item = Shelf>>(shelves: I) -> Credentials {
        Credentials(shelves.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_ends_with_its_time_and_shows_nothing() {
        let credentials = Credentials::new(1);
        assert!(credentials.current(0, Mono(0)).is_none());
        let secret = || Secret::new(b"Bearer hunter2".to_vec());
        credentials.publish(0, "authorization", secret(), Some(Mono(10)));
        assert!(credentials.current(0, Mono(9)).is_some());
        assert!(credentials.current(0, Mono(10)).is_none());
        assert_eq!(
            credentials.publish(0, "authorization", secret(), None),
            Some(2)
        );
        assert!(
            credentials
                .publish(1, "authorization", secret(), None)
                .is_none()
        );
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[test]
    fn what_was_replaced_is_not_withdrawn() {
        let slot = Slot::default();
        let publish = || slot.publish("authorization", Secret::new(b"x".to_vec()), None);
        let (first, second) = (publish(), publish());
        slot.withdraw(first);
        assert!(slot.current(Mono(0)).is_some());
        slot.withdraw(second);
        assert!(slot.current(Mono(0)).is_none());
        assert_eq!(publish(), second + 1, "and its number is not given again");
    }
}
