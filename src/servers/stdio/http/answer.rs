//! A stream of messages as the answer to a POST.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;

use super::super::codes;
use super::super::events::{CancelOnDrop, Events};
use super::super::message::{Kind, Reader};
use super::super::session::Session;
use super::super::stream::{Read, Stream};
use super::NoSession;
use crate::servers::reply::json;

/// How a stream becomes an answer.
pub(super) struct Answer {
    /// None in revisions without sessions.
    pub session: Option<Arc<Session>>,
    /// The caller takes event streams.
    pub events: bool,
    /// Events are to be expected: the head need not wait for the first.
    pub at_once: bool,
    pub cancel: Option<CancelOnDrop>,
}

impl Answer {
    /// JSON if the response is what comes first, else an event stream.
    pub async fn to(self, stream: &Arc<Stream>) -> Response {
        let mut reader = stream.read();
        let mut first = None;
        if !(self.events && self.at_once) {
            match reader.next().await {
                Read::Event {
                    text,
                    is_last: true,
                    ..
                } => return self.as_json(stream, text),
                read @ Read::Event { .. } => first = Some(read),
                // The session ended meanwhile.
                Read::End(_) => return NoSession::Unknown.with_id(None),
            }
        }
        let primes = self
            .session
            .as_ref()
            .is_some_and(|session| session.primes());
        let events = Events {
            reader,
            first,
            has_ids: self.session.is_some(),
            priming: primes.then_some(0),
            cancel: self.cancel,
        };
        events.response()
    }

    fn as_json(&self, stream: &Stream, text: Bytes) -> Response {
        let Some(session) = &self.session else {
            return json(status_of(&text), text);
        };
        session.close_stream(stream);
        json(StatusCode::OK, text)
    }

    /// All responses in one array, for a caller who sent one and takes no events.
    pub async fn as_array(&self, stream: &Arc<Stream>) -> Response {
        let mut reader = stream.read();
        let mut array = vec![b'['];
        loop {
            match reader.next().await {
                Read::Event { text, is_last, .. } => {
                    array.extend_from_slice(&text);
                    array.push(if is_last { b']' } else { b',' });
                    if is_last {
                        return self.as_json(stream, array.into());
                    }
                }
                Read::End(_) => return NoSession::Unknown.with_id(None),
            }
        }
    }
}

/// The status that goes with a response where there are no sessions (revision 2026-07-28,
/// Streamable HTTP, Protocol Version Header and Server Validation).
fn status_of(text: &[u8]) -> StatusCode {
    let message = Reader::default()
        .read(text)
        .ok()
        .and_then(|(mut all, _)| all.pop());
    match message.map(|message| message.kind) {
        Some(Kind::Response {
            error: Some(codes::METHOD_NOT_FOUND),
        }) => StatusCode::NOT_FOUND,
        Some(Kind::Response { error: Some(code) }) if codes::is_modern(code) => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::OK,
    }
}
