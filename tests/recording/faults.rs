//! A fault at every single operation on the disk: what was acknowledged as durable is there after
//! the restart, and what the fault left behind is never called worse than torn.

use std::collections::BTreeSet;

use sluice::record::Class;
use sluice::record::payload::Event;
use sluice::record::verify::Verdict;
use sluice::recorder::RecorderError;

use crate::sim::{Fault, Sim};
use crate::{Bench, each_frame, noise, segments, verify, verify_disk};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;

/// A process's life: durable exchanges, one of them large enough to need a second segment.
fn live(disk: &Sim, run: u64, acknowledged: &mut Vec<u64>) -> Result<(), RecorderError> {
    let mut bench = Bench::open(disk.clone(), run)?;
    for round in 0..4 {
        let reply = noise(run * 100 + round, if round == 1 { 400_000 } else { 300 });
        bench.exchange(Class::Durable, &reply, acknowledged)?;
        bench.exchange(Class::Buffered, b"{}", acknowledged)?;
    }
    bench.close()
}

fn check(fault: Fault, at: usize, seed: u64) {
    let context = format!("{fault:?} at operation {at}, seed {seed}");
    let disk = Sim::with_fault(at, fault);
    let mut acknowledged = Vec::new();
    let died = live(&disk, 1, &mut acknowledged).is_err();
    assert_eq!(died, fault != Fault::Short, "{context}");

    let mut bits = noise(seed + at as u64, 1 << 16)
        .into_iter()
        .map(|byte| byte & 16 != 0);
    let mut disk = disk.after(fault == Fault::PowerCut, || bits.next().unwrap_or(true));
    let report = verify(&segments(&mut disk));
    assert!(report.verdict <= Verdict::Torn, "{context}: {report:?}");

    live(&disk, 2, &mut acknowledged).expect("the second process finds a healthy disk");
    let segments = segments(&mut disk);
    let report = verify(&segments);
    assert_eq!(report.verdict, Verdict::Ok, "{context}: {report:?}");
    let mut recorded = BTreeSet::new();
    each_frame(&segments, |_, frame, event| {
        if matches!(event, Event::RequestHead { .. }) {
            assert!(recorded.insert(frame.header.exchange.0), "{context}: twice");
        }
    });
    for exchange in acknowledged {
        assert!(
            recorded.contains(&exchange),
            "{context}: {exchange:x} is lost"
        );
    }
}

fn operations() -> usize {
    let disk = Sim::default();
    live(&disk, 1, &mut Vec::new()).expect("nothing fails");
    disk.operations()
}

#[test]
fn killed_at_every_operation() {
    for at in 0..operations() {
        check(Fault::Kill, at, 0);
    }
}

#[test]
fn power_cut_at_every_operation() {
    for at in 0..operations() {
        for seed in 0..4 {
            check(Fault::PowerCut, at, seed * 7919);
        }
    }
}

#[test]
fn an_error_at_every_operation() {
    for at in 0..operations() {
        check(Fault::Error(ENOSPC), at, 0);
        check(Fault::Error(EIO), at, 0);
    }
}

#[test]
fn killed_in_the_middle_of_every_write_and_short_writes() {
    let mut writes = 0;
    for at in 0..operations() {
        let disk = Sim::with_fault(at, Fault::KillHalfway);
        // Operations that are no writes do not die halfway.
        if live(&disk, 1, &mut Vec::new()).is_err() {
            writes += 1;
            check(Fault::KillHalfway, at, 0);
            check(Fault::Short, at, 0);
        }
    }
    assert!(writes > 20);
}

#[test]
fn a_restart_after_an_orderly_end_tears_nothing() {
    let mut disk = Sim::default();
    for run in 1..4 {
        live(&disk, run, &mut Vec::new()).expect("nothing fails");
    }
    let report = verify(&segments(&mut disk));
    assert_eq!(
        (report.verdict, report.crashes),
        (Verdict::Ok, 0),
        "{report:?}"
    );
    assert_eq!(report.open_exchanges, 0);
}

/// A process that records more than it may keep.
fn live_short_of_room(disk: &Sim, run: u64) -> Result<(), RecorderError> {
    let mut bench = Bench::open_keeping(disk.clone(), run, 0)?;
    for round in 0..4 {
        let reply = noise(run * 100 + round, 400_000);
        bench.exchange(Class::Durable, &reply, &mut Vec::new())?;
        bench.turn()?;
    }
    bench.close()
}

#[test]
fn retention_holds_and_survives_a_kill_at_every_operation() {
    let mut disk = Sim::default();
    live_short_of_room(&disk, 1).expect("nothing fails");
    let whole = verify_disk(&mut disk);
    assert_eq!(whole.verdict, Verdict::Ok, "{whole:?}");
    let left = segments(&mut disk);
    assert!(left.len() <= 3 && left[0].0 > 1, "segments are given up");
    // Without what was kept of them, or with other segments given up, it shows.
    assert_ne!(verify(&left).verdict, Verdict::Ok);

    for at in 0..disk.operations() {
        for fault in [Fault::Kill, Fault::PowerCut] {
            let context = format!("{fault:?} at operation {at}");
            let disk = Sim::with_fault(at, fault);
            assert!(live_short_of_room(&disk, 1).is_err(), "{context}");
            let mut bits = noise(at as u64, 1 << 16)
                .into_iter()
                .map(|byte| byte & 16 != 0);
            let mut disk = disk.after(fault == Fault::PowerCut, || bits.next().unwrap_or(true));
            let report = verify_disk(&mut disk);
            assert!(report.verdict <= Verdict::Torn, "{context}: {report:?}");
            live_short_of_room(&disk, 2).expect("a healthy disk");
            let report = verify_disk(&mut disk);
            assert_eq!(report.verdict, Verdict::Ok, "{context}: {report:?}");
        }
    }
}
