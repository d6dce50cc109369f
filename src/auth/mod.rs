//! Floor 3: who calls. A bearer token goes in, an [`Identity`] comes out, or the reason why not.
//!
//! ```text
//!   Authorization ─ bearer ─► Authenticator::authenticate
//!                                │
//!             known token ◄──────┤ cache     last of the connection, this core's, the process's;
//!                                │           expiry, key age and generation checked at every hit
//!                                ▼
//!                               jwt          three parts, strict base64url and JSON, header judged
//!                                ▼
//!                             snapshot       issuer by exact `iss`, key by `kid` ──► NeedKey
//!                                ▼
//!                              verify        ring, under an algorithm that is configured
//!                                ▼
//!                              claims        audience, times
//!                                ▼
//!                          entra │ oidc      what that kind of issuer says of its subjects
//!                                ▼
//!              Identity, or of a token that is its holder's alone
//!                                ▼
//!                              bound         the holder's certificate, or a proof of this request
//!                                ▼           by the holder's key (dpop), each time anew
//!                             Identity ── is it one that an operator has revoked? ─ Revocations
//! ```
//!
//! The control plane fetches key sets, reads them with [`parse_jwks`] and publishes them through
//! [`PublishedKeys`]; nothing here touches a network or a clock. Nothing here shows a token either:
//! errors are constants, and what remembers a token has no `Debug`.

mod authenticator;
mod bound;
mod cache;
mod claims;
mod confirm;
mod dpop;
mod entra;
mod error;
mod groups;
mod guid;
pub mod inspect;
mod issuer;
mod jwt;
mod key;
mod keyset;
mod oidc;
mod revoked;
mod snapshot;
mod subject;
mod verify;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use subject::TokenFacts;

pub use authenticator::{Authenticator, KeyWanted, Verdict};
pub use bound::{Bound, Possession};
pub use cache::{LastBearer, SharedTokens};
pub use confirm::{Binding, Confirmation};
pub use dpop::{Asked, Flaw, ProofRules, Proofs};
pub use error::{AuthError, Claim, Part};
pub use groups::GroupsWanted;
pub use guid::is_guid;
pub use issuer::{Issuer, IssuerError, IssuerKind, IssuerSpec, Tenants};
pub use jwt::bearer;
pub use key::{Key, Unusable};
pub use keyset::{JwksError, Keys, LeftOut, parse_jwks};
pub use revoked::{Revocation, Revocations, Revoked, RevokedKind};
pub use snapshot::{KeySets, PublishedKeys, Superseded, Trust};
pub use subject::{Agent, Grounds, Groups, Principal, PrincipalKind};
pub use verify::Algorithm;

/// A door: the caller is known, by a token that verified.
///
/// What a policy may go by is in its [`Grounds`]. Clones stand for the same proof.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Identity(Arc<Proven>);

#[derive(PartialEq, Eq)]
struct Proven {
    grounds: Grounds,
    token: TokenFacts,
    issuer: Arc<Issuer>,
    key: Arc<Key>,
    generation: u64,
    /// In a place of its own: few tokens have one.
    tie: Option<Box<bound::Tie>>,
}

impl Identity {
    /// The only maker. It asks for the proof that a signature verified, which only `verify` makes.
    fn prove(
        _: verify::Verified,
        subject: subject::Subject,
        tie: Option<bound::Tie>,
        issuer: Arc<Issuer>,
        key: Arc<Key>,
        generation: u64,
    ) -> Identity {
        let (grounds, token) = subject.into_parts();
        Identity(Arc::new(Proven {
            grounds,
            token,
            issuer,
            key,
            generation,
            tie: tie.map(Box::new),
        }))
    }

    /// What a policy may go by.
    #[must_use]
    pub fn grounds(&self) -> &Grounds {
        &self.0.grounds
    }

    /// The issuer's own name of this token (`uti`, `jti`), for the recording.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.token.id.as_deref()
    }

    /// The issuer's own name of the session in which the token was issued (`sid`).
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.0.token.session.as_deref()
    }

    /// The second since 1970 in which the token says that it was issued (`iat`).
    #[must_use]
    pub fn issued(&self) -> Option<u64> {
        self.0.token.issued
    }

    /// The second since 1970 in which the token expires.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.0.token.expires
    }

    /// The second in which it stops being accepted: [`Identity::expires`] plus the issuer's skew.
    #[must_use]
    pub fn usable_until(&self) -> u64 {
        let skew = self.0.issuer.skew();
        self.expires().saturating_add(skew.as_secs())
    }

    /// Whether its token is its holder's alone. Nobody else can do anything with that, the gateway
    /// included.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.0.tie.is_some()
    }

    /// The generation of keys under which it was proven.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }
}

impl Deref for Identity {
    type Target = Grounds;

    fn deref(&self) -> &Grounds {
        &self.0.grounds
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.0.grounds.principal())
    }
}
