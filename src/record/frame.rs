//! Frames: what happened, one event each, written and read byte by byte.
//!
//! The layout is drawn in [`crate::record`]. A frame travels in a worker's ring behind the sixteen
//! bytes of its session id and without its checksum, which the recorder adds off the worker.

use crate::base::clock::{Mono, Now, Wall};
use crate::base::ids::{ExchangeId, SessionId};
use crate::base::limits::FRAME_BYTES;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 40;
/// Bytes of the checksum behind the payload.
pub const CHECKSUM_BYTES: usize = 4;
/// Bytes of the session id in front of a frame in a ring.
pub const RING_PREFIX_BYTES: usize = 16;

/// What a frame tells. The numbers are the format's and never change their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A principal begins to use a connection.
    SessionOpen = 1,
    /// The session is over.
    SessionEnd = 2,
    /// A decided request: who, what, and by which rule.
    RequestHead = 3,
    /// Masked bytes of a request body.
    RequestChunk = 4,
    /// Bytes of a request body that cannot be read: their number and a keyed digest.
    RequestWithheld = 5,
    /// The masked head of a reply, as the caller gets it.
    ResponseHead = 6,
    /// Masked bytes of a reply body, as the caller gets them.
    ResponseChunk = 7,
    /// Where masks changed something; never what stood there.
    MaskHit = 8,
    /// The exchange is over, and how.
    End = 9,
    /// Requests refused before anybody was proven, counted by reason.
    RefusedAggregate = 10,
    /// After a crash: bytes at the end of a segment were dropped.
    Torn = 11,
    /// An aged segment was given up; its leaf hashes are kept.
    Pruned = 12,
    /// The request goes upstream once more, from its beginning: the connection it went to had ended, or
    /// the credential that it showed was not taken.
    Repeated = 13,
    /// One call of a batch: what it asks for, and what was decided about it.
    Part = 14,
    /// What one call of a batch was answered with.
    PartEnd = 15,
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Kind> {
        const ALL: [Kind; 15] = [
            Kind::SessionOpen,
            Kind::SessionEnd,
            Kind::RequestHead,
            Kind::RequestChunk,
            Kind::RequestWithheld,
            Kind::ResponseHead,
            Kind::ResponseChunk,
            Kind::MaskHit,
            Kind::End,
            Kind::RefusedAggregate,
            Kind::Torn,
            Kind::Pruned,
            Kind::Repeated,
            Kind::Part,
            Kind::PartEnd,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// Everything in a frame but its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the frame tells.
    pub kind: Kind,
    /// The exchange it belongs to; zero for frames that belong to none.
    pub exchange: ExchangeId,
    /// Counts the frames of one exchange from zero, so that a missing one shows.
    pub sequence: u64,
    /// When it was written.
    pub at: Now,
}

impl Header {
    /// Appends the header of a frame whose payload will have `payload` bytes.
    pub fn write(&self, payload: usize, out: &mut Vec<u8>) {
        let length = HEADER_BYTES + payload + CHECKSUM_BYTES;
        debug_assert!(length <= FRAME_BYTES);
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[8..16].copy_from_slice(&self.exchange.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.at.mono.0.to_le_bytes());
        bytes[32..].copy_from_slice(&self.at.wall.0.to_le_bytes());
        out.extend_from_slice(&bytes);
    }
}

/// Bytes that a frame with this payload takes in a ring.
#[must_use]
pub const fn ring_bytes(payload: usize) -> usize {
    RING_PREFIX_BYTES + HEADER_BYTES + payload
}

/// The session and the frame's stored length of the record that begins `bytes` of a ring.
///
/// `None` when its first bytes have not all arrived; `Some(Err)` when they make no sense.
#[must_use]
pub fn ring_record(bytes: &[u8]) -> Option<Result<(SessionId, usize), FrameError>> {
    let session = SessionId(bytes.get(..16)?.try_into().ok()?);
    let length = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?) as usize;
    Some(match check_length(length) {
        Ok(()) => Ok((session, length)),
        Err(error) => Err(error),
    })
}

/// Appends the checksum to the frame that begins at `start` of `out`.
pub fn seal(out: &mut Vec<u8>, start: usize) {
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// A frame, borrowed from the bytes of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Everything but the payload.
    pub header: Header,
    /// What it tells; [`super::payload::Event::read`] takes it apart.
    pub payload: &'a [u8],
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// The bytes end inside the frame.
    #[error("the bytes end inside a frame")]
    Short,
    /// The length cannot be one.
    #[error("a frame's length is out of bounds")]
    Length,
    /// The checksum does not fit the bytes.
    #[error("a frame's checksum does not fit")]
    Checksum,
    /// The kind is not known to this version.
    #[error("a frame's kind is unknown")]
    Kind,
    /// Bytes that must be zero are not.
    #[error("reserved bytes of a frame are not zero")]
    Reserved,
    /// The payload does not have its kind's form.
    #[error("a frame's payload is malformed")]
    Payload,
}

impl<'a> Frame<'a> {
    /// The frame that begins `bytes`, and what follows it.
    pub fn read(bytes: &'a [u8]) -> Result<(Frame<'a>, &'a [u8]), FrameError> {
        let length = bytes.first_chunk::<4>().ok_or(FrameError::Short)?;
        let length = u32::from_le_bytes(*length) as usize;
        check_length(length)?;
        let (whole, rest) = bytes.split_at_checked(length).ok_or(FrameError::Short)?;
        let (body, checksum) = whole.split_at(length - CHECKSUM_BYTES);
        if crc32c::crc32c(body).to_le_bytes() != checksum {
            return Err(FrameError::Checksum);
        }
        if body[5..8] != [0, 0, 0] {
            return Err(FrameError::Reserved);
        }
        let header = Header {
            kind: Kind::from_number(body[4]).ok_or(FrameError::Kind)?,
            exchange: ExchangeId(u64_at(body, 8)?),
            sequence: u64_at(body, 16)?,
            at: Now {
                mono: Mono(u64_at(body, 24)?),
                wall: Wall(u64_at(body, 32)?),
            },
        };
        let payload = &body[HEADER_BYTES..];
        Ok((Frame { header, payload }, rest))
    }
}

fn check_length(length: usize) -> Result<(), FrameError> {
    if (HEADER_BYTES + CHECKSUM_BYTES..=FRAME_BYTES).contains(&length) {
        Ok(())
    } else {
        Err(FrameError::Length)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, FrameError> {
    let eight = bytes.get(at..at + 8).and_then(|b| b.first_chunk());
    eight.map_or(Err(FrameError::Short), |b| Ok(u64::from_le_bytes(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        let header = Header {
            kind: Kind::SessionEnd,
            exchange: ExchangeId(7),
            sequence: 3,
            at: Now {
                mono: Mono(0x0102),
                wall: Wall(0x0304),
            },
        };
        header.write(1, &mut out);
        out.push(1);
        seal(&mut out, 0);
        out
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = sample();
        assert!(Frame::read(&bytes).is_ok());
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_is_short() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert_eq!(
                Frame::read(&bytes[..length]).err(),
                Some(FrameError::Short),
                "cut at {length}"
            );
        }
    }
}
