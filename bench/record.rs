//! What recording costs: a worker per exchange, and the way to the disk; each beside a plain
//! buffered file that is given the same bytes.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Seek as _, SeekFrom, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice::base::clock::Now;
use sluice::base::ids::WriterId;
use sluice::base::limits::RING_BYTES;
use sluice::mask::unmasked;
use sluice::record::block::{BlockBuilder, Compressor};
use sluice::record::{
    Class, CoreSession, Decision, EndRecord, Health, Intake, Outcome, RequestRecord, SessionTable,
    Sessions, Settle, Timings, Writer, ring_pair,
};
use sluice::recorder::{Directory, Engine, Settings};

const REQUEST: RequestRecord<'static> = RequestRecord {
    decision: Decision::Allowed,
    rule: "directory-readers/0",
    generation: 3,
    method: "GET",
    path: "/v1.0/users",
    query: Some("$top=5&$select=id,displayName"),
    headers: b"accept: application/json\r\nuser-agent: bench\r\n",
};

const END: EndRecord = EndRecord {
    outcome: Outcome::Complete,
    status: 200,
    timings: Timings {
        receipt: 1,
        sent: 2,
        replied: 3,
        ended: 4,
    },
};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";

/// A reply as a directory gives it: alike, but not the same.
fn reply(bytes: usize) -> Vec<u8> {
    let user = |i: usize| {
        let id = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{{\"id\":\"{id:016x}\",\"displayName\":\"User {i}\",\"mail\":\"[mail]\"}},")
    };
    let text: String = (0..).map(user).take(bytes / 60 + 1).collect();
    text.into_bytes()[..bytes].to_vec()
}

fn exchange(writer: &mut Writer, session: &CoreSession, reply: &[u8], now: Now) {
    let Ok((mut log, pending)) = writer.admit((), session, &REQUEST, Class::Buffered, now) else {
        panic!("no room for a request");
    };
    let Settle::Ready(receipt) = writer.settle(pending) else {
        panic!("a buffered request is ready at once");
    };
    receipt.spend();
    for piece in std::iter::once(HEAD).chain(reply.chunks(64 * 1024)) {
        let Ok(recorded) = writer.reply_chunk(&mut log, unmasked(piece), now) else {
            panic!("no room for a reply");
        };
        black_box(recorded.len());
    }
    writer.end(log, &END, now);
}

fn parts() -> (Writer, Intake, Arc<CoreSession>) {
    let (writer, intake) = ring_pair(RING_BYTES, &Health::new(), 0, 0, &[7; 32]);
    let mut sessions = Sessions::new(SessionTable::new(&[1; 32]));
    let session = sessions.enter("alice", "graph", Now::default());
    (writer, intake, session)
}

fn drop_frames(intake: &mut Intake) {
    let drained = intake.drain(|frame| {
        black_box(frame.len());
        ControlFlow::Continue(())
    });
    assert!(drained.is_ok());
}

/// Admission, head, one piece and end, as the worker pays for them.
fn worker(c: &mut Criterion) {
    let mut group = c.benchmark_group("record/worker");
    for size in [400, 16 * 1024] {
        let body = reply(size);
        group.bench_function(format!("exchange of {size} B"), |b| {
            let (mut writer, mut intake, session) = parts();
            b.iter(|| {
                exchange(&mut writer, &session, &body, Now::default());
                if !writer.room_for(RING_BYTES / 2) {
                    drop_frames(&mut intake);
                }
            });
        });
    }
    for size in [400, 16 * 1024] {
        let body = reply(size);
        group.bench_function(format!("plain file, {size} B"), |b| {
            let mut out = plain();
            b.iter(|| {
                write_plainly(&mut out, &body);
                if out.get_ref().1 > RING_BYTES {
                    start_again(&mut out);
                }
            });
        });
    }
    group.bench_function("session found", |b| {
        let mut sessions = Sessions::new(SessionTable::new(&[1; 32]));
        b.iter(|| black_box(sessions.enter("alice", "graph", Now::default())));
    });
    group.finish();
}

/// From the ring to finished blocks, on one thread.
fn pack(c: &mut Criterion) {
    const EXCHANGES: usize = 64;
    let body = reply(16 * 1024);
    let mut group = c.benchmark_group("record/pack");
    group.throughput(Throughput::Bytes((EXCHANGES * body.len()) as u64));
    group.bench_function("ring to blocks", |b| {
        let (mut writer, mut intake, session) = parts();
        let (mut block, mut zstd) = (BlockBuilder::default(), Compressor::default());
        let mut out = Vec::new();
        b.iter_batched(
            || (),
            |()| {
                for _ in 0..EXCHANGES {
                    exchange(&mut writer, &session, &body, Now::default());
                }
                loop {
                    let mut full = false;
                    let drained = intake.drain(|frame| {
                        if !block.fits(&frame) {
                            full = true;
                            return ControlFlow::Break(());
                        }
                        block.push(&frame);
                        ControlFlow::Continue(())
                    });
                    assert!(drained.is_ok());
                    out.clear();
                    black_box(block.finish(0, &mut zstd, &mut out));
                    if !full {
                        break;
                    }
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("plain file", |b| {
        let mut out = plain();
        b.iter(|| {
            for _ in 0..EXCHANGES {
                write_plainly(&mut out, &body);
            }
            assert!(out.flush().is_ok());
            start_again(&mut out);
        });
    });
    group.finish();
}

/// All the way, blocks, segments, syncs and checkpoints, against a buffered file that is synced.
fn disk(c: &mut Criterion) {
    const EXCHANGES: usize = 1024;
    let body = reply(16 * 1024);
    let mut group = c.benchmark_group("record/disk");
    group.sample_size(10);
    group.throughput(Throughput::Bytes((EXCHANGES * body.len()) as u64));
    group.bench_function("recording", |b| {
        let Ok(data) = tempfile::tempdir() else {
            panic!("no directory");
        };
        let Ok(Some(directory)) = Directory::lock(data.path()) else {
            panic!("no lock");
        };
        let health = Health::new();
        let settings = Settings {
            retention_bytes: 0,
            reserve_bytes: 0,
            ..Settings::default()
        };
        let engine = Engine::open(
            directory,
            WriterId([1; 8]),
            settings,
            health,
            Now::default(),
        );
        let Ok(mut engine) = engine else {
            panic!("no engine");
        };
        let (mut writer, intake, session) = parts();
        engine.add(intake);
        b.iter(|| {
            for _ in 0..EXCHANGES {
                exchange(&mut writer, &session, &body, Now::default());
                if !writer.room_for(RING_BYTES / 2) {
                    assert!(engine.turn(Now::default()).is_ok());
                }
            }
            assert!(engine.turn(Now::default()).is_ok());
        });
    });
    group.bench_function("plain file", |b| {
        let mut out = plain();
        b.iter(|| {
            for _ in 0..EXCHANGES {
                write_plainly(&mut out, &body);
            }
            assert!(out.flush().is_ok());
            assert!(out.get_ref().0.sync_data().is_ok());
            start_again(&mut out);
        });
    });
    group.finish();
}

/// A file, and how much was written since it was begun.
struct Counted(File, usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1 += bytes.len();
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn plain() -> BufWriter<Counted> {
    let Ok(file) = tempfile::tempfile() else {
        panic!("no file");
    };
    BufWriter::with_capacity(256 * 1024, Counted(file, 0))
}

/// What a log would have of an exchange: the words of the request, the reply's head, its body.
fn write_plainly(out: &mut impl Write, body: &[u8]) {
    for bytes in [
        REQUEST.rule.as_bytes(),
        REQUEST.method.as_bytes(),
        REQUEST.path.as_bytes(),
        REQUEST.query.unwrap_or_default().as_bytes(),
        REQUEST.headers,
        HEAD,
        body,
    ] {
        assert!(out.write_all(black_box(bytes)).is_ok());
    }
}

fn start_again(out: &mut BufWriter<Counted>) {
    let file = out.get_mut();
    file.1 = 0;
    assert!(file.0.seek(SeekFrom::Start(0)).is_ok());
}

criterion_group!(benches, worker, pack, disk);
criterion_main!(benches);
