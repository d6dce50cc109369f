//! From a bearer token to an [`Identity`], the whole way.

use std::sync::Arc;

use super::bound::{Bound, Possession, Tie};
use super::cache::{CoreTokens, LastBearer, Remembered, SharedTokens, UnknownKids};
use super::claims::{Claims, check_expiry};
use super::confirm::Confirmation;
use super::dpop::{Asked, Proofs};
use super::error::{AuthError, Part};
use super::issuer::Issuer;
use super::jwt::{Compact, Header, Scheme, shown, unread_bearer};
use super::snapshot::{CachedKeys, KeySets, PublishedKeys};
use super::subject::Subject;
use super::{Identity, verify};
use crate::base::clock::{Now, Wall};
use crate::json::Document;

/// What a token comes to.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// The door is open.
    Proven(Identity),
    /// It opens once the holder of the token has proven to be that.
    Bound(Bound),
    /// The issuer may have published a key since: ask the control plane, wait, and come back with
    /// [`Authenticator::authenticate_after`].
    NeedKey(KeyWanted),
    /// The token proves nothing.
    Refused(AuthError),
}

/// A key that a token names and we do not have. The token is otherwise one that would be accepted,
/// as far as that can be told without its key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyWanted {
    issuer: Arc<str>,
    kid: Box<str>,
    generation: u64,
}

impl KeyWanted {
    /// The configured name of the issuer whose keys are to be fetched again.
    #[must_use]
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The key's name: short and printable, and chosen by a stranger.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The generation of key sets that does not have it. Waiting is over when a later one is
    /// published, or when the control plane says that none will be.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// One core's judge of tokens.
pub struct Authenticator {
    keys: CachedKeys,
    core: CoreTokens,
    shared: SharedTokens,
    unknown: UnknownKids,
    proofs: Option<Arc<Proofs>>,
}

impl Authenticator {
    /// A judge by the published keys, sharing what it verified with those of the other cores.
    #[must_use]
    pub fn new(published: &PublishedKeys, shared: SharedTokens) -> Authenticator {
        Authenticator {
            keys: published.cached(),
            core: CoreTokens::new(),
            shared,
            unknown: UnknownKids::new(),
            proofs: None,
        }
    }

    /// The same, by what all cores know of holders' proofs. Without it none is taken.
    #[must_use]
    pub fn with_proofs(self, proofs: Arc<Proofs>) -> Authenticator {
        Authenticator {
            proofs: Some(proofs),
            ..self
        }
    }

    /// Judges an `Authorization` field. What this connection showed before needs no reading: it is
    /// the token that was read then, byte for byte.
    pub fn authenticate_field(&mut self, last: &mut LastBearer, field: &[u8], now: Now) -> Verdict {
        let known = unread_bearer(field).and_then(|token| self.recall(last, token, now));
        match known {
            Some(judged) => self.verdict(judged.map_err(Stop::Refused), Scheme::Bearer, now),
            None => match shown(field) {
                Ok((scheme, token)) => {
                    let judged = self.judge(last, token, now);
                    self.verdict(judged, scheme, now)
                }
                Err(error) => Verdict::Refused(error),
            },
        }
    }

    /// Judges a bearer token: what [`bearer`](super::bearer) found in the `Authorization` field.
    pub fn authenticate(&mut self, last: &mut LastBearer, token: &[u8], now: Now) -> Verdict {
        let judged = self.judge(last, token, now);
        self.verdict(judged, Scheme::Bearer, now)
    }

    fn verdict(&self, judged: Result<Identity, Stop>, scheme: Scheme, now: Now) -> Verdict {
        match judged {
            Ok(identity) => match identity.0.tie.as_deref().copied() {
                None if scheme == Scheme::Bearer => Verdict::Proven(identity),
                Some(tie) if scheme == tie.scheme() => Verdict::Bound(Bound::new(identity, tie)),
                _ => Verdict::Refused(AuthError::SchemeDisagrees),
            },
            Err(Stop::Refused(error)) => Verdict::Refused(error),
            Err(Stop::NeedKey(wanted)) => {
                if self.unknown.contains(&wanted.issuer, &wanted.kid, now.mono) {
                    Verdict::Refused(AuthError::UnknownKey)
                } else {
                    Verdict::NeedKey(wanted)
                }
            }
        }
    }

    /// Judges an `Authorization` field once more, after its key was asked for. A key that is still
    /// unknown refuses, so no token can make an exchange ask twice.
    pub fn authenticate_after(
        &mut self,
        _asked: KeyWanted,
        last: &mut LastBearer,
        field: &[u8],
        now: Now,
    ) -> Verdict {
        let (scheme, token) = match shown(field) {
            Ok(shown) => shown,
            Err(error) => return Verdict::Refused(error),
        };
        let judged = self.judge(last, token, now).map_err(|stop| match stop {
            Stop::NeedKey(wanted) => {
                self.unknown.remember(&wanted.issuer, &wanted.kid, now.mono);
                AuthError::UnknownKey.into()
            }
            refused @ Stop::Refused(_) => refused,
        });
        self.verdict(judged, scheme, now)
    }

    /// Judges the proof that came with a token which is bound to a key: the one `DPoP` field of a
    /// request that is `asked`.
    ///
    /// # Errors
    /// When it does not prove that, or was shown before.
    pub fn judge_proof(
        &self,
        bound: Bound,
        proof: &[u8],
        asked: &Asked<'_>,
        now: Now,
    ) -> Result<(Identity, Possession), AuthError> {
        let proofs = self.proofs.as_deref().ok_or(AuthError::ProofsFull)?;
        bound.by_proof(proof, asked, proofs, now)
    }

    /// The nonce that proofs must name now, where they must.
    #[must_use]
    pub fn nonce(&self, now: Now) -> Option<String> {
        Some(self.proofs.as_deref()?.nonce(now.wall))
    }

    /// Whether an identity still stands, after a wait or before a retry: not expired, its issuer
    /// still configured as it was, its key still published and young enough.
    pub fn check_again(&mut self, identity: &Identity, now: Now) -> Result<(), AuthError> {
        stands(self.keys.load(), identity, now)
    }

    /// What is trusted right now, and who is not any more.
    pub fn trust(&mut self) -> &KeySets {
        self.keys.load()
    }

    /// The generation of keys in force.
    pub fn generation(&mut self) -> u64 {
        self.keys.load().generation()
    }

    fn judge(&mut self, last: &mut LastBearer, token: &[u8], now: Now) -> Result<Identity, Stop> {
        match self.recall(last, token, now) {
            Some(judged) => Ok(judged?),
            None => self.search(last, token, now),
        }
    }

    /// The last token of the connection, if this is it.
    fn recall(
        &mut self,
        last: &LastBearer,
        token: &[u8],
        now: Now,
    ) -> Option<Result<Identity, AuthError>> {
        let sets = self.keys.load();
        let entry = last.find(token, sets.generation(), now)?;
        Some(stands(sets, &entry.identity, now).map(|()| entry.identity.clone()))
    }

    /// Any other token: known to this core, to the process, or to nobody.
    fn search(&mut self, last: &mut LastBearer, token: &[u8], now: Now) -> Result<Identity, Stop> {
        let sets = self.keys.load();
        let generation = sets.generation();
        self.core.keep_only(generation);
        let entry = if let Some(entry) = self.core.find(token, now) {
            entry.clone()
        } else if let Some(entry) = self.shared.find(token, generation, now) {
            self.core.remember(entry.clone());
            entry
        } else {
            let entry = Remembered::new(token, prove(sets, token, now)?, now);
            self.shared.remember(entry.clone());
            self.core.remember(entry.clone());
            entry
        };
        stands(sets, &entry.identity, now)?;
        let identity = entry.identity.clone();
        last.remember(entry);
        Ok(identity)
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator(..)")
    }
}

/// Why there is no identity yet.
enum Stop {
    Refused(AuthError),
    NeedKey(KeyWanted),
}

impl From<AuthError> for Stop {
    fn from(error: AuthError) -> Stop {
        Stop::Refused(error)
    }
}

/// Proves a token from its bytes alone.
fn prove(sets: &KeySets, token: &[u8], now: Now) -> Result<Identity, Stop> {
    let compact = Compact::split(token)?;
    let header = Header::parse(&compact.header_json()?)?;
    let payload = compact.payload_json()?;
    let signature = compact.signature()?;
    let document = Document::parse(&payload).map_err(|_| AuthError::NotJson(Part::Payload))?;
    let claims = Claims::of(&document)?;

    let trust = sets
        .by_iss(claims.issuer()?)
        .ok_or(AuthError::UnknownIssuer)?;
    let issuer = trust.issuer();
    claims.refuse_graph()?;
    if !issuer.algorithms().contains(&header.algorithm) {
        return Err(AuthError::AlgorithmNotAllowed.into());
    }
    let Some(key) = trust.keys(now.mono)?.find(&header.kid) else {
        // Asking the issuer is work that strangers can cause. A token that would be refused with
        // any key is not worth it.
        let _ = subject(issuer, claims, now.wall)?;
        return Err(Stop::NeedKey(KeyWanted {
            issuer: issuer.name().clone(),
            kid: header.kid.into(),
            generation: sets.generation(),
        }));
    };
    issuer.rules.check_key(key, claims)?;
    let verified = verify::signature(header.algorithm, key, compact.signed, &signature)?;
    let (subject, holder) = subject(issuer, claims, now.wall)?;
    Ok(Identity::prove(
        verified,
        subject,
        holder.map(|by| Tie::new(by, token)),
        issuer.clone(),
        key.clone(),
        sets.generation(),
    ))
}

/// Judges the claims of a token of `issuer`. Answers as well what its holder is to prove it by.
pub(super) fn subject(
    issuer: &Issuer,
    claims: Claims<'_>,
    wall: Wall,
) -> Result<(Subject, Option<Confirmation>), AuthError> {
    claims.check_audience(issuer)?;
    let expires = claims.check_times(issuer, wall)?;
    let holder = Confirmation::of(claims)?;
    issuer.binding().check(holder)?;
    let subject = issuer.rules.judge(issuer, claims, expires)?;
    Ok((subject, holder))
}

/// What can end while a token is remembered or an exchange waits.
fn stands(sets: &KeySets, identity: &Identity, now: Now) -> Result<(), AuthError> {
    let proven = &identity.0;
    let trust = sets
        .issuers()
        .iter()
        .find(|trust| Arc::ptr_eq(trust.issuer(), &proven.issuer))
        .ok_or(AuthError::UnknownIssuer)?;
    if sets.generation() == proven.generation {
        trust.keys(now.mono)?;
    } else {
        trust.still_has(&proven.key, now.mono)?;
    }
    check_expiry(&proven.issuer, identity.expires(), now.wall)
}
