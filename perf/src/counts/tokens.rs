//! Tokens for the ladder: one signed with a key that is made anew, one with a key that is not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use sluice::auth::{Keys, parse_jwks};

use super::signer::{FIRST, START};
use crate::Outcome;

const PEM: &[u8] = include_bytes!("../../../tests/data/throw-away-rsa-2048.pem");

/// Signs as RS256 does.
pub struct Rs256(RsaKeyPair);

impl Rs256 {
    pub fn new() -> Outcome<Rs256> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(PEM)?;
        let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|why| why.to_string())?;
        Ok(Rs256(pair))
    }

    /// A token that lets `alice` read for an hour.
    pub fn token(&self) -> Outcome<String> {
        let header = r#"{"alg":"RS256","typ":"at+jwt","kid":"rsa"}"#;
        let claims = format!(
            r#"{{"iss":"https://issuer.example","aud":"api://sluice","sub":"alice","client_id":"agent","iat":{START},"nbf":{START},"exp":{},"roles":["reader"]}}"#,
            START + 3600,
        );
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|why| why.to_string())?;
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }

    /// The issuer's key set: this key, and the one that the other tokens are signed with.
    pub fn keys(&self) -> Outcome<Keys> {
        let PublicKeyComponents { n, e }: PublicKeyComponents<Vec<u8>> = self.0.public().into();
        let (n, e) = (BASE64.encode(n), BASE64.encode(e));
        let document = format!(
            r#"{{"keys":[{{"kty":"RSA","kid":"rsa","n":"{n}","e":"{e}"}},{}]}}"#,
            FIRST.jwk()
        );
        Ok(parse_jwks(document.as_bytes()).map_err(|why| format!("{why:?}"))?)
    }
}
