//! The drivers: what a core needs of a runtime, behind one small trait, so that no other file of
//! the data plane names a runtime.
//!
//! Streams are *readiness-based*: [`Stream::readable`] waits and moves no byte, [`Stream::try_read`]
//! moves bytes and never waits. A wait can therefore be dropped at any moment (a timer won, the
//! other direction became ready) without losing a byte, which a dropped completion-based read does.
//! Every system call on bytes is made by one file, [`sys`](self), and every driver differs from the
//! others only in how it waits ([`socket::Watch`]): semantics are identical by construction, and
//! `tests/drivers.rs` holds all three to it.

mod choice;
mod monoio;
mod socket;
mod sys;
mod tokio;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use crate::base::limits::ACCEPT_PAUSE;

pub use choice::{CoreMain, Engine, IoChoice, UnknownIo, engine};
pub use monoio::{Epoll, Uring};
pub use socket::{Listening, Socket, Watch};
pub use sys::{AcceptFault, accept_fault, check_free, listen_reuseport};
pub use tokio::Tokio;

/// One TCP connection. Made by a [`Driver`]; never leaves its core.
///
/// At most one task waits per direction. Dropping it closes it, with io_uring at the end of the
/// core's turn; bytes that were written are still delivered, see [`Stream::abort`] for the opposite.
pub trait Stream: Sized + 'static {
    /// Moves bytes that have arrived to `into`; `Ok(0)` is the peer's end of input.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived, `InvalidInput` when `into` is empty (the answer
    /// would look like the end of input), else what befell the connection.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;

    /// True when the last read took all there was: to wait is better than to read at once.
    fn is_drained(&self) -> bool;

    /// True when nothing has come since a read took all there was, as far as the runtime knows
    /// without asking the kernel: as of when it last looked. False when it does not know.
    fn is_quiet(&self) -> bool;

    /// Hands a prefix of the slices to the kernel, and answers its length.
    ///
    /// # Errors
    /// `WouldBlock` when the kernel takes nothing now, else what befell the connection. Never a
    /// signal.
    fn try_write(&self, from: &[io::IoSlice<'_>]) -> io::Result<usize>;

    /// Bytes that the kernel has taken so far.
    fn sent_bytes(&self) -> u64;

    /// Waits until `try_read` has something to say. May be dropped at any moment.
    ///
    /// # Errors
    /// Those of the runtime; the connection's own come from `try_read`.
    fn readable(&self) -> impl Future<Output = io::Result<()>>;

    /// Waits until `try_write` has something to say. May be dropped at any moment.
    ///
    /// # Errors
    /// Those of the runtime; the connection's own come from `try_write`.
    fn writable(&self) -> impl Future<Output = io::Result<()>>;

    /// Ends our direction cleanly, after the bytes already written.
    ///
    /// # Errors
    /// `NotConnected` when the peer is already gone.
    fn shutdown_write(&self) -> io::Result<()>;

    /// Ends the connection by a reset, so that the peer can tell that what it has is not all.
    fn abort(self);

    /// The other end, as it was when the connection was made.
    fn peer_addr(&self) -> SocketAddr;
}

/// A runtime on one core. All but [`Driver::run`] may only be used inside it.
pub trait Driver: Copy + 'static {
    /// A connection.
    type Stream: Stream;
    /// A listening socket.
    type Listener: 'static;

    /// Takes a listening socket over, see [`listen_reuseport`].
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    fn listen(socket: std::net::TcpListener) -> io::Result<Self::Listener>;

    /// The next queued connection, `WouldBlock` when there is none.
    ///
    /// # Errors
    /// See [`accept_fault`].
    fn try_accept(listener: &Self::Listener) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Waits for the next connection. May be dropped at any moment: no connection is lost.
    ///
    /// # Errors
    /// Never the fault of a single connection: see [`accept_fault`].
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>>;

    /// Opens a connection. Has no deadline of its own; dropping it gives up.
    ///
    /// # Errors
    /// What the network says.
    fn connect(to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Runs a task beside the others. A panic ends that task alone, see [`panics`].
    fn spawn(task: impl Future<Output = ()> + 'static);

    /// Waits until `at`, to the millisecond. May be dropped at any moment.
    fn sleep_until(at: Instant) -> impl Future<Output = ()>;

    /// Lets other tasks, timers and I/O run. A task that can always go on must call it once per
    /// byte budget: no runtime here takes its turn away.
    fn breathe() -> impl Future<Output = ()>;

    /// Builds this core's runtime on this thread and runs `main` to its end. `main` must see its
    /// tasks end before it does: monoio forgets those still running, and their sockets stay open
    /// until the process ends.
    ///
    /// # Errors
    /// When no runtime can be built.
    fn run<F: Future>(main: F) -> io::Result<F::Output>;
}

/// [`Driver::accept`] for a loop that must not die: while the machine is short of descriptors or
/// memory it pauses, tells `short`, and tries again. May be dropped at any moment.
///
/// # Errors
/// When the listener itself will not work again.
pub async fn accept_patiently<D: Driver>(
    listener: &D::Listener,
    mut short: impl FnMut(&io::Error),
) -> io::Result<(D::Stream, SocketAddr)> {
    loop {
        match D::accept(listener).await {
            Err(error) if accept_fault(&error) == AcceptFault::Scarcity => {
                short(&error);
                D::sleep_until(Instant::now() + ACCEPT_PAUSE).await;
            }
            decided => return decided,
        }
    }
}

/// Accepts all that is queued and hands it to `each`; answers how many that was.
///
/// For the moment before a listener is closed: closing one of several `SO_REUSEPORT` listeners
/// resets what its queue holds.
///
/// # Errors
/// When accepting fails for another reason than one connection's own.
pub fn accept_backlog<D: Driver>(
    listener: &D::Listener,
    mut each: impl FnMut(D::Stream, SocketAddr),
) -> io::Result<usize> {
    let mut count = 0;
    loop {
        match D::try_accept(listener) {
            Ok((stream, peer)) => {
                each(stream, peer);
                count += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(count),
            Err(error) if accept_fault(&error) == AcceptFault::Connection => {}
            Err(error) => return Err(error),
        }
    }
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Tasks of this process that ended by a panic.
#[must_use]
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Keeps a panic from reaching the runtime: monoio would end the whole core. No `async fn`, which
/// would keep room for the task twice.
fn guarded(task: impl Future<Output = ()>) -> impl Future<Output = ()> {
    AssertUnwindSafe(task).catch_unwind().map(|ended| {
        if ended.is_err() {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
    })
}
