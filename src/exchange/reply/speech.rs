//! What an MCP server says on its way to the caller, judged message by message; and what a batch of
//! Microsoft Graph is answered with.
//!
//! A JSON reply is one message and is held until it is whole. An event stream is handed on event by
//! event, each as soon as the empty line that ends it is there.

use std::ops::Range;

use super::batch::Responses;
use super::hearing::{Ear, Hearing};
use crate::base::limits::BUFFER_BYTES;
use crate::exchange::{Core, Refusal};
use crate::http::Gathered;
use crate::mcp::Events;

/// A reply's messages on their way.
pub(super) struct Speech {
    listener: Listener,
    form: Form,
    /// What the caller may hear; so many bytes of it are with the caller.
    out: Vec<u8>,
    at: usize,
    over: bool,
}

/// Who judges what is said.
pub(super) enum Listener {
    /// Of MCP.
    Dialogue(Hearing),
    /// Of Microsoft Graph.
    Batch(Responses),
}

impl Listener {
    fn message_bytes(&self) -> usize {
        match self {
            Listener::Dialogue(hearing) => hearing.message_bytes(),
            Listener::Batch(responses) => responses.message_bytes(),
        }
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<u8>, ear: &mut Ear<'_>) -> Result<(), Refusal> {
        match self {
            Listener::Dialogue(hearing) => hearing.whole(body, out, ear),
            Listener::Batch(responses) => responses.whole(body, out, ear),
        }
    }
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
    pub(super) fn new(listener: Listener, events: bool, core: &mut Core) -> Speech {
        let bound = listener.message_bytes();
        let (form, out) = match events {
            true => (Form::Events(Events::new(bound)), Vec::new()),
            false => (Form::Json(core.pool.lend_text()), core.pool.lend_text()),
        };
        Speech {
            form,
            listener,
            out,
            at: 0,
            over: false,
        }
    }

    /// Of MCP: who hears the server.
    pub(super) fn hearing(&self) -> Option<&Hearing> {
        match &self.listener {
            Listener::Dialogue(hearing) => Some(hearing),
            Listener::Batch(_) => None,
        }
    }

    /// Of MCP: what the server is still to be told in the caller's place.
    pub(super) fn take_owed(&mut self) -> Option<Vec<u8>> {
        match &mut self.listener {
            Listener::Dialogue(hearing) => hearing.take_owed(),
            Listener::Batch(_) => None,
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
            listener,
            form,
            out,
            ..
        } = self;
        match form {
            Form::Json(message) => {
                if message.len() + bytes.len() > listener.message_bytes() {
                    return Err(Refusal::UpstreamMalformed("a message beyond its bound"));
                }
                message.extend_from_slice(bytes);
                if last {
                    listener.whole(message, out, ear)?;
                }
            }
            Form::Events(events) => {
                events.push(bytes);
                if last {
                    events.finish();
                }
                let too_long = |_| Refusal::UpstreamMalformed("an event beyond its bound");
                while let Some(frame) = events.frame().map_err(too_long)? {
                    if let Listener::Dialogue(hearing) = listener {
                        hearing.event(&frame, out, ear)?;
                    }
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
