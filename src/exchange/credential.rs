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

/// Why a call does not go on with it, yet or at all.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made; a box would allocate"
)]
pub(super) enum Halt {
    /// The exchange waits, or is answered.
    Wait(Step),
    /// The call may not go on.
    Refuse(Refusal),
}

impl Looked {
    /// What the call shows, if it is to go on. `is_latest` says that the rules it was judged by are
    /// those in force; the exchange may wait until `until`.
    pub(super) fn shown(
        self,
        is_latest: bool,
        until: Mono,
        now: Mono,
    ) -> Result<Option<Arc<Credential>>, Halt> {
        match self {
            Looked::Nothing => Ok(None),
            Looked::There(credential) => Ok(Some(credential)),
            // Nobody keeps the credentials of a configuration that is gone.
            Looked::Missing(_) if !is_latest => Err(Halt::Refuse(Refusal::Superseded)),
            Looked::Missing(wanted) if now < until => {
                Err(Halt::Wait(Step::NeedToken(wanted, until)))
            }
            Looked::Missing(_) => Err(Halt::Refuse(Refusal::CredentialUnavailable)),
            Looked::Insufficient(claims) => {
                Err(Halt::Wait(Step::Challenge(Challenge::of(&claims))))
            }
            Looked::Refused(refusal) => Err(Halt::Refuse(refusal)),
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
