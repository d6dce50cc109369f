//! Signatures: the algorithms we speak, and the one place that asks ring.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::error::AuthError;
use super::keyset::{Key, Material};

/// A signature algorithm (RFC 7518, section 3.1). There is no variant for `none` or for HMAC, so
/// no configuration and no token can select them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// All of them, in the order of their names here.
    pub const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];

    /// The algorithm that is registered under `name`; names are case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
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
    let outcome = match (algorithm, key.material()) {
        (Algorithm::Rs256, Material::Rsa { n, e }) => {
            rsa(&RSA_PKCS1_2048_8192_SHA256, n, e, signed, signature)
        }
        (Algorithm::Ps256, Material::Rsa { n, e }) => {
            rsa(&RSA_PSS_2048_8192_SHA256, n, e, signed, signature)
        }
        (Algorithm::Es256, Material::P256(point)) => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
        }
        (Algorithm::Rs256 | Algorithm::Ps256, Material::P256(_))
        | (Algorithm::Es256, Material::Rsa { .. }) => return Err(AuthError::KeyTypeDisagrees),
    };
    match outcome {
        Ok(()) => Ok(Verified(())),
        Err(ring::error::Unspecified) => Err(AuthError::BadSignature),
    }
}

fn rsa(
    parameters: &'static RsaParameters,
    n: &[u8],
    e: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), ring::error::Unspecified> {
    RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
}
