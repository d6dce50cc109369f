//! What is kept of a segment that was given up: its leaf hashes and its checkpoints, so that the
//! log and the chain of keys can still be followed through it.
//!
//! ```text
//! 0  "SLUPRUNE"   8  writer id   16 number   24 epoch of the key
//! 32 bytes in use 40 key         72 then, in the log's order, entries:
//!    "LEAF" and a leaf hash, or a checkpoint as it stood in the segment
//! ```

use crate::base::ids::WriterId;

use super::block::{Block, sealed};
use super::note::PublicKey;
use super::segment::{CHECKPOINT_MAGIC, Entry, Header, SEAL_MAGIC, Walk, write_note};
use super::tree::Hash;

const MAGIC: [u8; 8] = *b"SLUPRUNE";
const HEADER_BYTES: usize = 72;
const LEAF_MAGIC: [u8; 4] = *b"LEAF";

/// What is kept of a segment, and how many leaves it had. `None` when it is not whole.
#[must_use]
pub fn keep(segment: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (header, leaf) = Header::read(segment)?;
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&header.writer.0);
    out.extend_from_slice(&header.number.to_le_bytes());
    out.extend_from_slice(&header.epoch.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&header.key);
    let mut leaves = 0;
    let mut push = |out: &mut Vec<u8>, leaf: &Hash| {
        out.extend_from_slice(&LEAF_MAGIC);
        out.extend_from_slice(leaf);
        leaves += 1;
    };
    push(&mut out, &leaf);
    let mut walk = Walk::new(segment);
    while let Some(entry) = walk.next_entry().ok()? {
        match entry {
            Entry::Block(bytes) => push(&mut out, &Block::read(bytes).ok()?.hash),
            Entry::Checkpoint(note) => {
                let note = std::str::from_utf8(note).ok()?;
                write_note(CHECKPOINT_MAGIC, note, &mut out);
            }
            Entry::Seal(note) => write_note(SEAL_MAGIC, std::str::from_utf8(note).ok()?, &mut out),
        }
    }
    out[32..40].copy_from_slice(&(walk.used() as u64).to_le_bytes());
    Some((out, leaves))
}

/// What was kept of a segment.
pub(super) struct Kept<'a> {
    pub(super) writer: WriterId,
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) used: u64,
    pub(super) key: PublicKey,
    entries: &'a [u8],
}

/// One entry of it.
pub(super) enum KeptEntry<'a> {
    Leaf(Hash),
    Note(&'a [u8]),
}

impl<'a> Kept<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Kept<'a>> {
        let (header, entries) = bytes.split_at_checked(HEADER_BYTES)?;
        let number = |at: usize| Some(u64::from_le_bytes(*header.get(at..)?.first_chunk()?));
        (header[..8] == MAGIC).then_some(Kept {
            writer: WriterId(*header[8..].first_chunk()?),
            number: number(16)?,
            epoch: number(24)?,
            used: number(32)?,
            key: *header[40..].first_chunk()?,
            entries,
        })
    }

    /// The next entry; `None` at the end, `Some(None)` when it makes no sense.
    pub(super) fn next_entry(&mut self) -> Option<Option<KeptEntry<'a>>> {
        if self.entries.is_empty() {
            return None;
        }
        Some(self.entry())
    }

    fn entry(&mut self) -> Option<KeptEntry<'a>> {
        let magic = *self.entries.first_chunk::<4>()?;
        if magic == LEAF_MAGIC {
            let leaf = *self.entries.get(4..)?.first_chunk()?;
            self.entries = self.entries.get(36..)?;
            return Some(KeptEntry::Leaf(leaf));
        }
        let length = u32::from_le_bytes(*self.entries.get(4..)?.first_chunk()?) as usize;
        let (whole, rest) = self.entries.split_at_checked(length)?;
        let note = sealed(whole)?.get(8..)?;
        self.entries = rest;
        (magic == CHECKPOINT_MAGIC || magic == SEAL_MAGIC).then_some(KeptEntry::Note(note))
    }
}
