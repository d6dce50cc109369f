//! The keeper over a real file, and over a store that fails.

use std::sync::Mutex;
use std::time::Instant;

use super::*;
use crate::auth::{Revocation, RevokedKind};
use crate::base::clock::Wall;
use crate::mcp::pins::{self, Sight, Standing, ToolPolicy};
use crate::mcp::print::Fingerprint;
use crate::store::{Approval, Approved, Revoke};

const A: Fingerprint = Fingerprint([0xa; 32]);
const B: Fingerprint = Fingerprint([0xb; 32]);
const ALICE: [u8; 32] = [1; 32];

fn connected(keeper: &StoreKeeper) -> Pins {
    let pins = keeper.pins().clone();
    pins.set_connections(&[("tickets".into(), ToolPolicy::default())]);
    pins
}

fn see(pins: &Pins, print: &Fingerprint) -> Sight {
    pins.see("tickets", "search", print, "{\"name\":\"search\"}")
}

fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_was_seen_is_known_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let keeper = StoreKeeper::start(directory.path(), clock).unwrap();
    let pins = connected(&keeper);
    assert_eq!(see(&pins, &A), Sight::Shown);
    assert_eq!(see(&pins, &B), Sight::Hidden);
    let now = clock.now().wall;
    keeper
        .tasks()
        .bind("tickets", "7", &ALICE, None, now)
        .unwrap();
    keeper.stop();

    let keeper = StoreKeeper::start(directory.path(), clock).unwrap();
    let pins = connected(&keeper);
    assert!(pins.is_quarantined("tickets", "search"));
    assert_eq!(pins.standing("tickets", "search", &A), Standing::Pinned);
    assert_eq!(see(&pins, &A), Sight::Hidden);
    assert!(keeper.tasks().is_of("tickets", "7", &ALICE, now));
    keeper.stop();
}

#[test]
fn an_approval_of_another_process_takes_effect_within_two_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let keeper = StoreKeeper::start(directory.path(), Clock::start()).unwrap();
    let pins = connected(&keeper);
    assert_eq!(see(&pins, &A), Sight::Shown);
    assert_eq!(see(&pins, &B), Sight::Hidden);
    let mut person = Embedded::open_existing(directory.path()).unwrap();
    soon("the change is written", || {
        let tools = person.tools_of("tickets").unwrap();
        tools.first().is_some_and(|tool| tool.seen == B)
    });
    let approval = Approval {
        connection: "tickets",
        tool: "search",
        seen: &B,
        by: "carol",
    };
    let approved = person.approve(&approval, Wall(1)).unwrap();
    assert_eq!(approved, Approved::Pinned);
    soon("it is approved", || {
        !pins.is_quarantined("tickets", "search")
    });
    assert_eq!(see(&pins, &B), Sight::Shown);
    assert_eq!(pins.standing("tickets", "search", &A), Standing::Changed);
    keeper.stop();
}

#[test]
fn a_store_that_makes_no_sense_stops_the_gateway_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let junk = "neither a database nor anything else that could tell what was trusted, and by whom \
        it was trusted, if anything ever was";
    std::fs::write(directory.path().join(crate::store::FILE), junk).unwrap();
    let refused = StoreKeeper::start(directory.path(), Clock::start());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))));
}

/// A store whose disk is full while `full`, and which remembers what it was told otherwise.
#[derive(Clone, Default)]
struct Failing {
    full: Arc<AtomicBool>,
    kept: Arc<Mutex<Vec<pins::State>>>,
}

impl Store for Failing {
    fn keep(
        &mut self,
        tools: &[ToolSeen],
        _: &[TaskBound],
        _: Wall,
    ) -> Result<Vec<Surprise>, StoreError> {
        if self.full.load(Relaxed) {
            return Err(StoreError::Full);
        }
        let mut kept = self.kept.lock().unwrap();
        kept.extend(tools.iter().map(|tool| tool.state));
        Ok(Vec::new())
    }

    fn tools_since(&mut self, _: u64) -> Result<Vec<Tool>, StoreError> {
        Ok(Vec::new())
    }

    fn tools_of(&mut self, _: &str) -> Result<Vec<Tool>, StoreError> {
        Ok(Vec::new())
    }

    fn approve(&mut self, _: &Approval<'_>, _: Wall) -> Result<Approved, StoreError> {
        Ok(Approved::Unknown)
    }

    fn tasks(&mut self, _: Wall) -> Result<Vec<TaskBound>, StoreError> {
        Ok(Vec::new())
    }

    fn revoke(&mut self, _: &Revoke<'_>, _: Wall) -> Result<u64, StoreError> {
        Err(StoreError::Full)
    }

    fn lift(&mut self, _: u64) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn revocations(&mut self, _: Wall) -> Result<Vec<KeptRevocation>, StoreError> {
        match self.full.load(Relaxed) {
            true => Err(StoreError::Full),
            false => Ok(vec![revoked(1, "local/alice")]),
        }
    }

    fn changed(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }
}

fn revoked(id: u64, name: &str) -> KeptRevocation {
    KeptRevocation {
        revocation: Revocation {
            id,
            kind: RevokedKind::Principal,
            name: name.into(),
            issuer: None,
            before: None,
            until: None,
        },
        reason: None,
        by: "carol".to_owned(),
        at: 1,
    }
}

#[test]
fn a_revocation_of_another_process_is_in_force_at_once_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let keeper = StoreKeeper::start(directory.path(), clock).unwrap();
    let keys = keeper.keys().clone();
    assert_eq!(keys.load().revision(), 0);
    let mut person = Embedded::open_existing(directory.path()).unwrap();
    let revoke = |name, until| Revoke {
        kind: RevokedKind::Principal,
        name,
        issuer: None,
        before: None,
        until,
        reason: None,
        by: "carol",
    };
    let now = clock.now().wall;
    let first = person.revoke(&revoke("local/alice", None), now).unwrap();
    soon("it is in force", || keys.load().revocations().len() == 1);
    let later = now.unix_seconds() + 3600;
    person
        .revoke(&revoke("local/bob", Some(later)), now)
        .unwrap();
    soon("both are", || keys.load().revocations().len() == 2);
    let revision = keys.load().revision();
    // What else is written changes nothing of it.
    let pins = connected(&keeper);
    assert_eq!(see(&pins, &A), Sight::Shown);
    soon("the tool is written", || {
        !person.tools_of("tickets").unwrap().is_empty()
    });
    assert_eq!(keys.load().revision(), revision);
    keeper.stop();

    let soon_over = now.unix_seconds() + 1;
    person
        .revoke(&revoke("local/dan", Some(soon_over)), now)
        .unwrap();
    soon("the third is over", || {
        clock.now().wall.unix_seconds() >= soon_over
    });
    let keeper = StoreKeeper::start(directory.path(), clock).unwrap();
    let keys = keeper.keys().clone();
    assert_eq!(keys.load().revocations().len(), 2, "known from the start");
    assert!(person.lift(first).unwrap());
    assert!(!person.lift(first).unwrap());
    soon("it is lifted", || keys.load().revocations().len() == 1);
    keeper.stop();
}

#[test]
fn while_the_store_cannot_be_read_what_was_revoked_stays_so() {
    let store = Failing::default();
    let keeper = StoreKeeper::with(store.clone(), Clock::start()).unwrap();
    let probe = keeper.probe();
    assert_eq!(keeper.keys().load().revocations().len(), 1);
    store.full.store(true, Relaxed);
    soon("it is loud", || (probe.check)().is_err());
    assert_eq!(keeper.keys().load().revocations().len(), 1);
    keeper.stop();
    let refused = StoreKeeper::with(store, Clock::start());
    assert!(
        matches!(refused, Err(StoreError::Full)),
        "and none starts with it"
    );
}

#[test]
fn while_nothing_can_be_kept_nothing_new_is_trusted() {
    let store = Failing::default();
    let keeper = StoreKeeper::with(store.clone(), Clock::start()).unwrap();
    let pins = connected(&keeper);
    assert_eq!(see(&pins, &A), Sight::Shown);
    soon("it is kept", || store.kept.lock().unwrap().len() == 1);

    store.full.store(true, Relaxed);
    assert_eq!(see(&pins, &B), Sight::Hidden, "what is known is judged");
    let probe = keeper.probe();
    soon("it is not well", || (probe.check)().is_err());
    soon("a new tool is hidden", || {
        pins.see("tickets", "new", &A, "{}") == Sight::Hidden
    });
    store.full.store(false, Relaxed);
    soon("it is well again", || (probe.check)().is_ok());
    soon("a new tool is shown", || {
        pins.see("tickets", "newer", &A, "{}") == Sight::Shown
    });
    keeper.stop();
    let kept = store.kept.lock().unwrap();
    let quarantined = kept.iter().filter(|it| **it == pins::State::Quarantined);
    assert_eq!(
        quarantined.count(),
        1,
        "what was told meanwhile is not lost"
    );
}
