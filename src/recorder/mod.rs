//! Floor 6: the recorder, a thread of its own that brings the workers' rings to the disk.
//!
//! [`Engine`] is what it does; this file is the thread around it and the choice of the directory.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, Thread};

use crate::base::clock::{Clock, Now};
use crate::base::ids::WriterId;
use crate::base::limits::{BLOCK_BYTES, RESERVE_BYTES, RETENTION_BYTES, RING_BYTES, SEGMENT_BYTES};
use crate::record::frame::FrameError;
use crate::record::link::Alarm;
use crate::record::{Health, Writer, ring_pair};

pub mod disk;
mod engine;
mod keys;
mod log;
pub mod read;
mod recover;
pub mod show;

pub use self::disk::{Directory, Disk};
pub use self::engine::Engine;
pub use self::log::{pruned_name, pruned_number, segment_name, segment_number};

/// What an operator chooses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Bytes that all segments of a writer may take together; the oldest are given up beyond it.
    pub retention_bytes: u64,
    /// Free bytes below which new sessions are refused.
    pub reserve_bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            segment_bytes: SEGMENT_BYTES,
            retention_bytes: RETENTION_BYTES,
            reserve_bytes: RESERVE_BYTES,
        }
    }
}

impl Settings {
    /// A segment holds at least one of the largest blocks, and whole sectors.
    fn within_bounds(self) -> Settings {
        let least = 2 * BLOCK_BYTES as u64;
        let segment_bytes = self.segment_bytes.max(least).next_multiple_of(4096);
        Settings {
            segment_bytes,
            // The one in use, the one before, and the one that is prepared.
            retention_bytes: self.retention_bytes.max(3 * segment_bytes),
            ..self
        }
    }
}

/// Why there is no recording, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The system refused.
    #[error("recording: {0}")]
    Io(#[from] io::Error),
    /// A ring holds bytes that are no frame.
    #[error("recording: {0}")]
    Frame(#[from] FrameError),
    /// What is on disk is not as this writer left it; it is kept as it is.
    #[error("recording: {0}; this directory is left as it is")]
    Damaged(String),
    /// It failed before.
    #[error("the recording failed before")]
    Latched,
}

/// The recorder's thread. Dropping it leaves the thread to end when its rings do.
pub struct Recorder {
    writer: WriterId,
    set_aside: Vec<String>,
    health: Arc<Health>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), RecorderError>>,
}

impl Recorder {
    /// Takes a writer directory under `data`/recordings over, or makes one, and starts the thread;
    /// answers a writer for each worker.
    pub fn start(
        data: &Path,
        settings: Settings,
        clock: Clock,
        workers: u16,
    ) -> Result<(Recorder, Vec<Writer>), RecorderError> {
        let health = Health::new();
        let (mut engine, set_aside) = claim(data, &settings, &health, clock.now())?;
        let writer = engine.writer();
        let first = first_exchange(clock.now());
        let digest_key = *engine.digest_key();
        let writers = (0..workers)
            .map(|worker| {
                let (writer, intake) = ring_pair(RING_BYTES, &health, worker, first, &digest_key);
                engine.add(intake);
                writer
            })
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (health, stop) = (Arc::clone(&health), Arc::clone(&stop));
            std::thread::Builder::new()
                .name("recorder".into())
                .spawn(move || run(engine, &health, &stop, clock))?
        };
        health.set_alarm(Box::new(Unpark(thread.thread().clone())));
        let recorder = Recorder {
            writer,
            set_aside,
            health,
            stop,
            thread,
        };
        Ok((recorder, writers))
    }

    /// Whose recording it is.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.writer
    }

    /// Directories that were found damaged and are left as they are, for the operator's log.
    #[must_use]
    pub fn set_aside(&self) -> &[String] {
        &self.set_aside
    }

    /// What the recorder can do, for readiness and metrics.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Takes what is left in the rings, seals the recording, ends the thread. Call it once the
    /// workers are done; what they record later is refused.
    pub fn close(self) -> Result<(), RecorderError> {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(RecorderError::Latched),
        }
    }
}

struct Unpark(Thread);

impl Alarm for Unpark {
    fn wake(&self) {
        self.0.unpark();
    }
}

fn run(
    mut engine: Engine<Directory>,
    health: &Health,
    stop: &AtomicBool,
    clock: Clock,
) -> Result<(), RecorderError> {
    loop {
        let idle = engine.turn(clock.now())?;
        if stop.load(Ordering::Acquire) {
            return engine.close(clock.now());
        }
        if !idle.is_zero() {
            health.falling_asleep();
            if !engine.has_work() {
                std::thread::park_timeout(idle);
            }
            health.awake();
        }
    }
}

/// Makes a directory that only its owner can enter, with those above it, where there is none.
pub fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)
}

/// Where the writers' directories are.
#[must_use]
pub fn recordings(data: &Path) -> PathBuf {
    data.join("recordings")
}

/// Takes the first directory that nobody holds; makes one when there is none. A damaged one is left
/// as it is, for its owner to look at, and named in the second part of the answer.
fn claim(
    data: &Path,
    settings: &Settings,
    health: &Arc<Health>,
    now: Now,
) -> Result<(Engine<Directory>, Vec<String>), RecorderError> {
    let mut set_aside = Vec::new();
    make_private(&recordings(data))?;
    for (writer, path) in writers(data)? {
        let Some(directory) = Directory::lock(&path)? else {
            continue;
        };
        match Engine::open(directory, writer, settings.clone(), Arc::clone(health), now) {
            Ok(engine) => return Ok((engine, set_aside)),
            Err(RecorderError::Damaged(what)) => {
                set_aside.push(format!("{}: {what}", path.display()));
            }
            Err(error) => return Err(error),
        }
    }
    let writer = WriterId(keys::random()?);
    let path = recordings(data).join(writer.to_string());
    make_private(&path)?;
    let directory = Directory::lock(&path)?.ok_or(io::Error::from(io::ErrorKind::WouldBlock))?;
    let engine = Engine::open(directory, writer, settings.clone(), Arc::clone(health), now)?;
    Ok((engine, set_aside))
}

/// The writers that have a directory under `data`/recordings, in the order of their ids.
pub fn writers(data: &Path) -> io::Result<Vec<(WriterId, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(recordings(data))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(writer) = name.and_then(writer_id)
            && path.is_dir()
        {
            found.push((writer, path));
        }
    }
    found.sort();
    Ok(found)
}

fn writer_id(name: &str) -> Option<WriterId> {
    let number = u64::from_str_radix(name, 16).ok()?;
    let id = WriterId(number.to_be_bytes());
    (id.to_string() == name).then_some(id)
}

/// Where a process begins to count exchanges, so that names do not come twice in one directory:
/// the second of its start, times more exchanges than a worker begins in a second.
fn first_exchange(now: Now) -> u64 {
    now.wall.unix_seconds() << 16
}
