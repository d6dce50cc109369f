//! After a 101: bytes both ways, until both directions have ended or one of them cannot go on.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;

use super::{Stop, drained};
use crate::base::clock::Mono;
use crate::base::counters::Event;
use crate::exchange::{
    Account, Downward, Life, Refusal, ReplyHalf, ReplyStep, RequestHalf, RequestStep, Switched,
    Upward,
};
use crate::worker::core::Worker;
use crate::worker::directions::Ear;
use crate::worker::io::Driver;
use crate::worker::turn::Turn;
use crate::worker::wait::{either, fed_by, once};
use crate::worker::{downstream, upstream};

/// How far the two directions are.
#[derive(Default)]
struct Ends {
    /// The caller said its last, and the upstream was told.
    up: Cell<bool>,
    /// The upstream said its last, and the caller was told.
    down: Cell<bool>,
    /// The upstream takes nothing any more; what it has said is still passed on.
    deaf: Cell<bool>,
}

/// Counted as long as it lives.
struct Open<'w, D: Driver>(&'w Worker<D>);

impl<D: Driver> Drop for Open<'_, D> {
    fn drop(&mut self) {
        let Open(worker) = self;
        worker.count(Event::UpgradedEnded);
    }
}

/// What a connection has become, where the reply to its request was a 101. What was kept of the
/// request is not needed any more.
pub(super) fn begin<D: Driver>(
    worker: &Worker<D>,
    (request, reply): (&mut RequestHalf, &mut ReplyHalf),
    account: &RefCell<Box<Account>>,
) -> Option<Switched> {
    let core = &mut *worker.core.borrow_mut();
    let switched = reply.switch(&mut account.borrow_mut(), core, worker.now())?;
    request.answered(core);
    Some(switched)
}

/// Both directions of a connection that was switched. What has come of either before is in its
/// buffer, and goes first.
pub(super) async fn both_ways<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut downstream::Caller<D::Stream>,
    upstream: &mut upstream::Upstream<D::Stream>,
    switched: Switched,
    account: &RefCell<Box<Account>>,
) -> Result<(), Stop> {
    worker.count(Event::Upgraded);
    let _open = Open(worker);
    let Switched {
        mut up,
        mut down,
        life,
    } = switched;
    let (life, ends) = (&life, &Ends::default());
    let (mut ear, mut mouth) = caller.split();
    let (mut from_upstream, mut to_upstream) = upstream.split();
    let onward = async {
        let sides = (&mut ear, &mut to_upstream);
        go_up(worker, sides, &mut up, life, account, ends).await?;
        ends.up.set(true);
        once(|| ends.down.get()).await;
        Ok(())
    };
    let back = async {
        let sides = (&mut from_upstream, &mut mouth);
        go_down(worker, sides, &mut down, life, account, ends).await?;
        ends.down.set(true);
        once(|| ends.up.get()).await;
        Ok(())
    };
    either(fed_by(onward, back), drained(worker)).await
}

/// Caller to upstream, until the caller has said its last.
async fn go_up<D: Driver>(
    worker: &Worker<D>,
    (ear, mouth): (&mut Ear<'_, D::Stream>, &mut upstream::Mouth<'_, D::Stream>),
    up: &mut Upward,
    life: &Life,
    account: &RefCell<Box<Account>>,
    ends: &Ends,
) -> Result<(), Stop> {
    let (mut turn, mut eof) = (Turn::default(), false);
    let mut recorder = pin!(None);
    loop {
        let renewals = worker.renewals();
        let step = up.next(
            ear.buffer,
            eof,
            life,
            &mut account.borrow_mut(),
            &mut worker.core.borrow_mut(),
            worker.now(),
        );
        let sent = match step {
            RequestStep::Send(bytes) => {
                turn.spend(bytes.slices().iter().map(|slice| slice.len()).sum());
                mouth.send(worker, bytes).await
            }
            RequestStep::NeedBytes(until) => {
                let heard = hear(worker, ear, until, renewals).await;
                eof = heard.map_err(|_| Stop::CallerGone)?;
                continue;
            }
            RequestStep::NeedRoom(until) | RequestStep::NeedSync(until) => {
                worker.recorder_changed(&mut recorder, until).await;
                continue;
            }
            RequestStep::Done => match mouth.finish(worker).await {
                Ok(()) => return Ok(()),
                Err(error) => Err(error),
            },
            RequestStep::Refuse(refusal) => return Err(Stop::Refused(refusal)),
        };
        match sent {
            Ok(()) => up.sent(ear.buffer, life, &mut account.borrow_mut(), worker.now()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Stop::Refused(Refusal::UpstreamTimeout));
            }
            Err(_) if ends.down.get() => {
                return Err(Stop::Refused(Refusal::UpstreamTruncated));
            }
            Err(_) => {
                ends.deaf.set(true);
                return std::future::pending().await;
            }
        }
        turn.breathe::<D>().await;
    }
}

/// Upstream to caller, until the upstream has said its last.
async fn go_down<D: Driver>(
    worker: &Worker<D>,
    (ear, mouth): (
        &mut Ear<'_, D::Stream>,
        &mut downstream::Mouth<'_, D::Stream>,
    ),
    down: &mut Downward,
    life: &Life,
    account: &RefCell<Box<Account>>,
    ends: &Ends,
) -> Result<(), Stop> {
    let (mut turn, mut eof) = (Turn::default(), false);
    let mut recorder = pin!(None);
    loop {
        let renewals = worker.renewals();
        let step = down.next(
            ear.buffer,
            eof,
            life,
            &mut account.borrow_mut(),
            &mut worker.core.borrow_mut(),
            worker.now(),
        );
        match step {
            ReplyStep::Send(bytes) => {
                turn.spend(bytes.slices().map(<[u8]>::len).sum());
                let sent = mouth.send(worker, bytes).await;
                sent.map_err(|_| Stop::CallerGone)?;
                down.sent(ear.buffer, life, worker.now());
            }
            ReplyStep::NeedBytes(until) => {
                let heard = hear(worker, ear, until, renewals).await;
                eof = heard.map_err(|_| Stop::Refused(Refusal::UpstreamTruncated))?;
            }
            ReplyStep::NeedRoom(until) => {
                worker.recorder_changed(&mut recorder, until).await;
            }
            // Not all that the caller has said got there, so this is no clean end.
            ReplyStep::Done(_) if ends.deaf.get() => {
                return Err(Stop::Refused(Refusal::UpstreamTruncated));
            }
            ReplyStep::Done(_) => {
                let told = mouth.finish(worker).await;
                return told.map_err(|_| Stop::CallerGone);
            }
            ReplyStep::Refuse(refusal) => return Err(Stop::Refused(refusal)),
        }
        turn.breathe::<D>().await;
    }
}

/// Waits for bytes until `until`, or until other rules are in force; true at the end of input.
async fn hear<D: Driver>(
    worker: &Worker<D>,
    ear: &mut Ear<'_, D::Stream>,
    until: Mono,
    renewals: u64,
) -> io::Result<bool> {
    let read = async { ear.read(worker, until).await.map(|count| count == 0) };
    let news = async {
        once(|| worker.renewals() != renewals).await;
        Ok(false)
    };
    match either(read, news).await {
        // Whoever asks sees the time.
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(false),
        heard => heard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::io::Tokio;
    use crate::worker::room;

    #[test]
    fn an_idle_connection_keeps_little() {
        type Stream = <Tokio as Driver>::Stream;
        type Both = (
            &'static Rc<Worker<Tokio>>,
            &'static mut downstream::Caller<Stream>,
            &'static mut upstream::Upstream<Stream>,
            Switched,
            &'static RefCell<Box<Account>>,
        );
        let idle = room(|(worker, caller, upstream, switched, account): Both| {
            both_ways(worker, caller, upstream, switched, account)
        });
        assert!(idle <= 3 * 1024, "both directions: {idle} bytes");
    }
}
