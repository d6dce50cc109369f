//! `revoke`, over a store that a gateway has made.

use crate::{run, stderr, stdout};
use sluice::auth::RevokedKind;
use sluice::base::clock::Clock;
use sluice::store::{Embedded, KeptRevocation, Store};
use std::path::Path;
use std::process::Output;

fn data() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    drop(Embedded::open(directory.path()).expect("a store"));
    directory
}

fn revoke(data: &Path, arguments: &[&str]) -> Output {
    let data = data.display().to_string();
    let mut all = vec!["revoke"];
    all.extend(arguments);
    all.extend(["--data", &data]);
    run(&all)
}

fn done(data: &Path, arguments: &[&str]) -> String {
    let output = revoke(data, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

fn kept(data: &Path) -> Vec<KeptRevocation> {
    let mut store = Embedded::open_existing(data).expect("a store");
    let now = Clock::start().now().wall;
    store.revocations(now).expect("what is revoked")
}

#[test]
fn what_is_revoked_is_listed_until_it_is_lifted() {
    let directory = data();
    let data = directory.path();
    assert_eq!(done(data, &["list"]), "nothing is revoked\n");
    assert_eq!(done(data, &["list", "--json"]), "");
    let told = done(
        data,
        &[
            "principal",
            "local/a/b",
            "--reason",
            "laptop stolen",
            "--by",
            "carol",
        ],
    );
    assert_eq!(told, "revocation 1: principal local/a/b\n");
    done(data, &["client", "c-1", "--issuer", "local", "--for", "8h"]);
    done(data, &["token", "t-1"]);
    done(data, &["session", "s-1"]);
    done(data, &["mcp-session", "00112233445566FF"]);
    let all = kept(data);
    let named: Vec<_> = all
        .iter()
        .map(|one| {
            (
                one.revocation.id,
                one.revocation.kind,
                &*one.revocation.name,
            )
        })
        .collect();
    assert_eq!(
        named,
        [
            (1, RevokedKind::Principal, "local/a/b"),
            (2, RevokedKind::Client, "c-1"),
            (3, RevokedKind::Token, "t-1"),
            (4, RevokedKind::Session, "s-1"),
            (5, RevokedKind::McpSession, "00112233445566ff"),
        ]
    );
    let client = &all[1];
    assert_eq!(client.revocation.issuer.as_deref(), Some("local"));
    assert_eq!(client.revocation.until, Some(client.at + 8 * 3600));

    let text = done(data, &["list"]);
    assert!(text.contains("principal local/a/b"), "{text}");
    assert!(text.contains("by carol: laptop stolen"), "{text}");
    let lines = done(data, &["list", "--json"]);
    let first: serde_json::Value =
        serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["kind"], &first["revoked_by"]),
        (&"principal".into(), &"carol".into())
    );
    assert_eq!(first["issued_before"], serde_json::Value::Null);

    assert_eq!(
        done(data, &["lift", "1", "3"]),
        "revocation 1 is lifted\nrevocation 3 is lifted\n"
    );
    let again = revoke(data, &["lift", "3", "2"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("no such revocation: 3"));
    assert_eq!(stdout(&again), "revocation 2 is lifted\n");
    assert_eq!(kept(data).len(), 2);
    // No number is used twice.
    let told = done(data, &["token", "t-2"]);
    assert_eq!(told, "revocation 6: token t-2\n");
}

#[test]
fn issued_before_now_is_no_second_too_early() {
    let directory = data();
    let earliest = Clock::start().now().wall.unix_seconds();
    done(
        directory.path(),
        &["principal", "local/a", "--issued-before", "now"],
    );
    done(directory.path(), &["client", "a", "--issued-before", "1h"]);
    done(
        directory.path(),
        &["client", "a", "--issued-before", "2026-01-02T03:04:05Z"],
    );
    let latest = Clock::start().now().wall.unix_seconds() + 1;
    let before: Vec<_> = kept(directory.path())
        .iter()
        .map(|one| one.revocation.before.expect("a moment"))
        .collect();
    assert!((earliest..=latest).contains(&before[0]), "{before:?}");
    assert!((earliest - 3600..=latest - 3600).contains(&before[1]));
    assert_eq!(before[2], 1_767_323_045);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let directory = data();
    for (arguments, why) in [
        (&["principal", "alice"][..], "named as in the access log"),
        (&["principal", "/alice"], "named as in the access log"),
        (&["principal", "local/"], "named as in the access log"),
        (&["principal", "local/\u{e9}"], "named as in the access log"),
        (&["token", ""], "visible characters of ASCII"),
        (&["client", "a\nb"], "visible characters of ASCII"),
        (&["mcp-session", "0011"], "16 hexadecimal digits"),
        (&["client", "a", "--for", "0s"], "no time at all"),
        (&["client", "a", "--for", "long"], "write `90s`"),
        (&["client", "a", "--issued-before", "soon"], "or `now`"),
        (
            &["client", "a", "--issued-before", "2999-01-01"],
            "that is to come",
        ),
        (&["client", "a", "--reason", "a\u{1b}[2J"], "on one line"),
        (
            &["token", "a", "--issued-before", "now"],
            "unexpected argument",
        ),
        (&["lift"], "NUMBER"),
        (&["lift", "x"], "invalid"),
    ] {
        let output = revoke(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = stderr(&output);
        assert!(told.contains(why), "{arguments:?}: {told}");
    }
    assert_eq!(kept(directory.path()), []);
}

#[test]
fn without_a_store_nothing_seems_to_be_revoked() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&["token", "t"][..], &["list"], &["lift", "1"]] {
        let output = revoke(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("there is no store at"));
    }
    let left = std::fs::read_dir(directory.path()).expect("it is read");
    assert_eq!(left.count(), 0, "and none is made");
}

#[test]
fn an_issuer_that_is_spelled_wrong_is_found_by_the_configuration() {
    let directory = data();
    let path = directory.path().join("sluice.yaml");
    let config = format!(
        "listeners: [{{ bind: 127.0.0.1:0 }}]
admin: {{ bind: 127.0.0.1:0 }}
data: {}
issuers: {{ partner: {{ kind: oidc, issuer: https://id.partner.example, audiences: [us] }} }}
connections: {{ up: {{ protocol: http, upstream: \"http://localhost:1/\", record: buffered }} }}
routes: [{{ path: /**, connection: up }}]
",
        directory.path().display()
    );
    std::fs::write(&path, config).expect("it is written");
    let path = path.display().to_string();
    let told = |arguments: &[&str]| run(&[&["revoke", "-c", &path], arguments].concat());
    for arguments in [
        &["principal", "partnre/alice"][..],
        &["token", "t-1", "--issuer", "partnre"],
    ] {
        let output = told(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let why = "no issuer of the configuration is called partnre";
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
    assert_eq!(kept(directory.path()), []);
    let output = told(&["principal", "partner/alice"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(kept(directory.path()).len(), 1);
}
