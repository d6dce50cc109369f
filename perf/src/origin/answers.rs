//! What the origin answers, all of it made before the first request.

use std::time::Duration;

use memchr::memmem;

use crate::bodies;

/// An answer, and what its connection does after it.
pub struct Answer {
    /// The target up to the space after it.
    target: &'static [u8],
    pub bytes: Vec<u8>,
    pub then: Then,
}

/// What follows an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The next request.
    Next,
    /// Nothing: an event stream that stays silent.
    Silence,
    /// An event with the time in it, every so often.
    Ticks(Duration),
    /// Events without end, as fast as they are taken.
    Flood,
}

/// How often streams tick that ask for `/tick`, and for `/ticks`.
pub const TICKS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

/// All answers there are, the last one for any target not known.
pub struct Answers {
    all: Vec<Answer>,
    /// What a flood consists of.
    pub flood: Vec<u8>,
}

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";

impl Answers {
    pub fn new() -> Answers {
        let next = |target: &'static str, bytes: Vec<u8>| Answer {
            target: target.as_bytes(),
            bytes,
            then: Then::Next,
        };
        let json = |target: &'static str, body: Vec<u8>| {
            let head = format!("{JSON}{}\r\n\r\n", body.len());
            next(target, [head.into_bytes(), body].concat())
        };
        let users = |target, kibibytes: usize| json(target, bodies::users(kibibytes * 1024));
        let events = |target, body: &[u8]| next(target, [EVENTS.as_bytes(), body].concat());
        let stream = |target: &'static str, then| Answer {
            then,
            ..events(target, b"")
        };
        Answers {
            all: vec![
                users("/1k ", 1),
                users("/10k ", 10),
                users("/100k ", 100),
                events("/events ", &bodies::events(1024 * 1024, 256)),
                json("/call ", bodies::result().into_bytes()),
                events("/called ", &bodies::result_event()),
                stream("/silence ", Then::Silence),
                stream("/tick ", Then::Ticks(TICKS[0])),
                stream("/ticks ", Then::Ticks(TICKS[1])),
                stream("/flood ", Then::Flood),
                next(
                    "",
                    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ),
            ],
            flood: bodies::notifications(64 * 1024, 256),
        }
    }

    pub fn get(&self, number: usize) -> &Answer {
        &self.all[number]
    }

    /// Which answer a head asks for; the part of the target after its last prefix decides.
    pub fn find(&self, head: &[u8]) -> usize {
        let line = &head[..memchr::memchr(b'\r', head).unwrap_or(head.len())];
        let found = self
            .all
            .iter()
            .position(|answer| memmem::find(line, answer.target).is_some());
        found.unwrap_or(self.all.len() - 1)
    }
}

/// The bytes of a request, once they are all there.
pub fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    if bytes.starts_with(b"GET ") {
        return (head <= bytes.len()).then_some(head);
    }
    let lines = bytes[..head].split(|byte| *byte == b'\n');
    let mut length = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        let value = std::str::from_utf8(value).ok()?.trim();
        (name.eq_ignore_ascii_case(b"content-length:")).then(|| value.parse::<usize>().ok())?
    });
    let whole = head + length.next_back().unwrap_or(0);
    (whole <= bytes.len()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_does_not_change_the_answer() {
        let answers = Answers::new();
        let of = |target: &str| answers.find(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        assert_eq!(of("/1k"), 0);
        assert_eq!(of("/plain/10k"), 1);
        assert_eq!(answers.get(of("/mcp/tick")).then, Then::Ticks(TICKS[0]));
        assert_eq!(answers.get(of("/mcp/ticks")).then, Then::Ticks(TICKS[1]));
        assert_eq!(of("/nothing"), 10);
    }

    #[test]
    fn a_request_ends_with_its_body() {
        let whole = b"POST /mcp HTTP/1.1\r\nContent-length: 3\r\n\r\nabc";
        for end in 0..whole.len() {
            assert_eq!(request_length(&whole[..end]), None);
        }
        assert_eq!(request_length(whole), Some(whole.len()));
        assert_eq!(request_length(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
    }
}
