//! What is kept of a call through the whole: both ways that it went, and no token.

use std::path::Path;

use sluice::recorder::read::{Filter, recordings, sessions};
use sluice::recorder::show::json_lines;

use super::super::scene::{AGENT, start};
use super::{call, caller, tickets, yaml};

/// The files below `directory` that contain `text`.
fn holding(directory: &Path, text: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, text, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let held = bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        found.extend(held.then(|| path.display().to_string()));
    }
}

#[test]
fn both_hops_are_recorded_and_the_token_is_nowhere() {
    let upstream = tickets();
    let data = tempfile::tempdir().unwrap();
    let scene = start(&yaml(&upstream, &data.path().display().to_string()));
    let mut agent = caller(&scene, AGENT, "/mcp/all");
    call(&mut agent, "tickets__search_a");
    call(&mut agent, "files__read_file");
    // The log has a line for each hop.
    let log = scene.access_log(9);
    for (connection, calls) in [("all", 2), ("tickets", 1), ("files", 1)] {
        let lines = log.iter().filter(|line| {
            line["connection"] == connection && line.to_string().contains("tools/call")
        });
        assert_eq!(lines.count(), calls, "{connection}: {log:?}");
    }
    let mut held = Vec::new();
    for secret in agent.token.split('.').skip(1) {
        holding(scene.directory.path(), secret, &mut held);
    }
    // The recording is whole once it is sealed.
    scene.stop();
    let recordings = recordings(data.path()).unwrap();
    let (found, unread) = sessions(&recordings, &Filter::default()).unwrap();
    assert!(unread.is_empty(), "{unread:?}");
    for connection in ["all", "tickets", "files"] {
        let mut of = found
            .iter()
            .filter(|session| session.connection == connection);
        let session = of
            .next()
            .unwrap_or_else(|| panic!("{connection} in {found:?}"));
        assert!(session.principal.contains(AGENT), "{}", session.principal);
    }
    let mut exported = Vec::new();
    json_lines(&recordings, None, &mut exported).unwrap();
    let exported = String::from_utf8(exported).unwrap();
    assert!(exported.contains("search_a") && exported.contains("read_file"));
    for secret in agent.token.split('.').skip(1) {
        assert!(!exported.contains(secret));
        holding(data.path(), secret, &mut held);
    }
    assert!(held.is_empty(), "{held:?}");
    // What the upstream was shown is not the caller's token either.
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| !request.head.contains(&agent.token))
    );
}
