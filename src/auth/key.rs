//! One public key (RFC 7517, section 4), read strictly into what ring takes.

use thiserror::Error;

use super::confirm::Thumbprint;
use super::jwt::{decode, encode, is_usable_kid};
use super::verify::Algorithm;
use crate::base::digest::sha256;
use crate::base::limits::{CLAIM_TEXT_BYTES, RSA_BITS, RSA_EXPONENT};
use crate::json::{Kind, Value};

/// One public key.
#[derive(PartialEq, Eq, Debug)]
pub struct Key {
    kid: Box<str>,
    algorithm: Option<Algorithm>,
    material: Material,
    issuer: Option<Box<str>>,
    cloud: Option<Box<str>>,
}

impl Key {
    /// Reads one key of a set.
    pub(super) fn parse(jwk: Value<'_>) -> Result<Key, Unusable> {
        let kid = text(jwk, "kid").ok_or(Unusable::Kid)?;
        if !is_usable_kid(kid) {
            return Err(Unusable::Kid);
        }
        Key::named(kid, jwk)
    }

    /// Reads a key that goes by no name: the one that a proof shows.
    pub(super) fn nameless(jwk: Value<'_>) -> Result<Key, Unusable> {
        Key::named("", jwk)
    }

    fn named(kid: &str, jwk: Value<'_>) -> Result<Key, Unusable> {
        if !is_for_verifying(jwk) {
            return Err(Unusable::Use);
        }
        let material = material(jwk)?;
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(alg) => Some(
                alg.as_str()
                    .and_then(Algorithm::from_name)
                    .ok_or(Unusable::Algorithm)?,
            ),
        };
        if algorithm.is_some_and(|only| !only.takes(&material)) {
            return Err(Unusable::AlgorithmForType);
        }
        Ok(Key {
            kid: kid.into(),
            algorithm,
            material,
            issuer: label(jwk, "issuer")?,
            cloud: label(jwk, "cloud_instance_name")?,
        })
    }

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

    /// Whose tokens it signs, where many issuers share a set: an `iss`, or with `{tenantid}` in it one
    /// for every tenant.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The cloud that it belongs to, as Entra names them.
    pub(super) fn cloud(&self) -> Option<&str> {
        self.cloud.as_deref()
    }

    pub(super) fn material(&self) -> &Material {
        &self.material
    }

    /// Its thumbprint (RFC 7638, section 3): the SHA-256 of those members that make the key. Each value
    /// has one spelling here, so these are the members as they were read.
    pub(super) fn thumbprint(&self) -> Thumbprint {
        let ec = |curve: &str, point: &[u8]| {
            let (x, y) = point.split_at(point.len() / 2);
            let (x, y) = (encode(x), encode(y));
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        };
        let members = match &self.material {
            Material::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n))
            }
            Material::P256([_, point @ ..]) => ec("P-256", point),
            Material::P384([_, point @ ..]) => ec("P-384", point),
            Material::Ed25519(point) => {
                let x = encode(point);
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
        };
        sha256(&[members.as_bytes()])
    }
}

/// What of a key ring wants to see.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Material {
    /// Big-endian modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The uncompressed point: 4, then both coordinates.
    P256([u8; 65]),
    /// The same, of the larger curve.
    P384([u8; 97]),
    /// The compressed point, as RFC 8032 writes it.
    Ed25519([u8; 32]),
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
    #[error("its `issuer` or `cloud_instance_name` is not a short text")]
    Label,
    #[error("it is of another cloud than the issuer's metadata")]
    Cloud,
}

/// An issuer that shows a private key has lost it: nothing signed by it proves anything. `k` is a
/// shared key; the others are RFC 7518's (sections 6.2.2 and 6.3.2).
pub(super) fn has_private_material(jwk: Value<'_>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .iter()
        .any(|name| jwk.get(name).is_some())
}

fn material(jwk: Value<'_>) -> Result<Material, Unusable> {
    match (text(jwk, "kty"), text(jwk, "crv")) {
        (Some("RSA"), _) => rsa(jwk),
        (Some("EC"), Some("P-256")) => Ok(Material::P256(point::<32, 65>(jwk)?)),
        (Some("EC"), Some("P-384")) => Ok(Material::P384(point::<48, 97>(jwk)?)),
        (Some("OKP"), Some("Ed25519")) => Ok(Material::Ed25519(coordinate(jwk, "x")?)),
        (Some("EC" | "OKP"), _) => Err(Unusable::Curve),
        _ => Err(Unusable::Type),
    }
}

/// `use` is absent or `sig`, and `key_ops` absent or with `verify`; its operations differ (RFC 7517,
/// section 4.3).
fn is_for_verifying(jwk: Value<'_>) -> bool {
    let by_use = jwk
        .get("use")
        .is_none_or(|r#use| r#use.as_str() == Some("sig"));
    by_use && jwk.get("key_ops").is_none_or(allows_verifying)
}

fn allows_verifying(operations: Value<'_>) -> bool {
    let mut seen = Vec::new();
    for operation in operations.items().map(Value::as_str) {
        match operation {
            Some(operation) if !seen.contains(&operation) => seen.push(operation),
            _ => return false,
        }
    }
    operations.kind() == Kind::Array && seen.contains(&"verify")
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

/// The uncompressed point of `N` = 1 + 2 * `C` bytes. Whether it is on the curve is ring's to say; one
/// that is not verifies nothing.
fn point<const C: usize, const N: usize>(jwk: Value<'_>) -> Result<[u8; N], Unusable> {
    const { assert!(N == 1 + 2 * C) };
    let (x, y) = (coordinate::<C>(jwk, "x")?, coordinate::<C>(jwk, "y")?);
    let mut point = [4; N];
    point[1..=C].copy_from_slice(&x);
    point[1 + C..].copy_from_slice(&y);
    Ok(point)
}

/// A parameter of exactly so many bytes (RFC 7518, section 6.2.1.2; RFC 8037, section 2).
fn coordinate<const C: usize>(jwk: Value<'_>, name: &str) -> Result<[u8; C], Unusable> {
    parameter(jwk, name)?
        .try_into()
        .map_err(|_| Unusable::Parameter)
}

fn parameter(jwk: Value<'_>, name: &str) -> Result<Vec<u8>, Unusable> {
    text(jwk, name)
        .and_then(|text| decode(text.as_bytes()))
        .ok_or(Unusable::Parameter)
}

fn label(jwk: Value<'_>, name: &str) -> Result<Option<Box<str>>, Unusable> {
    let Some(value) = jwk.get(name) else {
        return Ok(None);
    };
    let label = value.as_str().filter(|text| text.len() <= CLAIM_TEXT_BYTES);
    Ok(Some(label.ok_or(Unusable::Label)?.into()))
}

fn text<'d>(jwk: Value<'d>, name: &str) -> Option<&'d str> {
    jwk.get(name)?.as_str()
}
