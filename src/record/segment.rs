//! Segments: a header, then blocks and checkpoints, then zeros up to the segment's capacity.

use crate::base::clock::Wall;
use crate::base::ids::WriterId;
use crate::base::limits::BLOCK_BYTES;

use super::block::{self, sealed};
use super::frame::seal;
use super::note::PublicKey;
use super::tree::{Hash, Tree, leaf_hash};

/// First bytes of a segment: the format's name and version.
pub const MAGIC: [u8; 8] = *b"SLUICE\x00\x01";
/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 4096;
/// Where the header's peaks begin; there is room for those of any log.
const PEAKS_AT: usize = 128;
/// Each group commit begins at a multiple of this, so that no synced byte is ever rewritten.
pub const SECTOR_BYTES: usize = 512;
/// First bytes of a checkpoint.
pub const CHECKPOINT_MAGIC: [u8; 4] = *b"SCKP";
/// First bytes of the checkpoint that seals a segment.
pub const SEAL_MAGIC: [u8; 4] = *b"SEAL";

/// The longest entry; a block counts its table in its bytes, and a note is far shorter.
const ENTRY_BYTES: usize = BLOCK_BYTES + 4096;

/// A segment's header. It is a leaf of the log, like a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Whose.
    pub writer: WriterId,
    /// Counts the writer's segments from one.
    pub number: u64,
    /// Bytes of the file.
    pub capacity: u64,
    /// When the segment was begun.
    pub opened: Wall,
    /// The number of the key that signs.
    pub epoch: u64,
    /// Bytes in use of the segment before, as the writer found or left it; zero for the first.
    pub previous_bytes: u64,
    /// The key that signs.
    pub key: PublicKey,
    /// The log before this header, so that a segment can be followed without those before it.
    pub log: Tree,
}

impl Header {
    /// Appends the header, checksum included.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.writer.0);
        for number in [
            self.number,
            self.log.size(),
            self.capacity,
            self.opened.0,
            self.epoch,
            self.previous_bytes,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.log.root());
        out.extend_from_slice(&self.key);
        for peak in self.log.peaks() {
            out.extend_from_slice(peak);
        }
        out.resize(start + HEADER_BYTES - 4, 0);
        seal(out, start);
    }

    /// Reads a header and its leaf hash.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Header, Hash)> {
        let whole = bytes.get(..HEADER_BYTES)?;
        let body = sealed(whole)?;
        let number = |index: usize| {
            let at = 16 + index * 8;
            Some(u64::from_le_bytes(*body.get(at..)?.first_chunk()?))
        };
        let count = number(1)?.count_ones() as usize;
        let (peaks, rest) = body[PEAKS_AT..].split_at_checked(count * 32)?;
        if body[..8] != MAGIC || !zeros(rest) {
            return None;
        }
        let peaks = peaks.chunks_exact(32).filter_map(|it| it.first_chunk());
        let log = Tree::resume(number(1)?, peaks.copied().collect())?;
        let header = Header {
            writer: WriterId(*body[8..].first_chunk()?),
            number: number(0)?,
            capacity: number(2)?,
            opened: Wall(number(3)?),
            epoch: number(4)?,
            previous_bytes: number(5)?,
            key: *body[96..].first_chunk()?,
            log,
        };
        if body[64..96] != header.log.root() {
            return None;
        }
        Some((header, leaf_hash(whole)))
    }
}

/// Appends a checkpoint, or the one that seals.
pub fn write_note(magic: [u8; 4], note: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&magic);
    out.extend_from_slice(&((8 + note.len() + 4) as u32).to_le_bytes());
    out.extend_from_slice(note.as_bytes());
    seal(out, start);
}

/// What stands in a segment behind its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry<'a> {
    /// A block, whole; [`block::Block::read`] takes it apart.
    Block(&'a [u8]),
    /// A checkpoint's note.
    Checkpoint(&'a [u8]),
    /// The note of the checkpoint that seals the segment.
    Seal(&'a [u8]),
}

/// Why the walk through a segment stopped before its used part's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WalkError {
    /// What stands here is no entry, or an entry that is not whole.
    #[error("no whole entry stands here")]
    Broken,
    /// Bytes that must be zero are not.
    #[error("bytes between entries are not zero")]
    Dirty,
}

/// A walk through a segment's entries.
pub struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Walk<'a> {
    /// A walk through a whole segment, from behind its header.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Walk<'a> {
        Walk {
            bytes,
            at: HEADER_BYTES,
            end: HEADER_BYTES,
        }
    }

    /// Where the last entry that was read ends.
    #[must_use]
    pub fn used(&self) -> usize {
        self.end
    }

    /// The next entry; `None` at the end of the used part. After an error the walk is over.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'a>>, WalkError> {
        // No entry begins with a zero, so a zero is padding up to the next sector.
        if self.first() == Some(0) {
            let sector = self.at.next_multiple_of(SECTOR_BYTES).min(self.bytes.len());
            if !zeros(&self.bytes[self.at..sector]) {
                return Err(WalkError::Dirty);
            }
            self.at = sector;
        }
        if matches!(self.first(), None | Some(0)) {
            let clean = zeros(&self.bytes[self.at..]);
            return if clean {
                Ok(None)
            } else {
                Err(WalkError::Dirty)
            };
        }
        let rest = &self.bytes[self.at..];
        let whole = rest.get(4..8).and_then(|it| it.first_chunk());
        let whole = whole
            .map(|it| u32::from_le_bytes(*it) as usize)
            .filter(|length| (12..=ENTRY_BYTES).contains(length))
            .and_then(|length| rest.get(..length))
            .ok_or(WalkError::Broken)?;
        let body = sealed(whole).ok_or(WalkError::Broken)?;
        let magic = body.first_chunk().copied().unwrap_or_default();
        let entry = match magic {
            block::MAGIC => Entry::Block(whole),
            CHECKPOINT_MAGIC => Entry::Checkpoint(&body[8..]),
            SEAL_MAGIC => Entry::Seal(&body[8..]),
            _ => return Err(WalkError::Broken),
        };
        self.at += whole.len();
        self.end = self.at;
        Ok(Some(entry))
    }

    fn first(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// True when all bytes are zero.
#[must_use]
pub fn zeros(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes
        .chunks(ZEROS.len())
        .all(|chunk| ZEROS.starts_with(chunk))
}
