//! `check` and `serve`, given files of all kinds.

use crate::{run, stderr, stdout};
use std::net::TcpListener;
use std::path::Path;

/// A configuration that is good once `tls.crt`, `tls.key` and `secret` stand beside it.
pub const GOOD: &str = r#"listeners: [{ bind: 127.0.0.1:0, tls: { cert: file:tls.crt, key: file:tls.key } }]
data: data
issuers:
  entra: { kind: entra, tenant: 7e2f4c1a-93d0-4b7e-9a55-0c3d8e61f0a2, audiences: [api://sluice] }
credentials:
  fixed: { kind: bearer, token: file:secret }
connections:
  graph: { protocol: http, upstream: https://graph.example, credential: fixed, record: durable }
routes:
  - { path: /graph/**, connection: graph }
policies:
  - name: readers
    connection: graph
    who: { issuer: entra, roles: [Directory.Read] }
    rules:
      - allow: GET /v1.0/users
      - deny: DELETE /**
"#;

pub fn write_config(directory: &Path, yaml: &str) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    for (name, text) in [
        ("tls.crt", made.cert.pem()),
        ("tls.key", made.signing_key.serialize_pem()),
        ("secret", "hunter2-hunter2".to_owned()),
        ("sluice.yaml", yaml.to_owned()),
    ] {
        std::fs::write(directory.join(name), text).expect("a file");
    }
    directory.join("sluice.yaml").display().to_string()
}

#[test]
fn check_says_good_to_a_good_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = write_config(directory.path(), GOOD);
    let output = run(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("good "));
    assert!(
        !directory.path().join("data").exists(),
        "check changes nothing"
    );
}

#[test]
fn check_shows_every_mistake_where_it_stands() {
    let directory = tempfile::tempdir().expect("a directory");
    let typo = GOOD.replace("record: durable", "recrod: durable");
    let path = write_config(directory.path(), &typo);
    let output = run(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("sluice.yaml:8:"), "{text}");
    assert!(text.contains("did you mean `record`?"), "{text}");
    assert!(!text.contains("hunter2"), "no secret in any output");

    let missing = run(&["check", "-c", "/nonexistent/sluice.yaml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("/nonexistent/sluice.yaml"));
}

#[test]
fn the_schema_is_json_that_knows_every_section() {
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let schema: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let member = &schema["properties"]["connections"]["additionalProperties"]["properties"];
    let members = &member["virtual"]["properties"]["members"];
    assert_eq!(members["type"], "array", "{schema:#}");
}

#[test]
fn serve_refuses_to_start_where_it_could_not_serve() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let yaml = GOOD.replace("127.0.0.1:0", &address);
    let path = write_config(directory.path(), &yaml);
    let output = run(&["serve", "-c", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));

    let path = write_config(
        directory.path(),
        &GOOD.replace("file:secret", "env:SLUICE_UNSET"),
    );
    let output = run(&["serve", "-c", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("SLUICE_UNSET"),
        "{}",
        stderr(&output)
    );
}
