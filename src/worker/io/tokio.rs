//! tokio, current_thread: the driver that every kernel and every container allows.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use ::tokio::io::Interest;
use ::tokio::net::TcpStream;
use ::tokio::runtime::LocalOptions;

use super::choice::Running;
use super::socket::{Direction, Watch};
use super::{Driver, Engine, Listening, Socket, guarded};

/// The tokio driver.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Driver for Tokio {
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
        ::tokio::task::spawn_local(guarded(task));
    }

    fn sleep_until(at: Instant) -> impl Future<Output = ()> {
        ::tokio::time::sleep_until(at.into())
    }

    /// tokio wakes a task that yielded only after it has polled I/O and timers.
    fn breathe() -> impl Future<Output = ()> {
        ::tokio::task::yield_now()
    }

    fn run<F: Future>(main: F) -> io::Result<F::Output> {
        let runtime = ::tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        let _running = Running::on(Engine::Tokio);
        Ok(runtime.block_on(main))
    }
}

/// Any TCP socket under tokio. A listener, too, is watched as a [`TcpStream`]: only its readiness
/// is asked of tokio, and tokio's own listener offers no way to ask.
pub struct Watched(TcpStream);

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Watch for Watched {
    fn watch(socket: OwnedFd) -> io::Result<Watched> {
        Ok(Watched(TcpStream::from_std(socket.into())?))
    }

    /// Through the one place that a socket has for a reader, and the one for a writer: no list of
    /// who waits is kept, and dropping the wait undoes nothing. A task that no longer waits may be
    /// woken once more.
    fn ready(&self, direction: Direction) -> impl Future<Output = io::Result<()>> {
        poll_fn(move |context| match direction {
            Direction::Read => self.0.poll_read_ready(context),
            Direction::Write => self.0.poll_write_ready(context),
        })
    }

    fn exhausted(&self, direction: Direction) {
        let interest = match direction {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        };
        // tokio forgets its cached readiness when the operation it wraps would block.
        let would_block = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = self.0.try_io(interest, would_block);
    }

    fn is_quiet(&self) -> bool {
        self.0.try_io(Interest::READABLE, || Ok(())).is_err()
    }
}
