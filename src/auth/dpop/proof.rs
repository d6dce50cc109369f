//! One proof: what it says, and whether its key says so.

use ring::digest::{Context, SHA256};

use super::memory::Id;
use super::target::is_for;
use super::{Asked, Flaw, ProofRules};
use crate::auth::bound::Held;
use crate::auth::claims::Claims;
use crate::auth::confirm::Thumbprint;
use crate::auth::error::Claim;
use crate::auth::jwt::{Compact, encode};
use crate::auth::key::{Key, has_private_material};
use crate::auth::verify::{self, Algorithm};
use crate::base::clock::Wall;
use crate::base::limits::{DPOP_NONCE_BYTES, DPOP_PROOF_BYTES};
use crate::base::secret::constant_time_eq;
use crate::json::{Document, Kind};

/// A proof that says what it should. Whether it was shown before is not known of it.
pub(in crate::auth) struct Proof {
    /// The thumbprint of the key that signed it.
    pub(super) key: Thumbprint,
    pub(super) id: Id,
    /// The second in which it was made.
    pub(super) made: u64,
    pub(super) nonce: Option<Box<str>>,
}

/// Judges a proof by itself (RFC 9449, section 4.3): what costs little first, its signature last.
/// `held` is what it must be of: a key, and a token.
pub(in crate::auth) fn judge(
    proof: &[u8],
    asked: &Asked<'_>,
    (key, token): Held<'_>,
    rules: &ProofRules,
    wall: Wall,
) -> Result<Proof, Flaw> {
    if proof.len() > DPOP_PROOF_BYTES {
        return Err(Flaw::Shape);
    }
    let compact = Compact::split(proof).map_err(|_| Flaw::Shape)?;
    let header = compact.header_json().map_err(|_| Flaw::Shape)?;
    let payload = compact.payload_json().map_err(|_| Flaw::Shape)?;
    let signature = compact.signature().map_err(|_| Flaw::Shape)?;
    let (algorithm, shown) = read_header(&header, rules)?;
    if !constant_time_eq(&shown.thumbprint(), key) {
        return Err(Flaw::OtherKey);
    }
    let document = Document::parse(&payload).map_err(|_| Flaw::Claims)?;
    let claims = Claims::of(&document).map_err(|_| Flaw::Claims)?;
    check_request(claims, asked, token)?;
    let made = check_times(claims, rules, wall)?;
    let jti = claims.required_text("jti", Claim::TokenId);
    let jti = jti.map_err(|_| Flaw::Id)?;
    let nonce = nonce(claims)?;
    // Nothing that is its own proof opens anything: only a token that names the key does.
    let _ = verify::signature(algorithm, &shown, compact.signed, &signature)
        .map_err(|_| Flaw::Signature)?;
    Ok(Proof {
        key: *key,
        id: id(key, jti),
        made,
        nonce,
    })
}

/// The algorithm, and the key that the proof shows.
fn read_header(json: &[u8], rules: &ProofRules) -> Result<(Algorithm, Key), Flaw> {
    let document = Document::parse(json).map_err(|_| Flaw::Header)?;
    let header = document.root();
    if header.kind() != Kind::Object {
        return Err(Flaw::Header);
    }
    let text = |name| header.get(name)?.as_str();
    // Else a token of another kind, signed by the same key, would do (RFC 8725, section 3.11).
    if text("typ") != Some("dpop+jwt") {
        return Err(Flaw::Type);
    }
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err(Flaw::Extension);
    }
    let algorithm = text("alg")
        .and_then(Algorithm::from_name)
        .filter(|algorithm| rules.algorithms.contains(algorithm))
        .ok_or(Flaw::Algorithm)?;
    let jwk = header.get("jwk").filter(|jwk| jwk.kind() == Kind::Object);
    let jwk = jwk.ok_or(Flaw::Key)?;
    if has_private_material(jwk) {
        return Err(Flaw::PrivateKey);
    }
    let key = Key::nameless(jwk).map_err(|_| Flaw::Key)?;
    Ok((algorithm, key))
}

/// The request and the token that it is about.
fn check_request(claims: Claims<'_>, asked: &Asked<'_>, token: &[u8; 32]) -> Result<(), Flaw> {
    let text = |name| claims.get(name)?.as_str();
    if text("htm") != Some(asked.method) {
        return Err(Flaw::Method);
    }
    if !text("htu").is_some_and(|htu| is_for(htu, asked)) {
        return Err(Flaw::Url);
    }
    let hash = encode(token);
    match text("ath") {
        Some(ath) if constant_time_eq(ath.as_bytes(), hash.as_bytes()) => Ok(()),
        _ => Err(Flaw::Token),
    }
}

/// Answers the second in which it was made, which must be about now. That it ends earlier than we would
/// have it end, it may say.
fn check_times(claims: Claims<'_>, rules: &ProofRules, wall: Wall) -> Result<u64, Flaw> {
    let date = |name, claim| claims.date(name, claim).map_err(|_| Flaw::Time);
    let made = date("iat", Claim::IssuedAt)?.ok_or(Flaw::Time)?;
    let expires = date("exp", Claim::Expires)?;
    let not_before = date("nbf", Claim::NotBefore)?;
    let (now, window) = (wall.unix_seconds(), rules.window.as_secs());
    if made.floor.saturating_add(window) < now {
        return Err(Flaw::Old);
    }
    if expires.is_some_and(|date| date.floor <= now) {
        return Err(Flaw::Old);
    }
    let latest = made.ceiling.max(not_before.map_or(0, |date| date.ceiling));
    if latest > now.saturating_add(window) {
        return Err(Flaw::Future);
    }
    Ok(made.floor)
}

fn nonce(claims: Claims<'_>) -> Result<Option<Box<str>>, Flaw> {
    let Some(nonce) = claims.get("nonce") else {
        return Ok(None);
    };
    let text = nonce.as_str().filter(|text| text.len() <= DPOP_NONCE_BYTES);
    text.map(Box::from).map(Some).ok_or(Flaw::Nonce)
}

/// Two keys may choose the same `jti`, and mean two proofs.
fn id(key: &Thumbprint, jti: &str) -> Id {
    let mut context = Context::new(&SHA256);
    context.update(key);
    context.update(jti.as_bytes());
    let mut id = Id::default();
    if let Some(first) = context.finish().as_ref().first_chunk() {
        id = *first;
    }
    id
}

#[cfg(test)]
mod by_the_rfc;
