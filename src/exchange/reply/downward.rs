//! Upstream to caller on a connection that was switched: opaque bytes, each piece recorded first.

use super::body::BodyStep;
use super::step::released;
use super::{ReplyEnd, ReplyHalf, ReplyStep};
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::exchange::forward::masked_room;
use crate::exchange::switched::{Life, Switched};
use crate::exchange::{Account, Core, Refusal, Room};
use crate::mask;

/// The upstream-to-caller direction of a connection that was switched.
pub struct Downward {
    /// Since when a piece waits for room in the recording.
    since: Option<Mono>,
    /// Bytes of the upstream's buffer that are with the pump.
    consumed: usize,
    /// Set while a piece is judged, and for ever when it is refused.
    broken: bool,
}

impl ReplyHalf {
    /// After [`ReplyStep::Done`]: the connection as it goes on, once, where the reply was a 101.
    pub fn switch(&mut self, account: &mut Account, core: &mut Core, now: Now) -> Option<Switched> {
        let upgrade = self.upgrade.take_if(|upgrade| upgrade.switched)?;
        let ends = self.waits.ends;
        let connection = &self.connection;
        Some(Switched::new(
            connection, &upgrade, ends, account, core, now,
        ))
    }
}

impl Downward {
    pub(in crate::exchange) fn new() -> Downward {
        Downward {
            since: None,
            consumed: 0,
            broken: false,
        }
    }

    /// Goes on as far as the upstream's bytes (all there will be, when `eof`) and the recording
    /// allow. [`ReplyStep::Done`] asks for the end of our direction to be told to the caller.
    pub fn next<'a>(
        &mut self,
        upstream: &'a Buffer,
        eof: bool,
        life: &Life,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> ReplyStep<'a> {
        if std::mem::replace(&mut self.broken, true) {
            return ReplyStep::Refuse(Refusal::Overloaded);
        }
        let step = match life.lasts(account, core, now) {
            Err(refusal) => return ReplyStep::Refuse(refusal),
            Ok(_) if upstream.is_empty() && eof => ReplyStep::Done(ReplyEnd {
                upstream_reusable: false,
            }),
            Ok(until) if upstream.is_empty() => ReplyStep::NeedBytes(until),
            Ok(_) => self.pass(upstream.filled(), life, account, core, now),
        };
        self.broken = matches!(step, ReplyStep::Refuse(_));
        step
    }

    /// Hands a piece to the recording, and then on.
    fn pass<'a>(
        &mut self,
        content: &'a [u8],
        life: &Life,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> ReplyStep<'a> {
        let unable = ReplyStep::Refuse(Refusal::RecorderUnable);
        let since = *self.since.get_or_insert(now.mono);
        let until = since.after(life.wait_time());
        match core.room(masked_room(content.len()), until, now) {
            Room::There => self.since = None,
            Room::Wait => return ReplyStep::NeedRoom(until),
            Room::Never => return unable,
        }
        let Some(log) = account.log() else {
            return unable;
        };
        let masked = mask::unmasked(content);
        let Ok(recorded) = core.writer.reply_chunk(log, masked, now) else {
            return unable;
        };
        self.consumed = content.len();
        account.released(content.len(), 0, now);
        released(BodyStep::Piece(None, Some(recorded), b""), None, false)
    }

    /// The pump has sent what [`Downward::next`] gave it last.
    pub fn sent(&mut self, upstream: &mut Buffer, life: &Life, now: Now) {
        upstream.consume(std::mem::take(&mut self.consumed));
        life.moves(now);
    }
}
