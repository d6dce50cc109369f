//! What is done when an upstream does not take what it is shown, or an issuer the caller's own token.

use std::io;
use std::sync::Arc;

use super::{closes, refuse};
use crate::base::counters::Event;
use crate::base::credential::{Credential, CredentialWanted};
use crate::exchange::rules::Connection;
use crate::exchange::{Account, Challenge, Envelope, ReplyHalf, ReplyStep, RequestHalf};
use crate::record::Outcome;
use crate::worker::core::Worker;
use crate::worker::downstream::{After, Caller};
use crate::worker::io::Driver;

/// An upstream did not take what it was shown. Tells whoever keeps that, and waits for another: true when
/// the request goes once more, with what `shown` is then. Where it cannot, its caller learns so when the
/// other is there, and may ask again at once.
pub(super) async fn renew<D: Driver>(
    worker: &Worker<D>,
    connection: &Connection,
    shown: &mut Option<Arc<Credential>>,
    claims: Option<&Arc<str>>,
    (request, reply): (&mut RequestHalf, &mut ReplyHalf),
) -> bool {
    let (Some(slot), Some(old)) = (connection.credential, shown.clone()) else {
        return false;
    };
    // What was got for the caller's own token is forgotten already. And of rules that are gone, nobody
    // keeps the credentials.
    let generation = worker.core.borrow_mut().rules.load().generation;
    if old.owner.is_some() || connection.policies.generation != generation {
        return false;
    }
    let wanted = CredentialWanted::instead(slot, old.generation, claims.map(Arc::clone));
    let Ok(answer) = worker.ask_credential.ask(wanted) else {
        return false;
    };
    let until = worker
        .now()
        .mono
        .after(worker.limit(|limits| limits.wait_time));
    // Whatever the answer: what is there now is what counts.
    let _ = worker.within(until, answer).await;
    let now = worker.now();
    let core = &mut *worker.core.borrow_mut();
    let other = core.rules.load().credentials.current(slot, now.mono);
    let Some(other) = other.filter(|other| other.generation != old.generation) else {
        return false;
    };
    let goes = request.renew(&old, &other, core, now);
    if goes {
        reply.begin_renewed(&other, core);
        core.journal.count(Event::UpstreamRetried, 1);
        *shown = Some(other);
    }
    goes
}

/// Tells the caller what its token has to satisfy, and says whether the connection can go on.
pub(super) async fn challenge<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    mut account: Box<Account>,
    envelope: Option<Envelope>,
    mut challenge: Challenge,
    last: bool,
) -> After {
    let close = closes(worker, envelope, last);
    let step = challenge.answer(
        close,
        &mut account,
        &mut worker.core.borrow_mut(),
        worker.now(),
    );
    let sent = match step {
        ReplyStep::Send(bytes) => caller.split().1.send(worker, bytes).await,
        ReplyStep::Refuse(refusal) => {
            return refuse(worker, caller, account, envelope, refusal, last).await;
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    };
    let outcome = match sent {
        Ok(()) => Outcome::Complete,
        Err(_) => Outcome::CallerGone,
    };
    account.close(outcome, &mut worker.core.borrow_mut(), worker.now());
    match (sent, envelope) {
        (Err(_), _) => After::Abort,
        (Ok(()), Some(envelope)) if !close => {
            caller.buffer.consume(envelope.head_bytes);
            After::KeepAlive
        }
        (Ok(()), _) => After::Close,
    }
}
