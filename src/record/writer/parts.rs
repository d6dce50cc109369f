//! What is recorded of each call of a batch, beside the batch.

use super::{ExchangeLog, RecordError, Writer};
use crate::base::clock::Now;
use crate::base::ids::ExchangeId;
use crate::base::limits::FRAME_BYTES;
use crate::record::frame::{self, CHECKSUM_BYTES, HEADER_BYTES, Kind};
use crate::record::payload::{self, Class, EndRecord, PartRecord, RequestRecord};
use crate::record::session::Session;

/// Ring bytes of a call of a batch.
#[must_use]
pub fn part_room(part: &PartRecord<'_>) -> usize {
    frame::ring_bytes(part.len())
}

/// Ring bytes of the answer to it.
#[must_use]
pub fn part_end_room(id: &str) -> usize {
    frame::ring_bytes(12 + id.len())
}

impl Writer {
    /// Records one call of a batch and what was decided about it.
    ///
    /// # Errors
    /// When there is no room, or the recorder is gone.
    pub fn part(
        &mut self,
        log: &mut ExchangeLog,
        part: &PartRecord<'_>,
        now: Now,
    ) -> Result<(), RecordError> {
        if HEADER_BYTES + part.len() + CHECKSUM_BYTES > FRAME_BYTES {
            return Err(RecordError::TooLarge);
        }
        self.room(part_room(part))?;
        let stamp = log.stamp(Kind::Part, now);
        self.put(&stamp, |out| part.write(out))
    }

    /// Records what one call of a batch was answered with.
    ///
    /// # Errors
    /// When there is no room, or the recorder is gone.
    pub fn part_end(
        &mut self,
        log: &mut ExchangeLog,
        id: &str,
        status: u16,
        now: Now,
    ) -> Result<(), RecordError> {
        self.room(part_end_room(id))?;
        let stamp = log.stamp(Kind::PartEnd, now);
        self.put(&stamp, |out| payload::write_part_end(id, status, out))
    }

    /// Records a batch that was decided against, with what it asked for: an exchange of its own,
    /// ended at once.
    ///
    /// # Errors
    /// When there is no room, or the recorder is gone.
    pub fn refusal_of<'p>(
        &mut self,
        session: &Session,
        request: &RequestRecord<'_>,
        parts: impl Iterator<Item = PartRecord<'p>>,
        end: &EndRecord,
        now: Now,
    ) -> Result<ExchangeId, RecordError> {
        let mut log = self.open(session, request, Class::Buffered, now)?;
        let exchange = log.exchange();
        for part in parts {
            // Of a batch that is refused anyhow, what finds no room is left out.
            let _ = self.part(&mut log, &part, now);
        }
        self.end(log, end, now);
        Ok(exchange)
    }
}
