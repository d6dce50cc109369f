//! A call on its way: from the bound on calls to the end of the reply.

use std::rc::Rc;

use super::relay::{Sent, side_by_side};
use super::{Admitted, Stop, rejected};
use crate::base::counters::Event;
use crate::base::gate::Pass;
use crate::exchange::{Envelope, Forwarding, Refusal, ReplyEnd, ReplyHalf, RequestHalf};
use crate::worker::core::Worker;
use crate::worker::downstream::Caller;
use crate::worker::io::Driver;
use crate::worker::upstream::{self, Upstream};

/// How a call fared upstream.
pub(super) struct Carried<S> {
    /// The connection, where there was one.
    pub upstream: Option<Upstream<S>>,
    /// Held until nothing more of it is under way.
    pub pass: Option<Pass>,
    /// All of the request went there.
    pub whole: bool,
    pub ended: Result<ReplyEnd, Stop>,
}

impl<S> Carried<S> {
    /// It got to no upstream.
    fn nowhere(refusal: Refusal) -> Carried<S> {
        Carried {
            upstream: None,
            pass: None,
            whole: false,
            ended: Err(Stop::Refused(refusal)),
        }
    }
}

/// From a connection to the upstream to the end of the reply. A kept connection that turns out to
/// have ended may cost a second one.
pub(super) async fn carry<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut Caller<D::Stream>,
    admitted: &mut Admitted<'_>,
    last: bool,
) -> Carried<D::Stream> {
    let Admitted {
        forwarding,
        account,
        envelope,
    } = admitted;
    let Forwarding {
        connection,
        credential,
        address,
        request,
        reply,
    } = forwarding;
    let pass = match upstream::enter(worker, connection).await {
        Ok(pass) => pass,
        Err(refusal) => return Carried::nowhere(refusal),
    };
    let mut fresh = false;
    loop {
        let way = upstream::Way {
            connection,
            credential: credential.as_deref(),
            to: *address,
            fresh,
        };
        let mut upstream = match upstream::checkout(worker, &way).await {
            Ok(upstream) => upstream,
            Err(refusal) => return Carried::nowhere(refusal),
        };
        reply.connected(upstream.address());
        if upstream.was_kept() {
            request.by_kept();
        }
        leave(worker, caller, envelope, reply, last);
        let sent = Sent::by(upstream.fare());
        let halves = (&mut *request, &mut *reply);
        let ended = side_by_side(worker, caller, &mut upstream, halves, account, &sent).await;
        if let Err(Stop::Refused(refusal)) = &ended
            && !sent.answered.get()
            && unanswered(worker, &upstream, &way, request, refusal)
        {
            reply.begin_again();
            upstream.abort(worker);
            fresh = true;
            continue;
        }
        if let Err(Stop::Refused(Refusal::UpstreamUnauthorized(claims))) = &ended {
            let halves = (&mut *request, &mut *reply);
            let renewed = rejected::renew(worker, connection, credential, claims.as_ref(), halves);
            if Box::pin(renewed).await {
                upstream.abort(worker);
                continue;
            }
        }
        return Carried {
            upstream: Some(upstream),
            pass,
            whole: sent.whole.get(),
            ended,
        };
    }
}

/// The request is about to go upstream: its head is the caller's no longer.
fn leave<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    envelope: &mut Option<Envelope>,
    reply: &mut ReplyHalf,
    last: bool,
) {
    if let Some(envelope) = envelope {
        // Once: of a request that goes twice, the head is gone already.
        let head_bytes = std::mem::take(&mut envelope.head_bytes);
        caller.buffer.consume(head_bytes);
        if last || !envelope.keep_alive || worker.is_draining() {
            reply.close_after();
        }
    }
}

/// Not one byte of a reply came. True when that is because a kept connection had ended, and the
/// request goes upstream once more.
fn unanswered<D: Driver>(
    worker: &Worker<D>,
    upstream: &Upstream<D::Stream>,
    way: &upstream::Way<'_>,
    request: &mut RequestHalf,
    refusal: &Refusal,
) -> bool {
    match refusal {
        Refusal::UpstreamUnreachable if upstream.was_kept() => {
            worker.count(Event::UpstreamStale);
            let goes_again = request.again(
                upstream.took_nothing(),
                &mut worker.core.borrow_mut(),
                worker.now(),
            );
            if goes_again {
                worker.count(Event::UpstreamRetried);
            }
            goes_again
        }
        Refusal::UpstreamUnreachable | Refusal::UpstreamTimeout => {
            upstream.fare().unanswered(worker, way.connection);
            false
        }
        _ => false,
    }
}
