//! The keys tokens are signed with, and what others must know of them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::Outcome;

/// How a token is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    Rs256,
    Es256,
}

/// One key of each kind.
pub struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    random: SystemRandom,
}

/// ring makes no RSA keys; this one is known to everybody and signs for nobody.
const RSA: &[u8] = include_bytes!("../../../tests/data/throw-away-rsa-2048.pem");
/// SubjectPublicKeyInfo (RFC 5280) up to the key itself: RSA of 2048 bits with exponent 65537, and
/// a point on P-256.
const RSA_INFO: &[u8] = b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\
                          \x00\x03\x82\x01\x0f\x00";
const EC_INFO: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\
                         \xce\x3d\x03\x01\x07\x03\x42\x00";

impl Algorithm {
    pub const ALL: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

    /// As JOSE calls it (RFC 7518, 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
        }
    }

    fn kid(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "rsa-of-the-rig",
            Algorithm::Es256 => "ec-of-the-rig",
        }
    }
}

impl Keys {
    pub fn new() -> Outcome<Keys> {
        let random = SystemRandom::new();
        let rsa = PrivatePkcs8KeyDer::from_pem_slice(RSA)?;
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let fresh = |_| "no key can be made";
        let ec = EcdsaKeyPair::generate_pkcs8(curve, &random).map_err(fresh)?;
        let rejected = |error: ring::error::KeyRejected| error.to_string();
        Ok(Keys {
            rsa: RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).map_err(rejected)?,
            ec: EcdsaKeyPair::from_pkcs8(curve, ec.as_ref(), &random).map_err(rejected)?,
            random,
        })
    }

    /// A JSON Web Token with `claims`.
    pub fn sign(&self, algorithm: Algorithm, claims: &Value) -> Outcome<String> {
        let header = json!({ "typ": "JWT", "alg": algorithm.name(), "kid": algorithm.kid() });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", encode(&header), encode(claims));
        let failed = |_| "a token cannot be signed";
        let signature = match algorithm {
            Algorithm::Es256 => {
                let signed = self.ec.sign(&self.random, token.as_bytes());
                signed.map_err(failed)?.as_ref().to_vec()
            }
            Algorithm::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                let (text, into) = (token.as_bytes(), &mut signature);
                let signed = self.rsa.sign(&RSA_PKCS1_SHA256, &self.random, text, into);
                signed.map_err(failed)?;
                signature
            }
        };
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }

    /// Both public keys as a JSON Web Key Set.
    pub fn set(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        // SEC 1, 2.3.3: an uncompressed point is 4, then x, then y.
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": Algorithm::Rs256.kid(),
              "n": text(&n), "e": text(&e) },
            { "kty": "EC", "use": "sig", "alg": "ES256", "kid": Algorithm::Es256.kid(),
              "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..65]) },
        ]})
    }

    /// A public key as a PEM file.
    pub fn public_pem(&self, algorithm: Algorithm) -> String {
        let info = match algorithm {
            Algorithm::Rs256 => [RSA_INFO, self.rsa.public_key().as_ref()].concat(),
            Algorithm::Es256 => [EC_INFO, self.ec.public_key().as_ref()].concat(),
        };
        let text = STANDARD.encode(info);
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
        VerificationAlgorithm,
    };
    use rustls_pki_types::SubjectPublicKeyInfoDer;

    use super::*;

    /// The key within a SubjectPublicKeyInfo, whose own length its last bytes before it say.
    fn key(keys: &Keys, algorithm: Algorithm) -> Vec<u8> {
        let pem = keys.public_pem(algorithm);
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).unwrap();
        let (info, length) = match algorithm {
            Algorithm::Rs256 => (RSA_INFO.len(), 270),
            Algorithm::Es256 => (EC_INFO.len(), 65),
        };
        assert_eq!(der.len(), info + length);
        der[info..].to_vec()
    }

    #[test]
    fn tokens_verify_with_the_keys_that_are_published() {
        let keys = Keys::new().unwrap();
        for algorithm in Algorithm::ALL {
            let token = keys.sign(algorithm, &json!({ "sub": "load" })).unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let how: &dyn VerificationAlgorithm = match algorithm {
                Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
                Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            };
            let key = UnparsedPublicKey::new(how, key(&keys, algorithm));
            assert!(key.verify(signed.as_bytes(), &signature).is_ok());
        }
    }
}
