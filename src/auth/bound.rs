//! Tokens that are bound to their holder. Verified they prove nothing yet: whoever shows one must show
//! as well that it is theirs, with every request.
//!
//! ```text
//!   Verdict::Bound ─► Bound ──┬─ by_certificate   the connection's certificate   (RFC 8705, section 3)
//!                             ├─ by_proof         the request's `DPoP` field     (RFC 9449, section 7)
//!                             ├─ by_possession    the same request proved it before, and waited
//!                             └─ vouched          whoever asks got it from a request that proved it
//!                                    ▼
//!                                 Identity
//! ```

use std::fmt;

use super::Identity;
use super::confirm::{Confirmation, Thumbprint};
use super::dpop::{self, Asked, Proofs};
use super::error::AuthError;
use super::jwt::{Scheme, decode};
use crate::base::clock::Now;
use crate::base::digest::sha256;
use crate::base::secret::constant_time_eq;

/// What ties a token to its holder. Remembered with the token, so that no memory of it is without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) by: Confirmation,
    /// The SHA-256 of the token, which proofs name.
    pub(super) token: [u8; 32],
}

impl Tie {
    pub(super) fn new(by: Confirmation, token: &[u8]) -> Tie {
        Tie {
            by,
            token: sha256(&[token]),
        }
    }

    /// The scheme under which such a token is shown: a key's has one of its own (RFC 9449, section 7.1), so that
    /// nobody takes the token for all there is.
    pub(super) fn scheme(&self) -> Scheme {
        match self.by {
            Confirmation::Certificate(_) => Scheme::Bearer,
            Confirmation::Key(_) => Scheme::Dpop,
        }
    }
}

/// A token that verified, and is its holder's alone.
#[must_use]
pub struct Bound {
    identity: Identity,
    tie: Tie,
}

/// That a request has proven to hold the key which its token is bound to. A proof is good once, and a
/// request that waits is judged again from its start.
#[must_use]
pub struct Possession {
    tie: Tie,
    nonce: Option<Box<str>>,
}

impl Possession {
    /// The nonce that further proofs must name, where the one that this proof named is about to end
    /// (RFC 9449, section 8.2).
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }
}

impl Bound {
    pub(super) fn new(identity: Identity, tie: Tie) -> Bound {
        Bound { identity, tie }
    }

    /// What its holder is to prove it by.
    #[must_use]
    pub fn confirmation(&self) -> Confirmation {
        self.tie.by
    }

    /// The holder's connection has shown a certificate with this SHA-256, in base64url, or none.
    ///
    /// # Errors
    /// When the token is not bound to that one.
    pub fn by_certificate(self, thumbprint: Option<&str>) -> Result<Identity, AuthError> {
        let Confirmation::Certificate(bound) = self.tie.by else {
            return Err(AuthError::ProofMissing);
        };
        let shown = thumbprint.ok_or(AuthError::CertificateMissing)?;
        let shown = decode(shown.as_bytes()).unwrap_or_default();
        match constant_time_eq(&shown, &bound) {
            true => Ok(self.identity),
            false => Err(AuthError::CertificateDiffers),
        }
    }

    /// The holder has sent a proof of this request. No proof is good twice, so what it gives is to be
    /// kept as long as the request may be judged again.
    pub(super) fn by_proof(
        self,
        proof: &[u8],
        asked: &Asked<'_>,
        proofs: &Proofs,
        now: Now,
    ) -> Result<(Identity, Possession), AuthError> {
        let Confirmation::Key(key) = self.tie.by else {
            return Err(AuthError::SchemeDisagrees);
        };
        let rules = self.identity.0.issuer.proofs();
        let shown = dpop::judge(proof, asked, (&key, &self.tie.token), rules, now.wall)
            .map_err(AuthError::Proof)?;
        let nonce = proofs.take(&shown, rules, now.wall)?;
        let possession = Possession {
            tie: self.tie,
            nonce,
        };
        Ok((self.identity, possession))
    }

    /// The same request proved it before.
    ///
    /// # Errors
    /// When that was of another token.
    pub fn by_possession(self, proven: &Possession) -> Result<Identity, AuthError> {
        match proven.tie == self.tie {
            true => Ok(self.identity),
            false => Err(AuthError::ProofMissing),
        }
    }

    /// Whoever asks has the token from a request that proved it: a server of the gateway's own, which
    /// speaks for that caller. Who may say so is listed in `tests/house`.
    pub fn vouched(self) -> Identity {
        self.identity
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bound({:?})", self.identity)
    }
}

/// The thumbprint of a key that a token is bound to, and the SHA-256 of that token.
pub(super) type Held<'t> = (&'t Thumbprint, &'t [u8; 32]);
