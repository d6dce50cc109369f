//! Blocks: frames packed by session, each session's chunk compressed by itself, one leaf together.

use hashbrown::HashMap;

use crate::base::clock::Now;
use crate::base::digest::sha256;
use crate::base::ids::{ExchangeId, SessionId};
use crate::base::limits::BLOCK_BYTES;

use super::frame::{CHECKSUM_BYTES, Frame, FrameError, Header, Kind, seal};
use super::intake::RingFrame;
use super::tree::{Hash, leaf_hash};

/// First bytes of a block.
pub const MAGIC: [u8; 4] = *b"SBLK";
/// Bytes before the chunk table.
pub const HEADER_BYTES: usize = 24;
/// Bytes of one entry of the chunk table.
pub const ENTRY_BYTES: usize = 60;

/// zstd's fastest regular level; the gain of higher ones does not pay for the recorder's time.
const LEVEL: i32 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Codec {
    Plain = 0,
    Zstd = 1,
}

/// Why bytes are not a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockError {
    /// Header or table make no sense, or the checksum does not fit.
    #[error("a block is malformed")]
    Malformed,
    /// A chunk's bytes are not those that the table lists.
    #[error("a chunk does not have its listed hash")]
    ChunkHash,
    /// A chunk cannot be decompressed to its listed length.
    #[error("a chunk cannot be decompressed")]
    Compression,
    /// A chunk's frames are malformed.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A block in the making.
#[derive(Default)]
pub struct BlockBuilder {
    /// Which of `chunks` a session's frames go to.
    places: HashMap<SessionId, usize>,
    chunks: Vec<Vec<u8>>,
    order: Vec<SessionId>,
    bytes: usize,
}

impl BlockBuilder {
    /// True when no frame is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The most bytes that the finished block will have.
    #[must_use]
    pub fn bound(&self) -> usize {
        HEADER_BYTES + self.bytes + CHECKSUM_BYTES
    }

    /// True when the frame still fits.
    #[must_use]
    pub fn fits(&self, frame: &RingFrame<'_>) -> bool {
        self.is_empty() || self.bytes + self.cost(frame.session, frame.len()) <= BLOCK_BYTES
    }

    /// Adds a frame, with its checksum.
    pub fn push(&mut self, frame: &RingFrame<'_>) {
        self.bytes += self.cost(frame.session, frame.len());
        let chunk = self.chunk(frame.session);
        let start = chunk.len();
        chunk.extend_from_slice(frame.first);
        chunk.extend_from_slice(frame.second);
        seal(chunk, start);
    }

    /// Adds a frame of the recorder's own.
    pub fn push_own(&mut self, kind: Kind, payload: &[u8], now: Now) {
        self.bytes += self.cost(SessionId::default(), payload.len() + 40);
        let header = Header {
            kind,
            exchange: ExchangeId::default(),
            sequence: 0,
            at: now,
        };
        let chunk = self.chunk(SessionId::default());
        let start = chunk.len();
        header.write(payload.len(), chunk);
        chunk.extend_from_slice(payload);
        seal(chunk, start);
    }

    /// Appends the block as leaf number `leaf` to `out`, empties the builder, answers the leaf hash.
    pub fn finish(&mut self, leaf: u64, zstd: &mut Compressor, out: &mut Vec<u8>) -> Hash {
        let start = out.len();
        let count = self.order.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&leaf.to_le_bytes());
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let table = out.len();
        out.resize(table + count * ENTRY_BYTES, 0);
        for (index, session) in self.order.iter().enumerate() {
            let raw = &self.chunks[index];
            let at = out.len();
            let codec = zstd.compress(raw, out);
            let hash = sha256(&[&out[at..]]);
            let stored = (out.len() - at) as u32;
            let entry = &mut out[table + index * ENTRY_BYTES..][..ENTRY_BYTES];
            entry[..16].copy_from_slice(&session.0);
            entry[16] = codec as u8;
            entry[20..24].copy_from_slice(&stored.to_le_bytes());
            entry[24..28].copy_from_slice(&(raw.len() as u32).to_le_bytes());
            entry[28..].copy_from_slice(&hash);
        }
        let length = (out.len() - start + CHECKSUM_BYTES) as u32;
        out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
        let hash = leaf_hash(&out[start..table + count * ENTRY_BYTES]);
        seal(out, start);
        self.clear();
        hash
    }

    fn clear(&mut self) {
        self.places.clear();
        self.order.clear();
        self.bytes = 0;
        self.chunks.iter_mut().for_each(Vec::clear);
    }

    fn cost(&self, session: SessionId, frame: usize) -> usize {
        let new = !self.places.contains_key(&session);
        frame + CHECKSUM_BYTES + if new { ENTRY_BYTES } else { 0 }
    }

    fn chunk(&mut self, session: SessionId) -> &mut Vec<u8> {
        let next = self.order.len();
        let place = *self.places.entry(session).or_insert(next);
        if place == next {
            self.order.push(session);
            if self.chunks.len() == next {
                self.chunks.push(Vec::new());
            }
        }
        &mut self.chunks[place]
    }
}

/// A compressor that is kept from block to block.
pub struct Compressor {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    spare: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor {
            // Without one, chunks are stored as they are: larger, but recorded.
            zstd: zstd::bulk::Compressor::new(LEVEL).ok(),
            spare: Vec::new(),
        }
    }
}

impl Compressor {
    /// Appends `raw`, compressed when that makes it smaller.
    fn compress(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Codec {
        self.spare.clear();
        self.spare
            .reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let compressed = match &mut self.zstd {
            Some(zstd) => zstd.compress_to_buffer(raw, &mut self.spare).is_ok(),
            None => false,
        };
        if compressed && self.spare.len() < raw.len() {
            out.extend_from_slice(&self.spare);
            Codec::Zstd
        } else {
            out.extend_from_slice(raw);
            Codec::Plain
        }
    }
}

/// A block, borrowed from a segment's bytes; checksum and chunk hashes are checked.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Its leaf number.
    pub leaf: u64,
    /// Its leaf hash.
    pub hash: Hash,
    table: &'a [u8],
    data: &'a [u8],
}

/// One session's chunk of a block.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Whose.
    pub session: SessionId,
    codec: u8,
    raw: usize,
    stored: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads one whole block.
    pub fn read(bytes: &'a [u8]) -> Result<Block<'a>, BlockError> {
        let body = sealed(bytes).ok_or(BlockError::Malformed)?;
        let header = body.get(..HEADER_BYTES).ok_or(BlockError::Malformed)?;
        let count = u32_at(header, 16) as usize;
        if header[..4] != MAGIC || header[20..24] != [0; 4] {
            return Err(BlockError::Malformed);
        }
        let leaf = u64::from(u32_at(header, 8)) | u64::from(u32_at(header, 12)) << 32;
        let end = count
            .checked_mul(ENTRY_BYTES)
            .and_then(|table| table.checked_add(HEADER_BYTES))
            .filter(|end| *end <= body.len())
            .ok_or(BlockError::Malformed)?;
        let block = Block {
            leaf,
            hash: leaf_hash(&body[..end]),
            table: &body[HEADER_BYTES..end],
            data: &body[end..],
        };
        let mut stored = 0;
        for chunk in block.entries() {
            let (chunk, hash) = chunk?;
            if sha256(&[chunk.stored]) != hash {
                return Err(BlockError::ChunkHash);
            }
            stored += chunk.stored.len();
        }
        if stored != block.data.len() {
            return Err(BlockError::Malformed);
        }
        Ok(block)
    }

    /// The chunks.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> {
        self.entries().filter_map(|it| Some(it.ok()?.0))
    }

    fn entries(&self) -> impl Iterator<Item = Result<(Chunk<'a>, Hash), BlockError>> + use<'a> {
        let mut data = self.data;
        self.table.chunks_exact(ENTRY_BYTES).map(move |entry| {
            let length = u32_at(entry, 20) as usize;
            let (stored, rest) = data.split_at_checked(length).ok_or(BlockError::Malformed)?;
            data = rest;
            let mut session = SessionId::default();
            session.0.copy_from_slice(&entry[..16]);
            let mut hash = [0; 32];
            hash.copy_from_slice(&entry[28..]);
            let raw = u32_at(entry, 24) as usize;
            if entry[17..20] != [0; 3] || raw > BLOCK_BYTES {
                return Err(BlockError::Malformed);
            }
            let chunk = Chunk {
                session,
                codec: entry[16],
                raw,
                stored,
            };
            Ok((chunk, hash))
        })
    }
}

impl Chunk<'_> {
    /// The chunk's frames, one after the other, decompressed.
    pub fn unpack(&self) -> Result<Vec<u8>, BlockError> {
        let bytes = match self.codec {
            0 => self.stored.to_vec(),
            1 => zstd::bulk::decompress(self.stored, self.raw)
                .map_err(|_| BlockError::Compression)?,
            _ => return Err(BlockError::Malformed),
        };
        if bytes.len() == self.raw {
            Ok(bytes)
        } else {
            Err(BlockError::Compression)
        }
    }
}

/// The frames of an unpacked chunk.
pub fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, FrameError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        Some(match Frame::read(bytes) {
            Ok((frame, rest)) => {
                bytes = rest;
                Ok(frame)
            }
            Err(error) => {
                bytes = &[];
                Err(error)
            }
        })
    })
}

/// What stands before a fitting checksum at the end of `bytes`.
pub(super) fn sealed(bytes: &[u8]) -> Option<&[u8]> {
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    (crc32c::crc32c(body).to_le_bytes() == checksum).then_some(body)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|it| it.first_chunk());
    four.map_or(0, |it| u32::from_le_bytes(*it))
}
