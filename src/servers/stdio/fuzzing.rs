//! What `fuzz/` needs of this server's readers, as values that another reader can be held against.

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::io::AsyncReadExt as _;

use super::lines::{Lines, Overlong};
use super::message::{Kind, Name, Reader};

/// One message as it was read.
pub struct Read {
    /// Its bytes, on one line.
    pub text: Bytes,
    /// `request`, `notification`, `result` or `error`.
    pub kind: &'static str,
    /// Empty in a response.
    pub method: Box<str>,
    /// Where its id, its progress token, its subscription and what it cancels stand, each with the
    /// text that equal names share.
    pub names: [Option<(std::ops::Range<usize>, String)>; 4],
    /// The message with each of these names replaced by the number that is its place.
    pub renamed: Bytes,
}

/// The messages of a text, and whether it is an array; none when it is refused.
#[must_use]
pub fn messages(text: &[u8]) -> Option<(Vec<Read>, bool)> {
    let (messages, is_array) = Reader::default().read(text).ok()?;
    let read = messages.into_iter().map(|message| {
        let names = [
            &message.id,
            &message.token,
            &message.subscription,
            &message.cancels,
        ];
        let edits: Vec<(&Name, &str)> = (names.into_iter().zip(["0", "1", "2", "3"]))
            .filter_map(|(name, number)| Some((name.as_ref()?, number)))
            .collect();
        Read {
            renamed: message.with(&edits),
            kind: match message.kind {
                Kind::Request => "request",
                Kind::Notification => "notification",
                Kind::Response { error: None } => "result",
                Kind::Response { error: Some(_) } => "error",
            },
            names: names.map(|name| {
                name.as_ref()
                    .map(|name| (name.span.clone(), name.key.text()))
            }),
            text: message.text,
            method: message.method,
        }
    });
    Some((read.collect(), is_array))
}

/// The lines of two reads, of which none may be longer than `bound`; a longer one ends it, or is
/// cut. Says whether one was too long.
#[must_use]
pub fn lines(left: &[u8], right: &[u8], bound: usize, cut: bool) -> (Vec<Bytes>, bool) {
    let overlong = if cut {
        Overlong::Cut
    } else {
        Overlong::Refused
    };
    let mut lines = Lines::new(left.chain(right), bound, overlong);
    let mut read = Vec::new();
    // Bytes in memory are always there.
    while let Some(next) = lines.next().now_or_never() {
        match next {
            Ok(Some(line)) => read.push(line),
            Ok(None) => return (read, false),
            Err(_) => break,
        }
    }
    (read, true)
}
