//! `token inspect`, and `sessions` where there are none.

use crate::config::{GOOD, write_config};
use crate::{run, sluice, stderr, stdout};
use std::io::Write;
use std::process::Stdio;

/// `{"alg":"RS256","kid":"k"}`, claims of a tenant nobody trusts, and no real signature.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.\
    eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUvIiwiYXVkIjoieCIsImV4cCI6MTcwMDAwMDAwMH0.c2lnbmF0dXJl";

#[test]
fn a_token_is_read_aloud_without_being_repeated() {
    let output = run(&["token", "inspect", TOKEN]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("https://id.example/"), "{text}");
    assert!(text.contains("expired"), "{text}");
    assert!(!text.contains("c2lnbmF0dXJl"), "the signature is not shown");

    let mut child = sluice(&["token", "inspect"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let line = format!("Authorization: Bearer {TOKEN}\n");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(line.as_bytes())
        .expect("it reads");
    let piped = child.wait_with_output().expect("it ends");
    assert_eq!(stdout(&piped), text);
}

#[test]
fn a_token_that_would_be_refused_exits_with_1() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = write_config(directory.path(), GOOD);
    let output = run(&["token", "inspect", TOKEN, "-c", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("not a configured issuer"));
    let nonsense = run(&["token", "inspect", "nonsense"]);
    assert_eq!(nonsense.status.code(), Some(1));
}

#[test]
fn a_recording_that_is_not_there_is_said_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().display().to_string();
    for arguments in [
        &["sessions", "list"][..],
        &["sessions", "verify"],
        &["sessions", "show", "ab"],
    ] {
        let output = sluice(arguments)
            .args(["--data", &data])
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(&data), "{arguments:?}");
    }
}
