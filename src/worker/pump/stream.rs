//! The rest of a reply that is an event stream, and may be silent for days: it keeps what it needs
//! until its end and nothing of what came before, so that its exchange's room goes to another.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::relay::{Sent, caller_gone, relay_reply, unheard};
use super::{Departed, Ended, Stop, Stopping, conclude, drained};
use crate::base::gate::Pass;
use crate::exchange::{Account, Forwarding, ReplyEnd, ReplyHalf};
use crate::worker::core::Worker;
use crate::worker::downstream::{After, Caller};
use crate::worker::io::{Driver, Stream};
use crate::worker::upstream::Upstream;
use crate::worker::wait::{either, fed_by};

/// What is left of an exchange whose reply is a stream, once that has begun and the request is over.
pub(in crate::worker) struct Streaming<S> {
    upstream: Upstream<S>,
    reply: ReplyHalf,
    account: RefCell<Box<Account>>,
    idle_time: Duration,
    /// Held until nothing more of it is under way.
    pass: Option<Pass>,
}

impl<S: Stream> Ended<S> {
    /// An exchange of which nothing is left but a stream: the request's half is given back.
    pub(super) fn streams<D: Driver>(
        worker: &Worker<D>,
        departed: Departed<S>,
        forwarding: Option<Forwarding>,
        pass: Option<Pass>,
    ) -> Ended<S> {
        let (Some(upstream), Some(mut forwarding)) = (departed.upstream, forwarding) else {
            debug_assert!(false, "what streams went upstream");
            return Ended::So(After::Abort);
        };
        forwarding.request.close(&mut worker.core.borrow_mut());
        Ended::Streams(Box::new(Streaming {
            upstream,
            reply: forwarding.reply,
            account: RefCell::new(departed.account),
            idle_time: departed.idle_time,
            pass,
        }))
    }
}

/// The rest of a stream, and how the caller's connection goes on after it.
pub(in crate::worker) async fn stream<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut Caller<D::Stream>,
    mut streaming: Box<Streaming<D::Stream>>,
) -> After {
    let ended = rest(worker, caller, &mut streaming).await;
    match end(worker, caller, *streaming, ended) {
        Ok(after) => after,
        Err(stopping) => stopping.await,
    }
}

async fn rest<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut Caller<D::Stream>,
    streaming: &mut Streaming<D::Stream>,
) -> Result<ReplyEnd, Stop> {
    let Streaming {
        upstream,
        reply,
        account,
        ..
    } = streaming;
    let sent = Sent::before_stream(upstream.fare());
    let (mut ear, mut mouth) = caller.split();
    let mut from_upstream = upstream.split().0;
    let down = relay_reply(
        worker,
        &mut from_upstream,
        Some(&mut mouth),
        reply,
        account,
        &sent,
    );
    let ended = either(fed_by(down, caller_gone(worker, &mut ear)), drained(worker)).await;
    if matches!(ended, Err(Stop::CallerGone)) && reply.outlives_caller() {
        Box::pin(unheard(worker, upstream, reply, account, &sent)).await;
    }
    ended
}

fn end<'e, D: Driver>(
    worker: &'e Worker<D>,
    caller: &'e mut Caller<D::Stream>,
    streaming: Streaming<D::Stream>,
    ended: Result<ReplyEnd, Stop>,
) -> Result<After, Stopping<'e>> {
    let Streaming {
        upstream,
        mut reply,
        account,
        idle_time,
        pass: _pass,
    } = streaming;
    reply.close(&mut worker.core.borrow_mut());
    let departed = Departed {
        upstream: Some(upstream),
        account: account.into_inner(),
        idle_time,
        closes: reply.closes(),
        whole: true,
    };
    // Its caller has the head, and gets no other answer.
    conclude(worker, caller, departed, ended, (None, true))
}
