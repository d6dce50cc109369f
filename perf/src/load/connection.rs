//! One connection of the load: a request out, an answer in, its body looked at as little as possible.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use memchr::memmem;

use crate::poll;

/// How a chunked body ends. The rig's own bodies contain no such bytes.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

pub struct Connection {
    pub socket: TcpStream,
    /// The other side has ended it, or it has failed.
    pub is_over: bool,
    due: Option<Instant>,
    awaited: Awaited,
}

/// What of the answer is still to come.
enum Awaited {
    /// A head, of which these bytes have come.
    Head(Vec<u8>),
    Body {
        rest: usize,
        good: bool,
    },
    /// Chunks; the last bytes of them that have come.
    Chunks {
        tail: Vec<u8>,
        good: bool,
    },
}

/// What a turn brought.
pub enum Progress {
    More,
    /// The answer is whole, or there will be none.
    Done {
        good: bool,
        due: Instant,
    },
}

impl Connection {
    pub fn open(to: SocketAddr) -> io::Result<Connection> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Connection {
            socket,
            is_over: false,
            due: None,
            awaited: Awaited::Head(Vec::new()),
        })
    }

    /// Sends a request that was due at `due`.
    pub fn ask(&mut self, request: &[u8], due: Instant) -> io::Result<()> {
        self.due = Some(due);
        self.awaited = Awaited::Head(Vec::new());
        match poll::send(&self.socket, request) {
            Ok(count) if count == request.len() => {}
            // A head is far smaller than a socket's buffer: the connection is broken, which the
            // next read says.
            _ => self.socket.shutdown(std::net::Shutdown::Both)?,
        }
        Ok(())
    }

    /// Reads what has come.
    pub fn hear(&mut self, scratch: &mut [u8]) -> Progress {
        loop {
            let count = match poll::receive(&self.socket, scratch) {
                Ok(None) => return Progress::More,
                Ok(Some(count)) => count,
                Err(_) => 0,
            };
            let Some(due) = self.due else {
                // Nothing is asked: this can only be the end.
                self.is_over = true;
                let _ = self.socket.shutdown(std::net::Shutdown::Both);
                return Progress::More;
            };
            if count == 0 {
                self.is_over = true;
                self.due = None;
                return Progress::Done { good: false, due };
            }
            if let Some(good) = self.awaited.take(&scratch[..count]) {
                self.due = None;
                return Progress::Done { good, due };
            }
            if count < scratch.len() {
                return Progress::More;
            }
        }
    }
}

impl Awaited {
    /// Takes bytes that came; `Some` when the answer is whole, true when it is a good one.
    fn take(&mut self, bytes: &[u8]) -> Option<bool> {
        match self {
            Awaited::Head(head) => {
                let before = head.len();
                head.extend_from_slice(&bytes[..bytes.len().min(16 * 1024)]);
                let end = memmem::find(head, b"\r\n\r\n")? + 4;
                *self = Awaited::after(&head[..end]);
                self.take(&bytes[end - before..])
            }
            Awaited::Body { rest, good } => {
                *rest = rest.saturating_sub(bytes.len());
                (*rest == 0).then_some(*good)
            }
            Awaited::Chunks { tail, good } => {
                tail.extend_from_slice(&bytes[bytes.len().saturating_sub(LAST_CHUNK.len())..]);
                tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
                tail.ends_with(LAST_CHUNK).then_some(*good)
            }
        }
    }

    /// What follows a head.
    fn after(head: &[u8]) -> Awaited {
        let good = head.starts_with(b"HTTP/1.1 200 ");
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse().ok());
        match length {
            Some(rest) => Awaited::Body { rest, good },
            None => Awaited::Chunks {
                tail: b"\r\n".to_vec(),
                good,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pieces: &[&[u8]]) -> Option<bool> {
        let mut awaited = Awaited::Head(Vec::new());
        pieces.iter().find_map(|piece| awaited.take(piece))
    }

    #[test]
    fn an_answer_ends_where_it_ends_at_any_split() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        for text in [whole.as_slice(), chunked.as_slice()] {
            for split in 1..text.len() {
                let (first, second) = text.split_at(split);
                assert_eq!(answer(&[first]), None);
                assert_eq!(answer(&[first, second]), Some(true), "split at {split}");
            }
        }
    }

    #[test]
    fn a_refusal_is_not_good() {
        let text = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(answer(&[text]), Some(false));
    }
}
