//! Caller to upstream on a connection that was switched: opaque bytes, each piece under a receipt.

use super::{RequestStep, ToUpstream, masked_room};
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::exchange::switched::Life;
use crate::exchange::{Account, Core, Refusal, Room};
use crate::mask;
use crate::record::{Body, Pending, Settle};

/// The caller-to-upstream direction of a connection that was switched.
pub struct Upward {
    stage: Stage,
    /// When the current wait for the recording began.
    since: Mono,
}

enum Stage {
    /// Between two pieces.
    Open,
    /// A piece has come, all that is in the caller's buffer, and is not in the recording yet.
    Gathered,
    /// It is in the ring; in the durable class it waits for the disk.
    Settling(Pending<Body>),
    /// So many bytes are with the pump.
    Sending(usize),
    /// The caller has ended its direction, and all of it is upstream.
    Over,
    Broken,
}

impl Upward {
    pub(in crate::exchange) fn new(now: Now) -> Upward {
        Upward {
            stage: Stage::Open,
            since: now.mono,
        }
    }

    /// Goes on as far as the caller's bytes (all there will be, when `eof`) and the recording allow.
    /// [`RequestStep::Done`] asks for the end of our direction to be told upstream.
    pub fn next<'a>(
        &mut self,
        caller: &'a Buffer,
        eof: bool,
        life: &Life,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> RequestStep<'a> {
        let stage = std::mem::replace(&mut self.stage, Stage::Broken);
        let until = match life.lasts(account, core, now) {
            Ok(until) => until,
            Err(refusal) => return RequestStep::Refuse(refusal),
        };
        let stage = match stage {
            Stage::Open if caller.is_empty() && !eof => {
                self.stage = Stage::Open;
                return RequestStep::NeedBytes(until);
            }
            Stage::Open if !caller.is_empty() => {
                self.since = now.mono;
                Stage::Gathered
            }
            Stage::Open | Stage::Over => {
                self.stage = Stage::Over;
                return RequestStep::Done;
            }
            stage => stage,
        };
        let until = self.since.after(life.wait_time());
        let pending = match stage {
            Stage::Settling(pending) => pending,
            Stage::Gathered => match record(caller.filled(), until, account, core, now) {
                Ok(Some(pending)) => pending,
                Ok(None) => {
                    self.stage = Stage::Gathered;
                    return RequestStep::NeedRoom(until);
                }
                Err(refusal) => return RequestStep::Refuse(refusal),
            },
            _ => return RequestStep::Refuse(Refusal::Overloaded),
        };
        match core.writer.settle(pending) {
            Settle::Ready(receipt) => {
                self.stage = Stage::Sending(receipt.what().len());
                RequestStep::Send(ToUpstream::body(receipt, caller.filled(), false, false))
            }
            Settle::NotYet(pending) if now.mono < until => {
                self.stage = Stage::Settling(pending);
                RequestStep::NeedSync(until)
            }
            Settle::NotYet(_) | Settle::Dead => RequestStep::Refuse(Refusal::RecorderUnable),
        }
    }

    /// The pump has sent what [`Upward::next`] gave it last.
    pub fn sent(&mut self, caller: &mut Buffer, life: &Life, account: &mut Account, now: Now) {
        if let Stage::Sending(count) = self.stage {
            caller.consume(count);
            account.forwarded(count);
            account.touch(now);
            life.moves(now);
            self.stage = Stage::Open;
        }
    }
}

/// Hands a piece to the recording; `None` when that has no room yet.
fn record(
    content: &[u8],
    until: Mono,
    account: &mut Account,
    core: &mut Core,
    now: Now,
) -> Result<Option<Pending<Body>>, Refusal> {
    match core.room(masked_room(content.len()), until, now) {
        Room::There => {}
        Room::Wait => return Ok(None),
        Room::Never => return Err(Refusal::RecorderUnable),
    }
    let log = account.log().ok_or(Refusal::RecorderUnable)?;
    let masked = mask::unmasked(content);
    let recorded = (core.writer).request_chunk(log, &masked, content.len(), now);
    recorded.map(Some).map_err(|_| Refusal::RecorderUnable)
}
