//! Server-sent events, as a client reads them and as a server writes them.

use std::fmt::Write as _;

use crate::base::limits::UNION_MESSAGE_BYTES;
use crate::mcp::event::{Events, Overlong};

/// One event of a member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its `event:`, if it has one.
    pub(super) name: Option<String>,
    /// Its `data:` lines, joined; empty for one that only primes or paces.
    pub(super) data: Vec<u8>,
    /// Its `id:`.
    pub(super) id: Option<String>,
    /// Its `retry:`, in milliseconds.
    pub(super) retry: Option<u64>,
}

/// Makes events of bytes that come in any pieces.
pub(super) struct Reader(Events);

impl Reader {
    pub(super) fn new() -> Reader {
        Reader(Events::new(UNION_MESSAGE_BYTES))
    }

    /// Takes more bytes.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.0.push(piece);
    }

    /// The next whole event, if it is here; comments are none.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Overlong> {
        while let Some(frame) = self.0.frame()? {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            if frame.data.is_some() || frame.id.is_some() || frame.retry.is_some() {
                return Ok(Some(Event {
                    name: frame.event.map(text),
                    data: frame.data.map(<[u8]>::to_vec).unwrap_or_default(),
                    id: frame.id.map(text),
                    retry: frame.retry.and_then(|retry| text(retry).parse().ok()),
                }));
            }
        }
        Ok(None)
    }
}

/// An event as it is sent. `id` is ours.
pub(super) fn written(id: Option<&str>, name: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut head = String::new();
    if let Some(id) = id {
        let _ = writeln!(head, "id: {id}");
    }
    if let Some(name) = name {
        let _ = writeln!(head, "event: {name}");
    }
    let mut out = head.into_bytes();
    out.reserve(data.len() + 16);
    // JSON has no bare CR or LF within a string, but may have them between tokens.
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<Event> {
        let mut reader = Reader::new();
        let mut events = Vec::new();
        for piece in pieces {
            reader.push(&piece);
            while let Some(event) = reader.next().expect("short") {
                events.push(event);
            }
        }
        events
    }

    #[test]
    fn comments_are_no_events_and_a_primer_is_one() {
        let stream = b"id: 1\ndata:\n\n: hello\n\nevent: message\nid: 2\ndata: {\"a\":\ndata: 1}\n\nretry: 50\n\n";
        let events = all(stream.chunks(3).map(<[u8]>::to_vec));
        assert_eq!(events.len(), 3);
        assert_eq!(
            (events[0].id.as_deref(), &*events[0].data),
            (Some("1"), &b""[..])
        );
        assert_eq!(events[1].data, b"{\"a\":\n1}");
        assert_eq!(events[2].retry, Some(50));
    }

    #[test]
    fn what_is_written_is_read() {
        let text = written(Some("3.1"), Some("message"), b"{\n\"a\":\r1}");
        let events = all(std::iter::once(text));
        assert_eq!(events[0].data, b"{\n\"a\":\n1}");
        assert_eq!(events[0].id.as_deref(), Some("3.1"));
        assert_eq!(events[0].name.as_deref(), Some("message"));
    }
}
