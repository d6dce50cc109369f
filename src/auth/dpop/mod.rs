//! Proofs that a request's sender holds the key which its token is bound to (DPoP, RFC 9449).
//!
//! A proof is a token of the caller's own making: about one request, signed with the key that it shows,
//! and good once. Judged in [`judge`] by what it says, and by what all cores know of others in [`Proofs`].

mod memory;
mod nonce;
mod proof;
mod target;

use std::sync::Arc;
use std::time::Duration;

use ring::hmac::{HMAC_SHA256, Key as HmacKey};
use thiserror::Error;

use self::memory::{Memory, Outcome};
use self::nonce::{Named, Nonces};
use super::error::AuthError;
use super::verify::Algorithm;
use crate::base::clock::Wall;
use crate::base::limits::DPOP_WINDOW;

pub(super) use self::proof::{Proof, judge};

/// How proofs of the holders of an issuer's tokens are judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofRules {
    /// The algorithms that they may be signed with; at least one.
    pub algorithms: Vec<Algorithm>,
    /// Whether they must name a nonce of the gateway's.
    pub nonce: bool,
    /// How far the second in which one was made may be from ours, either way.
    pub window: Duration,
}

impl ProofRules {
    /// What proofs may be signed with where nothing is configured.
    pub const USUAL: [Algorithm; 5] = [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Ps256,
        Algorithm::Rs256,
    ];
}

impl Default for ProofRules {
    fn default() -> ProofRules {
        ProofRules {
            algorithms: ProofRules::USUAL.to_vec(),
            nonce: false,
            window: DPOP_WINDOW,
        }
    }
}

/// What a proof must be about (RFC 9449, section 4.3).
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The request's method.
    pub method: &'r str,
    /// Scheme and authority under which callers reach us, such as `https://gateway.example:8443`.
    pub origin: &'r str,
    /// The request's path, canonical.
    pub path: &'r str,
}

/// What is wrong with a proof. Each is the end of a sentence that begins "the DPoP proof".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum Flaw {
    #[error("is one of several")]
    Repeated,
    #[error("is not three parts of strict base64url, or too large")]
    Shape,
    #[error("has a header that is not one strict JSON object")]
    Header,
    #[error("has a `typ` other than `dpop+jwt`")]
    Type,
    #[error("has `crit` or `b64` in its header")]
    Extension,
    #[error("is signed by an algorithm that is not configured")]
    Algorithm,
    #[error("shows a private or shared key")]
    PrivateKey,
    #[error("shows no key in `jwk` that can be used")]
    Key,
    #[error("shows another key than the token is bound to")]
    OtherKey,
    #[error("has claims that are not one strict JSON object")]
    Claims,
    #[error("has no `jti` of its form")]
    Id,
    #[error("is for another method (`htm`)")]
    Method,
    #[error("is for another URL (`htu`)")]
    Url,
    #[error("is for another token (`ath`)")]
    Token,
    #[error("does not say when it was made (`iat`), or until when it holds")]
    Time,
    #[error("was made too long ago, or has expired")]
    Old,
    #[error("was made in the future")]
    Future,
    #[error("has a signature that does not verify")]
    Signature,
    #[error("does not name the nonce in force")]
    Nonce,
    #[error("was shown before")]
    Replayed,
    #[error("may have been shown before this process began")]
    Forgotten,
}

/// What all cores know of proofs: those they have seen, and the nonces in force.
pub struct Proofs {
    memory: Memory,
    nonces: Nonces,
}

impl Proofs {
    /// Nothing seen yet. `key` makes nonces; nobody else has it. What was made before `now` may have
    /// been seen by somebody before us, and is not taken.
    #[must_use]
    pub fn new(key: &[u8; 32], now: Wall) -> Arc<Proofs> {
        Arc::new(Proofs {
            memory: Memory::new(now.unix_seconds()),
            nonces: Nonces::new(HmacKey::new(HMAC_SHA256, key)),
        })
    }

    /// The nonce in force.
    pub(super) fn nonce(&self, now: Wall) -> String {
        self.nonces.in_force(now.unix_seconds())
    }

    /// Takes a proof that says what it should, once. Answers the nonce for the next one where that
    /// must be another.
    pub(super) fn take(
        &self,
        proof: &Proof,
        rules: &ProofRules,
        now: Wall,
    ) -> Result<Option<Box<str>>, AuthError> {
        let now = now.unix_seconds();
        let next = match (rules.nonce, &proof.nonce) {
            (false, _) => None,
            (true, None) => return Err(AuthError::Proof(Flaw::Nonce)),
            (true, Some(nonce)) => match self.nonces.find(nonce, now) {
                Named::InForce => None,
                Named::Ending => Some(self.nonces.in_force(now).into()),
                Named::Not => return Err(AuthError::Proof(Flaw::Nonce)),
            },
        };
        match self.memory.take(proof, rules.window.as_secs(), now) {
            Outcome::New => Ok(next),
            Outcome::Seen => Err(AuthError::Proof(Flaw::Replayed)),
            Outcome::Forgotten => Err(AuthError::Proof(Flaw::Forgotten)),
            Outcome::Full => Err(AuthError::ProofsFull),
        }
    }
}
