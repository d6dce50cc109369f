//! The whole demo, and what it leaves behind: sessions, verification, policy.

use crate::{run, sluice, stderr, stdout};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

#[test]
fn the_demo_tells_its_whole_story() {
    let started = Instant::now();
    let output = run(&["demo"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", stderr(&output));
    for step in [
        "· The agent gets a token",
        "· An allowed call; personal values are masked",
        "· Paging",
        "· What the directory says is what the caller hears: 404 and 429",
        "· Calls that policy does not allow: 403",
        "rule: directory-readers/7",
        "· Tokens that will not do: 401",
        "forged: signed with another key",
        "expired yesterday",
        "meant for api://payroll",
        "meant for Graph itself",
        "✓ No token that the caller used ever reached the directory.",
        "✓ The gateway's credential never reached the caller.",
        "✓ No masked value ever reached the caller.",
        "$ sluice sessions list",
        "$ sluice sessions replay",
        "✓ No masked value is in the recording.",
        "✓ untouched: exit code 0",
        "✓ found: tampered, exit code 12",
        "What to do next",
    ] {
        assert!(text.contains(step), "{step}\n{text}");
    }
    assert!(!text.contains('✗'), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe");
    let width = text.lines().map(|line| line.chars().count()).max();
    assert!(width.is_some_and(|width| width <= 100), "{text}");
    let files = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("its files"));
    let files = Path::new(files.expect("a path").trim());
    assert!(!files.exists(), "what is temporary is gone: {files:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn the_demo_holds_on_every_driver() {
    for driver in ["tokio", "epoll", "uring"] {
        let output = run(&["demo", "--io", driver]);
        let text = stdout(&output);
        let code = output.status.code();
        assert_eq!(code, Some(0), "{driver}: {text}\n{}", stderr(&output));
    }
}

/// The demo, left running in a directory.
struct Kept {
    child: Child,
    reader: BufReader<ChildStdout>,
    text: String,
}

impl Kept {
    fn start(directory: &Path) -> Kept {
        let mut child = sluice(&["demo", "--keep", "--dir"])
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut text = String::new();
        while !text.contains("Ctrl-C ends everything") {
            let read = reader.read_line(&mut text).expect("UTF-8");
            assert!(read > 0, "it ended early:\n{text}");
        }
        Kept {
            child,
            reader,
            text,
        }
    }

    fn stop(mut self) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).expect("it runs");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).expect("UTF-8");
    }
}

#[test]
fn what_the_demo_leaves_can_be_read_verified_and_judged() {
    let directory = tempfile::tempdir().expect("a directory");
    let play = directory.path().join("play");
    let kept = Kept::start(&play);
    assert!(kept.text.contains("curl -si --cacert"));
    kept.stop();
    let data = play.join("data").display().to_string();
    let sessions = |arguments: &[&str]| {
        let arguments = [&["sessions"], arguments, &["--data", &data]].concat();
        run(&arguments)
    };

    let listed = stdout(&sessions(&["list"]));
    let id: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let id = id.first().expect("a session").get(..8).expect("an id");
    assert!(stdout(&sessions(&["show", id])).contains("complete: status 200"));
    let replayed = sessions(&["replay", id, "--speed", "100"]);
    assert!(stdout(&replayed).contains("complete: status 200"));
    let exported = stdout(&sessions(&["export"]));
    assert!(exported.lines().count() > 20);
    for line in exported.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    assert!(stdout(&sessions(&["list", "--outcome", "refused"])).contains(id));
    assert_eq!(stdout(&sessions(&["list", "--until", "2020-01-01"])), "");
    let nobody = sessions(&["show", "ffffffffffffffffffffffffffffffff"]);
    assert_eq!(nobody.status.code(), Some(1));

    let intact = sessions(&["verify"]);
    assert_eq!(intact.status.code(), Some(0), "{}", stdout(&intact));
    let segment = segment(&play.join("data/recordings"));
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("bytes");
    bytes[used / 3] ^= 4;
    std::fs::write(&segment, &bytes).expect("a file");
    let tampered = sessions(&["verify"]);
    assert_eq!(tampered.status.code(), Some(12), "{}", stdout(&tampered));
    assert!(stderr(&tampered).contains("tampered"));

    explains_policy(&play);
}

/// The first segment that was written to.
fn segment(recordings: &Path) -> PathBuf {
    let files = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).expect("a directory");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    };
    let mut segments: Vec<PathBuf> = files(recordings)
        .iter()
        .flat_map(|path| files(path))
        .collect();
    segments.retain(|path| path.display().to_string().contains("segment-"));
    segments.sort();
    segments.into_iter().next().expect("a segment")
}

fn explains_policy(play: &Path) {
    let yaml = std::fs::read_to_string(play.join("sluice.yaml")).expect("a file");
    let authority = yaml
        .lines()
        .find_map(|line| line.trim().strip_prefix("authority: "));
    let tenant = "7e2f4c1a-93d0-4b7e-9a55-0c3d8e61f0a2";
    let claims = serde_json::json!({
        "iss": format!("{}/{tenant}/v2.0", authority.expect("an authority")),
        "ver": "2.0", "tid": tenant, "oid": "5b2e9d14-6a7f-4c30-b8e1-0f9e8d7c6b5a",
        "azp": "3c770e8a-41d9-4b52-9e06-8f7a6b5c4d3e", "idtyp": "app",
        "roles": ["Directory.Read"],
    });
    let path = play.join("claims.json");
    std::fs::write(&path, claims.to_string()).expect("a file");
    let (claims, yaml) = (path.display().to_string(), play.join("sluice.yaml"));
    let yaml = yaml.display().to_string();
    for (method, path, code, verdict) in [
        ("GET", "/graph/v1.0/users", 0, "allowed"),
        ("DELETE", "/graph/v1.0/users/x", 1, "denied by a rule"),
        ("GET", "/graph/v1.0/secrets", 1, "no rule"),
        (
            "POST",
            "/graph/v1.0/users/x/revokeSignInSessions",
            1,
            "approval",
        ),
    ] {
        let output = run(&[
            "policy", "explain", method, path, "--claims", &claims, "-c", &yaml,
        ]);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{path}: {}",
            stderr(&output)
        );
        assert!(
            stdout(&output).contains(verdict),
            "{path}: {}",
            stdout(&output)
        );
    }
    let dotted = [
        "policy",
        "explain",
        "GET",
        "/graph/../x",
        "--claims",
        &claims,
        "-c",
        &yaml,
    ];
    assert!(stderr(&run(&dotted)).contains("dot segment"));
}
