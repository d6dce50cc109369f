//! How a worker's frames get into its ring: room first, then one copy.

use crate::base::clock::Now;
use crate::base::ids::{ExchangeId, SessionId};
use crate::base::limits::{
    FRAME_BODY_BYTES, FRAME_BYTES, FRAME_HITS, RECORDED_BYTES, RING_WAKE_BYTES,
};
use crate::mask::{Hit, Masked};
use crate::record::frame::{self, CHECKSUM_BYTES, HEADER_BYTES, Header, Kind};
use crate::record::link::State;
use crate::record::payload::{self, Class, RequestRecord, Side};
use crate::record::session::Session;

use super::{END_ROOM, ExchangeLog, RecordError, Room, Writer};

/// What a frame is stamped with besides its payload.
pub(super) struct Stamp {
    session: SessionId,
    kind: Kind,
    exchange: ExchangeId,
    sequence: u64,
    now: Now,
}

impl Stamp {
    /// The stamp of a frame that belongs to no exchange.
    pub(super) fn of_none(session: SessionId, kind: Kind, now: Now) -> Stamp {
        Stamp {
            session,
            kind,
            exchange: ExchangeId::default(),
            sequence: 0,
            now,
        }
    }
}

impl ExchangeLog {
    /// The stamp of the exchange's next frame.
    pub(super) fn stamp(&mut self, kind: Kind, now: Now) -> Stamp {
        let sequence = self.sequence;
        self.sequence += 1;
        Stamp {
            session: self.session,
            kind,
            exchange: self.exchange,
            sequence,
            now,
        }
    }
}

impl Writer {
    pub(super) fn open(
        &mut self,
        session: &Session,
        request: &RequestRecord<'_>,
        class: Class,
        now: Now,
    ) -> Result<ExchangeLog, RecordError> {
        let state = self.usable()?;
        if state == State::LowSpace && session.is_new() {
            return Err(RecordError::LowSpace);
        }
        // Text lengths and other fixed parts of both payloads together stay below this.
        const FIXED: usize = 128;
        let texts = [request.rule, request.method, request.path]
            .iter()
            .map(|text| text.len())
            .sum::<usize>();
        let names = session.principal().len() + session.connection().len();
        let query = request.query.map_or(0, str::len);
        let head = FIXED + texts + names + query + request.headers.len();
        if HEADER_BYTES + head + CHECKSUM_BYTES > FRAME_BYTES {
            return Err(RecordError::TooLarge);
        }
        self.room(frame::ring_bytes(head) + frame::ring_bytes(names + FIXED) + END_ROOM)?;

        if session.announce() {
            let stamp = Stamp::of_none(session.id(), Kind::SessionOpen, now);
            self.put(&stamp, |out| {
                payload::write_session_open(session.principal(), session.connection(), out);
            })?;
        }
        let exchange = ExchangeId::new(self.worker, self.exchanges);
        self.exchanges += 1;
        let mut log = ExchangeLog {
            session: session.id(),
            exchange,
            class,
            sequence: 0,
            request_bytes: 0,
            reply_bytes: 0,
            hits: 0,
            _room: Room::keep(&self.reserved),
        };
        let stamp = log.stamp(Kind::RequestHead, now);
        self.put(&stamp, |out| {
            payload::write_request_head(
                request,
                class,
                session.principal(),
                session.connection(),
                out,
            );
        })?;
        Ok(log)
    }

    pub(super) fn head(
        &mut self,
        log: &mut ExchangeLog,
        masked: &Masked<'_>,
        now: Now,
    ) -> Result<(), RecordError> {
        let length: usize = masked.slices().map(<[u8]>::len).sum();
        if length > FRAME_BODY_BYTES {
            return Err(RecordError::TooLarge);
        }
        self.room(frame::ring_bytes(length) + hits_room(masked.hits()))?;
        let stamp = log.stamp(Kind::ResponseHead, now);
        self.put_with(&stamp, length, masked.slices(), |_| ())?;
        self.hits(log, Side::Reply, masked.hits(), now)
    }

    /// Records masked bytes as one frame, or as several when they are many, and their hits;
    /// answers how many they were.
    pub(super) fn body(
        &mut self,
        log: &mut ExchangeLog,
        kind: Kind,
        masked: &Masked<'_>,
        sent: u64,
        now: Now,
    ) -> Result<usize, RecordError> {
        // Summed here rather than believed: a frame's length must be that of its bytes.
        let length: usize = masked.slices().map(<[u8]>::len).sum();
        if length > RECORDED_BYTES {
            return Err(RecordError::TooLarge);
        }
        let frames = length.div_ceil(FRAME_BODY_BYTES).max(1);
        let need = length + frames * frame::ring_bytes(16) + hits_room(masked.hits());
        self.room(need)?;

        let (mut offset, mut sent, side) = match kind {
            Kind::ResponseChunk => (log.reply_bytes, None, Side::Reply),
            _ => (log.request_bytes, Some(sent), Side::Request),
        };
        for index in 0..frames {
            let start = index * FRAME_BODY_BYTES;
            let end = length.min(start + FRAME_BODY_BYTES);
            let stamp = log.stamp(kind, now);
            let slices = window(masked.slices(), start, end);
            self.put_with(&stamp, end - start, slices, |out| {
                out.extend_from_slice(&offset.to_le_bytes());
                if let Some(sent) = sent {
                    out.extend_from_slice(&sent.to_le_bytes());
                }
            })?;
            // The first frame of a request's piece stands for all of its sent bytes.
            match &mut sent {
                Some(sent) => offset += std::mem::take(sent),
                None => offset += (end - start) as u64,
            }
        }
        self.hits(log, side, masked.hits(), now)?;
        Ok(length)
    }

    fn hits(
        &mut self,
        log: &mut ExchangeLog,
        side: Side,
        hits: &[Hit],
        now: Now,
    ) -> Result<(), RecordError> {
        for hits in hits.chunks(FRAME_HITS) {
            log.hits += hits.len() as u64;
            let stamp = log.stamp(Kind::MaskHit, now);
            self.put(&stamp, |out| {
                out.extend_from_slice(&[side as u8, 0, 0, 0]);
                out.extend_from_slice(&(hits.len() as u32).to_le_bytes());
                for hit in hits {
                    out.extend_from_slice(&hit.rule.to_le_bytes());
                    out.extend_from_slice(&hit.offset.to_le_bytes());
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn usable(&self) -> Result<State, RecordError> {
        match self.link.health().state() {
            _ if self.torn => Err(RecordError::Latched),
            State::Latched => Err(RecordError::Latched),
            State::Closed => Err(RecordError::Closed),
            _ if self.ring.is_abandoned() => Err(RecordError::Closed),
            state => Ok(state),
        }
    }

    /// Checks that the recorder works and that `need` bytes fit beside the room kept for ends.
    pub(super) fn room(&mut self, need: usize) -> Result<(), RecordError> {
        self.usable()?;
        if need > self.ring.buffer().capacity() / 2 {
            return Err(RecordError::TooLarge);
        }
        if self.room_for(need) {
            return Ok(());
        }
        self.wake();
        Err(RecordError::Full { need })
    }

    /// Copies a frame without body bytes into the ring.
    pub(super) fn put(
        &mut self,
        stamp: &Stamp,
        fixed: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), RecordError> {
        self.put_with(stamp, 0, std::iter::empty(), fixed)
    }

    /// Copies one frame into the ring, `slices` of `tail` bytes behind the fixed part; whoever
    /// calls has checked that there is room.
    fn put_with<'s>(
        &mut self,
        stamp: &Stamp,
        tail: usize,
        slices: impl Iterator<Item = &'s [u8]>,
        fixed: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), RecordError> {
        if self.torn {
            return Err(RecordError::Latched);
        }
        self.torn = true;
        let header = Header {
            kind: stamp.kind,
            exchange: stamp.exchange,
            sequence: stamp.sequence,
            at: stamp.now,
        };
        let scratch = &mut self.scratch;
        scratch.clear();
        scratch.extend_from_slice(&stamp.session.0);
        header.write(0, scratch);
        fixed(scratch);
        let ring_bytes = scratch.len() + tail;
        let length = (ring_bytes - frame::RING_PREFIX_BYTES + CHECKSUM_BYTES) as u32;
        scratch[16..20].copy_from_slice(&length.to_le_bytes());

        let mut pushed = self.ring.push_entire_slice(scratch).is_ok();
        let mut left = tail;
        for slice in slices {
            left = left.wrapping_sub(slice.len());
            pushed &= self.ring.push_entire_slice(slice).is_ok();
        }
        if !pushed || left != 0 {
            return Err(RecordError::Latched);
        }
        self.torn = false;
        self.written += ring_bytes as u64;
        self.quiet += ring_bytes;
        if self.quiet >= RING_WAKE_BYTES {
            self.wake();
        }
        Ok(())
    }

    pub(super) fn wake(&mut self) {
        self.quiet = 0;
        self.link.health().wake();
    }
}

/// Room for the frames that list these hits.
fn hits_room(hits: &[Hit]) -> usize {
    hits.len().div_ceil(FRAME_HITS) * frame::ring_bytes(8) + hits.len() * 10
}

/// The bytes `start..end` of the slices taken together.
fn window<'s>(
    slices: impl Iterator<Item = &'s [u8]>,
    start: usize,
    end: usize,
) -> impl Iterator<Item = &'s [u8]> {
    let mut at = 0;
    slices.filter_map(move |slice| {
        let from = start.saturating_sub(at).min(slice.len());
        let to = end.saturating_sub(at).min(slice.len());
        at += slice.len();
        (from < to).then(|| &slice[from..to])
    })
}
