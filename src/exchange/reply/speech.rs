//! What an MCP server says on its way to the caller, judged message by message.
//!
//! A JSON reply is one message and is held until it is whole. An event stream is handed on event by
//! event, each as soon as the empty line that ends it is there.

use std::ops::Range;

use super::hearing::{Ear, Hearing};
use crate::base::limits::BUFFER_BYTES;
use crate::exchange::{Core, Refusal};
use crate::http::Gathered;
use crate::mcp::Events;

/// A reply's messages on their way.
pub(super) struct Speech {
    pub(super) hearing: Hearing,
    form: Form,
    /// What the caller may hear; so many bytes of it are with the caller.
    out: Vec<u8>,
    at: usize,
    over: bool,
}

/// How messages are told apart.
enum Form {
    /// The body is one.
    Json(Vec<u8>),
    /// Each event's data is one.
    Events(Events),
}

impl Speech {
    /// `events` says that the reply is an event stream.
    pub(super) fn new(hearing: Hearing, events: bool, core: &mut Core) -> Speech {
        let bound = hearing.message_bytes();
        let (form, out) = match events {
            true => (Form::Events(Events::new(bound)), Vec::new()),
            false => (Form::Json(core.pool.lend_text()), core.pool.lend_text()),
        };
        Speech {
            form,
            hearing,
            out,
            at: 0,
            over: false,
        }
    }

    /// The next piece of what may be heard, if there is one.
    pub(super) fn ready(&self) -> Option<Gathered> {
        let to = self.out.len().min(self.at + BUFFER_BYTES);
        let done = self.over && to == self.out.len();
        (to > self.at || done).then_some(Gathered {
            content: self.at..to,
            consumed: to - self.at,
            done,
        })
    }

    /// The bytes of a piece.
    pub(super) fn piece(&self, range: Range<usize>) -> &[u8] {
        self.out.get(range).unwrap_or_default()
    }

    /// The caller has so many bytes more. An idle stream keeps no memory for the next event.
    pub(super) fn consume(&mut self, count: usize) {
        self.at += count;
        if self.at < self.out.len() {
            return;
        }
        self.at = 0;
        match &mut self.form {
            Form::Events(events) => {
                self.out = Vec::new();
                events.release();
            }
            Form::Json(_) => self.out.clear(),
        }
    }

    /// Bytes of the body; `last` with its last ones.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        last: bool,
        ear: &mut Ear<'_>,
    ) -> Result<(), Refusal> {
        let Speech {
            hearing, form, out, ..
        } = self;
        match form {
            Form::Json(message) => {
                if message.len() + bytes.len() > hearing.message_bytes() {
                    return Err(Refusal::UpstreamMalformed("a message beyond its bound"));
                }
                message.extend_from_slice(bytes);
                if last {
                    hearing.whole(message, out, ear)?;
                }
            }
            Form::Events(events) => {
                events.push(bytes);
                if last {
                    events.finish();
                }
                let too_long = |_| Refusal::UpstreamMalformed("an event beyond its bound");
                while let Some(frame) = events.frame().map_err(too_long)? {
                    hearing.event(&frame, out, ear)?;
                }
            }
        }
        self.over = last;
        Ok(())
    }

    /// Returns what was lent.
    pub(super) fn close(self, core: &mut Core) {
        if let Form::Json(message) = self.form {
            core.pool.give_back_text(message);
            core.pool.give_back_text(self.out);
        }
    }
}
