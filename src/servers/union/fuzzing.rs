//! What `fuzz/` needs of a union's readers, as values that another reader can be held against.

use bytes::Bytes;

use super::message::{Message, Shape};
use super::sse::Reader;
use super::{cursor, message, names, sse};
use crate::json::Document;

/// What a message is: `request`, `notification`, `result` or `error`; its method; its id and its
/// progress token as they are written.
pub type Read = (&'static str, String, Option<String>, Option<String>);

/// Reads one message; none for what is none.
#[must_use]
pub fn message(text: &[u8]) -> Option<Read> {
    let document = Document::parse(text).ok()?;
    let message = Message::of(document.root())?;
    let kind = match message.shape {
        Shape::Request { .. } => "request",
        Shape::Notification { .. } => "notification",
        Shape::Result { .. } => "result",
        Shape::Error { .. } => "error",
    };
    let id = message.id().or(message.answers());
    let written = |value: crate::json::Value<'_>| value.raw().to_owned();
    Some((
        kind,
        message.method().unwrap_or_default().to_owned(),
        id.map(written),
        message.progress_token().map(written),
    ))
}

/// The messages of a body, as they stand in it.
#[must_use]
pub fn parts(text: &[u8]) -> Vec<Bytes> {
    message::parts(Bytes::copy_from_slice(text))
}

/// The data of the events of a stream that comes in these pieces, and whether one was too long.
pub fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut reader = Reader::new();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(event)) => events.push(event.data),
                Ok(None) => break,
                Err(_) => return (events, true),
            }
        }
    }
    (events, false)
}

/// An event as a union sends it.
#[must_use]
pub fn event(id: Option<&str>, name: Option<&str>, data: &[u8]) -> Vec<u8> {
    sse::written(id, name, data)
}

/// What a cursor says, and the cursor that says it.
#[must_use]
pub fn places(text: &str) -> Option<(Vec<(String, String)>, Option<String>)> {
    let places = cursor::read(text)?;
    let again = cursor::written(&places);
    Some((places, again))
}

/// Whether a URI template can expand to an address.
#[must_use]
pub fn expands(template: &str, address: &str) -> bool {
    names::expands(template, address)
}
