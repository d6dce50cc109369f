//! Verification: a writer's segments, in order, against its own checkpoints. Needs no secret.

use hashbrown::HashMap;

use crate::base::ids::{ExchangeId, WriterId};

use super::block::{Block, frames};
use super::checkpoint::{Checkpoint, Seal};
use super::frame::{Frame, Kind};
use super::note::{NoteError, PublicKey};
use super::payload::Event;
use super::segment::{CHECKPOINT_MAGIC, Entry, HEADER_BYTES, Header, SEAL_MAGIC, Walk, zeros};
use super::tree::{Hash, Tree};

mod pruned;
mod report;

pub use self::report::{Next, Report, Trust, Verdict};

/// A problem: how bad, and what.
type Finding = (Verdict, String);

/// Follows a writer's log from segment to segment.
pub struct Verifier {
    writer: WriterId,
    trust: Trust,
    anchor: Option<(u64, Hash)>,
    anchored: bool,
    report: Report,
    tree: Tree,
    key: Option<PublicKey>,
    epoch: u64,
    /// The number of the last segment, and where its used part ends.
    last: Option<(u64, u64)>,
    seal: Option<Seal>,
    open: HashMap<ExchangeId, u64>,
    /// The last segment that was given up, with the digest of what is kept of it, until the log
    /// confirms it. Those before went before it, and the log's word on them may have gone since.
    unconfirmed: Option<(u64, Hash)>,
    /// True when earlier segments were not read: exchanges may have begun there.
    resumed: bool,
}

impl Verifier {
    /// A verifier of this writer's recording.
    #[must_use]
    pub fn new(writer: WriterId, trust: Trust) -> Verifier {
        Verifier {
            writer,
            trust,
            anchor: None,
            anchored: false,
            report: Report {
                writer,
                verdict: Verdict::Ok,
                finding: None,
                first_key: None,
                segments: 0,
                leaves: 0,
                root: Tree::default().root(),
                frames: 0,
                checkpoints: 0,
                crashes: 0,
                open_exchanges: 0,
                unsigned_bytes: 0,
            },
            tree: Tree::default(),
            key: None,
            epoch: 0,
            last: None,
            seal: None,
            open: HashMap::new(),
            unconfirmed: None,
            resumed: false,
        }
    }

    /// A verifier that believes this header and follows the log from its segment on.
    #[must_use]
    pub fn resume(header: &Header) -> Verifier {
        let mut verifier = Verifier::new(header.writer, Trust::Key(header.key));
        verifier.tree = header.log.clone();
        verifier.last = Some((header.number.saturating_sub(1), header.previous_bytes));
        verifier.resumed = true;
        verifier
    }

    /// A checkpoint kept elsewhere: the log must have reached its size with its root.
    pub fn anchor(&mut self, size: u64, root: Hash) {
        self.anchor = Some((size, root));
    }

    /// The next segment's bytes; `number` is what its file's name says, `next` what follows. Answers false once a finding makes what follows meaningless.
    pub fn segment(&mut self, number: u64, bytes: &[u8], next: Next) -> bool {
        if self.report.verdict > Verdict::Torn {
            return false;
        }
        let judged = self.judge(number, bytes, next);
        self.noted(number, judged)
    }

    fn noted(&mut self, number: u64, judged: Result<(), Finding>) -> bool {
        match judged {
            Ok(()) => true,
            Err((verdict, finding)) => {
                self.report.verdict = verdict;
                self.report.finding = Some(format!("segment {number}: {finding}"));
                false
            }
        }
    }

    /// What is kept of the next segment, which was given up.
    pub fn pruned(&mut self, number: u64, bytes: &[u8]) -> bool {
        if self.report.verdict > Verdict::Torn {
            return false;
        }
        let judged = self.follow_pruned(number, bytes);
        self.noted(number, judged)
    }

    /// The log as far as it was followed.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The key that signs next, and its number.
    #[must_use]
    pub fn key(&self) -> Option<(PublicKey, u64)> {
        Some((self.key?, self.epoch))
    }

    /// The last segment's number, and where its used part ends.
    #[must_use]
    pub fn last_segment(&self) -> Option<(u64, u64)> {
        self.last
    }

    /// How the last segment was sealed.
    #[must_use]
    pub fn last_seal(&self) -> Option<Seal> {
        self.seal
    }

    /// What was found, once all segments were handed over.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if let Some((size, _)) = self.anchor
            && !self.anchored
            && self.report.verdict <= Verdict::Torn
        {
            self.report.verdict = Verdict::Truncated;
            let have = self.tree.size();
            self.report.finding = Some(format!("{have} leaves, but the anchor saw {size}"));
        }
        if let Some((number, _)) = self.unconfirmed
            && self.report.verdict <= Verdict::Torn
        {
            self.report.verdict = Verdict::Truncated;
            let what = format!("segment {number} is gone, and the log does not say why");
            self.report.finding = Some(what);
        }
        self.report.leaves = self.tree.size();
        self.report.root = self.tree.root();
        self.report.open_exchanges = self.open.len() as u64;
        self.report
    }

    fn judge(&mut self, number: u64, bytes: &[u8], next: Next) -> Result<(), Finding> {
        let expected = self.last.map_or(1, |(last, _)| last + 1);
        if number > expected {
            return truncated(format!("segment {expected} is missing"));
        }
        if zeros(bytes) {
            return match next {
                Next::Nothing => Ok(()),
                _ => tampered("it is empty, but others follow"),
            };
        }
        let Some((header, leaf)) = Header::read(bytes) else {
            let torn = next != Next::Segment && bytes.get(HEADER_BYTES..).is_none_or(zeros);
            return match torn {
                true => Err((Verdict::Torn, "its header was never written whole".into())),
                false => tampered("its header is damaged"),
            };
        };
        self.header(number, &header, bytes.len() as u64)?;
        self.push(leaf)?;
        self.report.segments += 1;
        self.seal = None;

        let mut walk = Walk::new(bytes);
        loop {
            let at = walk.used();
            let entry = match walk.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    self.last = Some((number, walk.used() as u64));
                    return Err(self.broken(&bytes[at..], at, next, &error.to_string()));
                }
            };
            self.entry(number, entry, at)?;
        }
        self.last = Some((number, walk.used() as u64));
        self.last_word(next)
    }

    /// Checks what the header says against what is known by now.
    fn header(&mut self, number: u64, header: &Header, length: u64) -> Result<(), Finding> {
        if header.writer != self.writer || header.number != number {
            return tampered("its header belongs to another segment");
        }
        if length < header.capacity {
            return truncated(format!("{length} of {} bytes", header.capacity));
        }
        let used = self.last.map_or(0, |(_, used)| used);
        if used < header.previous_bytes {
            return truncated(format!(
                "the segment before had {} bytes, {used} are left",
                header.previous_bytes
            ));
        }
        let fits = header.log == self.tree;
        if !fits || length > header.capacity || used > header.previous_bytes {
            return tampered("its header does not continue the log");
        }
        self.believe(header.key, header.epoch)
    }

    /// Checks that this key is the one announced; the first is believed or was given.
    fn believe(&mut self, key: PublicKey, epoch: u64) -> Result<(), Finding> {
        let trusted = match (self.key, self.trust) {
            (Some(key), _) | (None, Trust::Key(key)) => key,
            (None, Trust::FirstSeen) => key,
        };
        if key != trusted || (self.key.is_some() && epoch != self.epoch) {
            return Err((Verdict::KeyGap, "its key is not the one announced".into()));
        }
        self.report.first_key.get_or_insert(key);
        self.key = Some(key);
        self.epoch = epoch;
        Ok(())
    }

    fn entry(&mut self, number: u64, entry: Entry<'_>, at: usize) -> Result<(), Finding> {
        if self.seal.is_some() {
            return tampered(format!("byte {at}: something follows the seal"));
        }
        match entry {
            Entry::Block(bytes) => {
                self.block(bytes)
                    .map_err(|(verdict, what)| (verdict, format!("byte {at}: {what}")))?;
                self.report.unsigned_bytes += bytes.len() as u64;
                Ok(())
            }
            Entry::Checkpoint(note) => match self.checkpoint(note, at)?.seal {
                None => Ok(()),
                Some(_) => tampered(format!("byte {at}: a seal out of place")),
            },
            Entry::Seal(note) => match self.checkpoint(note, at)?.seal {
                Some((segment, seal)) if segment == number => {
                    self.seal = Some(seal);
                    Ok(())
                }
                _ => tampered(format!("byte {at}: a seal of something else")),
            },
        }
    }

    fn block(&mut self, bytes: &[u8]) -> Result<(), Finding> {
        let damaged = |error: &dyn std::fmt::Display| (Verdict::Tampered, error.to_string());
        let block = Block::read(bytes).map_err(|error| damaged(&error))?;
        if block.leaf != self.tree.size() {
            return tampered(format!("leaf {} is out of order", block.leaf));
        }
        for chunk in block.chunks() {
            let unpacked = chunk.unpack().map_err(|error| damaged(&error))?;
            for frame in frames(&unpacked) {
                let frame = frame.map_err(|error| damaged(&error))?;
                let event = Event::read(&frame).map_err(|error| damaged(&error))?;
                self.report.crashes += u64::from(matches!(event, Event::Torn { .. }));
                self.confirm(&event);
                self.follow(&frame)?;
            }
        }
        self.push(block.hash)
    }

    /// Checks that no frame of an exchange is missing before this one.
    fn follow(&mut self, frame: &Frame<'_>) -> Result<(), Finding> {
        self.report.frames += 1;
        let (exchange, sequence) = (frame.header.exchange, frame.header.sequence);
        let expected = match frame.header.kind {
            Kind::RequestHead => 0,
            Kind::SessionOpen
            | Kind::SessionEnd
            | Kind::RefusedAggregate
            | Kind::Torn
            | Kind::Pruned => return Ok(()),
            _ => match self.open.get(&exchange) {
                Some(next) => *next,
                None if self.resumed => sequence,
                None => return tampered(format!("exchange {exchange} has no beginning")),
            },
        };
        if sequence != expected {
            return tampered(format!("exchange {exchange} lacks frame {expected}"));
        }
        if frame.header.kind == Kind::End {
            self.open.remove(&exchange);
        } else {
            self.open.insert(exchange, sequence + 1);
        }
        Ok(())
    }

    fn checkpoint(&mut self, note: &[u8], at: usize) -> Result<Checkpoint, Finding> {
        let checkpoint = self
            .key
            .map(|key| Checkpoint::open(self.writer, &key, note));
        let checkpoint = match checkpoint {
            Some(Ok(checkpoint)) => checkpoint,
            Some(Err(NoteError::OtherKey)) | None => {
                let what = format!("byte {at}: a checkpoint is signed with an unknown key");
                return Err((Verdict::KeyGap, what));
            }
            Some(Err(error)) => return tampered(format!("byte {at}: {error}")),
        };
        let fits = checkpoint.size == self.tree.size() && checkpoint.root == self.tree.root();
        if !fits || checkpoint.epoch != self.epoch {
            return tampered(format!("byte {at}: a checkpoint signs another log"));
        }
        self.report.checkpoints += 1;
        self.report.unsigned_bytes = 0;
        if let Some(next) = checkpoint.next_key {
            self.key = Some(next);
            self.epoch += 1;
        }
        Ok(checkpoint)
    }

    fn push(&mut self, leaf: Hash) -> Result<(), Finding> {
        self.tree.push(leaf);
        match self.anchor {
            Some((size, root)) if size == self.tree.size() => {
                self.anchored = true;
                match root == self.tree.root() {
                    true => Ok(()),
                    false => tampered("the log is not the one that the anchor saw"),
                }
            }
            _ => Ok(()),
        }
    }

    /// What a broken entry means: at the very end a crash explains it, unless a checkpoint that was
    /// written later is there, because those are written only over blocks that are on disk.
    fn broken(&self, rest: &[u8], at: usize, next: Next, what: &str) -> Finding {
        let later = [CHECKPOINT_MAGIC, SEAL_MAGIC].iter().any(|magic| {
            memchr::memmem::find_iter(rest, magic).any(|found| self.is_signed(&rest[found..]))
        });
        match next != Next::Segment && self.seal.is_none() && !later {
            true => (Verdict::Torn, format!("byte {at}: {what}")),
            false => (Verdict::Tampered, format!("byte {at}: {what}")),
        }
    }

    fn is_signed(&self, entry: &[u8]) -> bool {
        let length = entry.get(4..8).and_then(|it| it.first_chunk());
        let note = length
            .and_then(|it| entry.get(8..(u32::from_le_bytes(*it) as usize).saturating_sub(4)));
        let (Some(note), Some(key)) = (note, self.key) else {
            return false;
        };
        Checkpoint::open(self.writer, &key, note).is_ok()
    }

    /// Whether the end of this segment may be its end.
    fn last_word(&mut self, next: Next) -> Result<(), Finding> {
        let unsigned = self.report.unsigned_bytes;
        match (next, self.seal) {
            (Next::Nothing, Some(Seal::Continues)) => truncated("the segment after it is missing"),
            (Next::Nothing | Next::Prepared, None) if unsigned > 0 => {
                let what = format!("{unsigned} bytes behind the last checkpoint");
                Err((Verdict::Torn, what))
            }
            _ => Ok(()),
        }
    }
}

fn tampered<T>(what: impl Into<String>) -> Result<T, Finding> {
    Err((Verdict::Tampered, what.into()))
}

fn truncated<T>(what: impl Into<String>) -> Result<T, Finding> {
    Err((Verdict::Truncated, what.into()))
}
