//! `backup` and `restore`, over a data directory that is in use.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sluice::auth::RevokedKind;
use sluice::base::clock::Wall;
use sluice::mcp::pins::{State, ToolSeen};
use sluice::mcp::print::Fingerprint;
use sluice::store::{Embedded, FILE, Revoke, Store};

use crate::{run, stderr, stdout};

const KEYS: [(&str, &[u8]); 2] = [("pseudonym.key", &[7; 32]), ("session.key", b"a key\n")];

fn seen(number: u32) -> ToolSeen {
    ToolSeen {
        connection: "tickets".into(),
        name: format!("tool-{number}").into(),
        definition: format!("{{\"number\":{number}}}").into(),
        print: Fingerprint([number as u8; 32]),
        state: State::Pinned,
        news: 1,
    }
}

/// A data directory with keys, and a store with some tools.
fn data(directory: &Path) -> Embedded {
    for (name, bytes) in KEYS {
        fs::write(directory.join(name), bytes).unwrap();
    }
    let mut store = Embedded::open(directory).unwrap();
    let tools: Vec<_> = (0..50).map(seen).collect();
    store.keep(&tools, &[], Wall(1)).unwrap();
    let revoke = Revoke {
        kind: RevokedKind::Client,
        name: "agent",
        issuer: None,
        before: None,
        until: None,
        reason: None,
        by: "carol",
    };
    store.revoke(&revoke, Wall(1)).unwrap();
    store
}

fn command(name: &str, data: &Path, other: &Path) -> Output {
    let (data, other) = (data.display().to_string(), other.display().to_string());
    run(&[name, "--data", &data, &other])
}

fn refuses(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(output).contains(why), "{}", stderr(output));
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_backed_up_while_it_is_written_to_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let [live, copy, other] = ["live", "copy", "other"].map(|name| folder.path().join(name));
    fs::create_dir(&live).unwrap();
    let mut store = data(&live);
    let done = AtomicBool::new(false);
    let backed_up = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 50;
            while !done.load(Ordering::Relaxed) {
                // Two at once: a copy has both or none.
                let pair = [seen(number), seen(number + 1)];
                store.keep(&pair, &[], Wall(2)).unwrap();
                number += 2;
                std::thread::sleep(Duration::from_millis(1));
            }
            number
        });
        let output = command("backup", &live, &copy);
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 50, "nothing was written meanwhile");
        output
    });
    assert_eq!(backed_up.status.code(), Some(0), "{}", stderr(&backed_up));
    assert!(stdout(&backed_up).contains("pseudonym.key, session.key, store.sqlite"));
    assert_eq!(mode(&copy), 0o700);
    let mut names: Vec<_> = fs::read_dir(&copy)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["backup.json", "pseudonym.key", "session.key", FILE]);
    for name in &names {
        assert_eq!(mode(&copy.join(name)), 0o600, "{name}");
    }

    let restored = command("restore", &other, &copy);
    assert_eq!(restored.status.code(), Some(0), "{}", stderr(&restored));
    for (name, bytes) in KEYS {
        assert_eq!(fs::read(other.join(name)).unwrap(), bytes);
        assert_eq!(mode(&other.join(name)), 0o600);
    }
    assert_eq!(mode(&other.join(FILE)), 0o600);
    let mut restored = Embedded::open_existing(&other).unwrap();
    assert_eq!(restored.revocations(Wall(2)).unwrap().len(), 1);
    let count = restored.tools_of("tickets").unwrap().len();
    assert!(count >= 50 && count.is_multiple_of(2), "{count}");
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let [live, copy, other] = ["live", "copy", "other"].map(|name| folder.path().join(name));
    fs::create_dir(&live).unwrap();
    drop(data(&live));
    assert_eq!(command("backup", &live, &copy).status.code(), Some(0));
    refuses(&command("backup", &live, &copy), "exists");
    refuses(
        &command("restore", &live, &copy),
        "pseudonym.key is there already",
    );
    for name in [FILE, "store.sqlite-wal", "session.key"] {
        fs::create_dir(&other).unwrap();
        fs::write(other.join(name), "mine").unwrap();
        refuses(&command("restore", &other, &copy), "is there already");
        let left: Vec<_> = fs::read_dir(&other).unwrap().collect();
        assert_eq!(left.len(), 1, "{name}");
        assert_eq!(fs::read(other.join(name)).unwrap(), b"mine");
        fs::remove_dir_all(&other).unwrap();
    }
}

#[test]
fn what_is_not_a_whole_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let [live, copy, other] = ["live", "copy", "other"].map(|name| folder.path().join(name));
    fs::create_dir(&live).unwrap();
    refuses(&command("backup", &live, &copy), "neither keys nor a store");
    assert!(!copy.exists(), "half a backup is left");
    drop(data(&live));
    assert_eq!(command("backup", &live, &copy).status.code(), Some(0));
    let manifest = copy.join("backup.json");
    let good = fs::read_to_string(&manifest).unwrap();
    let strange = good.replace("session.key", "../session.key");
    let newer = good.replace("\"sluice_backup\": 1", "\"sluice_backup\": 2");
    for (text, why) in [
        (strange.as_str(), "no file of a backup"),
        (&newer, "another version"),
        ("{}", "backup.json"),
    ] {
        fs::write(&manifest, text).unwrap();
        refuses(&command("restore", &other, &copy), why);
    }
    fs::write(&manifest, &good).unwrap();
    for (name, bytes) in [("session.key", &b"another key\n"[..]), (FILE, b"no store")] {
        let before = fs::read(copy.join(name)).unwrap();
        fs::write(copy.join(name), bytes).unwrap();
        refuses(
            &command("restore", &other, &copy),
            "not what the backup was made with",
        );
        fs::write(copy.join(name), before).unwrap();
    }
    fs::remove_file(copy.join("session.key")).unwrap();
    refuses(&command("restore", &other, &copy), "session.key");
    fs::remove_file(&manifest).unwrap();
    refuses(&command("restore", &other, &copy), "backup.json");
    assert!(!other.exists() || fs::read_dir(&other).unwrap().next().is_none());
}
