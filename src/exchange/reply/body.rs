//! The reply's body on its way: out of its framing, through masks and recording, into ours.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::Pause;
use super::hearing::{Ear, Hearing};
use super::speech::{Listener, Speech};
use super::waits::Waits;
use crate::base::buffers::Buffer;
use crate::base::clock::Now;
use crate::exchange::dialogue::{Dialogue, Visit};
use crate::exchange::forward::{masked_room, pushed};
use crate::exchange::rules::Connection;
use crate::exchange::{Account, Core, Refusal, Room, fields};
use crate::http::write::{CRLF, LAST_CHUNK};
use crate::http::{BodyDecoder, BodyLength, Gathered, Known, ResponseHead, SizeLine};
use crate::mask::{self, ContentKind, Unreadable};
use crate::record::Recorded;

/// How the body is delimited for the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// The reply's body on its way.
pub(super) struct ReplyBody {
    pub(super) decoder: BodyDecoder,
    pub(super) stream: Option<Box<mask::Stream>>,
    /// Of MCP: what the server says is judged before it is masked.
    pub(super) speech: Option<Box<Speech>>,
    pub(super) framing: Framing,
    /// Decoded in the upstream's buffer, and not in the recording yet.
    pub(super) gathered: Option<Gathered>,
    pub(super) over: bool,
    /// Bytes of the upstream's buffer that are with the pump.
    pub(super) consumed: usize,
    /// Why nothing of it may be handed on, if anything comes.
    withheld: Option<Unreadable>,
    /// What its head says it is, where that can be read.
    pub(super) kind: Option<ContentKind>,
}

pub(super) enum BodyStep<'a> {
    Piece(Option<SizeLine>, Option<Recorded<'a>>, &'static [u8]),
    Idle(Pause),
    /// The body is over; `leftover` when bytes follow it.
    Over {
        leftover: bool,
    },
}

impl ReplyBody {
    pub(super) fn none() -> ReplyBody {
        ReplyBody {
            decoder: BodyDecoder::new(BodyLength::None),
            stream: None,
            speech: None,
            framing: Framing::None,
            gathered: None,
            over: true,
            consumed: 0,
            withheld: None,
            kind: None,
        }
    }

    /// Decides how the body of a reply to `method` is read, and how it is framed for the caller.
    pub(super) fn plan(
        head: &ResponseHead,
        bytes: &[u8],
        method: &str,
        connection: &Arc<Connection>,
        link_base: &str,
        dialogue: &mut Option<Box<Dialogue>>,
        core: &mut Core,
    ) -> Result<ReplyBody, Refusal> {
        let Connection { masks, hides, .. } = &**connection;
        let length = head.body(method);
        let has_body = !matches!(length, BodyLength::None | BodyLength::Length(0));
        let kind = ContentKind::of(
            head.values(bytes, Known::ContentType).next(),
            fields::coding(head.values(bytes, Known::ContentEncoding)),
        );
        // Chunks of nothing need no name: servers end an accepted notification so.
        let unnamed = !head.has(Known::ContentType);
        let untold = !matches!(length, BodyLength::Length(_));
        let read = match (masks, kind) {
            (Some(masks), Ok(kind))
                if *hides || (kind == ContentKind::Json && head.status() != 206) =>
            {
                Some((masks, kind))
            }
            (Some(_), Err(why)) if *hides && has_body && !(unnamed && untold) => {
                return Err(Refusal::Unreadable(why));
            }
            _ => None,
        };
        // What comes all the same is not handed on.
        let withheld = kind.as_ref().err().copied();
        let withheld = withheld.filter(|_| *hides && masks.is_some() && has_body);
        let speech = match dialogue.take_if(|_| has_body && head.status() == 200) {
            Some(dialogue) => speech(dialogue, kind.ok(), connection, link_base, core)?,
            None => None,
        };
        // HEAD tells the length that GET would have, where that is known.
        let framing = match head.body("GET") {
            BodyLength::None => Framing::None,
            BodyLength::Length(length)
                if length == 0 || (read.is_none() && !hides && speech.is_none()) =>
            {
                Framing::Length(length)
            }
            _ if method == "HEAD" => Framing::None,
            _ => Framing::Chunked,
        };
        Ok(ReplyBody {
            decoder: BodyDecoder::new(length),
            stream: read
                .filter(|_| has_body)
                .map(|(masks, kind)| core.stream(masks, kind, link_base)),
            speech,
            framing,
            gathered: None,
            over: !has_body,
            consumed: 0,
            withheld,
            kind: kind.ok(),
        })
    }

    /// The next piece for the caller.
    pub(super) fn next<'a>(
        &'a mut self,
        upstream: &'a mut Buffer,
        eof: bool,
        waits: &mut Waits,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> BodyStep<'a> {
        if self.over {
            return BodyStep::Over {
                leftover: !upstream.is_empty(),
            };
        }
        let gathered = match &self.speech {
            None => self.gather(upstream, eof, waits, now),
            Some(_) => self.hear(upstream, eof, waits, account, core, now),
        };
        let piece = match gathered {
            Ok(piece) => piece,
            Err(step) => return BodyStep::Idle(step),
        };
        if let Some(why) = self.withheld.filter(|_| !piece.content.is_empty()) {
            return BodyStep::Idle(Pause::Refuse(Refusal::Unreadable(why)));
        }
        if let Err(pause) = self.makes_room(&piece, waits, account, core, now) {
            if let Pause::NeedRoom(_) = pause {
                // What was judged stays with the speech.
                self.gathered = Some(piece).filter(|_| self.speech.is_none());
            }
            return BodyStep::Idle(pause);
        }
        let content = match &self.speech {
            None => &upstream.filled()[piece.content],
            Some(speech) => speech.piece(piece.content),
        };
        let masked = match &mut self.stream {
            None => mask::unmasked(content),
            Some(stream) => match pushed(stream, content, piece.done) {
                Ok(masked) => masked,
                Err(why) => return BodyStep::Idle(Pause::Refuse(Refusal::Unreadable(why))),
            },
        };
        let (len, hits) = (masked.len(), masked.hits().len());
        let Some(Ok(recorded)) = account
            .log()
            .map(|log| core.writer.reply_chunk(log, masked, now))
        else {
            return BodyStep::Idle(Pause::Refuse(Refusal::RecorderUnable));
        };
        self.over = piece.done;
        self.consumed = piece.consumed;
        account.released(len, hits, now);
        let chunked = self.framing == Framing::Chunked;
        let line = NonZeroU64::new(len as u64)
            .filter(|_| chunked)
            .map(SizeLine::new);
        let tail = match (chunked, line.is_some(), piece.done) {
            (true, true, false) => CRLF,
            (true, true, true) => b"\r\n0\r\n\r\n",
            (true, false, true) => LAST_CHUNK,
            _ => b"",
        };
        BodyStep::Piece(line, Some(recorded), tail)
    }

    /// Looks for room for a piece in the recording, and puts what is owed there before it.
    fn makes_room(
        &self,
        piece: &Gathered,
        waits: &Waits,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<(), Pause> {
        let until = waits.room();
        let need = masked_room(piece.content.len()) + account.answers_room();
        match core.room(need, until, now) {
            Room::There => account.tell_answers(core, now).map_err(Pause::Refuse),
            Room::Wait => Err(Pause::NeedRoom(until)),
            Room::Never => Err(Pause::Refuse(Refusal::RecorderUnable)),
        }
    }

    /// The next piece of what the server said and the caller may hear.
    fn hear(
        &mut self,
        upstream: &mut Buffer,
        eof: bool,
        waits: &mut Waits,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Gathered, Pause> {
        loop {
            if let Some(ready) = self.speech.as_ref().and_then(|speech| speech.ready()) {
                return Ok(ready);
            }
            let heard = self.gather(upstream, eof, waits, now)?;
            let content = &upstream.filled()[heard.content];
            if let Some(speech) = &mut self.speech {
                let mut ear = Ear { account, core, now };
                speech
                    .push(content, heard.done, &mut ear)
                    .map_err(Pause::Refuse)?;
            }
            upstream.consume(heard.consumed);
        }
    }

    /// Of MCP, once the body is being read.
    pub(super) fn dialogue(&self) -> Option<&Dialogue> {
        Some(self.speech.as_ref()?.hearing()?.dialogue())
    }

    /// The caller has the piece that [`ReplyBody::next`] gave last.
    pub(super) fn sent(&mut self, upstream: &mut Buffer) {
        let count = std::mem::take(&mut self.consumed);
        match &mut self.speech {
            None => upstream.consume(count),
            Some(speech) => speech.consume(count),
        }
    }

    /// Takes what has come of the body out of its framing.
    fn gather(
        &mut self,
        upstream: &mut Buffer,
        eof: bool,
        waits: &mut Waits,
        now: Now,
    ) -> Result<Gathered, Pause> {
        if let Some(gathered) = self.gathered.take() {
            return Ok(gathered);
        }
        let malformed = |_| Pause::Refuse(Refusal::UpstreamMalformed("malformed body"));
        let mut gathered = self
            .decoder
            .gather(upstream.filled_mut())
            .map_err(malformed)?;
        if !gathered.content.is_empty() || gathered.done {
            // What the piece waits for from here on is not the upstream's.
            waits.since = now.mono;
            return Ok(gathered);
        }
        upstream.consume(gathered.consumed);
        gathered.consumed = 0;
        if eof {
            let truncated = |_| Pause::Refuse(Refusal::UpstreamTruncated);
            self.decoder.on_eof().map_err(truncated)?;
            gathered.done = true;
            return Ok(gathered);
        }
        let until = waits.next_byte();
        if now.mono < until {
            Err(Pause::NeedBytes(until))
        } else {
            Err(Pause::Refuse(Refusal::UpstreamTimeout))
        }
    }
}

/// What a server answers with 200 is a message, or many; only of the end of a session it may be
/// anything.
fn speech(
    dialogue: Box<Dialogue>,
    kind: Option<ContentKind>,
    connection: &Arc<Connection>,
    link_base: &str,
    core: &mut Core,
) -> Result<Option<Box<Speech>>, Refusal> {
    let events = match kind {
        _ if dialogue.visit == Visit::End => return Ok(None),
        Some(ContentKind::Json) => false,
        Some(ContentKind::EventStream) => true,
        _ => return Err(Refusal::UpstreamMalformed("neither JSON nor events")),
    };
    let hearing = Hearing::new(Arc::clone(connection), dialogue, link_base);
    let listener = Listener::Dialogue(hearing);
    Ok(Some(Box::new(Speech::new(listener, events, core))))
}
