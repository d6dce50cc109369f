//! What a call shows upstream: the same for every caller, or what is got on the caller's own behalf.

use std::sync::Arc;

use super::phase::Judged;
use super::received::Received;
use super::refusal::Refusal;
use super::reply::Challenge;
use super::step::Step;
use crate::auth::{Identity, PrincipalKind, bearer};
use crate::base::clock::Mono;
use crate::base::credential::{CallerTokens, Credential, CredentialWanted, Known, Shelf};

/// What is known of it.
pub(super) enum Looked {
    /// The connection shows nothing.
    Nothing,
    /// It is there.
    There(Arc<Credential>),
    /// The control plane is to bring it.
    Missing(CredentialWanted),
    /// There is none before the caller's own token satisfies these claims: JSON.
    Insufficient(Box<str>),
    /// There is none for this call.
    Refused(Refusal),
}

/// What comes of it.
pub(super) enum Shown {
    /// The call goes on with it, or with nothing.
    Goes(Option<Arc<Credential>>),
    /// The exchange waits, or is answered.
    Waits(Step),
    /// The call may not go on.
    Refused(Refusal),
}

impl Looked {
    /// What comes of it. `is_latest` says that the rules the call was judged by are those in force;
    /// the exchange may wait until `until`.
    pub(super) fn shown(self, is_latest: bool, until: Mono, now: Mono) -> Shown {
        match self {
            Looked::Nothing => Shown::Goes(None),
            Looked::There(credential) => Shown::Goes(Some(credential)),
            // Nobody keeps the credentials of a configuration that is gone.
            Looked::Missing(_) if !is_latest => Shown::Refused(Refusal::Superseded),
            Looked::Missing(wanted) if now < until => Shown::Waits(Step::NeedToken(wanted, until)),
            Looked::Missing(_) => Shown::Refused(Refusal::CredentialUnavailable),
            Looked::Insufficient(claims) => Shown::Waits(Step::Challenge(Challenge::of(&claims))),
            Looked::Refused(refusal) => Shown::Refused(refusal),
        }
    }
}

/// Looks for what the call shows; `caller` are the bytes of the caller's buffer.
pub(super) fn look(
    judged: &Judged,
    identity: &Identity,
    received: &Received,
    caller: &[u8],
    now: Mono,
) -> Looked {
    let Some(slot) = judged.connection.credential else {
        return Looked::Nothing;
    };
    match judged.rules.credentials.shelf(slot) {
        Some(Shelf::PerCaller(tokens)) => {
            if identity.principal().kind() != PrincipalKind::User {
                return Looked::Refused(Refusal::UserNeeded);
            }
            if identity.is_bound() {
                return Looked::Refused(Refusal::BoundToken);
            }
            let bytes = received.bytes(caller);
            let field = received.head.authorization(bytes).unwrap_or_default();
            match bearer(field) {
                Ok(token) => on_behalf(slot, tokens, token, now),
                Err(_) => Looked::Refused(Refusal::NoToken),
            }
        }
        Some(Shelf::Shared(shared)) => match shared.current(now) {
            Some(credential) => Looked::There(credential),
            None => Looked::Missing(CredentialWanted::shared(slot)),
        },
        None => Looked::Missing(CredentialWanted::shared(slot)),
    }
}

fn on_behalf(slot: usize, tokens: &CallerTokens, token: &[u8], now: Mono) -> Looked {
    let key = tokens.key(token);
    match tokens.find(&key, now) {
        Some(Known::Token(credential)) => Looked::There(credential),
        Some(Known::Refused(why)) if why.is_callers => match &why.claims {
            Some(claims) => Looked::Insufficient(claims.clone()),
            None => Looked::Refused(Refusal::NotExchanged(why)),
        },
        Some(Known::Refused(_)) => Looked::Refused(Refusal::CredentialUnavailable),
        None => Looked::Missing(CredentialWanted::of_caller(slot, key, token)),
    }
}
