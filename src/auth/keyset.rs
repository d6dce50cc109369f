//! Key sets (RFC 7517): what an issuer publishes, read strictly into what ring takes.

use std::sync::Arc;

use thiserror::Error;

use super::jwt::{decode, is_usable_kid};
use super::verify::Algorithm;
use crate::base::limits::{JWKS_BYTES, JWKS_KEYS, RSA_BITS, RSA_EXPONENT};
use crate::json::{Document, Kind, Value};

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
        self.usable.iter().find(|key| &*key.kid == kid)
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

/// One public key.
#[derive(PartialEq, Eq, Debug)]
pub struct Key {
    kid: Box<str>,
    algorithm: Option<Algorithm>,
    material: Material,
}

impl Key {
    /// The key's name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The only algorithm that the key is published for, if it says so.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    pub(super) fn material(&self) -> &Material {
        &self.material
    }
}

/// What of a key ring wants to see.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Material {
    /// Big-endian modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The uncompressed point: 4, then both coordinates.
    P256([u8; 65]),
}

/// A key that is in the document and not in use, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// Its position in the document.
    pub index: usize,
    /// Why it is not used.
    pub reason: Unusable,
}

/// Why one key cannot be used. The others of the set can.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum Unusable {
    #[error("it has no short printable `kid`")]
    Kid,
    #[error("it is not for signatures")]
    Use,
    #[error("it is for an algorithm that is not supported")]
    Algorithm,
    #[error("it is of a type that is not supported")]
    Type,
    #[error("it is on a curve that is not supported")]
    Curve,
    #[error("a parameter is missing or is not strict base64url")]
    Parameter,
    #[error("its modulus is shorter or longer than allowed")]
    RsaSize,
    #[error("its exponent is out of bounds")]
    RsaExponent,
    #[error("its `alg` does not go with its type")]
    AlgorithmForType,
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
        match parse_key(jwk) {
            Ok(key) if keys.find(&key.kid).is_some() => {
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

/// An issuer that shows a private key has lost it: nothing signed by it proves anything. `k` is a
/// shared key; the others are RFC 7518's (sections 6.2.2 and 6.3.2).
fn has_private_material(jwk: Value<'_>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .iter()
        .any(|name| jwk.get(name).is_some())
}

fn parse_key(jwk: Value<'_>) -> Result<Key, Unusable> {
    let kid = text(jwk, "kid").ok_or(Unusable::Kid)?;
    if !is_usable_kid(kid) {
        return Err(Unusable::Kid);
    }
    if !is_for_verifying(jwk) {
        return Err(Unusable::Use);
    }
    let material = match text(jwk, "kty") {
        Some("RSA") => rsa(jwk)?,
        Some("EC") => p256(jwk)?,
        _ => return Err(Unusable::Type),
    };
    let algorithm = match jwk.get("alg") {
        None => None,
        Some(alg) => Some(
            alg.as_str()
                .and_then(Algorithm::from_name)
                .ok_or(Unusable::Algorithm)?,
        ),
    };
    match (&material, algorithm) {
        (_, None)
        | (Material::Rsa { .. }, Some(Algorithm::Rs256 | Algorithm::Ps256))
        | (Material::P256(_), Some(Algorithm::Es256)) => Ok(Key {
            kid: kid.into(),
            algorithm,
            material,
        }),
        (Material::Rsa { .. } | Material::P256(_), Some(_)) => Err(Unusable::AlgorithmForType),
    }
}

/// `use` is absent or `sig`, and `key_ops` absent or with `verify`.
fn is_for_verifying(jwk: Value<'_>) -> bool {
    let by_use = jwk
        .get("use")
        .is_none_or(|r#use| r#use.as_str() == Some("sig"));
    let by_operations = jwk
        .get("key_ops")
        .is_none_or(|ops| ops.items().any(|op| op.as_str() == Some("verify")));
    by_use && by_operations
}

fn rsa(jwk: Value<'_>) -> Result<Material, Unusable> {
    let n = integer(jwk, "n")?;
    let e = integer(jwk, "e")?;
    if !RSA_BITS.contains(&bits(&n)) {
        return Err(Unusable::RsaSize);
    }
    let exponent = e
        .iter()
        .try_fold(0_u64, |sum, byte| {
            Some(sum.checked_mul(256)? + u64::from(*byte))
        })
        .ok_or(Unusable::RsaExponent)?;
    if !RSA_EXPONENT.contains(&exponent) || exponent % 2 == 0 {
        return Err(Unusable::RsaExponent);
    }
    Ok(Material::Rsa { n, e })
}

/// A Base64urlUInt (RFC 7518, section 2): the shortest spelling, so without leading zeros.
fn integer(jwk: Value<'_>, name: &str) -> Result<Vec<u8>, Unusable> {
    let bytes = parameter(jwk, name)?;
    match bytes.first() {
        None | Some(0) => Err(Unusable::Parameter),
        Some(_) => Ok(bytes),
    }
}

fn bits(integer: &[u8]) -> usize {
    let unused = integer.first().map_or(0, |byte| byte.leading_zeros());
    integer.len() * 8 - unused as usize
}

fn p256(jwk: Value<'_>) -> Result<Material, Unusable> {
    const COORDINATE: usize = 32;
    if text(jwk, "crv") != Some("P-256") {
        return Err(Unusable::Curve);
    }
    let (x, y) = (parameter(jwk, "x")?, parameter(jwk, "y")?);
    if x.len() != COORDINATE || y.len() != COORDINATE {
        return Err(Unusable::Parameter);
    }
    // Whether the point is on the curve is ring's to say; a point that is not verifies nothing.
    let mut point = [4; 1 + 2 * COORDINATE];
    point[1..=COORDINATE].copy_from_slice(&x);
    point[1 + COORDINATE..].copy_from_slice(&y);
    Ok(Material::P256(point))
}

fn parameter(jwk: Value<'_>, name: &str) -> Result<Vec<u8>, Unusable> {
    text(jwk, name)
        .and_then(|text| decode(text.as_bytes()))
        .ok_or(Unusable::Parameter)
}

fn text<'d>(jwk: Value<'d>, name: &str) -> Option<&'d str> {
    jwk.get(name)?.as_str()
}
