//! The recording as a whole: what goes in comes out, what is damaged is found, and what was
//! acknowledged survives.

mod faults;
mod format;
mod sim;
mod threads;

use std::sync::Arc;

use sluice::base::clock::{Mono, Now, Wall};
use sluice::base::ids::{SessionId, WriterId};
use sluice::mask::unmasked;
use sluice::record::block::{Block, frames};
use sluice::record::frame::Frame;
use sluice::record::payload::Event;
use sluice::record::segment::{Entry, Walk, zeros};
use sluice::record::verify::{Next, Report, Trust, Verifier};
use sluice::record::{
    Class, Decision, EndRecord, Health, Outcome, RequestRecord, SessionTable, Sessions, Settle,
    Timings, Writer, ring_pair,
};
use sluice::recorder::{
    Disk, Engine, RecorderError, Settings, pruned_number, segment_name, segment_number,
};

pub const WRITER: WriterId = WriterId([1, 2, 3, 4, 5, 6, 7, 8]);

pub const REQUEST: RequestRecord<'static> = RequestRecord {
    decision: Decision::Allowed,
    rule: "readers/0",
    generation: 3,
    method: "GET",
    path: "/v1.0/users",
    query: Some("$top=5"),
    headers: b"accept: application/json\r\n",
};

pub const END: EndRecord = EndRecord {
    outcome: Outcome::Complete,
    status: 200,
    timings: Timings {
        receipt: 1,
        sent: 2,
        replied: 3,
        ended: 4,
    },
};

pub fn at(milliseconds: u64) -> Now {
    Now {
        mono: Mono(milliseconds * 1_000_000),
        wall: Wall((1_700_000_000_000 + milliseconds) * 1_000_000),
    }
}

/// A recorder and one worker on virtual time.
pub struct Bench<D: Disk> {
    pub engine: Engine<D>,
    pub writer: Writer,
    pub sessions: Sessions,
    pub now: u64,
}

impl<D: Disk> Bench<D> {
    /// `run` tells processes on the same disk apart.
    pub fn open(disk: D, run: u64) -> Result<Bench<D>, RecorderError> {
        Bench::open_keeping(disk, run, u64::MAX)
    }

    pub fn open_keeping(disk: D, run: u64, most: u64) -> Result<Bench<D>, RecorderError> {
        let settings = Settings {
            segment_bytes: 0,
            retention_bytes: most,
            reserve_bytes: 0,
        };
        let now = run * 1_000_000;
        let health = Health::new();
        let mut engine = Engine::open(disk, WRITER, settings, Arc::clone(&health), at(now))?;
        let (writer, intake) = ring_pair(4 << 20, &health, 0, run << 16, &[7; 32]);
        engine.add(intake);
        let sessions = Sessions::new(SessionTable::new(&[run as u8; 32]));
        Ok(Bench {
            engine,
            writer,
            sessions,
            now,
        })
    }

    pub fn turn(&mut self) -> Result<(), RecorderError> {
        self.now += 30;
        self.engine.turn(at(self.now)).map(|_| ())
    }

    /// One exchange; when its request was acknowledged as durable, `acknowledged` learns its name.
    pub fn exchange(
        &mut self,
        class: Class,
        reply: &[u8],
        acknowledged: &mut Vec<u64>,
    ) -> Result<(), RecorderError> {
        let now = at(self.now);
        let session = self.sessions.enter("alice", "graph", now);
        let lost = |_| RecorderError::Latched;
        let admitted = self.writer.admit((), &session, &REQUEST, class, now);
        let (mut log, mut pending) = admitted.map_err(|it| lost(it.why))?;
        loop {
            pending = match self.writer.settle(pending) {
                Settle::Ready(receipt) => {
                    if class == Class::Durable {
                        acknowledged.push(receipt.exchange().0);
                    }
                    break;
                }
                Settle::NotYet(pending) => pending,
                Settle::Dead => return Err(RecorderError::Latched),
            };
            self.turn()?;
        }
        let head = unmasked(b"HTTP/1.1 200 OK\r\n\r\n");
        let head = self.writer.reply_head(&mut log, head, now);
        drop(head.map_err(|it| lost(it.why))?);
        for piece in reply.chunks(60_000) {
            let piece = self.writer.reply_chunk(&mut log, unmasked(piece), now);
            drop(piece.map_err(|it| lost(it.why))?);
        }
        self.writer.end(log, &END, now);
        self.turn()
    }

    /// Ends every session and closes the recording.
    pub fn close(mut self) -> Result<(), RecorderError> {
        self.sessions.close();
        while let Some(ended) = self.sessions.next_ended() {
            let put = self.writer.session_end(ended, at(self.now));
            put.map_err(|_| RecorderError::Latched)?;
        }
        self.turn()?;
        self.engine.close(at(self.now))
    }
}

/// Bytes that do not compress, always the same for the same seed.
pub fn noise(mut seed: u64, length: usize) -> Vec<u8> {
    let next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A directory's segments, in order.
pub type Segments = Vec<(u64, Vec<u8>)>;

pub fn segments(disk: &mut impl Disk) -> Segments {
    let names = disk.names().expect("names");
    let numbers = names.iter().filter_map(|name| segment_number(name));
    numbers
        .map(|number| {
            let bytes = disk.read(&segment_name(number)).expect("a listed file");
            (number, bytes)
        })
        .collect()
}

/// Verifies all that is on a disk, with what is kept of segments that were given up.
pub fn verify_disk(disk: &mut impl Disk) -> Report {
    let segments = segments(disk);
    let mut verifier = Verifier::new(WRITER, Trust::FirstSeen);
    for name in disk.names().expect("names") {
        let number = pruned_number(&name);
        let gone = |number: &u64| segments.iter().all(|(it, _)| it != number);
        if let Some(number) = number.filter(gone) {
            verifier.pruned(number, &disk.read(&name).expect("a listed file"));
        }
    }
    verify_on(verifier, &segments)
}

pub fn verify(segments: &Segments) -> Report {
    verify_against(segments, None)
}

pub fn verify_against(segments: &Segments, anchor: Option<(u64, [u8; 32])>) -> Report {
    let mut verifier = Verifier::new(WRITER, Trust::FirstSeen);
    if let Some((size, root)) = anchor {
        verifier.anchor(size, root);
    }
    verify_on(verifier, segments)
}

fn verify_on(mut verifier: Verifier, segments: &Segments) -> Report {
    for (index, (number, bytes)) in segments.iter().enumerate() {
        let next = match segments.get(index + 1) {
            None => Next::Nothing,
            Some((_, bytes)) if zeros(bytes) => Next::Prepared,
            Some(_) => Next::Segment,
        };
        if !verifier.segment(*number, bytes, next) {
            break;
        }
    }
    verifier.finish()
}

/// Hands over every frame of the segments.
pub fn each_frame(segments: &Segments, mut take: impl FnMut(SessionId, &Frame<'_>, &Event<'_>)) {
    for (_, bytes) in segments.iter().filter(|(_, bytes)| !zeros(bytes)) {
        let mut walk = Walk::new(bytes);
        while let Some(entry) = walk.next_entry().expect("a whole segment") {
            let Entry::Block(block) = entry else { continue };
            for chunk in Block::read(block).expect("a block").chunks() {
                for frame in frames(&chunk.unpack().expect("a chunk")) {
                    let frame = frame.expect("a frame");
                    let event = Event::read(&frame).expect("an event");
                    take(chunk.session, &frame, &event);
                }
            }
        }
    }
}
