//! An issuer with a key of its own, and the tokens it signs.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sluice::auth::{Keys, parse_jwks};

/// The second at which every test begins.
pub const START: u64 = 1_800_000_000;

/// A signing key with a name.
pub struct Signer {
    pair: EcdsaKeyPair,
    kid: &'static str,
}

/// The issuer's key.
pub static FIRST: LazyLock<Signer> = LazyLock::new(|| Signer::new("first"));
/// The key that it rolls to.
pub static SECOND: LazyLock<Signer> = LazyLock::new(|| Signer::new("second"));

impl Signer {
    fn new(kid: &'static str) -> Signer {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).expect("a key");
        Signer { pair, kid }
    }

    /// The public half, as a member of a key set.
    pub fn jwk(&self) -> String {
        let point = self.pair.public_key().as_ref();
        format!(
            r#"{{"kty":"EC","crv":"P-256","kid":"{}","x":"{}","y":"{}"}}"#,
            self.kid,
            BASE64.encode(&point[1..33]),
            BASE64.encode(&point[33..])
        )
    }

    /// A token of `role` that expires at `expires`.
    pub fn token(&self, role: &str, expires: u64) -> String {
        self.token_of("alice", role, expires)
    }

    /// The same for any subject; `agent` is the application itself.
    pub fn token_of(&self, subject: &str, role: &str, expires: u64) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, self.kid);
        let claims = format!(
            r#"{{"iss":"https://issuer.example","aud":"api://sluice","sub":"{subject}","client_id":"agent","iat":{},"nbf":{},"exp":{expires},"roles":["{role}"]}}"#,
            START - 60,
            START - 60,
        );
        self.sign(header.as_bytes(), claims.as_bytes())
    }

    /// The thumbprint of its public half, by the text of RFC 7638, section 3.2.
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (BASE64.encode(x), BASE64.encode(y));
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        BASE64.encode(digest(&SHA256, members.as_bytes()))
    }

    /// A token like that of [`Signer::token`], with these claims beside.
    pub fn token_with(&self, more: &str) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, self.kid);
        let claims = format!(
            r#"{{"iss":"https://issuer.example","aud":"api://sluice","sub":"alice","client_id":"agent","exp":{},"roles":["reader"],{more}}}"#,
            START + 3600,
        );
        self.sign(header.as_bytes(), claims.as_bytes())
    }

    /// A proof that who holds this key asks for `url` with that token.
    pub fn proof(&self, token: &str, asked: (&str, &str), at: u64, id: &str) -> String {
        self.proof_with(token, asked, at, id, "")
    }

    /// The same with further claims.
    pub fn proof_with(
        &self,
        token: &str,
        (method, url): (&str, &str),
        at: u64,
        id: &str,
        more: &str,
    ) -> String {
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk());
        let hash = BASE64.encode(digest(&SHA256, token.as_bytes()));
        let claims = format!(
            r#"{{"htm":"{method}","htu":"{url}","iat":{at},"jti":"{id}","ath":"{hash}"{more}}}"#
        );
        self.sign(header.as_bytes(), claims.as_bytes())
    }

    /// A token of any header and any claims, truly signed.
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature.expect("signed")))
    }
}

/// A key set of these keys, as an issuer publishes it.
pub fn keys(signers: &[&Signer]) -> Keys {
    let list: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    parse_jwks(format!(r#"{{"keys":[{}]}}"#, list.join(",")).as_bytes()).expect("a key set")
}

/// The token that most tests show: it lives for an hour.
pub fn good() -> &'static str {
    static GOOD: LazyLock<String> = LazyLock::new(|| FIRST.token("reader", START + 3600));
    &GOOD
}
