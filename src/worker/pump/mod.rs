//! Moves bytes through one exchange: asks it what it needs, waits for that, and asks again.

mod aside;
mod asks;
mod carry;
mod rejected;
mod relay;
mod stream;
mod switched;

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;

use self::asks::{ask_credential, ask_groups, ask_key};
use self::carry::{Carried, carry};
pub(super) use self::stream::{Streaming, stream};
use super::core::Worker;
use super::downstream::{After, Caller};
use super::io::Driver;
use super::upstream::Upstream;
use crate::exchange::{
    Account, Challenge, Envelope, Fixed, Forwarding, Inbound, Published, Refusal, ReplyEnd, Step,
    Way,
};
use crate::record::Outcome;

/// Why an exchange that went upstream ended before its reply did.
enum Stop {
    Refused(Refusal),
    /// The gateway answers by itself.
    Answered(Published),
    /// The caller's own token has to satisfy more.
    Challenged(Challenge),
    CallerGone,
    /// The process ends, and cannot wait any longer.
    Drained,
    /// What is left is a stream, which goes on elsewhere.
    Streams,
}

/// Ends what goes on once the process cannot wait any longer.
fn drained<D: Driver, T>(worker: &Worker<D>) -> impl Future<Output = Result<T, Stop>> {
    worker.cut.raised().map(|()| Err(Stop::Drained))
}

/// What has become of an exchange.
pub(super) enum Ended<S> {
    /// It is over, and the connection goes on so.
    So(After),
    /// Its reply is a stream, the rest of which follows: see [`stream()`].
    Streams(Box<Streaming<S>>),
}

/// One request and its reply. `last` says that the connection ends with it.
pub(super) async fn exchange<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut Caller<D::Stream>,
    last: bool,
) -> Ended<D::Stream> {
    let mut place = None;
    let mut admitted = match admit(worker, caller, &mut place, last).await {
        Ok(admitted) => admitted,
        Err(after) => return Ended::So(after),
    };
    let Carried {
        upstream,
        pass,
        whole,
        ended,
    } = carry(worker, caller, &mut admitted, last).await;
    let Admitted {
        account,
        envelope,
        forwarding,
    } = admitted;
    let closes = forwarding.reply.closes() || !whole;
    let idle_time = forwarding.connection.limits.upstream_idle_time;
    let departed = Departed {
        upstream,
        account: account.into_inner(),
        idle_time,
        closes,
        whole,
    };
    if let Err(Stop::Streams) = ended {
        return Ended::streams(worker, departed, place, pass);
    }
    // Nothing of it is under way any more.
    drop(pass);
    forwarding.close(&mut worker.core.borrow_mut());
    Ended::So(
        match conclude(worker, caller, departed, ended, (envelope, last)) {
            Ok(after) => after,
            Err(stopping) => stopping.await,
        },
    )
}

/// An exchange that went upstream, or nearly.
struct Departed<S> {
    /// The connection, where there was one.
    upstream: Option<Upstream<S>>,
    account: Box<Account>,
    /// How long the connection may be kept.
    idle_time: Duration,
    /// The caller was told that its connection ends.
    closes: bool,
    /// All of the request went upstream.
    whole: bool,
}

/// What is still to be done where an exchange did not end well.
type Stopping<'s> = Pin<Box<dyn Future<Output = After> + 's>>;

/// The end of an exchange that went upstream: the account is closed, and the upstream's connection
/// kept or ended.
fn conclude<'s, D: Driver>(
    worker: &'s Worker<D>,
    caller: &'s mut Caller<D::Stream>,
    departed: Departed<D::Stream>,
    ended: Result<ReplyEnd, Stop>,
    (envelope, last): (Option<Envelope>, bool),
) -> Result<After, Stopping<'s>> {
    let Departed {
        upstream,
        account,
        idle_time,
        closes,
        whole,
    } = departed;
    let end = match ended {
        Ok(end) => end,
        Err(stop) => {
            let stopped = stopped(worker, caller, upstream, account, envelope, (stop, last));
            return Err(Box::pin(stopped));
        }
    };
    account.close(
        Outcome::Complete,
        &mut worker.core.borrow_mut(),
        worker.now(),
    );
    match upstream {
        // It answered without waiting for the rest, which will not come.
        Some(upstream) if !whole => upstream.abort(worker),
        Some(upstream) if end.upstream_reusable => {
            upstream.keep(worker, idle_time);
        }
        _ => {}
    }
    Ok(match closes {
        true => After::Close,
        false => After::KeepAlive,
    })
}

/// A request that may go upstream. The two phases of an exchange share their room, so what outlives
/// the first stands apart.
struct Admitted<'p> {
    forwarding: &'p mut Forwarding,
    account: RefCell<Box<Account>>,
    envelope: Option<Envelope>,
}

/// From the first byte to leave to go upstream; or the answer of the gateway's own is sent. What goes
/// upstream is large, and has one place from here on.
async fn admit<'p, D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut Caller<D::Stream>,
    place: &'p mut Option<Forwarding>,
    last: bool,
) -> Result<Admitted<'p>, After> {
    let now = worker.now();
    let until = now.mono.after(worker.limit(|limits| limits.head_time));
    let mut inbound = Inbound::new(&mut worker.core.borrow_mut(), now, until);
    // Whoever a server of our own speaks for came from elsewhere; conditions must not take this
    // machine for where.
    if caller.way() != Way::Inner {
        inbound.account.came(caller.arrival());
    }
    let judged = judge(worker, caller, &mut inbound, place).await;
    let envelope = inbound.envelope();
    let account = inbound.into_account(&mut worker.core.borrow_mut());
    match judged {
        Ok(forwarding) => Ok(Admitted {
            forwarding,
            account: RefCell::new(account),
            envelope,
        }),
        // Boxed like all that is rare: else every connection would keep room for it.
        Err(Stop::Refused(refusal)) => {
            Err(Box::pin(refuse(worker, caller, account, envelope, refusal, last)).await)
        }
        Err(Stop::Answered(answer)) => {
            account.answered(&answer, &mut worker.core.borrow_mut(), worker.now());
            let close = closes(worker, envelope, last);
            Err(Box::pin(say(worker, caller, envelope, &answer.answer(close), close)).await)
        }
        Err(Stop::Challenged(challenge)) => Err(Box::pin(rejected::challenge(
            worker, caller, account, envelope, challenge, last,
        ))
        .await),
        Err(stop @ (Stop::CallerGone | Stop::Drained | Stop::Streams)) => {
            let core = &mut *worker.core.borrow_mut();
            account.close(stop.outcome(), core, worker.now());
            Err(After::Abort)
        }
    }
}

impl Stop {
    /// How the recording names an end that is nobody's refusal.
    fn outcome(&self) -> Outcome {
        match self {
            Stop::Drained => Outcome::Drained,
            Stop::Refused(refusal) => refusal.outcome(),
            Stop::Answered(_) | Stop::Challenged(_) => Outcome::Complete,
            Stop::CallerGone | Stop::Streams => Outcome::CallerGone,
        }
    }
}

/// Asks the exchange until it knows.
async fn judge<'p, D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    inbound: &mut Inbound,
    place: &'p mut Option<Forwarding>,
) -> Result<&'p mut Forwarding, Stop> {
    let way = caller.way();
    let mut recorder = pin!(None);
    loop {
        let step = inbound.advance(
            &mut caller.buffer,
            &mut caller.last,
            way,
            &mut worker.core.borrow_mut(),
            worker.now(),
        );
        let step = match step {
            Ok(forwarding) => return Ok(place.insert(forwarding)),
            Err(step) => step,
        };
        match step {
            Step::NeedBytes(until) => match caller.split().0.read(worker, until).await {
                Ok(0) => return Err(Stop::CallerGone),
                Ok(_) => {}
                // The exchange sees the time, and refuses.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(_) => return Err(Stop::CallerGone),
            },
            Step::NeedKey(wanted, until) => Box::pin(ask_key(worker, wanted, until)).await?,
            Step::NeedGroups(wanted, until) => Box::pin(ask_groups(worker, wanted, until)).await,
            Step::NeedToken(wanted, until) => {
                Box::pin(ask_credential(worker, wanted, until)).await;
            }
            Step::NeedRoom(until) | Step::NeedSync(until) => {
                worker.recorder_changed(&mut recorder, until).await;
            }
            Step::Proceed(fixed) => {
                let (_, mut mouth) = caller.split();
                let sent = Box::pin(mouth.send_fixed(worker, &fixed, true)).await;
                sent.map_err(|_| Stop::CallerGone)?;
            }
            Step::Answer(answer) => return Err(Stop::Answered(answer)),
            Step::Challenge(challenge) => return Err(Stop::Challenged(challenge)),
            Step::Refuse(refusal) => return Err(Stop::Refused(refusal)),
        }
    }
}

/// Answers with a refusal, and says whether the connection can go on.
async fn refuse<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    account: Box<Account>,
    envelope: Option<Envelope>,
    refusal: Refusal,
    last: bool,
) -> After {
    let beside = account.beside();
    account.refuse(&refusal, &mut worker.core.borrow_mut(), worker.now());
    let close = closes(worker, envelope, last) || refusal.loses_framing();
    let answer = refusal.answer(close);
    let answer = answer.beside(&beside);
    say(worker, caller, envelope, &answer, close).await
}

/// Whether the connection ends with an answer of the gateway's own.
fn closes<D: Driver>(worker: &Worker<D>, envelope: Option<Envelope>, last: bool) -> bool {
    let unread = envelope.is_none_or(|envelope| envelope.has_body || !envelope.keep_alive);
    last || unread || worker.is_draining()
}

/// Sends an answer of the gateway's own, and says whether the connection can go on.
async fn say<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    envelope: Option<Envelope>,
    answer: &Fixed,
    close: bool,
) -> After {
    let head_only = envelope.is_some_and(|envelope| envelope.head_only);
    let mut mouth = caller.split().1;
    if mouth.send_fixed(worker, answer, head_only).await.is_err() {
        return After::Abort;
    }
    match envelope {
        Some(envelope) if !close => {
            caller.buffer.consume(envelope.head_bytes);
            After::KeepAlive
        }
        _ => After::Close,
    }
}

/// The exchange ended early: the upstream connection is destroyed, the caller gets an answer if none
/// has begun, else an abort.
async fn stopped<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    upstream: Option<Upstream<D::Stream>>,
    account: Box<Account>,
    envelope: Option<Envelope>,
    (stop, last): (Stop, bool),
) -> After {
    let reached = upstream.is_some();
    if let Some(upstream) = upstream {
        upstream.abort(worker);
    }
    match stop {
        Stop::Refused(refusal) if account.has_replied() => {
            account.refuse(&refusal, &mut worker.core.borrow_mut(), worker.now());
            After::Abort
        }
        Stop::Refused(refusal) if !reached => {
            refuse(worker, caller, account, envelope, refusal, last).await
        }
        Stop::Refused(refusal) => {
            // Its head is consumed and its body may not be: no other exchange follows.
            let _ = refuse(worker, caller, account, envelope, refusal, true).await;
            After::Close
        }
        Stop::CallerGone
        | Stop::Drained
        | Stop::Streams
        | Stop::Answered(_)
        | Stop::Challenged(_) => {
            let core = &mut *worker.core.borrow_mut();
            account.close(stop.outcome(), core, worker.now());
            After::Abort
        }
    }
}
