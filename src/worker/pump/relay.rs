//! The two directions of an exchange, each a loop that asks its half what it needs.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;

use super::{Stop, aside, drained, switched};
use crate::base::clock::Mono;
use crate::base::limits::UNHEARD_TIME;
use crate::exchange::{Account, Refusal, ReplyEnd, ReplyHalf, ReplyStep, RequestHalf, RequestStep};
use crate::worker::core::Worker;
use crate::worker::directions::Ear;
use crate::worker::io::Driver;
use crate::worker::turn::Turn;
use crate::worker::upstream::Fare;
use crate::worker::wait::{either, fed_by, once};
use crate::worker::{downstream, upstream};

/// What has become of sending the request. Who waits for the reply looks at it: that is always polled
/// after the sending.
pub(super) struct Sent {
    /// All that can be sent is sent: a reply is owed from now on.
    pub over: Cell<bool>,
    /// It was all of the request.
    pub whole: Cell<bool>,
    /// A reply has begun that goes to the caller: what was kept to send the request once more is not
    /// needed.
    pub begun: Cell<bool>,
    /// Something of a reply has come.
    pub answered: Cell<bool>,
    /// The reply was told that the request is over.
    told: Cell<bool>,
    /// The reply is a stream, and has left its exchange's room already.
    streams: bool,
    /// Who is told of that.
    pub fare: Fare,
}

impl Sent {
    pub(super) fn by(fare: Fare) -> Sent {
        Sent {
            over: Cell::new(false),
            whole: Cell::new(false),
            answered: Cell::new(false),
            begun: Cell::new(false),
            told: Cell::new(false),
            streams: false,
            fare,
        }
    }

    /// All is sent, and the reply to it has become a stream.
    pub(super) fn before_stream(fare: Fare) -> Sent {
        Sent {
            over: Cell::new(true),
            whole: Cell::new(true),
            answered: Cell::new(true),
            begun: Cell::new(true),
            told: Cell::new(true),
            streams: true,
            fare,
        }
    }

    /// Nothing of the exchange is left but a stream.
    fn leaves(&self, reply: &ReplyHalf) -> bool {
        !self.streams && self.whole.get() && self.begun.get() && reply.streams()
    }

    fn heard(&self) {
        if !self.answered.replace(true) {
            self.fare.answered();
        }
    }
}

/// Both directions of an exchange, until its reply is with the caller, and what follows one that
/// switches to another protocol; or until it cannot go on.
pub(super) async fn side_by_side<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut downstream::Caller<D::Stream>,
    upstream: &mut upstream::Upstream<D::Stream>,
    (request, reply): (&mut RequestHalf, &mut ReplyHalf),
    account: &RefCell<Box<Account>>,
    request_sent: &Sent,
) -> Result<ReplyEnd, Stop> {
    let (mut ear, mut mouth) = caller.split();
    let (mut from_upstream, mut to_upstream) = upstream.split();
    let up = async {
        send_request(
            worker,
            &mut ear,
            &mut to_upstream,
            request,
            account,
            request_sent,
        )
        .await?;
        let settled = async {
            once(|| request_sent.begun.get()).await;
            request.answered(&mut worker.core.borrow_mut());
            std::future::pending().await
        };
        either(caller_gone(worker, &mut ear), settled).await
    };
    let down = relay_reply(
        worker,
        &mut from_upstream,
        Some(&mut mouth),
        reply,
        account,
        request_sent,
    );
    let ended = either(fed_by(down, up), drained(worker)).await;
    let gone = matches!(ended, Err(Stop::CallerGone)) && request_sent.whole.get();
    if gone && reply.outlives_caller() {
        Box::pin(unheard(worker, upstream, reply, account, request_sent)).await;
    }
    let Ok(end) = ended else {
        return ended;
    };
    let Some(switched) = switched::begin(worker, (request, reply), account) else {
        return ended;
    };
    let both = switched::both_ways(worker, caller, upstream, switched, account);
    Box::pin(both).await.map(|()| end)
}

/// Caller to upstream, until all of the request is there. An upstream that takes no more may have
/// answered early: then its reply decides.
async fn send_request<D: Driver>(
    worker: &Worker<D>,
    ear: &mut Ear<'_, D::Stream>,
    mouth: &mut upstream::Mouth<'_, D::Stream>,
    request: &mut RequestHalf,
    account: &RefCell<Box<Account>>,
    request_sent: &Sent,
) -> Result<(), Stop> {
    let mut turn = Turn::default();
    let mut recorder = pin!(None);
    loop {
        let step = request.next(
            ear.buffer,
            &mut account.borrow_mut(),
            &mut worker.core.borrow_mut(),
            worker.now(),
        );
        match step {
            RequestStep::Send(bytes) => {
                let size = bytes.slices().iter().map(|slice| slice.len()).sum();
                match mouth.send(worker, bytes).await {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        return Err(Stop::Refused(Refusal::UpstreamTimeout));
                    }
                    Err(_) => {
                        request_sent.over.set(true);
                        return std::future::pending().await;
                    }
                }
                let core = &mut *worker.core.borrow_mut();
                request.sent(ear.buffer, &mut account.borrow_mut(), core, worker.now());
                turn.spend(size);
            }
            RequestStep::NeedBytes(until) => match ear.read(worker, until).await {
                Ok(0) => return Err(Stop::CallerGone),
                Err(error) if error.kind() != io::ErrorKind::TimedOut => {
                    return Err(Stop::CallerGone);
                }
                _ => {}
            },
            RequestStep::NeedRoom(until) | RequestStep::NeedSync(until) => {
                worker.recorder_changed(&mut recorder, until).await;
            }
            RequestStep::Done => {
                request_sent.whole.set(true);
                request_sent.over.set(true);
                return Ok(());
            }
            RequestStep::Refuse(refusal) => return Err(Stop::Refused(refusal)),
        }
        turn.breathe::<D>().await;
    }
}

/// While the reply is awaited: a caller that goes away takes the exchange with it. Bytes that come
/// are the next request's; once there are some, the caller is no longer watched.
pub(super) async fn caller_gone<D: Driver>(
    worker: &Worker<D>,
    ear: &mut Ear<'_, D::Stream>,
) -> Result<ReplyEnd, Stop> {
    if ear.buffer.is_empty() {
        match ear.read(worker, Mono(u64::MAX)).await {
            Ok(0) | Err(_) => return Err(Stop::CallerGone),
            Ok(_) => {}
        }
    }
    std::future::pending().await
}

/// The caller is gone, and the call goes on without it: the rest of the reply is read and recorded,
/// for no longer than [`UNHEARD_TIME`].
pub(super) async fn unheard<D: Driver>(
    worker: &Rc<Worker<D>>,
    upstream: &mut upstream::Upstream<D::Stream>,
    reply: &mut ReplyHalf,
    account: &RefCell<Box<Account>>,
    request_sent: &Sent,
) {
    let until = worker.now().mono.after(UNHEARD_TIME);
    let (mut ear, _) = upstream.split();
    let rest = relay_reply(worker, &mut ear, None, reply, account, request_sent);
    // However it ends, nobody is told.
    let _ = worker.within(until, either(rest, drained(worker))).await;
}

/// Upstream to caller, until all of the reply is there; without a mouth to nobody.
pub(super) async fn relay_reply<D: Driver>(
    worker: &Rc<Worker<D>>,
    ear: &mut Ear<'_, D::Stream>,
    mut mouth: Option<&mut downstream::Mouth<'_, D::Stream>>,
    reply: &mut ReplyHalf,
    account: &RefCell<Box<Account>>,
    request_sent: &Sent,
) -> Result<ReplyEnd, Stop> {
    let mut turn = Turn::default();
    let mut eof = false;
    let mut recorder = pin!(None);
    loop {
        let renewals = worker.renewals();
        let now = worker.now();
        if request_sent.over.get() && !request_sent.told.replace(true) {
            reply.request_over(request_sent.whole.get(), now);
        }
        let step = reply.next(
            ear.buffer,
            eof,
            &mut account.borrow_mut(),
            &mut worker.core.borrow_mut(),
            now,
        );
        match step {
            ReplyStep::Send(bytes) => {
                request_sent.begun.set(true);
                let size = bytes.slices().map(<[u8]>::len).sum();
                let sent = match &mut mouth {
                    Some(mouth) => mouth.send(worker, bytes).await,
                    None => Ok(()),
                };
                reply.sent(ear.buffer, worker.now());
                aside::send_all(worker, reply, account)?;
                sent.map_err(|_| Stop::CallerGone)?;
                turn.spend(size);
            }
            ReplyStep::NeedBytes(until) => {
                aside::send_all(worker, reply, account)?;
                if mouth.is_some() && request_sent.leaves(reply) {
                    return Err(Stop::Streams);
                }
                let read = async { Some(ear.read(worker, until).await) };
                let news = async {
                    let sent = || request_sent.over.get() && !request_sent.told.get();
                    once(|| sent() || worker.renewals() != renewals).await;
                    None
                };
                match either(read, news).await {
                    None => {}
                    Some(Ok(1..)) => request_sent.heard(),
                    Some(Ok(0)) if !request_sent.answered.get() => {
                        return Err(Stop::Refused(Refusal::UpstreamUnreachable));
                    }
                    Some(Ok(0)) => eof = true,
                    Some(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {}
                    Some(Err(_)) => return Err(Stop::Refused(cut_off(&account.borrow()))),
                }
            }
            ReplyStep::NeedRoom(until) => {
                worker.recorder_changed(&mut recorder, until).await;
            }
            ReplyStep::Done(end) => return Ok(end),
            ReplyStep::Refuse(refusal) => return Err(Stop::Refused(refusal)),
        }
        turn.breathe::<D>().await;
    }
}

/// A reset, or TLS without its end: never a clean end of a reply.
fn cut_off(account: &Account) -> Refusal {
    if account.has_replied() {
        Refusal::UpstreamTruncated
    } else {
        Refusal::UpstreamUnreachable
    }
}
