//! The recorder without its thread: one turn drains the rings, writes, syncs and signs what is due.
//!
//! ```text
//! rings --drain--> block --append--> segment --sync--> durable --checkpoint--> signed
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Mono, Now};
use crate::base::ids::WriterId;
use crate::base::limits::{CHECKPOINT_BYTES, CHECKPOINT_TIME, EPOCH_TIME};
use crate::record::block::BlockBuilder;
use crate::record::frame::Kind;
use crate::record::{Health, Intake, State};

use super::disk::Disk;
use super::log::Log;
use super::recover::{self, Opened};
use super::{RecorderError, Settings};

/// How often the free space is looked at.
const SPACE_TIME: Duration = Duration::from_secs(1);
/// Blocks written in one turn before signing and space get their share.
const TURN_BLOCKS: usize = 16;

/// A worker's ring, and how far it has come.
struct Source {
    intake: Intake,
    /// Bytes of the ring that are in blocks that were written.
    written: u64,
}

/// The recorder without its thread.
pub struct Engine<D: Disk> {
    settings: Settings,
    health: Arc<Health>,
    writer: WriterId,
    digest_key: [u8; 32],
    log: Log<D>,
    sources: Vec<Source>,
    block: BlockBuilder,
    /// Since when a frame waits in the block.
    block_since: Option<Mono>,
    /// Since when a leaf is unsigned.
    unsigned_since: Option<Mono>,
    /// A session ended: sign without waiting.
    sign_now: bool,
    epoch_since: Mono,
    space_seen: Option<Mono>,
    failed: bool,
}

impl<D: Disk> Engine<D> {
    /// Takes the directory behind `disk` over; it is this writer's.
    pub fn open(
        disk: D,
        writer: WriterId,
        settings: Settings,
        health: Arc<Health>,
        now: Now,
    ) -> Result<Engine<D>, RecorderError> {
        let settings = settings.within_bounds();
        let Opened {
            log,
            digest_key,
            block,
        } = recover::open(disk, writer, settings.segment_bytes, now)?;
        Ok(Engine {
            settings,
            health,
            writer,
            digest_key,
            log,
            sources: Vec::new(),
            block_since: (!block.is_empty()).then_some(now.mono),
            block,
            unsigned_since: None,
            sign_now: true,
            epoch_since: now.mono,
            space_seen: None,
            failed: false,
        })
    }

    /// Whose recording it is.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.writer
    }

    /// The key for digests of bodies that cannot be read.
    #[must_use]
    pub fn digest_key(&self) -> &[u8; 32] {
        &self.digest_key
    }

    /// Adds a worker's ring.
    pub fn add(&mut self, intake: Intake) {
        self.sources.push(Source { intake, written: 0 });
    }

    /// True when some ring holds frames or waits for the disk.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.sources
            .iter()
            .any(|it| !it.intake.is_empty() || it.intake.link().is_wanted())
    }

    /// Does what is due, and answers for how long nothing will be. The first error is the last:
    /// from then on the files are never touched again and every writer refuses.
    pub fn turn(&mut self, now: Now) -> Result<Duration, RecorderError> {
        self.guarded(|engine| engine.work(now))
    }

    /// Takes what is left in the rings, seals the segment, and refuses everything from then on.
    pub fn close(&mut self, now: Now) -> Result<(), RecorderError> {
        self.guarded(|engine| {
            while engine.drain(now)? {}
            engine.flush(now)?;
            engine.log.close(now)?;
            engine.publish_durable();
            Ok(())
        })?;
        self.health.publish(State::Closed);
        self.notify_all();
        Ok(())
    }

    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, RecorderError>,
    ) -> Result<T, RecorderError> {
        // Failed until proven otherwise, so that an early return or a panic stays a failure.
        if std::mem::replace(&mut self.failed, true) {
            return Err(RecorderError::Latched);
        }
        match work(self) {
            Ok(done) => {
                self.failed = false;
                Ok(done)
            }
            Err(error) => {
                self.health.publish(State::Latched);
                self.notify_all();
                Err(error)
            }
        }
    }

    fn work(&mut self, now: Now) -> Result<Duration, RecorderError> {
        let more = self.drain(now)?;
        let wanted = self.sources.iter().any(|it| it.intake.link().is_wanted());
        if wanted || due(self.block_since, now) {
            self.flush(now)?;
        }
        if wanted {
            self.log.sync()?;
            self.publish_durable();
        }
        self.sign(now)?;
        self.log.prepare()?;
        self.prune(now)?;
        self.watch_space(now)?;
        self.sources
            .retain(|it| !it.intake.is_finished() || it.written < it.intake.drained());
        Ok(if more {
            Duration::ZERO
        } else {
            CHECKPOINT_TIME
        })
    }

    /// Moves frames from the rings to the block, and full blocks to the segment. Answers true when
    /// it stopped before the rings were empty.
    fn drain(&mut self, now: Now) -> Result<bool, RecorderError> {
        let mut blocks = 0;
        for index in 0..self.sources.len() {
            loop {
                let full = self.take(index, now)?;
                self.sources[index].intake.link().notify();
                if !full {
                    break;
                }
                self.flush(now)?;
                blocks += 1;
                if blocks >= TURN_BLOCKS {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Moves frames of one ring to the block; answers true when the block is full.
    fn take(&mut self, index: usize, now: Now) -> Result<bool, RecorderError> {
        let block = &mut self.block;
        let mut full = false;
        let mut session_ended = false;
        self.sources[index].intake.drain(|frame| {
            if !block.fits(&frame) {
                full = true;
                return ControlFlow::Break(());
            }
            session_ended |= frame.kind() == Kind::SessionEnd as u8;
            block.push(&frame);
            ControlFlow::Continue(())
        })?;
        self.sign_now |= session_ended;
        if !self.block.is_empty() {
            self.block_since.get_or_insert(now.mono);
        }
        Ok(full)
    }

    /// Writes the block, whatever its size.
    fn flush(&mut self, now: Now) -> Result<(), RecorderError> {
        if !self.block.is_empty() {
            self.log.append(&mut self.block, now)?;
        }
        self.block_since = None;
        for source in &mut self.sources {
            source.written = source.intake.drained();
        }
        Ok(())
    }

    /// Signs the log when that is due.
    fn sign(&mut self, now: Now) -> Result<(), RecorderError> {
        if self.log.is_unsigned() {
            self.unsigned_since.get_or_insert(now.mono);
        }
        let due = self.sign_now
            || due(self.unsigned_since, now)
            || self.log.unsigned_bytes() >= CHECKPOINT_BYTES;
        if !due {
            return Ok(());
        }
        self.flush(now)?;
        let evolve = now.mono.since(self.epoch_since) >= EPOCH_TIME;
        if evolve {
            self.epoch_since = now.mono;
        }
        self.log.checkpoint(evolve, now)?;
        self.sign_now = false;
        self.unsigned_since = None;
        self.publish_durable();
        Ok(())
    }

    /// Tells the workers how far the disk is: everything written is synced by now.
    fn publish_durable(&self) {
        for source in &self.sources {
            let link = source.intake.link();
            if link.durable() < source.written {
                link.set_durable(source.written);
                link.notify();
            }
        }
    }

    /// Gives up the oldest segment beyond the retention. It goes only after the log says so on
    /// disk, signed by the next checkpoint.
    fn prune(&mut self, now: Now) -> Result<(), RecorderError> {
        let Some(payload) = self.log.prune(self.settings.retention_bytes)? else {
            return Ok(());
        };
        self.block.push_own(Kind::Pruned, &payload, now);
        self.flush(now)?;
        self.log.checkpoint(false, now)?;
        self.publish_durable();
        Ok(self.log.remove_oldest()?)
    }

    /// Refuses new sessions before the disk is full.
    fn watch_space(&mut self, now: Now) -> Result<(), RecorderError> {
        if self
            .space_seen
            .is_some_and(|seen| now.mono.since(seen) < SPACE_TIME)
        {
            return Ok(());
        }
        self.space_seen = Some(now.mono);
        let free = self.log.disk().free()?;
        self.health
            .publish(match free < self.settings.reserve_bytes {
                true => State::LowSpace,
                false => State::Running,
            });
        Ok(())
    }

    fn notify_all(&self) {
        for source in &self.sources {
            source.intake.link().notify();
        }
    }
}

impl<D: Disk> Drop for Engine<D> {
    /// Whoever waits learns that nobody will come: the recorder is closed, or its thread panicked.
    fn drop(&mut self) {
        self.health.publish(State::Closed);
        self.notify_all();
    }
}

fn due(since: Option<Mono>, now: Now) -> bool {
    since.is_some_and(|since| now.mono.since(since) >= CHECKPOINT_TIME)
}
