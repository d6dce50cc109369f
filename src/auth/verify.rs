//! Signatures: the algorithms we speak, and the one place that asks ring.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::error::AuthError;
use super::key::{Key, Material};

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037 for EdDSA). There is no variant for
/// `none` or for HMAC, so no configuration and no token can select them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, in the mask too, and as much salt as the hash is long.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519; of the other curve that goes by the same name, Ed448, there are no keys here.
    EdDsa,
}

impl Algorithm {
    /// All of them, in the order of their names here.
    pub const ALL: [Algorithm; 9] = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ];

    /// What an issuer may sign with where nothing is configured: what Entra and most others use.
    pub const USUAL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];

    /// The algorithm that is registered under `name`; names are case-sensitive. `Ed25519` is the
    /// newer name of what tokens call `EdDSA` (RFC 9864, section 2.2).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Algorithm> {
        match name {
            "Ed25519" => Some(Algorithm::EdDsa),
            _ => Algorithm::ALL.into_iter().find(|alg| alg.name() == name),
        }
    }

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// Whether keys of that type can sign by it.
    pub(super) fn takes(self, material: &Material) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => {
                matches!(material, Material::Rsa { .. })
            }
            Es256 => matches!(material, Material::P256(_)),
            Es384 => matches!(material, Material::P384(_)),
            EdDsa => matches!(material, Material::Ed25519(_)),
        }
    }
}

/// That a signature verified: made only by [`signature`], asked for by the door's constructor.
#[must_use]
pub(super) struct Verified(());

/// Verifies `signature` over `signed` by `key`, under the algorithm that the header names and the
/// issuer's configuration has already allowed.
pub(super) fn signature(
    algorithm: Algorithm,
    key: &Key,
    signed: &[u8],
    signature: &[u8],
) -> Result<Verified, AuthError> {
    if key.algorithm().is_some_and(|only| only != algorithm) {
        return Err(AuthError::KeyAlgorithmDisagrees);
    }
    if !algorithm.takes(key.material()) {
        return Err(AuthError::KeyTypeDisagrees);
    }
    let outcome = match key.material() {
        Material::Rsa { n, e } => rsa(algorithm, n, e, signed, signature),
        Material::P256(point) => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
        }
        Material::P384(point) => {
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, signature)
        }
        Material::Ed25519(point) => {
            UnparsedPublicKey::new(&ED25519, point).verify(signed, signature)
        }
    };
    match outcome {
        Ok(()) => Ok(Verified(())),
        Err(ring::error::Unspecified) => Err(AuthError::BadSignature),
    }
}

fn rsa(
    algorithm: Algorithm,
    n: &[u8],
    e: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), ring::error::Unspecified> {
    let parameters = match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
            return Err(ring::error::Unspecified);
        }
    };
    RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
}

#[cfg(test)]
mod by_wycheproof;
