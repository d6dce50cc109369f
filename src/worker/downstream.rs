//! A caller's connection: its exchanges one after the other, and how it ends.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::Offers;
use super::core::Worker;
use super::io::{Driver, Stream};
use super::pump;
use super::transport::Transport;
use super::turn::{Turn, regroup};
use super::wait::either;
use crate::auth::LastBearer;
use crate::base::buffers::Buffer;
use crate::base::clock::Mono;
use crate::exchange::{Account, Fixed, Refusal, ToCaller, Way};
use crate::tls::TlsError;

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
    /// The last bearer token, so that the next is compared before it is judged.
    pub last: LastBearer,
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

    /// Where it comes from.
    pub(super) fn peer(&self) -> SocketAddr {
        self.transport.peer()
    }

    /// The two directions, for use side by side.
    pub(super) fn split(&mut self) -> (Ear<'_, S>, Mouth<'_, S>) {
        let transport = &self.transport;
        (
            Ear {
                transport,
                buffer: &mut self.buffer,
            },
            Mouth { transport },
        )
    }
}

/// The direction from the caller.
pub(super) struct Ear<'a, S> {
    transport: &'a Transport<S>,
    pub buffer: &'a mut Buffer,
}

impl<S: Stream> Ear<'_, S> {
    /// Waits for bytes until `until`; `Ok(0)` is the end of input, `TimedOut` that none came.
    pub(super) async fn read<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        until: Mono,
    ) -> io::Result<usize> {
        read(self.transport, self.buffer, worker, until).await
    }
}

/// The direction to the caller: nothing but what is recorded, or constant, can be said with it.
pub(super) struct Mouth<'a, S> {
    transport: &'a Transport<S>,
}

impl<S: Stream> Mouth<'_, S> {
    /// Sends recorded bytes; a caller that takes none for too long is gone.
    pub(super) async fn send<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        bytes: ToCaller<'_>,
    ) -> io::Result<()> {
        write(self.transport, worker, bytes.slices()).await
    }

    /// Sends a constant answer.
    pub(super) async fn send_fixed<D: Driver>(
        &mut self,
        worker: &Worker<D>,
        fixed: &Fixed,
        head_only: bool,
    ) -> io::Result<()> {
        write(
            self.transport,
            worker,
            std::iter::once(fixed.bytes(head_only)),
        )
        .await
    }
}

/// Waits for bytes on a connection until `until`, holding a buffer only once there are some.
pub(super) async fn read<D: Driver, S: Stream>(
    transport: &Transport<S>,
    buffer: &mut Buffer,
    worker: &Worker<D>,
    until: Mono,
) -> io::Result<usize> {
    let mut wait_first = transport.is_drained();
    loop {
        if !wait_first {
            worker.pool.borrow_mut().fill_vacancy(buffer);
            match transport.try_read(buffer, &worker.pool) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                decided => return decided,
            }
        }
        wait_first = false;
        worker.pool.borrow_mut().reclaim(buffer);
        worker
            .within(until, transport.readable())
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
    }
}

/// Sends slices; a peer that takes none of them for too long is as good as gone.
pub(super) async fn write<'b, D: Driver, S: Stream>(
    transport: &Transport<S>,
    worker: &Worker<D>,
    slices: impl Iterator<Item = &'b [u8]>,
) -> io::Result<()> {
    let patience = async |stream: &S| {
        let idle = worker.limit(|limits| limits.write_idle_time);
        let until = worker.now().mono.after(idle);
        worker
            .within(until, stream.writable())
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    };
    regroup().await;
    transport.write(slices, &patience).await
}

/// Serves a caller's connection until it ends.
pub(super) async fn serve<D: Driver>(worker: &Rc<Worker<D>>, stream: D::Stream, offers: Offers) {
    let (tls, inner) = match offers {
        Offers::Plain => (None, false),
        Offers::Tls(tls) => (Some(tls), false),
        Offers::Inner => (None, true),
    };
    let Ok(transport) = Transport::server(stream, tls) else {
        return;
    };
    let mut caller = Caller {
        transport,
        buffer: Buffer::default(),
        inner,
        last: LastBearer::default(),
    };
    // Boxed, like the end: a connection in between keeps no room for either.
    if let Err(error) = Box::pin(handshake(worker, &mut caller)).await {
        if is_plain_text(&error) {
            Box::pin(answer_plain_text(worker, caller.transport.without_tls())).await;
        }
        return;
    }
    let (mut served, mut turn) = (0, Turn::default());
    let after = loop {
        if !wait_for_request(worker, &mut caller).await {
            break After::Close;
        }
        turn.spend_exchange();
        turn.breathe::<D>().await;
        served += 1;
        let last = served >= worker.limit(|limits| limits.requests_per_connection);
        match pump::exchange(worker, &mut caller, last).await {
            After::KeepAlive if !worker.is_draining() => {}
            After::Abort => break After::Abort,
            After::KeepAlive | After::Close => break After::Close,
        }
    };
    worker.pool.borrow_mut().give_back(caller.buffer);
    match after {
        After::Abort => caller.transport.abort(),
        _ => Box::pin(close(worker, &caller.transport)).await,
    }
}

async fn handshake<D: Driver>(
    worker: &Worker<D>,
    caller: &mut Caller<D::Stream>,
) -> io::Result<()> {
    if !caller.is_secure() {
        return Ok(());
    }
    worker.pool.borrow_mut().fill_vacancy(&mut caller.buffer);
    let head_time = worker.limit(|limits| limits.head_time);
    let until = worker.now().mono.after(head_time);
    let handshake = async {
        let handshake = caller.transport.handshake(&mut caller.buffer, &worker.pool);
        worker
            .within(until, handshake)
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    };
    // No request has begun, so a drain need not wait for one.
    let drained = async {
        worker.drain.raised().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    either(handshake, drained).await
}

/// True when the peer spoke HTTP where TLS was expected.
fn is_plain_text(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(TlsError::PlainText))
}

/// Says in plain text that this is no place for it. Nothing of what came has been judged.
async fn answer_plain_text<D: Driver>(worker: &Worker<D>, transport: Transport<D::Stream>) {
    let now = worker.now();
    {
        let core = &mut *worker.core.borrow_mut();
        Account::open(core, now).refuse(&Refusal::PlainText, core, now);
    }
    let answer = Refusal::PlainText.answer(true);
    let bytes = std::iter::once(answer.bytes(false));
    if write(&transport, worker, bytes).await.is_ok() {
        close(worker, &transport).await;
    }
}

/// Waits for the first byte of the next request, owning no buffer. False when there will be none.
async fn wait_for_request<D: Driver>(worker: &Worker<D>, caller: &mut Caller<D::Stream>) -> bool {
    if !caller.buffer.is_empty() {
        return true;
    }
    let keep_alive_time = worker.limit(|limits| limits.keep_alive_time);
    let until = worker.now().mono.after(keep_alive_time);
    let arrived = async {
        let read = read(&caller.transport, &mut caller.buffer, worker, until).await;
        matches!(read, Ok(count) if count > 0)
    };
    let drained = async {
        worker.drain.raised().await;
        false
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
        while matches!(read(transport, &mut scrap, worker, until).await, Ok(count) if count > 0) {
            let count = scrap.filled().len();
            scrap.consume(count);
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
