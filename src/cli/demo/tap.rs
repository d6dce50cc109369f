//! The demo's evidence: every plaintext byte of a socket, in both directions.
//!
//! A [`Tap`] sits between TLS and HTTP. What HTTP reads is on the tape before HTTP sees it, and
//! what HTTP writes is on the tape once TLS has taken it. The proofs search the tape; nobody is
//! asked what they think they sent.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes kept of one direction of one socket. The demo stays far below; a visitor who uses
/// `--keep` for a week must not fill the memory.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Where taps write to. Clones share one tape.
#[derive(Clone, Default)]
pub struct Tape {
    sockets: Arc<Mutex<Vec<Arc<Mutex<Track>>>>>,
    directory: Option<Arc<PathBuf>>,
}

/// Both directions of one socket.
#[derive(Default)]
struct Track {
    received: Vec<u8>,
    sent: Vec<u8>,
    received_file: Option<File>,
    sent_file: Option<File>,
    overflowed: bool,
}

/// A direction, as seen by the tapped side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Bytes that came in.
    Received,
    /// Bytes that went out.
    Sent,
}

impl Tape {
    /// A tape that also writes to `N-received.bin` and `N-sent.bin` in `directory`, for socket
    /// N = 0, 1, 2, …; the files hold the plaintext bytes and nothing else.
    pub fn in_directory(directory: &Path) -> io::Result<Tape> {
        std::fs::create_dir_all(directory)?;
        Ok(Tape {
            sockets: Arc::default(),
            directory: Some(Arc::new(directory.to_owned())),
        })
    }

    /// Wraps one socket.
    pub fn tap<S>(&self, inner: S) -> io::Result<Tap<S>> {
        let mut sockets = lock(&self.sockets);
        let mut track = Track::default();
        if let Some(directory) = &self.directory {
            let open =
                |which| File::create(directory.join(format!("{}-{which}.bin", sockets.len())));
            track.received_file = Some(open("received")?);
            track.sent_file = Some(open("sent")?);
        }
        let track = Arc::new(Mutex::new(track));
        sockets.push(Arc::clone(&track));
        Ok(Tap { inner, track })
    }

    /// A copy of the bytes of every socket in one direction, in the order the sockets were opened.
    pub fn bytes(&self, direction: Direction) -> Vec<Vec<u8>> {
        lock(&self.sockets)
            .iter()
            .map(|track| {
                let track = lock(track);
                match direction {
                    Direction::Received => track.received.clone(),
                    Direction::Sent => track.sent.clone(),
                }
            })
            .collect()
    }

    /// How many sockets were tapped.
    pub fn sockets(&self) -> usize {
        lock(&self.sockets).len()
    }

    /// True while no byte was left out for want of room: only then is a search a proof.
    pub fn is_complete(&self) -> bool {
        lock(&self.sockets)
            .iter()
            .all(|track| !lock(track).overflowed)
    }
}

impl Track {
    fn keep(&mut self, direction: Direction, bytes: &[u8]) -> io::Result<()> {
        let (kept, file) = match direction {
            Direction::Received => (&mut self.received, &mut self.received_file),
            Direction::Sent => (&mut self.sent, &mut self.sent_file),
        };
        if bytes.len() > KEPT_BYTES - kept.len() {
            self.overflowed = true;
        } else {
            kept.extend_from_slice(bytes);
        }
        file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

/// A stream whose bytes are on a [`Tape`].
pub struct Tap<S> {
    inner: S,
    track: Arc<Mutex<Track>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        lock(&self.track).keep(Direction::Received, &buf.filled()[before..])?;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Tap { inner, track } = self.get_mut();
        // Locked before the bytes leave: who has them finds them on the tape.
        let mut track = lock(track);
        let taken = ready!(Pin::new(inner).poll_write(cx, bytes))?;
        track.keep(Direction::Sent, &bytes[..taken])?;
        Poll::Ready(Ok(taken))
    }

    // `poll_write_vectored` keeps its default, which calls `poll_write`: one path to tap.

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A panic elsewhere does not make captured bytes any less true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn both_directions_are_kept_apart_and_whole() {
        let tape = Tape::default();
        let (near, mut far) = tokio::io::duplex(3);
        let mut near = tape.tap(near).unwrap();
        let peer = tokio::spawn(async move {
            far.write_all(b"question").await.unwrap();
            let mut answer = vec![0; 6];
            far.read_exact(&mut answer).await.unwrap();
            answer
        });
        let mut question = vec![0; 8];
        near.read_exact(&mut question).await.unwrap();
        near.write_all(b"answer").await.unwrap();
        assert_eq!(peer.await.unwrap(), b"answer");
        assert_eq!(tape.bytes(Direction::Received), [b"question"]);
        assert_eq!(tape.bytes(Direction::Sent), [b"answer"]);
        assert!(tape.is_complete());
    }

    #[tokio::test]
    async fn files_hold_the_bytes_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let tape = Tape::in_directory(&directory.path().join("tape")).unwrap();
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = tape.tap(near).unwrap();
        near.write_all(b"out").await.unwrap();
        far.write_all(b"in").await.unwrap();
        near.read_exact(&mut [0; 2]).await.unwrap();
        let file = |name: &str| std::fs::read(directory.path().join("tape").join(name)).unwrap();
        assert_eq!(file("0-sent.bin"), b"out");
        assert_eq!(file("0-received.bin"), b"in");
    }

    #[test]
    fn a_full_tape_says_so() {
        let mut track = Track {
            received: vec![0; KEPT_BYTES - 1],
            ..Track::default()
        };
        track.keep(Direction::Received, b"ab").unwrap();
        assert!(track.overflowed);
        assert_eq!(track.received.len(), KEPT_BYTES - 1);
    }
}
