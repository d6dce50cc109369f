//! Key sets (RFC 7517): what an issuer publishes, read strictly.

use std::sync::Arc;

use thiserror::Error;

use super::key::{Key, Unusable, has_private_material};
use crate::base::limits::{JWKS_BYTES, JWKS_KEYS};
use crate::json::{Document, Kind};

/// The keys of one issuer by which tokens can be verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    usable: Vec<Arc<Key>>,
    left_out: Vec<LeftOut>,
}

impl Keys {
    /// The key of that name.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Arc<Key>> {
        self.usable.iter().find(|key| key.kid() == kid)
    }

    /// How many keys can be used.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.usable.len()
    }

    /// The keys of the document that are not used, for the log.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

/// A key that is in the document and not in use, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// Its position in the document.
    pub index: usize,
    /// Why it is not used.
    pub reason: Unusable,
}

/// Why a whole key set is refused; the last good one stays in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum JwksError {
    #[error("the key set is larger than {JWKS_BYTES} bytes")]
    TooLarge,
    #[error("the key set is not strict JSON: {0}")]
    NotJson(#[from] crate::json::JsonError),
    #[error("the key set is not an object with an array `keys`")]
    NotAKeySet,
    #[error("the key set has more than {JWKS_KEYS} keys")]
    TooManyKeys,
    #[error("key {0} of the set is not an object")]
    NotAKey(usize),
    #[error("key {0} of the set carries private or shared key material: it must be replaced")]
    PrivateKey(usize),
    #[error("key {0} of the set has the name of an earlier one")]
    DuplicateKid(usize),
    #[error("the key set has no usable key")]
    NoUsableKey,
}

/// Reads a key set document.
///
/// What casts doubt on the whole document refuses it; a key that we merely cannot use (another
/// curve, for encryption, too short) is left out.
pub fn parse_jwks(bytes: &[u8]) -> Result<Keys, JwksError> {
    parse_jwks_where(bytes, |_| Ok(()))
}

/// The same, of keys that are also good for something.
pub(super) fn parse_jwks_where(
    bytes: &[u8],
    is_good: impl Fn(&Key) -> Result<(), Unusable>,
) -> Result<Keys, JwksError> {
    if bytes.len() > JWKS_BYTES {
        return Err(JwksError::TooLarge);
    }
    let document = Document::parse(bytes)?;
    let list = document.root().get("keys").ok_or(JwksError::NotAKeySet)?;
    if list.kind() != Kind::Array {
        return Err(JwksError::NotAKeySet);
    }
    let mut keys = Keys {
        usable: Vec::new(),
        left_out: Vec::new(),
    };
    for (index, jwk) in list.items().enumerate() {
        if index == JWKS_KEYS {
            return Err(JwksError::TooManyKeys);
        }
        if jwk.kind() != Kind::Object {
            return Err(JwksError::NotAKey(index));
        }
        if has_private_material(jwk) {
            return Err(JwksError::PrivateKey(index));
        }
        match Key::parse(jwk).and_then(|key| is_good(&key).map(|()| key)) {
            Ok(key) if keys.find(key.kid()).is_some() => {
                return Err(JwksError::DuplicateKid(index));
            }
            Ok(key) => keys.usable.push(Arc::new(key)),
            Err(reason) => keys.left_out.push(LeftOut { index, reason }),
        }
    }
    if keys.usable.is_empty() {
        return Err(JwksError::NoUsableKey);
    }
    Ok(keys)
}
