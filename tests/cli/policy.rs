//! `sluice policy explain` for calls of MCP and for conditions.

use crate::config::write_config;
use crate::{run, stderr, stdout};
use std::path::Path;

const CONFIG: &str = r#"listeners: [{ bind: 127.0.0.1:0, tls: { cert: file:tls.crt, key: file:tls.key } }]
data: data
issuers:
  entra: { kind: entra, tenant: 7e2f4c1a-93d0-4b7e-9a55-0c3d8e61f0a2, audiences: [api://sluice] }
connections:
  tickets: { protocol: mcp, upstream: http://127.0.0.1:3001/mcp, record: buffered }
  files: { protocol: http, upstream: https://files.example, record: buffered }
  all: { protocol: mcp, virtual: { members: [tickets] } }
routes:
  - { path: /mcp/all/**, connection: all }
  - { path: /mcp/tickets/**, connection: tickets }
  - { path: /files/**, connection: files }
policies:
  - name: agents
    connection: tickets
    who: { issuer: entra, roles: [Tickets.Use] }
    rules:
      - allow: tools/call search_*
        when: arguments.count < 5
      - deny: tools/call search_secret
        when: has(arguments.force) && arguments.force
      - deny: tools/call search_*
        when: arguments.count > 3
        shadow: true
  - name: writers
    connection: tickets
    who: { issuer: entra, scopes: [tickets.write] }
    rules: [{ allow: tools/call close_ticket }]
  - name: readers
    connection: files
    who: { issuer: entra, roles: [Tickets.Use] }
    rules:
      - allow: GET /**
        when: query.version == '2' && headers['x-team'] == 'blue' && now.hour < 18
"#;

fn claims(directory: &Path) -> String {
    let tenant = "7e2f4c1a-93d0-4b7e-9a55-0c3d8e61f0a2";
    let claims = serde_json::json!({
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "ver": "2.0", "tid": tenant, "oid": "5b2e9d14-6a7f-4c30-b8e1-0f9e8d7c6b5a",
        "azp": "3c770e8a-41d9-4b52-9e06-8f7a6b5c4d3e", "idtyp": "app", "roles": ["Tickets.Use"],
    });
    let path = directory.join("claims.json");
    std::fs::write(&path, claims.to_string()).expect("a file");
    path.display().to_string()
}

/// The exit code, and what is said.
fn explained(arguments: &[&str]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let config = write_config(directory.path(), CONFIG);
    let claims = claims(directory.path());
    let all = ["policy", "explain", "-c", &config, "--claims", &claims];
    let output = run(&[&all[..], arguments].concat());
    let text = format!("{}{}", stdout(&output), stderr(&output));
    (output.status.code(), text)
}

#[test]
fn a_call_of_mcp_is_explained_rule_by_rule() {
    let call = |name, arguments| {
        explained(&[
            "tools/call",
            name,
            "--connection",
            "tickets",
            "--arguments",
            arguments,
        ])
    };
    for (name, arguments, code, says) in [
        (
            "search_x",
            r#"{"count":2}"#,
            0,
            &[
                "agents/1: allow tools/call search_*",
                "when arguments.count < 5: holds",
                "verdict     allowed",
                "listed      yes",
            ][..],
        ),
        (
            "search_x",
            r#"{"count":4}"#,
            0,
            &[
                "agents/3: deny tools/call search_* (in shadow)",
                "in shadow   would be denied",
            ],
        ),
        (
            "search_x",
            r#"{"count":9}"#,
            1,
            &[
                "when arguments.count < 5: does not hold",
                "no rule for this caller",
            ],
        ),
        (
            "search_x",
            r#"{"Count":2}"#,
            1,
            &[
                "fails: there is such a member in another letter case",
                "the condition of a rule fails",
            ],
        ),
        (
            "search_secret",
            r#"{"count":2,"force":true}"#,
            1,
            &["denied by a rule", "agents/2: deny"],
        ),
        (
            "close_ticket",
            "{}",
            1,
            &[
                "writers: for this caller: no, a scope is missing",
                "the token needs a scope: tickets.write",
                "listed      no",
            ],
        ),
    ] {
        let (exit, text) = call(name, arguments);
        assert_eq!(exit, Some(code), "{name} {arguments}: {text}");
        for part in says {
            assert!(text.contains(part), "{name} {arguments}: {text}");
        }
    }
    let (exit, text) = explained(&["tools/list", "--connection", "tickets"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("agents/lifecycle: allow"), "{text}");
}

#[test]
fn a_condition_of_an_http_call_is_told_what_it_goes_by() {
    let path = "/reports?version=2";
    let base = [
        "GET",
        path,
        "--connection",
        "files",
        "--header",
        "X-Team: blue",
    ];
    let at = |time| explained(&[&base[..], &["--at", time]].concat());
    assert_eq!(at("2026-11-22T09:30Z").0, Some(0));
    let (exit, text) = at("2026-11-22T19:30Z");
    assert_eq!(exit, Some(1));
    assert!(text.contains("does not hold"), "{text}");
    // At an hour at which the condition fails for want of the field, and not for the time.
    let morning = ["--at", "2026-11-22T09:30Z"];
    let (exit, text) = explained(&[&["GET", path, "--connection", "files"], &morning[..]].concat());
    assert_eq!(exit, Some(1));
    assert!(
        text.contains("there is no such member (at character 32"),
        "{text}"
    );
}

#[test]
fn what_makes_no_sense_is_told() {
    for (arguments, says) in [
        (&["GET", "/mcp/tickets"][..], "`tickets` speaks MCP"),
        (
            &["tools/call", "x", "--connection", "nowhere"],
            "no connection `nowhere`",
        ),
        (&["GET", "--connection", "files"], "needs its path"),
        (&["GET", "/files/x", "--at", "noon"], "--at noon"),
        (
            &["GET", "/files/x", "--header", "x"],
            "expected `NAME: VALUE`",
        ),
        (
            &[
                "tools/call",
                "x",
                "--connection",
                "tickets",
                "--arguments",
                "{",
            ],
            "--arguments",
        ),
    ] {
        let (exit, text) = explained(arguments);
        assert_eq!(exit, Some(1), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
}

#[test]
fn a_condition_that_can_never_hold_is_shown_where_it_stands() {
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = CONFIG.replace("arguments.count < 5", "argument.count < 5");
    let config = write_config(directory.path(), &wrong);
    let claims = claims(directory.path());
    let output = run(&[
        "policy",
        "explain",
        "tools/list",
        "--connection",
        "tickets",
        "-c",
        &config,
        "--claims",
        &claims,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("did you mean `arguments`?"), "{text}");
    assert!(
        text.contains(":19:15:"),
        "the line of the condition: {text}"
    );
}

#[test]
fn what_several_servers_as_one_allow_is_asked_of_each() {
    let (code, says) = explained(&["tools/call", "tickets__search_x", "--connection", "all"]);
    assert_eq!(code, Some(1), "{says}");
    assert!(says.contains("--connection tickets"), "{says}");
}
