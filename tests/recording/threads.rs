//! The recorder's own thread, real files, real workers, and a real kill.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sluice::base::clock::Clock;
use sluice::mask::unmasked;
use sluice::record::verify::{Trust, Verdict};
use sluice::record::{
    Class, Outcome, Receipt, RecordError, SessionTable, Sessions, Settle, State, Writer,
};
use sluice::recorder::read::{Filter, recordings, sessions};
use sluice::recorder::{Recorder, Settings, show};

use crate::{END, REQUEST, noise};

fn settings() -> Settings {
    Settings {
        segment_bytes: 1 << 20,
        reserve_bytes: 0,
        retention_bytes: u64::MAX,
    }
}

fn wait<P>(writer: &Writer, mut pending: sluice::record::Pending<P>) -> Receipt<P> {
    let since = Instant::now();
    loop {
        pending = match writer.settle(pending) {
            Settle::Ready(receipt) => return receipt,
            Settle::NotYet(pending) => pending,
            Settle::Dead => panic!("the recorder died"),
        };
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "the disk never came"
        );
        std::thread::yield_now();
    }
}

/// One worker's work: `count` exchanges with a reply of `reply` each.
fn work(writer: &mut Writer, sessions: &mut Sessions, clock: Clock, count: usize, reply: &[u8]) {
    for index in 0..count {
        let session = sessions.enter("alice", "graph", clock.now());
        let class = [Class::Durable, Class::Buffered][index % 2];
        let (mut log, pending) = loop {
            match writer.admit((), &session, &REQUEST, class, clock.now()) {
                Ok(admitted) => break admitted,
                Err(it) => assert!(matches!(it.why, RecordError::Full { .. }), "{:?}", it.why),
            }
            std::thread::yield_now();
        };
        wait(writer, pending).spend();
        let mut masked = unmasked(reply);
        while let Err(it) = writer.reply_chunk(&mut log, masked, clock.now()) {
            assert!(matches!(it.why, RecordError::Full { .. }), "{:?}", it.why);
            masked = it.what;
            std::thread::yield_now();
        }
        writer.end(log, &END, clock.now());
    }
}

#[test]
fn two_workers_record_into_one_log() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = Clock::start();
    let (recorder, writers) = Recorder::start(data.path(), settings(), clock, 2).expect("started");
    let table = SessionTable::new(&[1; 32]);
    let reply = noise(1, 40_000);
    let mut threads = Vec::new();
    for mut writer in writers {
        let mut sessions = Sessions::new(table.clone());
        let reply = reply.clone();
        threads.push(std::thread::spawn(move || {
            work(&mut writer, &mut sessions, clock, 100, &reply);
            (writer, sessions)
        }));
    }
    let workers: Vec<_> = threads
        .into_iter()
        .map(|it| it.join().expect("a worker"))
        .collect();
    for (mut writer, mut sessions) in workers {
        sessions.close();
        while let Some(ended) = sessions.next_ended() {
            writer.session_end(ended, clock.now()).expect("room");
        }
    }
    recorder.close().expect("closed in order");

    let found = recordings(data.path()).expect("readable");
    assert_eq!(found.len(), 1);
    let report = found[0].verify(Trust::FirstSeen, None).expect("readable");
    assert_eq!(
        (report.verdict, report.open_exchanges),
        (Verdict::Ok, 0),
        "{report:?}"
    );
    assert!(report.segments > 1);

    let (list, unread) = sessions(&found, &Filter::default()).expect("readable");
    assert_eq!((list.len(), unread.len()), (1, 0));
    assert_eq!(list[0].exchanges.len(), 200);
    let mut out = Vec::new();
    assert!(show::show(&found, list[0].id, &mut out).expect("written"));
    let text = String::from_utf8(out).expect("text");
    assert_eq!(
        text.matches("allowed by readers/0: GET /v1.0/users?$top=5")
            .count(),
        200
    );
    let mut out = Vec::new();
    show::json_lines(&found, Some(list[0].id), &mut out).expect("written");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(&line.expect("text")).expect("JSON"))
        .collect();
    let ends = lines.iter().filter(|line| line["kind"] == "end").count();
    assert_eq!(ends, 200);

    let nobody = Filter {
        outcome: Some(Outcome::CallerGone),
        ..Filter::default()
    };
    assert!(sessions(&found, &nobody).expect("readable").0.is_empty());
}

#[test]
fn two_processes_do_not_share_a_directory_and_a_third_continues() {
    let data = tempfile::tempdir().expect("a directory");
    let start = || Recorder::start(data.path(), settings(), Clock::start(), 1).expect("started");
    let (one, _writers) = start();
    let (two, _writers) = start();
    assert_ne!(one.writer(), two.writer());
    let first = one.writer();
    one.close().expect("closed");
    let (three, _writers) = start();
    assert_eq!(three.writer(), first);
    three.close().expect("closed");
    two.close().expect("closed");
    for recording in recordings(data.path()).expect("readable") {
        let report = recording.verify(Trust::FirstSeen, None).expect("readable");
        assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    }
}

#[test]
fn what_is_damaged_is_left_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let start = || Recorder::start(data.path(), settings(), Clock::start(), 1).expect("started");
    let (one, _writers) = start();
    let first = one.writer();
    one.close().expect("closed");
    let path = recordings(data.path()).expect("readable")[0]
        .path()
        .join("key");
    std::fs::write(path, [0; 32]).expect("written");
    let (two, _writers) = start();
    assert_ne!(two.writer(), first);
    assert_eq!(two.set_aside().len(), 1);
    two.close().expect("closed");
}

#[test]
fn after_the_end_everything_is_refused() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = Clock::start();
    let (recorder, mut writers) =
        Recorder::start(data.path(), settings(), clock, 1).expect("started");
    let health = recorder.health().clone();
    recorder.close().expect("closed");
    assert_eq!(health.state(), State::Closed);
    let mut sessions = Sessions::new(SessionTable::new(&[1; 32]));
    let session = sessions.enter("alice", "graph", clock.now());
    let refused = writers[0].refusal(&session, &REQUEST, &END, clock.now());
    assert_eq!(refused, Err(RecordError::Closed));
}

/// Not a test of its own: the process that [`a_killed_process_loses_nothing_acknowledged`] kills.
#[test]
fn child_that_records_until_it_is_killed() {
    let Some(data) = std::env::var_os("SLUICE_TEST_RECORD_INTO") else {
        return;
    };
    let clock = Clock::start();
    let (_recorder, mut writers) =
        Recorder::start(data.as_ref(), settings(), clock, 1).expect("started");
    let mut sessions = Sessions::new(SessionTable::new(&[1; 32]));
    let session = sessions.enter("alice", "graph", clock.now());
    loop {
        let admitted = writers[0].admit((), &session, &REQUEST, Class::Durable, clock.now());
        let Ok((log, pending)) = admitted else {
            panic!("not admitted");
        };
        let receipt = wait(&writers[0], pending);
        println!("acknowledged {}", receipt.exchange());
        writers[0].end(log, &END, clock.now());
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let data = tempfile::tempdir().expect("a directory");
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "threads::child_that_records_until_it_is_killed",
                "--nocapture",
            ])
            .env("SLUICE_TEST_RECORD_INTO", data.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        for line in out.lines().map_while(Result::ok) {
            if let Some(exchange) = line.strip_prefix("acknowledged ") {
                acknowledged.push(exchange.to_owned());
            }
            if acknowledged.len() >= (round + 1) * 50 {
                break;
            }
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        // The next process counts exchanges from the second in which it starts.
        std::thread::sleep(Duration::from_millis(1100));
    }
    let start = || Recorder::start(data.path(), settings(), Clock::start(), 1).expect("started");
    let (last, _writers) = start();
    last.close().expect("closed");
    let found = recordings(data.path()).expect("readable");
    assert_eq!(found.len(), 1);
    let report = found[0].verify(Trust::FirstSeen, None).expect("readable");
    assert_eq!(
        (report.verdict, report.crashes),
        (Verdict::Ok, 3),
        "{report:?}"
    );
    let (list, _) = sessions(&found, &Filter::default()).expect("readable");
    let recorded: std::collections::BTreeSet<_> = list
        .iter()
        .flat_map(|session| &session.exchanges)
        .map(|it| it.exchange.to_string())
        .collect();
    for exchange in acknowledged {
        assert!(recorded.contains(&exchange), "{exchange} is lost");
    }
}
