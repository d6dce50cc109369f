//! The one stream and the one listener of all drivers; a driver adds how to wait.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{AcceptFault, Stream, accept_fault, sys};

/// A direction to wait in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Something to read, or to accept.
    Read,
    /// Room to write, or a connection attempt decided.
    Write,
}

/// A socket that a runtime watches: all that tells one driver's sockets from another's.
pub trait Watch: AsFd + Sized + 'static {
    /// Hands a non-blocking socket to the runtime of this thread.
    ///
    /// # Errors
    /// When the runtime cannot take it; the socket is closed then.
    fn watch(socket: OwnedFd) -> io::Result<Self>;

    /// Waits until the socket is ready in `direction`. May be dropped at any moment.
    fn ready(&self, direction: Direction) -> impl Future<Output = io::Result<()>>;

    /// A system call just took or found all there was: a cached readiness is no longer true.
    fn exhausted(&self, direction: Direction);

    /// True when the runtime watches the socket also between waits, and has seen nothing to read
    /// since it was exhausted.
    fn is_quiet(&self) -> bool;
}

/// A connection.
pub struct Socket<W> {
    watch: W,
    peer: SocketAddr,
    drained: Cell<bool>,
    sent: Cell<u64>,
}

impl<W: Watch> Socket<W> {
    fn new(watch: W, peer: SocketAddr) -> Socket<W> {
        Socket {
            watch,
            peer,
            drained: Cell::new(false),
            sent: Cell::new(0),
        }
    }

    /// Opens a connection to `peer`.
    pub(super) async fn connect(peer: SocketAddr) -> io::Result<Socket<W>> {
        let watch = W::watch(sys::start_connect(peer)?)?;
        watch.ready(Direction::Write).await?;
        sys::finish_connect(watch.as_fd())?;
        Ok(Socket::new(watch, peer))
    }
}

impl<W: Watch> AsFd for Socket<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl<W: Watch> Stream for Socket<W> {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len();
        let result = sys::receive(self.watch.as_fd(), into);
        // A short read has taken all there was, and what comes later wakes (epoll(7), question 9).
        let drained = match &result {
            Ok(count) => (1..room).contains(count),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if drained {
            self.watch.exhausted(Direction::Read);
        }
        self.drained.set(drained);
        result
    }

    fn is_drained(&self) -> bool {
        self.drained.get()
    }

    fn is_quiet(&self) -> bool {
        self.is_drained() && self.watch.is_quiet()
    }

    fn try_write(&self, from: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let result = sys::send(self.watch.as_fd(), from);
        match &result {
            Ok(count) => self.sent.set(self.sent.get() + *count as u64),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.watch.exhausted(Direction::Write);
            }
            Err(_) => {}
        }
        result
    }

    fn sent_bytes(&self) -> u64 {
        self.sent.get()
    }

    fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.watch.ready(Direction::Read)
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.watch.ready(Direction::Write)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        sys::shutdown_write(self.watch.as_fd())
    }

    fn abort(self) {
        // Failing means that the connection is gone already: the peer knows.
        let _ = sys::reset_on_close(self.watch.as_fd());
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

/// A listening socket.
pub struct Listening<W> {
    watch: W,
}

impl<W: Watch> Listening<W> {
    pub(super) fn new(socket: std::net::TcpListener) -> io::Result<Listening<W>> {
        socket.set_nonblocking(true)?;
        sys::no_delay(socket.as_fd())?; // Inherited by every connection it accepts.
        Ok(Listening {
            watch: W::watch(socket.into())?,
        })
    }

    pub(super) fn try_accept(&self) -> io::Result<(Socket<W>, SocketAddr)> {
        let (socket, peer) = match sys::accept(self.watch.as_fd()) {
            Ok(accepted) => accepted,
            Err(error) => {
                if error.kind() == io::ErrorKind::WouldBlock {
                    self.watch.exhausted(Direction::Read);
                }
                return Err(error);
            }
        };
        Ok((Socket::new(W::watch(socket)?, peer), peer))
    }

    pub(super) async fn accept(&self) -> io::Result<(Socket<W>, SocketAddr)> {
        loop {
            match self.try_accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.watch.ready(Direction::Read).await?;
                }
                // Bounded: each such answer takes one connection out of the queue.
                Err(error) if accept_fault(&error) == AcceptFault::Connection => {}
                decided => return decided,
            }
        }
    }
}
