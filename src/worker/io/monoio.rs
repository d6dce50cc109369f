//! monoio: io_uring where the kernel allows it, else epoll.
//!
//! What is used of it is little, because much of it is hazardous (0.2.4): never its reads or
//! writes (a dropped one loses bytes), never its accept (a dropped one leaks a descriptor), no
//! join handles, no panic let through. What remains is waiting, spawning and timers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use ::monoio::net::TcpStream;
use ::monoio::time::TimeDriver;
use ::monoio::{IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};
use futures_util::FutureExt;

use super::choice::Running;
use super::socket::{Direction, Watch};
use super::{Driver, Engine, Listening, Socket, guarded};

/// monoio on io_uring; on epoll when no ring can be had.
pub type Uring = Monoio<true>;
/// monoio on epoll.
pub type Epoll = Monoio<false>;

/// The monoio driver; `RING` says whether to try io_uring first.
#[derive(Clone, Copy, Debug)]
pub struct Monoio<const RING: bool>;

impl<const RING: bool> Driver for Monoio<RING> {
    type Stream = Socket<Watched>;
    type Listener = Listening<Watched>;

    fn listen(socket: std::net::TcpListener) -> io::Result<Self::Listener> {
        Listening::new(socket)
    }

    fn try_accept(listener: &Self::Listener) -> io::Result<(Self::Stream, SocketAddr)> {
        listener.try_accept()
    }

    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> {
        listener.accept()
    }

    fn connect(to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> {
        Socket::connect(to)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        drop(::monoio::spawn(guarded(task)));
    }

    fn sleep_until(at: Instant) -> impl Future<Output = ()> {
        ::monoio::time::sleep_until(at.into())
    }

    /// monoio looks at timers only when no task is runnable, and a task that wakes itself always
    /// is. A timer a tick in the past makes this task wait for exactly that look, without waiting
    /// for time to pass. It is ready at once when timers were looked at in this very millisecond:
    /// then letting I/O run is enough.
    async fn breathe() {
        let tick = Duration::from_millis(1);
        if let Some(past) = Instant::now().checked_sub(tick) {
            ::monoio::time::sleep_until(past.into()).await;
        }
        yield_once().await;
    }

    fn run<F: Future>(main: F) -> io::Result<F::Output> {
        if RING {
            run_on_ring(new_ring, main)
        } else {
            run_on_epoll(main)
        }
    }
}

type Ring = Runtime<TimeDriver<IoUringDriver>>;

/// Submission entries. monoio flushes when they are full, so this bounds a batch, not a core.
const RING_ENTRIES: u32 = 1024;

fn new_ring(engine: Engine) -> io::Result<Ring> {
    let mut builder = io_uring::IoUring::builder();
    if engine == Engine::UringDeferred {
        builder.setup_single_issuer().setup_defer_taskrun();
    }
    RuntimeBuilder::<IoUringDriver>::new()
        .uring_builder(builder)
        .with_entries(RING_ENTRIES)
        .enable_timer()
        .build()
}

/// Runs on the best ring to be had. monoio's own fallback looks only whether the system call
/// exists; a ring is refused for more reasons (seccomp in containers, memory limits, sysctl), and
/// each of them is a reason to use epoll, never one not to serve.
fn run_on_ring<F: Future>(
    ring: impl Fn(Engine) -> io::Result<Ring>,
    main: F,
) -> io::Result<F::Output> {
    for engine in [Engine::UringDeferred, Engine::Uring] {
        if let Ok(mut runtime) = ring(engine) {
            let _running = Running::on(engine);
            return Ok(block_on(main, |main| runtime.block_on(main)));
        }
    }
    run_on_epoll(main)
}

fn run_on_epoll<F: Future>(main: F) -> io::Result<F::Output> {
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new()
        .enable_timer()
        .build()?;
    let _running = Running::on(Engine::Epoll);
    Ok(block_on(main, |main| runtime.block_on(main)))
}

type Caught<T> = std::thread::Result<T>;

/// monoio polls the main future from a task that borrows this stack: a panic must not unwind
/// through it, so it is carried around it.
fn block_on<F: Future>(
    main: F,
    runtime: impl FnOnce(futures_util::future::CatchUnwind<AssertUnwindSafe<F>>) -> Caught<F::Output>,
) -> F::Output {
    runtime(AssertUnwindSafe(main).catch_unwind()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// Goes to the end of the runnable tasks, once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Any TCP socket under monoio, also a listener: monoio is only asked when it is ready.
pub struct Watched {
    /// The same socket under a second descriptor, which monoio owns. monoio lends its own only as
    /// a bare number, and to use that as a socket would take `unsafe`.
    readiness: TcpStream,
    socket: OwnedFd,
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Watch for Watched {
    fn watch(socket: OwnedFd) -> io::Result<Watched> {
        let readiness = TcpStream::from_std(socket.try_clone()?.into())?;
        Ok(Watched { readiness, socket })
    }

    async fn ready(&self, direction: Direction) -> io::Result<()> {
        // Not relaxed: monoio's cached readiness may be stale, as we read past it.
        match direction {
            Direction::Read => self.readiness.readable(false).await,
            Direction::Write => self.readiness.writable(false).await,
        }
    }

    /// Nothing is cached: each wait asks the kernel.
    fn exhausted(&self, _: Direction) {}

    /// It watches only while something waits.
    fn is_quiet(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_ring_failure_falls_back() {
        for errno in [rustix::io::Errno::NOMEM, rustix::io::Errno::PERM] {
            let ran = run_on_ring(|_| Err(errno.into()), async { crate::worker::io::engine() });
            assert_eq!(ran.ok().flatten(), Some(Engine::Epoll));
        }
        assert_eq!(crate::worker::io::engine(), None);
    }

    #[test]
    fn plain_flags_are_tried_before_epoll() {
        if new_ring(Engine::Uring).is_err() {
            return; // This kernel gives no ring at all.
        }
        let old_kernel = |engine| match engine {
            Engine::UringDeferred => Err(rustix::io::Errno::INVAL.into()),
            other => new_ring(other),
        };
        let ran = run_on_ring(old_kernel, async { crate::worker::io::engine() });
        assert_eq!(ran.ok().flatten(), Some(Engine::Uring));
    }
}
