//! What a gateway shows upstream, published by the control plane and read by every core.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::clock::Mono;
use super::secret::Secret;

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
        })));
        generation
    }
}

/// All configured credentials, one slot each, in the order of one configuration.
#[derive(Debug, Default)]
pub struct Credentials(Box<[Arc<Slot>]>);

impl Credentials {
    /// `count` empty slots.
    #[must_use]
    pub fn new(count: usize) -> Credentials {
        (0..count).map(|_| Arc::default()).collect()
    }

    /// The credential in a slot, while it may be used. Takes no lock and does not allocate.
    #[must_use]
    pub fn current(&self, slot: usize, now: Mono) -> Option<Arc<Credential>> {
        self.0.get(slot)?.current(now)
    }

    /// Puts a credential in force; answers its generation, and none where there is no such slot.
    pub fn publish(
        &self,
        slot: usize,
        field: &str,
        value: Secret,
        expires: Option<Mono>,
    ) -> Option<u64> {
        Some(self.0.get(slot)?.publish(field, value, expires))
    }
}

impl FromIterator<Arc<Slot>> for Credentials {
    /// Of slots that may be known from another configuration.
    fn from_iter<I: IntoIterator<Item = Arc<Slot>>>(slots: I) -> Credentials {
        Credentials(slots.into_iter().collect())
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
}
