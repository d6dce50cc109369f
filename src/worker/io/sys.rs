//! The system calls on sockets, the same for every driver. None of them blocks.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    self, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketFlags, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

/// The kernel refuses more slices in one call (`UIO_MAXIOV`); the rest waits for the next one.
const MOST_SLICES: usize = 1024;

/// A listening socket that shares its address with the other cores' (`SO_REUSEPORT`): the kernel
/// spreads connections over them.
///
/// # Errors
/// When the address cannot be bound.
pub fn listen_reuseport(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Fails when somebody listens on `address` already: with `SO_REUSEPORT` alone, another process of
/// the same user would not be noticed, and would get half of the connections.
///
/// # Errors
/// When the address cannot be bound.
pub fn check_free(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.cloexec(),
        Some(Protocol::TCP),
    )?;
    // Connections of an earlier process that linger are no obstacle.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

/// Whose fault a failed accept is, which decides what the accept loop does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcceptFault {
    /// Of one connection, gone before it was accepted: accept the next.
    Connection,
    /// Of this machine, short of descriptors or memory: pause, then go on. The connection waits
    /// in the queue, or is closed when only the runtime had no room for it.
    Scarcity,
    /// Of the listener itself: it will not work again.
    Listener,
}

/// Classifies an error of accept, after accept(2), "Error handling".
#[must_use]
pub fn accept_fault(error: &io::Error) -> AcceptFault {
    let Some(errno) = Errno::from_io_error(error) else {
        return AcceptFault::Listener;
    };
    match errno {
        Errno::CONNABORTED
        | Errno::CONNRESET
        | Errno::INTR
        | Errno::PROTO
        | Errno::NOPROTOOPT
        | Errno::PERM
        | Errno::NETDOWN
        | Errno::NETUNREACH
        | Errno::HOSTDOWN
        | Errno::HOSTUNREACH
        | Errno::NONET
        | Errno::TIMEDOUT => AcceptFault::Connection,
        // NOSPC: the limit of epoll watches.
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC => {
            AcceptFault::Scarcity
        }
        _ => AcceptFault::Listener,
    }
}

/// Takes one connection out of the queue.
pub(super) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, peer) = retry_on_intr(|| net::acceptfrom_with(listener, flags))?;
    // A peer without an address was gone before we asked.
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok((socket, peer.ok_or(Errno::CONNABORTED)?))
}

/// Starts to connect; the socket becomes writable when it is decided.
pub(super) fn start_connect(peer: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(
        Domain::for_address(peer),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    match net::connect(&socket, &peer) {
        // An interrupted connect goes on by itself, like one in progress.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}

/// What became of [`start_connect`], once the socket is writable.
pub(super) fn finish_connect(socket: BorrowedFd<'_>) -> io::Result<()> {
    sockopt::socket_error(socket)??;
    net::getpeername(socket)?;
    Ok(())
}

/// Moves received bytes out of the kernel.
pub(super) fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    if into.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (count, _) = retry_on_intr(|| net::recv(socket, &mut *into, RecvFlags::DONTWAIT))?;
    Ok(count)
}

/// Moves bytes into the kernel, gathered from the slices.
pub(super) fn send(socket: BorrowedFd<'_>, from: &[io::IoSlice<'_>]) -> io::Result<usize> {
    let from = &from[..from.len().min(MOST_SLICES)];
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    if let [only] = from {
        return Ok(retry_on_intr(|| net::send(socket, only, flags))?);
    }
    let mut nothing = SendAncillaryBuffer::default();
    let count = retry_on_intr(|| net::sendmsg(socket, from, &mut nothing, flags))?;
    Ok(count)
}

pub(super) fn shutdown_write(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(net::shutdown(socket, Shutdown::Write)?)
}

/// Makes the next close a reset that drops what is not yet sent.
pub(super) fn reset_on_close(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(sockopt::set_socket_linger(socket, Some(Duration::ZERO))?)
}

pub(super) fn no_delay(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(sockopt::set_tcp_nodelay(socket, true)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(errno: Errno) -> AcceptFault {
        accept_fault(&errno.into())
    }

    #[test]
    fn only_a_broken_listener_ends_the_accept_loop() {
        assert_eq!(fault(Errno::CONNABORTED), AcceptFault::Connection);
        assert_eq!(fault(Errno::MFILE), AcceptFault::Scarcity);
        assert_eq!(fault(Errno::NOBUFS), AcceptFault::Scarcity);
        assert_eq!(fault(Errno::BADF), AcceptFault::Listener);
        assert_eq!(fault(Errno::INVAL), AcceptFault::Listener);
    }
}
