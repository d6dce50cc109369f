//! Taking over a writer's directory: a new one, one that was closed in order, or one that a crash
//! left behind.

use std::io;

use crate::base::clock::Now;
use crate::base::ids::WriterId;
use crate::record::block::BlockBuilder;
use crate::record::frame::Kind;
use crate::record::segment::{Header, zeros};
use crate::record::tree::Tree;
use crate::record::verify::{Next, Verdict, Verifier};

use super::RecorderError;
use super::disk::{Disk, write_all};
use super::keys::{Keys, random};
use super::log::{Log, Position, segment_name, segment_number};

const DIGEST_KEY: &str = "digest.key";
const RECOVERED: &str = "recovered";

/// What a directory says about its writer.
pub(super) struct Opened<D: Disk> {
    pub(super) log: Log<D>,
    pub(super) digest_key: [u8; 32],
    /// What the recorder itself has to record first.
    pub(super) block: BlockBuilder,
}

/// Takes a directory over, or makes a new writer in it when it is empty.
pub(super) fn open<D: Disk>(
    mut disk: D,
    writer: WriterId,
    capacity: u64,
    now: Now,
) -> Result<Opened<D>, RecorderError> {
    let mut segments: Vec<u64> = disk
        .names()?
        .iter()
        .filter_map(|name| segment_number(name))
        .collect();
    segments.sort_unstable();
    let digest_key = stored(&mut disk, DIGEST_KEY, segments.is_empty())?;
    let mut block = BlockBuilder::default();
    let (position, keys) = match last_begun(&mut disk, &segments)? {
        Some((number, bytes)) => recover(&mut disk, number, &bytes, &mut block, now)?,
        None => {
            let position = Position {
                tree: Tree::default(),
                oldest: 1,
                segment: 0,
                used: 0,
            };
            (position, Keys::create(&mut disk)?)
        }
    };
    let position = Position {
        oldest: segments.first().copied().unwrap_or(1),
        ..position
    };
    let log = Log::begin(disk, writer, keys, position, capacity, now)?;
    Ok(Opened {
        log,
        digest_key,
        block,
    })
}

/// The last segment that was begun, and its bytes. Files behind it whose header was never written
/// whole hold nothing, and are made anew.
fn last_begun(
    disk: &mut impl Disk,
    segments: &[u64],
) -> Result<Option<(u64, Vec<u8>)>, RecorderError> {
    for number in segments.iter().rev() {
        let bytes = disk.read(&segment_name(*number))?;
        if Header::read(&bytes).is_some() {
            return Ok(Some((*number, bytes)));
        }
        let rest = bytes.get(crate::record::segment::HEADER_BYTES..);
        if !rest.is_none_or(zeros) {
            return Err(RecorderError::Damaged(format!(
                "segment {number} has no header"
            )));
        }
    }
    Ok(None)
}

/// Finds the log's end in its last segment, drops what a crash tore, and records how much.
fn recover(
    disk: &mut impl Disk,
    number: u64,
    bytes: &[u8],
    block: &mut BlockBuilder,
    now: Now,
) -> Result<(Position, Keys), RecorderError> {
    let damaged = |what: String| RecorderError::Damaged(format!("segment {number}: {what}"));
    let (header, _) = Header::read(bytes).ok_or_else(|| damaged("no header".into()))?;
    let mut verifier = Verifier::resume(&header);
    verifier.segment(number, bytes, Next::Prepared);
    let used = verifier.last_segment().map_or(0, |(_, used)| used);
    let tree = verifier.tree().clone();
    let key = verifier.key();
    let sealed = verifier.last_seal().is_some();
    let report = verifier.finish();
    if report.verdict > Verdict::Torn {
        return Err(damaged(report.finding.unwrap_or_default()));
    }
    let (public, epoch) = key.ok_or_else(|| damaged("no key".into()))?;
    let keys = Keys::load(disk, &public, epoch)?
        .ok_or_else(|| damaged("the seed of its signing key is gone".into()))?;
    if !sealed {
        let torn = keep_whole(disk, number, bytes, used)?;
        let payload = [number.to_le_bytes(), torn.to_le_bytes()].concat();
        block.push_own(Kind::Torn, &payload, now);
    }
    let position = Position {
        tree,
        oldest: number,
        segment: number,
        used,
    };
    Ok((position, keys))
}

/// Replaces a segment by a copy without its torn end, and answers how long that end was.
///
/// A copy even where nothing is torn: after a failed sync, what is read here may be in memory only,
/// and syncing the same file again would not bring it to the disk.
fn keep_whole(disk: &mut impl Disk, number: u64, bytes: &[u8], used: u64) -> io::Result<u64> {
    let name = segment_name(number);
    let used = used as usize;
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    write_all(disk, RECOVERED, 0, bytes.get(..used).unwrap_or(bytes))?;
    disk.set_length(RECOVERED, used as u64)?;
    disk.set_length(RECOVERED, bytes.len() as u64)?;
    disk.sync(RECOVERED)?;
    disk.rename(RECOVERED, &name)?;
    disk.sync_names()?;
    Ok(end.saturating_sub(used) as u64)
}

/// Random bytes that are kept in a file; made when the directory is new.
fn stored<const N: usize>(
    disk: &mut impl Disk,
    name: &str,
    is_new: bool,
) -> Result<[u8; N], RecorderError> {
    let bytes = match disk.read(name) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    match <[u8; N]>::try_from(bytes) {
        Ok(bytes) => Ok(bytes),
        // A crash before the first segment may leave it empty or half written.
        Err(_) if is_new => {
            let bytes = random::<N>()?;
            write_all(disk, name, 0, &bytes)?;
            disk.sync(name)?;
            disk.sync_names()?;
            Ok(bytes)
        }
        Err(_) => Err(RecorderError::Damaged(format!("{name} is missing"))),
    }
}
