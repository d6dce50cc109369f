//! The writer's log on disk: blocks and checkpoints go to the current segment, segments follow one
//! another, keys evolve.
//!
//! A checkpoint is written only over leaves that are on disk. So whatever a crash leaves behind the
//! last checkpoint is a torn end, and never looks like tampering.

use std::io;

use crate::base::clock::Now;
use crate::base::digest::sha256;
use crate::base::ids::WriterId;
use crate::record::block::{BlockBuilder, Compressor};
use crate::record::checkpoint::{Checkpoint, Seal};
use crate::record::note::public_key;
use crate::record::pruned;
use crate::record::segment::{
    CHECKPOINT_MAGIC, HEADER_BYTES, Header, SEAL_MAGIC, SECTOR_BYTES, write_note,
};
use crate::record::tree::{Tree, leaf_hash};

use super::disk::{Disk, write_all};
use super::keys::Keys;

/// Room kept at a segment's end for a checkpoint and the seal, each on its own sectors.
const TAIL_BYTES: u64 = 4 * SECTOR_BYTES as u64;
/// What one turn fills of the segment that is being prepared.
const FILL_BYTES: u64 = 1024 * 1024;

/// The name of a segment's file.
#[must_use]
pub fn segment_name(number: u64) -> String {
    format!("segment-{number:010}")
}

/// The name of the file that keeps what is left of a segment that was given up.
#[must_use]
pub fn pruned_name(number: u64) -> String {
    format!("pruned-{number:010}")
}

/// The number of the segment of which this file keeps what is left.
#[must_use]
pub fn pruned_number(name: &str) -> Option<u64> {
    name.strip_prefix("pruned-")?.parse().ok()
}

/// The number of the segment that has this file name.
#[must_use]
pub fn segment_number(name: &str) -> Option<u64> {
    name.strip_prefix("segment-")?.parse().ok()
}

/// Where a log stands, as a header or a recovery tells.
pub(super) struct Position {
    pub(super) tree: Tree,
    /// The oldest segment that is still there.
    pub(super) oldest: u64,
    /// The last segment, and its bytes in use; zeros for a new log.
    pub(super) segment: u64,
    pub(super) used: u64,
}

/// The writer's log on disk.
pub(super) struct Log<D: Disk> {
    disk: D,
    writer: WriterId,
    keys: Keys,
    tree: Tree,
    zstd: Compressor,
    out: Vec<u8>,
    name: String,
    number: u64,
    oldest: u64,
    capacity: u64,
    /// Where the next entry goes.
    at: u64,
    /// True when something is written that is not synced.
    dirty: bool,
    /// Leaves that the last checkpoint signs.
    signed: u64,
    /// Bytes of blocks since the last checkpoint.
    unsigned_bytes: u64,
    /// How much of the next segment's file is filled with zeros.
    prepared: u64,
    sealed: bool,
}

impl<D: Disk> Log<D> {
    /// Begins the segment behind `position`.
    pub(super) fn begin(
        disk: D,
        writer: WriterId,
        keys: Keys,
        position: Position,
        capacity: u64,
        now: Now,
    ) -> io::Result<Log<D>> {
        let mut log = Log {
            disk,
            writer,
            keys,
            tree: position.tree,
            zstd: Compressor::default(),
            out: Vec::new(),
            name: segment_name(position.segment),
            number: position.segment,
            oldest: position.oldest,
            capacity,
            at: position.used,
            dirty: false,
            signed: 0,
            unsigned_bytes: 0,
            prepared: 0,
            sealed: false,
        };
        log.next_segment(now)?;
        Ok(log)
    }

    /// The disk, for what is not the log's business.
    pub(super) fn disk(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Bytes of blocks that no checkpoint signs.
    pub(super) fn unsigned_bytes(&self) -> u64 {
        self.unsigned_bytes
    }

    /// True when no checkpoint signs the last leaf.
    pub(super) fn is_unsigned(&self) -> bool {
        self.signed < self.tree.size()
    }

    /// Writes a block, on a new segment when this one is full, and empties the builder.
    pub(super) fn append(&mut self, block: &mut BlockBuilder, now: Now) -> io::Result<()> {
        let room = self.capacity.saturating_sub(self.at + TAIL_BYTES);
        if block.bound() as u64 > room {
            self.seal(Seal::Continues, now)?;
            self.next_segment(now)?;
        }
        self.out.clear();
        let leaf = block.finish(self.tree.size(), &mut self.zstd, &mut self.out);
        self.write_out()?;
        self.unsigned_bytes += self.out.len() as u64;
        self.tree.push(leaf);
        Ok(())
    }

    /// Returns once everything written is on disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.disk.sync(&self.name)?;
            self.dirty = false;
            self.at = self.at.next_multiple_of(SECTOR_BYTES as u64);
        }
        Ok(())
    }

    /// Signs the log; afterwards the signature and all it signs are on disk.
    pub(super) fn checkpoint(&mut self, evolve: bool, now: Now) -> io::Result<()> {
        self.sync()?;
        if self.capacity.saturating_sub(self.at) < TAIL_BYTES {
            // Many small syncs filled the segment: the seal is a checkpoint as good as any.
            self.seal(Seal::Continues, now)?;
            return self.next_segment(now);
        }
        let next = match evolve {
            true => Some(self.keys.prepare(&mut self.disk)?),
            false => None,
        };
        let checkpoint = Checkpoint {
            next_key: next.as_ref().map(|it| it.public()),
            ..self.word(now)
        };
        self.write_word(CHECKPOINT_MAGIC, &checkpoint)?;
        match next {
            Some(next) => self.keys.evolve(&mut self.disk, next),
            None => Ok(()),
        }
    }

    /// Seals the last segment for good: the writer shuts down.
    pub(super) fn close(&mut self, now: Now) -> io::Result<()> {
        self.seal(Seal::Closed, now)
    }

    /// Fills a little of the next segment's file when this one is half full.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        if self.at > self.capacity / 2 && self.prepared < self.capacity {
            self.fill(FILL_BYTES)?;
        }
        Ok(())
    }

    /// Gives the oldest segment up when the files would take more than `most` bytes: what must be
    /// kept of it goes to a file of its own. Answers the payload of the frame that says so; the
    /// segment is there until [`Log::remove_oldest`].
    pub(super) fn prune(&mut self, most: u64) -> io::Result<Option<Vec<u8>>> {
        // Those that are begun, and the one that is prepared.
        let files = self.number + 2 - self.oldest;
        if files.saturating_mul(self.capacity) <= most || self.oldest >= self.number {
            return Ok(None);
        }
        let bytes = self.disk.read(&segment_name(self.oldest))?;
        let damaged = || io::Error::other("the oldest segment is damaged; it is not given up");
        let (kept, leaves) = pruned::keep(&bytes).ok_or_else(damaged)?;
        let (header, _) = Header::read(&bytes).ok_or_else(damaged)?;
        let name = pruned_name(self.oldest);
        write_all(&mut self.disk, &name, 0, &kept)?;
        self.disk.set_length(&name, kept.len() as u64)?;
        self.disk.sync(&name)?;
        self.disk.sync_names()?;
        let mut payload = Vec::with_capacity(56);
        for number in [self.oldest, header.log.size(), leaves] {
            payload.extend_from_slice(&number.to_le_bytes());
        }
        payload.extend_from_slice(&sha256(&[&kept]));
        Ok(Some(payload))
    }

    /// Removes the oldest segment; the frame that says so is on disk.
    pub(super) fn remove_oldest(&mut self) -> io::Result<()> {
        self.disk.remove(&segment_name(self.oldest))?;
        self.oldest += 1;
        self.disk.sync_names()
    }

    fn seal(&mut self, how: Seal, now: Now) -> io::Result<()> {
        if self.sealed {
            return Ok(());
        }
        self.sync()?;
        if how == Seal::Continues {
            // It must be there before the seal says so.
            self.fill(u64::MAX)?;
        }
        let next = self.keys.prepare(&mut self.disk)?;
        let checkpoint = Checkpoint {
            seal: Some((self.number, how)),
            next_key: Some(next.public()),
            ..self.word(now)
        };
        self.write_word(SEAL_MAGIC, &checkpoint)?;
        self.sealed = true;
        self.keys.evolve(&mut self.disk, next)
    }

    fn word(&self, now: Now) -> Checkpoint {
        Checkpoint {
            writer: self.writer,
            size: self.tree.size(),
            root: self.tree.root(),
            epoch: self.keys.epoch,
            time: now.wall,
            seal: None,
            next_key: None,
        }
    }

    fn write_word(&mut self, magic: [u8; 4], checkpoint: &Checkpoint) -> io::Result<()> {
        self.out.clear();
        write_note(magic, &checkpoint.sign(&self.keys.pair), &mut self.out);
        self.write_out()?;
        self.disk.sync(&self.name)?;
        self.dirty = false;
        // Where the seal ends is what the next header tells; after it nothing is written.
        if magic != SEAL_MAGIC {
            self.at = self.at.next_multiple_of(SECTOR_BYTES as u64);
        }
        self.signed = checkpoint.size;
        self.unsigned_bytes = 0;
        Ok(())
    }

    /// Begins the next segment: zeros up to its capacity, a header, both on disk.
    fn next_segment(&mut self, now: Now) -> io::Result<()> {
        self.fill(u64::MAX)?;
        let header = Header {
            writer: self.writer,
            number: self.number + 1,
            capacity: self.capacity,
            opened: now.wall,
            epoch: self.keys.epoch,
            previous_bytes: self.at,
            key: public_key(&self.keys.pair),
            log: self.tree.clone(),
        };
        self.number += 1;
        self.name = segment_name(self.number);
        self.at = 0;
        self.prepared = 0;
        self.sealed = false;
        self.out.clear();
        header.write(&mut self.out);
        let leaf = leaf_hash(&self.out);
        self.write_out()?;
        self.sync()?;
        self.tree.push(leaf);
        debug_assert_eq!(self.at, HEADER_BYTES as u64);
        Ok(())
    }

    /// Fills up to `most` bytes of the next segment's file with zeros, and syncs it when it is
    /// whole: an fdatasync of what is written there later changes no metadata.
    fn fill(&mut self, most: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        if self.prepared >= self.capacity {
            return Ok(());
        }
        let name = segment_name(self.number + 1);
        let end = self.capacity.min(self.prepared.saturating_add(most));
        while self.prepared < end {
            let count = (end - self.prepared).min(ZEROS.len() as u64);
            let zeros = ZEROS.get(..count as usize).unwrap_or(&ZEROS);
            write_all(&mut self.disk, &name, self.prepared, zeros)?;
            self.prepared += count;
        }
        if self.prepared >= self.capacity {
            self.disk.sync(&name)?;
            self.disk.sync_names()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        write_all(&mut self.disk, &self.name, self.at, &self.out)?;
        self.at += self.out.len() as u64;
        self.dirty = true;
        Ok(())
    }
}
