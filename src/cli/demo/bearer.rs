//! How the directory checks the bearer tokens it is called with.
//!
//! Written for the demo and independent of the gateway's own `auth` room on purpose: a directory
//! that shared the gateway's code would share its mistakes.

use super::super::failure::{Doing, Failure};
use super::generator::unix_now;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// Which bearer tokens the directory takes.
pub enum Bearers {
    /// Any, unread: for tests that only look at what arrived.
    Any,
    /// Those that these keys signed, for this audience and, where one is named, from this client.
    Signed {
        /// The issuer's keys.
        keys: Keys,
        /// What `aud` must be or hold.
        audience: String,
        /// What `azp` or `appid` must be.
        client: Option<String>,
    },
}

/// An issuer's public keys.
pub struct Keys(Vec<(Option<String>, Key)>);

enum Key {
    P256(Vec<u8>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl Keys {
    /// Reads a JSON Web Key Set; keys of kinds not known here are passed over.
    pub fn read(set: &Value) -> Result<Keys, Failure> {
        let keys = set.get("keys").and_then(Value::as_array);
        let keys: Vec<_> = keys
            .into_iter()
            .flatten()
            .filter_map(|jwk| Some((text(jwk, "kid").map(str::to_owned), Key::read(jwk)?)))
            .collect();
        if keys.is_empty() {
            return Err(Failure::new("the key set holds no EC P-256 and no RSA key"));
        }
        Ok(Keys(keys))
    }

    fn vouch_for(&self, kid: Option<&str>, algorithm: &str, text: &[u8], signature: &[u8]) -> bool {
        self.0
            .iter()
            .filter(|(name, _)| kid.is_none() || name.as_deref() == kid)
            .any(|(_, key)| key.verifies(algorithm, text, signature))
    }
}

impl Key {
    fn read(jwk: &Value) -> Option<Key> {
        let number = |name| URL_SAFE_NO_PAD.decode(text(jwk, name)?).ok();
        match text(jwk, "kty")? {
            "EC" if text(jwk, "crv") == Some("P-256") => {
                Some(Key::P256([&[4], &*number("x")?, &*number("y")?].concat()))
            }
            "RSA" => Some(Key::Rsa {
                modulus: number("n")?,
                exponent: number("e")?,
            }),
            _ => None,
        }
    }

    fn verifies(&self, algorithm: &str, text: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Key::P256(point), "ES256") => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(text, signature)
                .is_ok(),
            (Key::Rsa { modulus, exponent }, "RS256" | "PS256") => {
                let scheme = match algorithm {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    _ => &RSA_PSS_2048_8192_SHA256,
                };
                RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                }
                .verify(scheme, text, signature)
                .is_ok()
            }
            _ => false,
        }
    }
}

impl Bearers {
    /// Checks the request's one `Authorization` field; answers why it will not do.
    pub fn check(&self, fields: &HeaderMap) -> Result<(), &'static str> {
        let mut sent = fields.get_all(header::AUTHORIZATION).iter();
        let field = sent.next().ok_or("Access token is empty.")?;
        if sent.next().is_some() {
            return Err("More than one Authorization field.");
        }
        let token = field.to_str().ok().and_then(|field| {
            let (scheme, token) = field.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        let token = token.ok_or("Authorization is not a bearer token.")?;
        match self {
            Bearers::Any => Ok(()),
            Bearers::Signed {
                keys,
                audience,
                client,
            } => check_signed(token, keys, audience, client.as_deref()),
        }
    }
}

fn check_signed(
    token: &str,
    keys: &Keys,
    audience: &str,
    client: Option<&str>,
) -> Result<(), &'static str> {
    const MALFORMED: &str = "CompactToken parsing failed.";
    let (signed, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, claims) = signed.split_once('.').ok_or(MALFORMED)?;
    let header = json_part(header).ok_or(MALFORMED)?;
    let claims = json_part(claims).ok_or(MALFORMED)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| MALFORMED)?;
    let algorithm = text(&header, "alg").ok_or(MALFORMED)?;
    if !keys.vouch_for(
        text(&header, "kid"),
        algorithm,
        signed.as_bytes(),
        &signature,
    ) {
        return Err("Access token validation failure. Invalid signature.");
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one == audience),
        _ => false,
    };
    if !for_us {
        return Err("Access token validation failure. Invalid audience.");
    }
    if claims.get("exp").and_then(Value::as_f64).unwrap_or(0.0) <= unix_now() as f64 {
        return Err("Lifetime validation failed, the token is expired.");
    }
    let from = text(&claims, "azp").or_else(|| text(&claims, "appid"));
    if client.is_some() && from != client {
        return Err("The application is not known here.");
    }
    Ok(())
}

fn json_part(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.get(name)?.as_str()
}

/// Fetches and reads the key set at `url`, trusting what `tls` trusts.
pub async fn fetch_keys(url: &str, tls: &rustls::ClientConfig) -> Result<Keys, Failure> {
    let doing = format!("fetch the key set {url}");
    let client = reqwest::Client::builder()
        .use_preconfigured_tls(tls.clone())
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .doing(&doing)?;
    let answer = client.get(url).send().await.doing(&doing)?;
    let answer = answer.error_for_status().doing(&doing)?;
    Keys::read(&answer.json().await.doing(&doing)?)
}
