//! A caller's connection: its exchanges one after the other, and how it ends.

mod begin;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::core::{Present, Worker};
use super::crowd::Place;
use super::directions::{Ear, Taking, finish, send};
use super::io::{Driver, Stream};
use super::pump;
use super::transport::Transport;
use super::turn::Turn;
use super::wait::either;
use super::{Entrance, Offers};
use crate::auth::LastBearer;
use crate::base::buffers::Buffer;
use crate::base::clock::Mono;
use crate::exchange::{Arrival, Fixed, Refusal, ToCaller, Way};

/// How long bytes that nobody will read are taken after the last answer, so that a reset does not
/// overtake it (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// How long a connection keeps room for an exchange after one.
const BUSY_TIME: Duration = Duration::from_secs(1);

/// A caller's connection.
pub(super) struct Caller<S> {
    transport: Transport<S>,
    /// What has come and is not consumed; vacant while nothing is in flight.
    pub buffer: Buffer,
    /// It comes from a server of the gateway's own.
    inner: bool,
    /// How it has come.
    arrival: Arrival,
    /// How fast it takes replies.
    taking: Cell<Taking>,
    /// The last bearer token, so that the next is compared before it is judged.
    pub last: LastBearer,
    /// Exchanges, the one under way included.
    served: u64,
    /// When the last one ended.
    idle_since: Mono,
}

/// How a connection goes on after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Another exchange may follow.
    KeepAlive,
    /// It ends, and what was sent is all there is.
    Close,
    /// It ends so that the caller can tell that what it has is not all.
    Abort,
}

impl<S: Stream> Caller<S> {
    /// True when TLS protects it.
    fn is_secure(&self) -> bool {
        self.transport.is_secure()
    }

    /// How it came.
    pub(super) fn way(&self) -> Way {
        match (self.inner, self.is_secure()) {
            (true, _) => Way::Inner,
            (false, true) => Way::Secure,
            (false, false) => Way::Plain,
        }
    }

    /// How it has come.
    pub(super) fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// The two directions, for use side by side.
    pub(super) fn split(&mut self) -> (Ear<'_, S>, Mouth<'_, S>) {
        let transport = &self.transport;
        (
            Ear {
                transport,
                buffer: &mut self.buffer,
            },
            Mouth {
                transport,
                taking: &self.taking,
            },
        )
    }
}

/// The direction to the caller: nothing but what is recorded, or constant, can be said with it.
pub(super) struct Mouth<'a, S> {
    transport: &'a Transport<S>,
    taking: &'a Cell<Taking>,
}

impl<S: Stream> Mouth<'_, S> {
    /// Sends recorded bytes; a caller that takes none for too long is gone.
    pub(super) async fn send<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        bytes: ToCaller<'_>,
    ) -> io::Result<()> {
        let taking = Some(self.taking);
        send(self.transport, worker, taking, bytes.slices()).await
    }

    /// Sends a constant answer.
    pub(super) async fn send_fixed<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        fixed: &Fixed,
        head_only: bool,
    ) -> io::Result<()> {
        send_constant(self.transport, worker, fixed, head_only).await
    }

    /// Says that nothing more will come.
    pub(super) async fn finish<D: Driver>(&mut self, worker: &Worker<D>) -> io::Result<()> {
        finish(self.transport, worker).await
    }
}

async fn send_constant<D: Driver, S: Stream>(
    transport: &Transport<S>,
    worker: &Worker<D>,
    fixed: &Fixed,
    head_only: bool,
) -> io::Result<()> {
    let bytes = std::iter::once(fixed.bytes(head_only));
    send(transport, worker, None, bytes).await
}

/// Serves a caller's connection until it ends.
///
/// What it keeps while nothing is under way is its socket, what TLS knows, and this task, which is
/// small: room for an exchange is made when bytes come, and given up when no more follow.
pub(super) async fn serve<D: Driver>(
    present: Present<D>,
    mut place: Place,
    stream: D::Stream,
    entrance: Rc<Entrance>,
) {
    let worker = present.worker();
    let (tls, inner) = match &entrance.offers {
        Offers::Plain => (None, false),
        Offers::Tls(tls) => (Some(tls), false),
        Offers::Inner => (None, true),
    };
    let Ok(transport) = Transport::server(stream, tls) else {
        return;
    };
    let mut caller = Caller {
        arrival: Arrival {
            peer: transport.peer(),
            shown: None,
            hops: entrance.hops.clone(),
        },
        transport,
        buffer: Buffer::default(),
        inner,
        taking: Cell::default(),
        last: LastBearer::default(),
        served: 0,
        idle_since: worker.now().mono,
    };
    // Boxed, like the end: a connection in between keeps no room for either.
    if let Err(error) = Box::pin(begin::all(worker, &mut caller, &mut place, entrance)).await {
        if begin::is_plain_text(&error) {
            Box::pin(begin::answer_plain_text(
                worker,
                caller.transport.without_tls(),
            ))
            .await;
        }
        return;
    }
    let after = loop {
        let keep_alive_time = worker.limit(|limits| limits.keep_alive_time);
        match next_request(worker, &mut caller, keep_alive_time).await {
            Next::Begun => {}
            Next::None | Next::Never => break After::Close,
        }
        if let Some(after) = Box::pin(serve_busy(worker, &mut caller)).await {
            break after;
        }
    };
    worker.pool.borrow_mut().give_back(caller.buffer);
    match after {
        After::Abort => caller.transport.abort(),
        _ => Box::pin(close(worker, &caller.transport)).await,
    }
}

/// Serves exchanges while the next follows soon, so that room is made for many of them at once. How
/// the connection goes on, or nothing when it is idle.
async fn serve_busy<D: Driver>(
    worker: &Rc<Worker<D>>,
    caller: &mut Caller<D::Stream>,
) -> Option<After> {
    let mut turn = Turn::default();
    loop {
        turn.spend_exchange();
        turn.breathe::<D>().await;
        caller.served += 1;
        let last = caller.served >= worker.limit(|limits| limits.requests_per_connection);
        match pump::exchange(worker, caller, last).await {
            After::KeepAlive if !worker.is_draining() => {}
            After::Abort => return Some(After::Abort),
            After::KeepAlive | After::Close => return Some(After::Close),
        }
        caller.idle_since = worker.now().mono;
        let keep_alive_time = worker.limit(|limits| limits.keep_alive_time);
        match next_request(worker, caller, keep_alive_time.min(BUSY_TIME)).await {
            Next::Begun => {}
            Next::None => return None,
            Next::Never => return Some(After::Close),
        }
    }
}

/// What comes of waiting for a request.
enum Next {
    /// Its first bytes are there.
    Begun,
    /// It has not come in this time.
    None,
    /// There will be none.
    Never,
}

/// Waits for the first byte of the next request, owning no buffer, until the connection has been idle
/// for so long.
async fn next_request<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
    idle_time: Duration,
) -> Next {
    if !caller.buffer.is_empty() {
        return Next::Begun;
    }
    let until = caller.idle_since.after(idle_time);
    let (mut ear, _) = caller.split();
    let arrived = async {
        match ear.read(worker, until).await {
            Ok(1..) => Next::Begun,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Next::None,
            Ok(0) | Err(_) => Next::Never,
        }
    };
    let drained = async {
        worker.drain.raised().await;
        Next::Never
    };
    either(arrived, drained).await
}

/// Ends a connection after a whole reply: says so, and takes what still comes for a moment.
async fn close<D: Driver>(worker: &Worker<D>, transport: &Transport<D::Stream>) {
    let until = worker.now().mono.after(LINGER);
    let linger = async {
        if transport.finish().await.is_err() {
            return;
        }
        let (mut scrap, mut turn) = (Buffer::default(), Turn::default());
        let mut ear = Ear {
            transport,
            buffer: &mut scrap,
        };
        while matches!(ear.read(worker, until).await, Ok(1..)) {
            let count = ear.buffer.filled().len();
            ear.buffer.consume(count);
            // A flood is never out of bytes, and would never let the time be seen.
            turn.spend(count);
            turn.breathe::<D>().await;
        }
        worker.pool.borrow_mut().give_back(scrap);
    };
    let _ = worker.within(until, linger).await;
}

/// Tells a connection that there is no room for it, where it can be told without waiting.
pub(super) fn turn_away<S: Stream>(stream: &S) {
    let answer = Refusal::Overloaded.answer(true);
    let _ = stream.try_write(&[io::IoSlice::new(answer.bytes(false))]);
    let _ = stream.shutdown_write();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::io::Tokio;
    use crate::worker::room;

    #[test]
    fn an_idle_connection_keeps_little() {
        type Stream = <Tokio as Driver>::Stream;
        type Comes = (Present<Tokio>, Place, Stream, Rc<Entrance>);
        type Asks = (&'static Rc<Worker<Tokio>>, &'static mut Caller<Stream>);
        let idle = room(|(present, place, stream, entrance): Comes| {
            serve(present, place, stream, entrance)
        });
        assert!(idle <= 1024, "the task of an idle connection: {idle} bytes");
        let busy = room(|(worker, caller): Asks| serve_busy(worker, caller));
        assert!(busy <= 6 * 1024, "one exchange: {busy} bytes");
    }
}
