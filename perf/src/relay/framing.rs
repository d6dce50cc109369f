//! Where messages end. Their bytes go on as they came; nothing here changes one.

use std::io::{self, ErrorKind};

/// Heads with more lines than that are not relayed.
const LINES: usize = 64;
/// Nor are heads longer than that.
const HEAD_BYTES: usize = 64 * 1024;

/// A message that comes in pieces: its head, until that is whole, and then its body.
#[derive(Default)]
pub struct Message {
    held: Vec<u8>,
    body: Option<Body>,
    /// All of it has come.
    pub is_whole: bool,
    /// The connection has no use after it.
    pub is_last: bool,
    /// It asks for a head alone, or answers such a request.
    pub is_head: bool,
}

/// What is still to come of a body.
enum Body {
    Length(u64),
    Chunks(Chunks),
    /// It ends with its connection.
    Rest,
}

/// What is still to come of a chunked body.
enum Chunks {
    /// The size so far, and whether its digits are over.
    Size(u64, bool),
    /// So many bytes, the line's end after them included.
    Data(u64),
    /// Lines after the last chunk; how many bytes of this one have come.
    Trailer(usize),
}

/// Which of the two kinds of head to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Reply,
}

impl Message {
    /// Takes bytes that came, and says where the message ends if it ends in them.
    pub fn take(&mut self, bytes: &[u8], side: Side) -> io::Result<Option<usize>> {
        if self.is_whole {
            return Err(refused("more than one message"));
        }
        let mut from = 0;
        while self.body.is_none() {
            match self.take_head(&bytes[from..], side)? {
                None => return Ok(None),
                Some(length) => from += length,
            }
        }
        let end = match &mut self.body {
            Some(Body::Length(left)) => {
                let here = (bytes.len() - from) as u64;
                let taken = here.min(*left);
                *left -= taken;
                (*left == 0).then_some(from + taken as usize)
            }
            Some(Body::Chunks(chunks)) => chunks.take(&bytes[from..])?.map(|end| from + end),
            Some(Body::Rest) | None => None,
        };
        self.is_whole = end.is_some();
        Ok(end)
    }

    /// It may end where its connection does.
    pub fn may_end(&self) -> bool {
        matches!(self.body, Some(Body::Rest))
    }

    /// How many of the bytes are the rest of the head; none when it is not whole yet.
    fn take_head(&mut self, bytes: &[u8], side: Side) -> io::Result<Option<usize>> {
        let before = self.held.len();
        let end = if before == 0 {
            self.read(bytes, side)?
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let end = self.read(&held, side)?;
            self.held = held;
            end
        };
        match end {
            Some(end) => {
                self.held = Vec::new();
                Ok(Some(end - before))
            }
            None => {
                if before == 0 {
                    self.held.extend_from_slice(bytes);
                }
                match self.held.len() {
                    0..HEAD_BYTES => Ok(None),
                    _ => Err(refused("a head is too long")),
                }
            }
        }
    }

    fn read(&mut self, bytes: &[u8], side: Side) -> io::Result<Option<usize>> {
        let mut lines = [httparse::EMPTY_HEADER; LINES];
        let bad = |error: httparse::Error| refused(&error.to_string());
        if side == Side::Request {
            let mut head = httparse::Request::new(&mut lines);
            let httparse::Status::Complete(end) = head.parse(bytes).map_err(bad)? else {
                return Ok(None);
            };
            self.is_head = head.method == Some("HEAD");
            self.is_last = head.version != Some(1);
            let framing = self.framing(head.headers)?;
            self.body = Some(framing.unwrap_or(Body::Length(0)));
            return Ok(Some(end));
        }
        let mut head = httparse::Response::new(&mut lines);
        let httparse::Status::Complete(end) = head.parse(bytes).map_err(bad)? else {
            return Ok(None);
        };
        self.is_last = head.version != Some(1);
        let framing = self.framing(head.headers)?;
        self.body = match head.code.unwrap_or_default() {
            101 => return Err(refused("another protocol")),
            // Another head follows.
            100..200 => None,
            204 | 304 => Some(Body::Length(0)),
            _ if self.is_head => Some(Body::Length(0)),
            _ => Some(framing.unwrap_or(Body::Rest)),
        };
        self.is_last |= self.may_end();
        Ok(Some(end))
    }

    /// What the head's lines say of the body, and of the connection.
    fn framing(&mut self, lines: &[httparse::Header]) -> io::Result<Option<Body>> {
        let mut framing = None;
        for line in lines {
            let found = match line.name.len() {
                10 if line.name.eq_ignore_ascii_case("connection") => {
                    self.is_last |= line.value.eq_ignore_ascii_case(b"close");
                    continue;
                }
                14 if line.name.eq_ignore_ascii_case("content-length") => {
                    let text = std::str::from_utf8(line.value).unwrap_or_default();
                    let length = text.trim().parse();
                    Body::Length(length.map_err(|_| refused("a length is no number"))?)
                }
                17 if line.name.eq_ignore_ascii_case("transfer-encoding") => {
                    if !line.value.eq_ignore_ascii_case(b"chunked") {
                        return Err(refused("an unknown transfer coding"));
                    }
                    Body::Chunks(Chunks::Size(0, false))
                }
                _ => continue,
            };
            if framing.replace(found).is_some() {
                return Err(refused("two lines say where the body ends"));
            }
        }
        Ok(framing)
    }
}

impl Chunks {
    /// Takes bytes that came, and says where the body ends if it ends in them.
    fn take(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            *self = match *self {
                Chunks::Data(left) => {
                    let taken = left.min((bytes.len() - at) as u64);
                    at += taken as usize;
                    match left - taken {
                        0 => Chunks::Size(0, false),
                        left => Chunks::Data(left),
                    }
                }
                Chunks::Size(size, over) => {
                    at += 1;
                    match byte {
                        b'\n' if size == 0 => Chunks::Trailer(0),
                        b'\n' => Chunks::Data(size + 2),
                        _ if over => Chunks::Size(size, true),
                        _ => match char::from(byte).to_digit(16) {
                            Some(_) if size >> 56 != 0 => {
                                return Err(refused("a chunk is too long"));
                            }
                            Some(digit) => Chunks::Size(size << 4 | u64::from(digit), false),
                            None => Chunks::Size(size, true),
                        },
                    }
                }
                Chunks::Trailer(length) => {
                    at += 1;
                    match byte {
                        b'\n' if length == 0 => return Ok(Some(at)),
                        b'\n' => Chunks::Trailer(0),
                        b'\r' => Chunks::Trailer(length),
                        _ => Chunks::Trailer(length + 1),
                    }
                }
            };
        }
        Ok(None)
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a message ends when its bytes come in two pieces.
    fn end(side: Side, pieces: [&[u8]; 2]) -> Option<usize> {
        let mut message = Message::default();
        let mut before = 0;
        for piece in pieces {
            if let Some(end) = message.take(piece, side).unwrap() {
                return Some(before + end);
            }
            before += piece.len();
        }
        None
    }

    #[test]
    fn messages_end_where_they_end_at_any_split() {
        let replies: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        ];
        let requests: [&[u8]; 2] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\n\r\nhello",
        ];
        let replies = replies.map(|text| (Side::Reply, text));
        let requests = requests.map(|text| (Side::Request, text));
        for (side, text) in replies.into_iter().chain(requests) {
            for split in 0..=text.len() {
                let (first, second) = text.split_at(split);
                assert_eq!(end(side, [first, second]), Some(text.len()), "at {split}");
            }
            let next = [text, b"more"].concat();
            assert_eq!(end(side, [&next, b""]), Some(text.len()), "more follows");
        }
    }

    #[test]
    fn a_body_without_an_end_lasts_as_long_as_its_connection() {
        let mut message = Message::default();
        let text = b"HTTP/1.1 200 OK\r\n\r\nany";
        assert_eq!(message.take(text, Side::Reply).unwrap(), None);
        assert!(message.may_end() && message.is_last);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_relayed() {
        for lines in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: 1\r\nContent-Length: 1",
            "Transfer-Encoding: gzip, chunked",
            "Content-Length: one",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
            let mut message = Message::default();
            assert!(
                message.take(text.as_bytes(), Side::Reply).is_err(),
                "{lines}"
            );
        }
    }
}
