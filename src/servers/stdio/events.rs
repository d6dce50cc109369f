//! A stream of messages as the body of an HTTP response: server-sent events.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream;
use tokio::time::timeout;

use super::message::Key;
use super::process::Process;
use super::stream::{End, Read, Stream, StreamReader};
use crate::base::limits::STDIO_KEEP_ALIVE;

/// Whether the caller takes event streams.
pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    let kinds = headers.get_all("accept").iter();
    let kinds = kinds.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut kinds = kinds.map(|kind| kind.split(|byte| *byte == b';').next().unwrap_or(kind));
    kinds.any(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

/// Cancels a call when it is dropped before the call has its answer: in revisions without sessions
/// a caller who goes away means just that.
pub(super) struct CancelOnDrop {
    pub process: Arc<Process>,
    pub key: Key,
    pub stream: Arc<Stream>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.process.abandon(&self.key, &self.stream);
    }
}

/// What an event stream is made of.
pub(super) struct Events {
    /// Where its messages come from.
    pub reader: StreamReader,
    /// A message that was read already.
    pub first: Option<Read>,
    /// Events carry ids, so that a caller can come back.
    pub has_ids: bool,
    /// The number of an event that carries nothing but its id, and comes at once.
    pub priming: Option<u64>,
    /// What must go with the connection.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub cancel: Option<CancelOnDrop>,
}

impl Events {
    /// The response.
    pub fn response(self) -> Response {
        let body = stream::unfold(Some(self), |events| async {
            let (piece, rest) = events?.next().await?;
            Some((piece, rest))
        });
        let mut response = Response::new(Body::from_stream(body));
        let headers = response.headers_mut();
        let text = HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, text("text/event-stream"));
        headers.insert(CACHE_CONTROL, text("no-cache, no-transform"));
        headers.insert(HeaderName::from_static("x-accel-buffering"), text("no"));
        response
    }

    /// The next piece of the body, and what comes after it.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Option<Events>)> {
        if let Some(number) = self.priming.take() {
            let event = self.event(number, b"");
            return Some((Ok(event), Some(self)));
        }
        let read = match self.first.take() {
            Some(read) => read,
            None => match timeout(STDIO_KEEP_ALIVE, self.reader.next()).await {
                Ok(read) => read,
                Err(_) => return Some((Ok(Bytes::from_static(b":\n\n")), Some(self))),
            },
        };
        match read {
            Read::Event {
                number,
                text,
                is_last,
            } => {
                let event = self.event(number, &text);
                Some((Ok(event), (!is_last).then_some(self)))
            }
            Read::End(End::Done) => None,
            // Not a clean end: something was lost.
            Read::End(End::Cut) => Some((Err(io::Error::other("events were lost")), None)),
        }
    }

    /// One event. A message is one line, so it is one line of data.
    fn event(&self, number: u64, text: &[u8]) -> Bytes {
        let mut event = BytesMut::with_capacity(text.len() + 48);
        if self.has_ids {
            let id = event_id(self.reader.stream().number, number);
            event.put_slice(b"id: ");
            event.put_slice(id.as_bytes());
            event.put_u8(b'\n');
        }
        event.put_slice(b"data: ");
        event.put_slice(text);
        event.put_slice(b"\n\n");
        event.freeze()
    }
}

/// The id of an event: unique within the session, and it says which stream to go on with.
fn event_id(stream: u64, number: u64) -> String {
    format!("{stream}-{number}")
}

/// The stream and number that an id names.
pub(super) fn read_event_id(id: &[u8]) -> Option<(u64, u64)> {
    let (stream, number) = std::str::from_utf8(id).ok()?.split_once('-')?;
    let read = |digits: &str| {
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse().ok().filter(|_| is_plain)
    };
    Some((read(stream)?, read(number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_and_nothing_else_is() {
        assert_eq!(read_event_id(event_id(3, 70).as_bytes()), Some((3, 70)));
        for bad in [
            "",
            "-",
            "1",
            "1-",
            "+1-2",
            "1-2-3",
            "1--2",
            "99999999999999999999-1",
        ] {
            assert_eq!(read_event_id(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn event_streams_are_taken_by_those_who_say_so() {
        let takes = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            takes_events(&HeaderMap::from_iter([(axum::http::header::ACCEPT, value)]))
        };
        assert!(takes("application/json, text/event-stream"));
        assert!(takes("Text/Event-Stream;q=1"));
        assert!(!takes("application/json") && !takes("*/*") && !takes_events(&HeaderMap::new()));
    }
}
