//! A signing key and the tokens made with it (ES256, by ring).

use super::super::failure::{Doing, Failure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// An ES256 key with the name it is published under.
pub struct Signer {
    pair: EcdsaKeyPair,
    kid: String,
    random: SystemRandom,
}

impl Signer {
    /// A fresh key with a fresh name.
    pub fn generate() -> Result<Signer, Failure> {
        let mut name = [0; 20];
        SystemRandom::new()
            .fill(&mut name)
            .doing("draw random bytes")?;
        Signer::generate_as(URL_SAFE_NO_PAD.encode(name))
    }

    /// A fresh key that claims the name of another: what a forger would do.
    pub fn impostor_of(genuine: &Signer) -> Result<Signer, Failure> {
        Signer::generate_as(genuine.kid.clone())
    }

    fn generate_as(kid: String) -> Result<Signer, Failure> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).doing("generate a key")?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random)
            .doing("read the generated key")?;
        Ok(Signer { pair, kid, random })
    }

    /// The public half as a member of a JSON Web Key Set.
    pub fn jwk(&self, issuer: &str) -> Value {
        // SEC 1, 2.3.3: an uncompressed point is 4, then x, then y.
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC",
            "use": "sig",
            "kid": self.kid,
            "alg": "ES256",
            "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
            "issuer": issuer,
        })
    }

    /// A signed token with `claims`.
    pub fn sign(&self, claims: &Value) -> Result<String, Failure> {
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": self.kid });
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self
            .pair
            .sign(&self.random, token.as_bytes())
            .doing("sign a token")?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }
}
