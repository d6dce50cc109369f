//! One connection of the load: a request out, an answer in, its body looked at as little as possible.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use memchr::memmem;
use rustls::ClientConfig;

use crate::Outcome;
use crate::wire::Wire;

/// How a chunked body ends. The rig's own bodies contain no such bytes.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
/// The longest head that is waited for.
const HEAD_BYTES: usize = 16 * 1024;

pub struct Connection {
    pub wire: Wire,
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
    pub fn open(to: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Outcome<Connection> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        Ok(Connection {
            wire: Wire::call(socket, tls)?,
            is_over: false,
            due: None,
            awaited: Awaited::Head(Vec::new()),
        })
    }

    /// Sends a request that was due at `due`.
    pub fn ask(&mut self, request: &[u8], due: Instant) -> Outcome<()> {
        self.due = Some(due);
        self.awaited = Awaited::Head(Vec::new());
        match self.wire.send(request) {
            Ok(count) if count == request.len() => {}
            // A head is far smaller than a socket's buffer: the connection is broken, which the
            // next read says.
            _ => self.break_off(),
        }
        Ok(())
    }

    /// Reads what has come.
    pub fn hear(&mut self, scratch: &mut [u8]) -> Progress {
        loop {
            let count = match self.wire.receive(scratch) {
                Ok(None) => return Progress::More,
                Ok(Some(count)) => count,
                Err(_) => 0,
            };
            let Some(due) = self.due else {
                // Nothing is asked: this can only be the end.
                self.is_over = true;
                self.break_off();
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

    fn break_off(&self) {
        let _ = self.wire.socket().shutdown(std::net::Shutdown::Both);
    }
}

impl Awaited {
    /// Takes bytes that came; `Some` when the answer is whole, true when it is a good one.
    fn take(&mut self, bytes: &[u8]) -> Option<bool> {
        match self {
            Awaited::Head(head) if head.is_empty() => match end_of_head(bytes) {
                // Nearly always: one read brings the whole head.
                Some(end) => self.go_on(&bytes[..end], &bytes[end..]),
                None => {
                    head.extend_from_slice(bytes);
                    None
                }
            },
            Awaited::Head(head) => {
                let before = head.len();
                head.extend_from_slice(&bytes[..bytes.len().min(HEAD_BYTES)]);
                let end = end_of_head(head)?;
                let head = std::mem::take(head);
                self.go_on(&head[..end], &bytes[end - before..])
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

    fn go_on(&mut self, head: &[u8], rest: &[u8]) -> Option<bool> {
        *self = Awaited::after(head);
        self.take(rest)
    }

    /// What follows a head.
    fn after(head: &[u8]) -> Awaited {
        let good = head.starts_with(b"HTTP/1.1 200 ");
        match length(head) {
            Some(rest) => Awaited::Body { rest, good },
            None => Awaited::Chunks {
                tail: b"\r\n".to_vec(),
                good,
            },
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    Some(memmem::find(bytes, b"\r\n\r\n")? + 4)
}

/// The length of a body, where the head says it.
fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = &rest[..end];
        if let Some((name, value)) = line.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
        {
            return std::str::from_utf8(value).ok()?.trim().parse().ok();
        }
        rest = &rest[end + 1..];
    }
    None
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
        let whole = b"HTTP/1.1 200 OK\r\ncontent-Length: 3\r\n\r\nabc";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        for text in [whole.as_slice(), chunked.as_slice()] {
            assert_eq!(answer(&[text]), Some(true));
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

    #[test]
    fn a_length_is_found_in_any_spelling() {
        assert_eq!(
            length(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:7\r\n\r\n"),
            Some(7)
        );
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"), None);
    }
}
