//! Holders of tokens that are bound to a key, and the proofs that they make.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

/// Who holds a token.
pub struct Holder {
    pair: EcdsaKeyPair,
    count: AtomicU64,
}

impl Holder {
    pub fn new() -> Holder {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Holder {
            pair: EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap(),
            count: AtomicU64::new(0),
        }
    }

    fn jwk(&self) -> String {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (BASE64.encode(x), BASE64.encode(y));
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
    }

    /// What a token says of its holder.
    pub fn cnf(&self) -> String {
        let print = digest(&SHA256, self.jwk().as_bytes());
        format!(r#"{{"jkt":"{}"}}"#, BASE64.encode(print))
    }

    /// A new proof of a request, naming `nonce` if there is one.
    pub fn proof(&self, token: &str, (method, url): (&str, &str), nonce: Option<&str>) -> String {
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk());
        let hash = BASE64.encode(digest(&SHA256, token.as_bytes()));
        let id = self.count.fetch_add(1, Relaxed);
        let made = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let nonce = nonce.map(|nonce| format!(r#","nonce":"{nonce}""#));
        let nonce = nonce.unwrap_or_default();
        let claims = format!(
            r#"{{"htm":"{method}","htu":"{url}","iat":{made},"jti":"{id}","ath":"{hash}"{nonce}}}"#
        );
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature.unwrap()))
    }
}
