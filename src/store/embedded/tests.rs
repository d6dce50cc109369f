//! The file as the gateway and the command line use it, and as others leave it.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::auth::{Revocation, RevokedKind};
use crate::base::limits::REVOCATIONS;
use crate::mcp::pins::State;
use crate::mcp::print::Fingerprint;
use crate::mcp::tasks::TaskName;

const A: Fingerprint = Fingerprint([0xa; 32]);
const B: Fingerprint = Fingerprint([0xb; 32]);
const C: Fingerprint = Fingerprint([0xc; 32]);

fn at(seconds: u64) -> Wall {
    Wall(seconds * 1_000_000_000)
}

fn seen(print: Fingerprint, state: State) -> ToolSeen {
    ToolSeen {
        connection: "tickets".into(),
        name: "search".into(),
        definition: format!("{{\"is\":\"{print}\"}}").into(),
        print,
        state,
        news: 1,
    }
}

fn the_tool(store: &mut Embedded) -> Tool {
    let tools = store.tools_of("tickets").unwrap();
    let [tool] = <[Tool; 1]>::try_from(tools).unwrap();
    tool
}

fn approve(store: &mut Embedded, seen: &Fingerprint) -> Approved {
    let approval = Approval {
        connection: "tickets",
        tool: "search",
        seen,
        by: "carol",
    };
    store.approve(&approval, at(30)).unwrap()
}

#[test]
fn a_change_survives_the_process_until_somebody_approves() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    let first = store.keep(&[seen(A, State::Pinned)], &[], at(10)).unwrap();
    assert_eq!(first, []);
    let changed = [seen(B, State::Quarantined)];
    let surprises = store.keep(&changed, &[], at(20)).unwrap();
    assert_eq!(surprises.len(), 1);
    assert_eq!(store.keep(&changed, &[], at(21)).unwrap(), [], "said once");
    drop(store);

    let mut store = Embedded::open(directory.path()).unwrap();
    let tool = the_tool(&mut store);
    assert_eq!((tool.state, tool.seen), (State::Quarantined, B));
    assert_eq!((tool.first_seen, tool.changed_at), (10, 20));
    assert_eq!(tool.pinned.as_ref().map(|it| it.print), Some(A));
    assert_eq!(tool.shown().ok(), tool.other.as_ref());
    assert_eq!(approve(&mut store, &C), Approved::Moved);
    assert_eq!(approve(&mut store, &B), Approved::Pinned);
    assert_eq!(approve(&mut store, &B), Approved::Already);
    let tool = the_tool(&mut store);
    assert_eq!((tool.state, tool.other.as_ref()), (State::Pinned, None));
    assert_eq!(tool.pinned.map(|it| it.print), Some(B));
    assert_eq!(tool.approved_by.as_deref(), Some("carol"));
    let nobody = Approval {
        connection: "tickets",
        tool: "other",
        seen: &A,
        by: "carol",
    };
    assert_eq!(store.approve(&nobody, at(30)).unwrap(), Approved::Unknown);
}

#[test]
fn going_back_keeps_what_was_shown_in_between() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    let all = [
        seen(A, State::Pinned),
        seen(B, State::Quarantined),
        seen(A, State::Quarantined),
    ];
    store.keep(&all, &[], at(10)).unwrap();
    let tool = the_tool(&mut store);
    assert_eq!((tool.state, tool.seen), (State::Quarantined, A));
    assert_eq!(tool.other.as_ref().map(|it| it.print), Some(B));
    assert_eq!(tool.shown().ok(), tool.pinned.as_ref());
    assert_eq!(approve(&mut store, &A), Approved::Pinned);
    let tool = the_tool(&mut store);
    assert_eq!((tool.state, tool.other), (State::Pinned, None));
}

#[test]
fn of_two_opinions_the_stricter_holds() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    let mut other = Embedded::open_existing(directory.path()).unwrap();
    store.keep(&[seen(A, State::Pinned)], &[], at(10)).unwrap();
    other.keep(&[seen(B, State::Pinned)], &[], at(11)).unwrap();
    let tool = the_tool(&mut store);
    assert_eq!((tool.state, tool.seen), (State::Quarantined, B));
    store.keep(&[seen(A, State::Pinned)], &[], at(12)).unwrap();
    assert_eq!(the_tool(&mut store).state, State::Quarantined);
}

#[test]
fn a_first_definition_waits_for_approval() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    let pending = [seen(A, State::Pending), seen(B, State::Pending)];
    assert_eq!(store.keep(&pending, &[], at(10)).unwrap(), []);
    let tool = the_tool(&mut store);
    assert_eq!((tool.state, tool.pinned), (State::Pending, None));
    assert_eq!(approve(&mut store, &B), Approved::Pinned);
    assert_eq!(the_tool(&mut store).pinned.map(|it| it.print), Some(B));
}

#[test]
fn what_others_write_is_seen_by_its_revision() {
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = Embedded::open(directory.path()).unwrap();
    let many: Vec<_> = (0..200)
        .map(|index| ToolSeen {
            name: index.to_string().into(),
            ..seen(A, State::Pending)
        })
        .collect();
    gateway.keep(&many, &[], at(10)).unwrap();
    let mut last = 0;
    let mut count = 0;
    loop {
        let tools = gateway.tools_since(last).unwrap();
        let Some(tool) = tools.last() else { break };
        assert!(tools.is_sorted_by_key(|tool| tool.revision));
        last = tool.revision;
        count += tools.len();
    }
    assert_eq!(count, 200);
    let mut person = Embedded::open_existing(directory.path()).unwrap();
    let approval = Approval {
        connection: "tickets",
        tool: "7",
        seen: &A,
        by: "carol",
    };
    assert_eq!(person.approve(&approval, at(11)).unwrap(), Approved::Pinned);
    let news = gateway.tools_since(last).unwrap();
    assert_eq!(news.len(), 1);
    assert_eq!((&*news[0].name, news[0].state), ("7", State::Pinned));
}

#[test]
fn tasks_are_kept_until_they_are_over() {
    let directory = tempfile::tempdir().unwrap();
    let bound = |id: &str, owner: u8, until| TaskBound {
        task: TaskName::new("tickets", id),
        owner: [owner; 32],
        until: at(until),
    };
    let mut store = Embedded::open(directory.path()).unwrap();
    let all = [bound("1", 1, 50), bound("2", 2, 100), bound("2", 2, 200)];
    store.keep(&[], &all, at(10)).unwrap();
    drop(store);
    let mut store = Embedded::open(directory.path()).unwrap();
    assert_eq!(store.tasks(at(60)).unwrap(), [bound("2", 2, 200)]);
    assert_eq!(store.tasks(at(10)).unwrap(), [bound("2", 2, 200)]);
}

fn revoke(name: &str, until: Option<u64>) -> Revoke<'_> {
    Revoke {
        kind: RevokedKind::Client,
        name,
        issuer: Some("local"),
        before: Some(5),
        until,
        reason: Some("why not"),
        by: "carol",
    }
}

#[test]
fn revocations_are_kept_as_they_were_until_they_are_over_or_lifted() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    let mut person = Embedded::open_existing(directory.path()).unwrap();
    // Opening it may have been a change.
    let _ = store.changed().unwrap();
    assert!(!store.changed().unwrap());
    assert_eq!(person.revoke(&revoke("a", None), at(10)).unwrap(), 1);
    assert_eq!(person.revoke(&revoke("b", Some(50)), at(10)).unwrap(), 2);
    assert!(store.changed().unwrap(), "another has written");
    assert!(!store.changed().unwrap());
    let all = store.revocations(at(49)).unwrap();
    let a = KeptRevocation {
        revocation: Revocation {
            id: 1,
            kind: RevokedKind::Client,
            name: "a".into(),
            issuer: Some("local".into()),
            before: Some(5),
            until: None,
        },
        reason: Some("why not".to_owned()),
        by: "carol".to_owned(),
        at: 10,
    };
    assert_eq!((all.len(), &all[0]), (2, &a));
    assert_eq!(store.revocations(at(50)).unwrap(), [a]);
    assert!(store.lift(1).unwrap() && !store.lift(1).unwrap());
    assert!(!store.changed().unwrap(), "that was its own");
    assert_eq!(store.revoke(&revoke("c", None), at(60)).unwrap(), 3);
    assert!(!store.lift(2).unwrap(), "what is over made room");
}

#[test]
fn there_is_a_bound_on_what_stands_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    store
        .whole(|database| {
            for _ in 0..REVOCATIONS {
                revocations::add(database, &revoke("a", Some(50)), at(10))?;
            }
            Ok(())
        })
        .unwrap();
    let full = store.revoke(&revoke("b", None), at(11));
    assert!(matches!(full, Err(StoreError::TooMany(REVOCATIONS))));
    assert_eq!(store.revocations(at(11)).unwrap().len(), REVOCATIONS);
    assert!(store.revoke(&revoke("b", None), at(50)).is_ok());
}

#[test]
fn a_revocation_that_makes_no_sense_is_not_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    store.revoke(&revoke("a", None), at(10)).unwrap();
    let strange = "UPDATE revocations SET kind = 'planet'";
    store.database.execute(strange, []).unwrap();
    let read = store.revocations(at(10));
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
}

#[test]
fn a_store_of_the_first_version_is_brought_to_this_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    store.keep(&[seen(A, State::Pinned)], &[], at(10)).unwrap();
    let back = "DROP TABLE revocations; DELETE FROM schema WHERE version = 2";
    store.database.execute_batch(back).unwrap();
    drop(store);
    let mut store = Embedded::open_existing(directory.path()).unwrap();
    assert_eq!(the_tool(&mut store).state, State::Pinned);
    assert_eq!(store.revoke(&revoke("a", None), at(10)).unwrap(), 1);
}

#[test]
fn nobody_else_may_read_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Embedded::open(directory.path()).unwrap();
    store.keep(&[seen(A, State::Pinned)], &[], at(10)).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        count += 1;
    }
    assert!(count >= 2, "the file, and what is written ahead of it");
}

#[test]
fn what_is_not_a_sound_store_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let missing = Embedded::open_existing(directory.path());
    assert!(matches!(missing, Err(StoreError::Missing(_))));
    let nowhere = Embedded::open(&directory.path().join("nowhere"));
    assert!(matches!(nowhere, Err(StoreError::File(..))));

    std::fs::write(
        &path,
        "a diary, not a database, and long enough to have a header of its own, \
        which must not be taken for one of a database by anybody who looks at its first bytes",
    )
    .unwrap();
    assert!(matches!(
        Embedded::open(directory.path()),
        Err(StoreError::Corrupt(_))
    ));
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("a diary")
    );
    std::fs::remove_file(&path).unwrap();

    let foreign = Connection::open(&path).unwrap();
    foreign
        .execute_batch("CREATE TABLE diary (day TEXT)")
        .unwrap();
    drop(foreign);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(
        Embedded::open(directory.path()),
        Err(StoreError::Foreign)
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::remove_file(&path).unwrap();

    let store = Embedded::open(directory.path()).unwrap();
    store
        .database
        .execute("INSERT INTO schema (version) VALUES (9)", [])
        .unwrap();
    drop(store);
    let newer = Embedded::open(directory.path());
    assert!(matches!(
        newer,
        Err(StoreError::Newer { found: 9, known: 2 })
    ));
}

#[test]
fn damage_is_said_and_never_believed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let mut store = Embedded::open(directory.path()).unwrap();
    store.keep(&[seen(A, State::Pinned)], &[], at(10)).unwrap();
    let strange = "UPDATE tools SET state = 'fine'";
    store.database.execute(strange, []).unwrap();
    let read = store.tools_of("tickets");
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    let unpinned = "UPDATE tools SET state = 'quarantined', definition = NULL,
        other_definition = definition, other_fingerprint = fingerprint";
    store.database.execute(unpinned, []).unwrap();
    let read = store.tools_of("tickets");
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    let short = "UPDATE tools SET state = 'pinned', seen = x'00'";
    store.database.execute(short, []).unwrap();
    let read = store.tools_since(0);
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    drop(store);

    // Every page but the first is overwritten.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let refused = Embedded::open(directory.path());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))));
}
