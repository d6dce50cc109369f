//! What of a request goes into the recording before it leaves.

use super::shown::{Shown, masked_room, pushed};
use super::source::Piece;
use super::{Lead, RequestHalf, RequestStep, Stage};
use crate::base::buffers::Buffer;
use crate::base::clock::Now;
use crate::exchange::{Account, Core, Refusal, Room};
use crate::mask;
use crate::policy::Permit;
use crate::record::AGAIN_ROOM;

impl RequestHalf {
    /// Hands a piece to the recording, as far as it may be shown there.
    pub(super) fn record(
        &mut self,
        piece: Piece,
        caller: &Buffer,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Stage, RequestStep<'static>> {
        let content = self.source.content(caller, &piece);
        let until = self.patience.since.after(self.wait);
        match core.room(masked_room(content.len()), until, now) {
            Room::There => {}
            Room::Wait => {
                self.stage = Stage::Gathered(piece);
                return Err(RequestStep::NeedRoom(until));
            }
            Room::Never => return Err(RequestStep::Refuse(Refusal::RecorderUnable)),
        }
        let Some(log) = account.log() else {
            return Err(RequestStep::Refuse(Refusal::RecorderUnable));
        };
        let recorded = match &mut self.shown {
            Shown::AsIs => {
                core.writer
                    .request_chunk(log, &mask::unmasked(content), content.len(), now)
            }
            Shown::Masked(stream) => match pushed(stream, content, piece.last) {
                Ok(masked) => core.writer.request_chunk(log, &masked, content.len(), now),
                Err(_) => {
                    self.shown.turn_into(Shown::Withheld, core);
                    core.writer.request_withheld(log, content, now)
                }
            },
            Shown::Withheld => core.writer.request_withheld(log, content, now),
        };
        let pending = recorded.map_err(|_| RequestStep::Refuse(Refusal::RecorderUnable))?;
        Ok(Stage::Settling { pending, piece })
    }

    /// Notes in the recording that the request goes upstream once more.
    pub(super) fn record_again(
        &mut self,
        permit: Permit,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Lead, RequestStep<'static>> {
        let unable = RequestStep::Refuse(Refusal::RecorderUnable);
        let until = self.patience.since.after(self.wait);
        match core.room(AGAIN_ROOM, until, now) {
            Room::There => {}
            Room::Wait => {
                self.lead = Lead::Again(permit);
                return Err(RequestStep::NeedRoom(until));
            }
            Room::Never => return Err(unable),
        }
        let Some(log) = account.log() else {
            return Err(unable);
        };
        match core.writer.again(permit, log, now) {
            Ok(pending) => Ok(Lead::Recording(pending)),
            Err(_) => Err(unable),
        }
    }
}
