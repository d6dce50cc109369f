//! Signatures of others, of another kind, or of something else.

use super::{Attack, Family};
use crate::forge::{Draft, KEYS, Signer, b64};
use serde_json::json;
use sluice::auth::AuthError::*;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "signature, ES256",
        good: Draft::entra_app,
        attacks: SIGNATURE,
    },
    Family {
        name: "confusion, RSA",
        good: || Draft::entra_app().by("PS384", "rsa", Signer::Ps384),
        attacks: RSA,
    },
    Family {
        name: "confusion, ES384",
        good: || Draft::entra_app().by("ES384", "ec-384", Signer::Es384),
        attacks: ES384,
    },
    Family {
        name: "confusion, EdDSA",
        good: || Draft::entra_app().by("EdDSA", "ed", Signer::EdDsa),
        attacks: EDDSA,
    },
];

/// Replaces the signature.
fn signed_with(token: &str, signature: &[u8]) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", b64(signature))
}

#[rustfmt::skip] // One attack a line.
const RSA: &[Attack] = &[
    ("another hash", |d| d.signer = Signer::Ps256, BadSignature),
    ("a longer hash", |d| d.signer = Signer::Ps512, BadSignature),
    ("the other padding", |d| d.signer = Signer::Rs384, BadSignature),
    ("RS512 said", |d| d.header["alg"] = json!("RS512"), BadSignature),
    ("PS512 said", |d| d.header["alg"] = json!("PS512"), BadSignature),
    ("ES384 said", |d| d.header["alg"] = json!("ES384"), KeyTypeDisagrees),
    ("EdDSA said", |d| d.header["alg"] = json!("EdDSA"), KeyTypeDisagrees),
    ("by the key for PS256 only", |d| d.header["kid"] = json!("rsa-ps"), KeyAlgorithmDisagrees),
    ("HS256 by the public key", |d| d.header["alg"] = json!("HS256"), AlgorithmShared),
    ("a byte more in front", |d| d.then = |t| signed_with(&t, &[0; 257]), BadSignature),
    ("all ones", |d| d.then = |t| signed_with(&t, &[0xff; 256]), BadSignature),
    ("one", |d| d.then = |t| { let mut one = [0; 256]; one[255] = 1; signed_with(&t, &one) }, BadSignature),
    ("as long as a larger key's", |d| d.then = |t| signed_with(&t, &[1; 512]), BadSignature),
];

#[rustfmt::skip] // One attack a line.
const ES384: &[Attack] = &[
    ("ES256 said", |d| d.header["alg"] = json!("ES256"), KeyTypeDisagrees),
    ("by the smaller key", |d| d.header["kid"] = json!("ec"), KeyTypeDisagrees),
    ("signed by the smaller key", |d| d.signer = Signer::Es256, BadSignature),
    ("RS384 said", |d| d.header["alg"] = json!("RS384"), KeyTypeDisagrees),
    ("r and s all zero", |d| d.then = |t| signed_with(&t, &[0; 96]), BadSignature),
    ("r zero", |d| d.then = |t| { let mut s = [1; 96]; s[..48].fill(0); signed_with(&t, &s) }, BadSignature),
    ("r and s beyond the order", |d| d.then = |t| signed_with(&t, &[0xff; 96]), BadSignature),
];

#[rustfmt::skip] // One attack a line.
const EDDSA: &[Attack] = &[
    ("signed by a stranger", |d| d.signer = Signer::OtherEdDsa, BadSignature),
    ("ES256 said", |d| d.header["alg"] = json!("ES256"), KeyTypeDisagrees),
    ("RS256 said", |d| d.header["alg"] = json!("RS256"), KeyTypeDisagrees),
    ("by an EC key", |d| d.header["kid"] = json!("ec"), KeyTypeDisagrees),
    ("by an RSA key", |d| d.header["kid"] = json!("rsa"), KeyTypeDisagrees),
    ("signed by an EC key, as long", |d| d.signer = Signer::Es256, BadSignature),
    ("all zero", |d| d.then = |t| signed_with(&t, &[0; 64]), BadSignature),
    ("all ones", |d| d.then = |t| signed_with(&t, &[0xff; 64]), BadSignature),
    ("the neutral element", |d| d.then = |t| { let mut s = [0; 64]; s[0] = 1; signed_with(&t, &s) }, BadSignature),
    ("half of it", |d| d.then = |t| signed_with(&t, &[1; 32]), BadSignature),
    ("the stranger's key in jwk", |d| { d.header["jwk"] = KEYS.ed_jwk("mine"); d.signer = Signer::OtherEdDsa; }, BadSignature),
];

#[rustfmt::skip] // One attack a line.
const SIGNATURE: &[Attack] = &[
    ("signed by a stranger, ES256", |d| d.signer = Signer::OtherEs256, BadSignature),
    (
        "signed by a stranger, RS256",
        |d| {
            d.header = json!({"alg": "RS256", "kid": "rsa"});
            d.signer = Signer::OtherRs256;
        },
        BadSignature,
    ),
    ("the stranger's key in jwk", |d| { d.header["jwk"] = KEYS.ec_jwk("mine"); d.signer = Signer::OtherEs256; }, BadSignature),
    (
        "the stranger's key at jku",
        |d| {
            d.header["jku"] = json!("https://evil.example/keys");
            d.signer = Signer::OtherEs256;
        },
        BadSignature,
    ),
    (
        "the stranger's certificate at x5u",
        |d| {
            d.header["x5u"] = json!("https://evil.example/cert");
            d.signer = Signer::OtherEs256;
        },
        BadSignature,
    ),
    (
        "PS256 said, RS256 signed",
        |d| {
            d.header = json!({"alg": "PS256", "kid": "rsa"});
            d.signer = Signer::Rs256;
        },
        BadSignature,
    ),
    (
        "RS256 said, PS256 signed",
        |d| {
            d.header = json!({"alg": "RS256", "kid": "rsa"});
            d.signer = Signer::Ps256;
        },
        BadSignature,
    ),
    (
        "RS256 by the key for PS256 only",
        |d| {
            d.header = json!({"alg": "RS256", "kid": "rsa-ps"});
            d.signer = Signer::Rs256;
        },
        KeyAlgorithmDisagrees,
    ),
    ("ES256 by an RSA key", |d| d.header["kid"] = json!("rsa"), KeyTypeDisagrees),
    ("RS256 by an EC key", |d| d.header["alg"] = json!("RS256"), KeyTypeDisagrees),
    ("PS256 by an EC key", |d| d.header["alg"] = json!("PS256"), KeyTypeDisagrees),
    (
        "the payload exchanged",
        |d| {
            d.then = |t| {
                let parts: Vec<_> = t.split('.').collect();
                let mut other = Draft::entra_app();
                other.claims["roles"] = json!(["Everything"]);
                format!(
                    "{}.{}.{}",
                    parts[0],
                    b64(other.claims.to_string()),
                    parts[2]
                )
            }
        },
        BadSignature,
    ),
    ("r and s all zero", |d| d.then = |t| format!("{}.{}", t.rsplit_once('.').unwrap().0, b64([0; 64])), BadSignature),
    (
        "a DER signature",
        |d| {
            d.then = |t| {
                format!(
                    "{}.{}",
                    t.rsplit_once('.').unwrap().0,
                    b64([0x30, 0x06, 2, 1, 1, 2, 1, 1])
                )
            }
        },
        BadSignature,
    ),
    ("a signature cut short", |d| d.then = |t| t[..t.len() - 6].to_owned(), BadSignature),
    ("expired and forged counts as forged", |d| { d.claims["exp"] = json!(1); d.signer = Signer::OtherEs256; }, BadSignature),
    ("the stranger's certificate in x5c", |d| { d.header["x5c"] = json!(["MIIB"]); d.signer = Signer::OtherEs256; }, BadSignature),
    ("the stranger's key in epk", |d| { d.header["epk"] = KEYS.ec_jwk("mine"); d.signer = Signer::OtherEs256; }, BadSignature),
    ("a file at jku", |d| { d.header["jku"] = json!("file:///etc/keys"); d.signer = Signer::OtherEs256; }, BadSignature),
    ("our own metadata's address at jku", |d| { d.header["jku"] = json!("http://169.254.169.254/keys"); d.signer = Signer::OtherEs256; }, BadSignature),
    ("the stranger's key under our name in jwk", |d| { d.header["jwk"] = KEYS.ec_jwk("ec"); d.signer = Signer::OtherEs256; }, BadSignature),
    ("ES384 said", |d| d.header["alg"] = json!("ES384"), KeyTypeDisagrees),
    ("EdDSA said", |d| d.header["alg"] = json!("EdDSA"), KeyTypeDisagrees),
    ("r zero", |d| d.then = |t| { let mut s = [1; 64]; s[..32].fill(0); signed_with(&t, &s) }, BadSignature),
    ("s zero", |d| d.then = |t| { let mut s = [1; 64]; s[32..].fill(0); signed_with(&t, &s) }, BadSignature),
    ("r and s beyond the order", |d| d.then = |t| signed_with(&t, &[0xff; 64]), BadSignature),
    ("a byte more", |d| d.then = |t| signed_with(&t, &[1; 65]), BadSignature),
    ("as long as the larger curve's", |d| d.then = |t| signed_with(&t, &[1; 96]), BadSignature),
    ("the header exchanged", |d| d.then = |t| format!("{}.{}", b64(r#"{"kid":"ec","alg":"ES256"}"#), t.split_once('.').unwrap().1), BadSignature),
    ("the signature of another token", |d| d.then = |t| { let other = Draft::oidc().token(); format!("{}.{}", t.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1) }, BadSignature),
];
