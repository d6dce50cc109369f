//! Hands the listening sockets of a running gateway to the process that comes after it.
//!
//! ```text
//!  this process (old)                        the next one: sluice serve --take-over
//!    listens on DATA/handover
//!                        ◄──── connects ─────
//!    'S' + descriptors   ──────────────────►  listens with them, beside this one
//!    'E'                 ──────────────────►  starts all the rest
//!                        ◄────── 'T' ───────  serves
//!    drains as at SIGTERM, and ends
//! ```
//!
//! Both have the same sockets, so no queued connection is lost when this one closes them. A next
//! process that goes away before its `T` changes nothing. Each has a writer directory of its own.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::base::limits::HANDOVER_TIME;

/// Descriptors in one message; the kernel takes 253 (`SCM_MAX_FD`).
const AT_ONCE: usize = 64;

/// Sockets come with this byte …
const SOCKETS: u8 = b'S';
/// … and all have come after this one.
const ENOUGH: u8 = b'E';
/// What the next process says when it serves.
const TAKEN: u8 = b'T';

/// The end that gives, and who may ask: processes of the same user.
pub(super) struct Handover {
    listener: UnixListener,
    sockets: Vec<TcpListener>,
}

impl Handover {
    /// Listens in the data directory, in the place of whoever did before. Needs a runtime.
    ///
    /// # Errors
    /// When the directory takes no socket.
    pub(super) fn listen(data: &Path, sockets: Vec<TcpListener>) -> io::Result<Handover> {
        let place = Place::open(data)?;
        let _ = std::fs::remove_file(place.path("handover.new"));
        let listener = UnixListener::bind(place.path("handover.new"))?;
        // Whoever is asked from now on is this process.
        std::fs::rename(place.path("handover.new"), place.path("handover"))?;
        Ok(Handover { listener, sockets })
    }

    /// Answers everybody who asks, one after the other, and tells `taken` when one has taken over.
    pub(super) async fn run(self, taken: oneshot::Sender<()>) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            match timeout(HANDOVER_TIME, self.give(stream)).await {
                Ok(Ok(())) => break,
                Ok(Err(why)) => eprintln!("sluice: hand-over: {why}; this process goes on"),
                Err(_) => eprintln!("sluice: hand-over: it took too long; this process goes on"),
            }
        }
        // Nobody left to tell means that this process ends anyway.
        let _ = taken.send(());
    }

    async fn give(&self, mut stream: tokio::net::UnixStream) -> io::Result<()> {
        let asks = stream.peer_cred()?.uid();
        if asks != rustix::process::getuid().as_raw() {
            return Err(io::Error::other(format!("user {asks} may not ask for it")));
        }
        for sockets in self.sockets.chunks(AT_ONCE) {
            let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
            let send = || send_sockets(stream.as_fd(), &sockets);
            stream.async_io(Interest::WRITABLE, send).await?;
        }
        stream.write_all(&[ENOUGH]).await?;
        match stream.read_u8().await {
            Ok(TAKEN) => Ok(()),
            _ => Err(io::Error::other("who asked for the sockets did not start")),
        }
    }
}

/// What the next process has been given, and owes an answer for.
#[derive(Debug)]
pub(super) struct Taking {
    stream: UnixStream,
}

impl Taking {
    /// Asks the process that serves from this data directory for its sockets; `None` when there is
    /// none.
    ///
    /// # Errors
    /// When it is there and gives nothing.
    pub(super) fn ask(data: &Path) -> io::Result<Option<(Taking, Vec<TcpListener>)>> {
        let stream =
            match Place::open(data).and_then(|place| UnixStream::connect(place.path("handover"))) {
                Ok(stream) => stream,
                Err(error) if is_nobody(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut sockets = Vec::new();
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut said = [0];
            let heard = recvmsg(
                &stream,
                &mut [IoSliceMut::new(&mut said)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            )?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(given) = message {
                    sockets.extend(given.map(|socket: OwnedFd| TcpListener::from(socket)));
                }
            }
            match (heard.bytes, said) {
                (1, [SOCKETS]) => {}
                (1, [ENOUGH]) => return Ok(Some((Taking { stream }, sockets))),
                _ => return Err(io::Error::other("it gave up amid its answer")),
            }
        }
    }

    /// Tells the process before that this one serves: it drains.
    ///
    /// # Errors
    /// When it is not there any more.
    pub(super) fn taken(mut self) -> io::Result<()> {
        self.stream.write_all(&[TAKEN])?;
        // It hangs up once it has heard.
        let _ = self.stream.read(&mut [0]);
        Ok(())
    }
}

/// Nobody has listened there yet, or whoever did is gone.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn send_sockets(stream: BorrowedFd<'_>, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(sockets));
    sendmsg(
        stream,
        &[IoSlice::new(&[SOCKETS])],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// A directory, reached by a short name: an address of a socket has room for 107 bytes.
struct Place(OwnedFd);

impl Place {
    fn open(path: &Path) -> io::Result<Place> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        Ok(Place(rustix::fs::open(path, flags, Mode::empty())?))
    }

    fn path(&self, name: &str) -> PathBuf {
        use std::os::fd::AsRawFd as _;
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()))
    }
}
