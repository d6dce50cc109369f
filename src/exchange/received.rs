//! A whole head and, where the call stands in the body, the body too.

use super::Core;
use super::refusal::Refusal;
use crate::base::buffers::Buffer;
use crate::http::{BodyDecoder, BodyLength, RequestHead};

/// A request as far as it has been read.
///
/// Most requests are judged by their head, whose bytes stay in the caller's buffer. Where the call
/// stands in the body (MCP), head and body are held: what was judged is then what is forwarded,
/// byte for byte, whatever else comes.
pub(super) struct Received {
    /// The head.
    pub head: RequestHead,
    held: Option<Held>,
}

struct Held {
    head: Vec<u8>,
    body: Vec<u8>,
    decoder: BodyDecoder,
    whole: bool,
}

impl Received {
    pub(super) fn new(head: RequestHead) -> Received {
        Received { head, held: None }
    }

    /// The bytes of the head; `caller` are those of the caller's buffer.
    pub(super) fn bytes<'b>(&'b self, caller: &'b [u8]) -> &'b [u8] {
        self.held.as_ref().map_or(caller, |held| &held.head)
    }

    /// The body, once it is held and whole.
    pub(super) fn body(&self) -> Option<&[u8]> {
        let held = self.held.as_ref().filter(|held| held.whole)?;
        Some(&held.body)
    }

    /// How the body will be framed for the upstream.
    pub(super) fn framing(&self) -> BodyLength {
        match self.body() {
            Some(body) => BodyLength::Length(body.len() as u64),
            None => self.head.body(),
        }
    }

    /// Moves the head out of the caller's buffer, and begins to hold the body.
    pub(super) fn hold(&mut self, caller: &mut Buffer, core: &mut Core) {
        if self.held.is_some() {
            return;
        }
        let mut head = core.pool.lend_text();
        head.extend_from_slice(&caller.filled()[..self.head.len()]);
        caller.consume(self.head.len());
        let decoder = BodyDecoder::new(self.head.body());
        self.held = Some(Held {
            head,
            body: core.pool.lend_text(),
            whole: decoder.is_done(),
            decoder,
        });
    }

    /// Takes what has come of the body, counted in `came`; true once it is whole. More than `bound`
    /// bytes are refused.
    pub(super) fn gather(
        &mut self,
        caller: &mut Buffer,
        bound: u64,
        came: &mut usize,
    ) -> Result<bool, Refusal> {
        let Some(held) = &mut self.held else {
            return Ok(true);
        };
        while !held.whole {
            let gathered = held
                .decoder
                .gather(caller.filled_mut())
                .map_err(Refusal::Body)?;
            let content = &caller.filled()[gathered.content];
            if (held.body.len() + content.len()) as u64 > bound {
                return Err(Refusal::BodyTooLarge(bound));
            }
            held.body.extend_from_slice(content);
            held.whole = gathered.done;
            *came += content.len();
            caller.consume(gathered.consumed);
            if gathered.consumed == 0 && !held.whole {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts another body in the place of the one that was held.
    pub(super) fn replace_body(&mut self, body: Vec<u8>, core: &mut Core) {
        if let Some(held) = self.held.as_mut().filter(|held| held.whole) {
            core.pool
                .give_back_text(std::mem::replace(&mut held.body, body));
        }
    }

    /// The body, for whoever forwards it.
    pub(super) fn take_body(&mut self) -> Option<Vec<u8>> {
        let held = self.held.as_mut().filter(|held| held.whole)?;
        Some(std::mem::take(&mut held.body))
    }

    /// Returns what was lent.
    pub(super) fn give_back(self, core: &mut Core) {
        core.recycle(self.head.into_spare());
        if let Some(held) = self.held {
            core.pool.give_back_text(held.head);
            core.pool.give_back_text(held.body);
        }
    }
}
