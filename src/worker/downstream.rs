//! A caller's connection: its exchanges one after the other, and how it ends.

mod begin;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;

use super::core::{Present, Worker};
use super::crowd::Place;
use super::directions::{Ear, Taking, finish, send};
use super::io::{Driver, Stream};
use super::pump::{self, Ended};
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

/// A caller's connection.
pub(super) struct Caller<S> {
    transport: Transport<S>,
    /// What has come and is not consumed; vacant while nothing is in flight.
    pub buffer: Buffer,
    /// It comes from a server of the gateway's own.
    inner: bool,
    /// How it has come.
    arrival: Arrival,
    /// Its place among those that are connected.
    place: Place,
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
    /// A connection that has just come by `entrance`.
    ///
    /// # Errors
    /// When TLS cannot begin.
    pub(super) fn enters(
        stream: S,
        place: Place,
        entrance: &Entrance,
        now: Mono,
    ) -> io::Result<Caller<S>> {
        let tls = match &entrance.offers {
            Offers::Tls(tls) => Some(tls),
            Offers::Plain | Offers::Inner => None,
        };
        let transport = Transport::server(stream, tls)?;
        Ok(Caller {
            arrival: Arrival {
                peer: transport.peer(),
                shown: None,
                hops: entrance.hops.clone(),
            },
            transport,
            buffer: Buffer::default(),
            inner: matches!(entrance.offers, Offers::Inner),
            place,
            taking: Cell::default(),
            last: LastBearer::default(),
            served: 0,
            idle_since: now,
        })
    }

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
    pub(super) fn send<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        bytes: ToCaller<'_>,
    ) -> impl Future<Output = io::Result<()>> {
        send(self.transport, worker, Some(self.taking), bytes)
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
    send(transport, worker, None, fixed.bytes(head_only)).await
}

/// Serves a caller's connection until it ends.
///
/// What it keeps while nothing is under way is its socket, what TLS knows, and this task, which is
/// small: an exchange has a room of the core's, from the first byte of its request to its end.
pub(super) async fn serve<D: Driver>(
    present: Present<D>,
    mut caller: Box<Caller<D::Stream>>,
    entrance: Rc<Entrance>,
) {
    let worker = present.worker();
    // Boxed, like the end: a connection in between keeps no room for either.
    if let Err(error) = Box::pin(begin::all(worker, &mut caller, entrance)).await {
        if begin::is_plain_text(&error) {
            Box::pin(begin::answer_plain_text(
                worker,
                caller.transport.without_tls(),
            ))
            .await;
        }
        return;
    }
    let mut turn = Turn::default();
    let after = loop {
        if !next_request(worker, &mut caller).await {
            break After::Close;
        }
        turn.spend_exchange();
        turn.breathe::<D>().await;
        let (served, ended) = worker.exchanges.run((Rc::clone(worker), caller)).await;
        caller = served;
        let after = match ended {
            Ended::So(after) => after,
            Ended::Streams(rest) => Box::pin(pump::stream(worker, &mut caller, rest)).await,
        };
        match after {
            After::KeepAlive if !worker.is_draining() => caller.idle_since = worker.now().mono,
            After::Abort => break After::Abort,
            After::KeepAlive | After::Close => break After::Close,
        }
    };
    worker
        .pool
        .borrow_mut()
        .give_back(std::mem::take(&mut caller.buffer));
    match after {
        After::Abort => caller.transport.abort(),
        _ => Box::pin(close(worker, &caller.transport)).await,
    }
}

/// What an exchange has a room for.
pub(super) type Asking<D> = (Rc<Worker<D>>, Box<Caller<<D as Driver>::Stream>>);

/// What comes out of it.
pub(super) type Served<D> = (
    Box<Caller<<D as Driver>::Stream>>,
    Ended<<D as Driver>::Stream>,
);

/// Serves one exchange, whose first bytes are there.
pub(super) async fn serve_one<D: Driver>((worker, mut caller): Asking<D>) -> Served<D> {
    caller.served += 1;
    let last = caller.served >= worker.limit(|limits| limits.requests_per_connection);
    let ended = pump::exchange(&worker, &mut caller, last).await;
    (caller, ended)
}

/// Waits for the first byte of the next request, owning no buffer, until the connection has been idle
/// for too long; false when there will be none.
async fn next_request<D: Driver>(worker: &Worker<D>, caller: &mut Caller<D::Stream>) -> bool {
    if !caller.buffer.is_empty() {
        return true;
    }
    let keep_alive_time = worker.limit(|limits| limits.keep_alive_time);
    let until = caller.idle_since.after(keep_alive_time);
    let mut ear = caller.split().0;
    let arrived = ear.read(worker, until).map(|read| matches!(read, Ok(1..)));
    let drained = worker.drain.raised().map(|()| false);
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
        type Comes = (Present<Tokio>, Box<Caller<Stream>>, Rc<Entrance>);
        let idle = room(|(present, caller, entrance): Comes| serve(present, caller, entrance));
        assert!(idle <= 512, "the task of an idle connection: {idle} bytes");
        let caller = size_of::<Caller<Stream>>();
        assert!(caller <= 320, "an idle connection: {caller} bytes");
        let busy = room(serve_one::<Tokio>);
        assert!(busy <= 5 * 1024, "one exchange: {busy} bytes");
        type Streams = (
            &'static Rc<Worker<Tokio>>,
            &'static mut Caller<Stream>,
            Box<pump::Streaming<Stream>>,
        );
        let silent = room(|(worker, caller, rest): Streams| pump::stream(worker, caller, rest));
        assert!(silent <= 1088, "the task of a stream: {silent} bytes");
        let kept = size_of::<pump::Streaming<Stream>>();
        assert!(kept <= 1280, "a stream: {kept} bytes");
    }
}
