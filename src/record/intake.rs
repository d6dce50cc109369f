//! The recorder's end of a worker's ring.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::base::ids::SessionId;

use super::frame::{FrameError, HEADER_BYTES, RING_PREFIX_BYTES, ring_record};
use super::link::{Health, Link};
use super::writer::Writer;

/// A ring of `capacity` bytes between worker number `worker` and the recorder of this condition.
///
/// `first_exchange` continues the worker's count of an earlier process, and `digest_key` keys the
/// digests of request bodies that cannot be read.
#[must_use]
pub fn ring_pair(
    capacity: usize,
    health: &Arc<Health>,
    worker: u16,
    first_exchange: u64,
    digest_key: &[u8; 32],
) -> (Writer, Intake) {
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    let link = Link::new(Arc::clone(health));
    let writer = Writer::new(
        producer,
        Arc::clone(&link),
        worker,
        first_exchange,
        digest_key,
    );
    let intake = Intake {
        ring: consumer,
        link,
        drained: 0,
    };
    (writer, intake)
}

/// The recorder's end of a worker's ring.
pub struct Intake {
    ring: rtrb::Consumer<u8>,
    link: Arc<Link>,
    drained: u64,
}

/// A frame as it lies in a ring: in one piece or, at the ring's end, in two; without checksum.
#[derive(Clone, Copy, Debug)]
pub struct RingFrame<'a> {
    /// The session it belongs to.
    pub session: SessionId,
    /// The first piece.
    pub first: &'a [u8],
    /// The rest.
    pub second: &'a [u8],
}

impl RingFrame<'_> {
    /// Bytes of both pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Never true; every frame has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the frame's kind.
    #[must_use]
    pub fn kind(&self) -> u8 {
        let at = |index| self.first.get(index).copied();
        at(4)
            .or_else(|| self.second.get(4 - self.first.len().min(4)).copied())
            .unwrap_or_default()
    }
}

impl Intake {
    /// What the recorder shares with the worker.
    #[must_use]
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Bytes taken from the ring so far.
    #[must_use]
    pub fn drained(&self) -> u64 {
        self.drained
    }

    /// True when nothing waits in the ring.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// True when the worker's end is gone and everything it wrote is taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // In this order: what is written before the end goes is seen.
        self.ring.is_abandoned() && self.ring.is_empty()
    }

    /// Hands the waiting frames over in order, until `take` breaks; a frame it broke at stays.
    pub fn drain(
        &mut self,
        mut take: impl FnMut(RingFrame<'_>) -> ControlFlow<()>,
    ) -> Result<(), FrameError> {
        let Ok(chunk) = self.ring.read_chunk(self.ring.slots()) else {
            return Ok(());
        };
        let (first, second) = chunk.as_slices();
        let total = first.len() + second.len();
        let mut at = 0;
        let mut verdict = Ok(());
        while at < total {
            let mut prefix = [0; RING_PREFIX_BYTES + 4];
            let (one, two) = window(first, second, at, total.min(at + prefix.len()));
            prefix[..one.len()].copy_from_slice(one);
            prefix[one.len()..one.len() + two.len()].copy_from_slice(two);
            let (session, length) = match ring_record(&prefix[..one.len() + two.len()]) {
                None => break,
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    verdict = Err(error);
                    break;
                }
            };
            // The stored length counts the checksum, which the ring does not carry.
            let end = at + RING_PREFIX_BYTES + length - super::frame::CHECKSUM_BYTES;
            if end > total {
                break;
            }
            debug_assert!(length >= HEADER_BYTES);
            let (one, two) = window(first, second, at + RING_PREFIX_BYTES, end);
            let frame = RingFrame {
                session,
                first: one,
                second: two,
            };
            if take(frame).is_break() {
                break;
            }
            at = end;
        }
        chunk.commit(at);
        self.drained += at as u64;
        verdict
    }
}

/// The bytes `from..to` of two slices taken together.
fn window<'a>(first: &'a [u8], second: &'a [u8], from: usize, to: usize) -> (&'a [u8], &'a [u8]) {
    let cut = first.len();
    (
        &first[from.min(cut)..to.min(cut)],
        &second[from.saturating_sub(cut)..to.saturating_sub(cut)],
    )
}
