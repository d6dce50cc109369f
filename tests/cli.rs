//! The command line as a user meets it: the built binary, its output and its exit codes.

use rustix::process::{Pid, Signal, kill_process};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn sluice(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    sluice(arguments).output().expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn help_goes_to_standard_output_and_names_the_exit_codes() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.contains("Exit codes:"));
    assert!(!text.contains('\u{1b}'), "no colour in a pipe");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}

#[test]
fn every_command_has_a_help_text_with_examples() {
    let help = stdout(&run(&["--help"]));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 2, "{help}");
    for name in names {
        let output = run(&[name, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        let text = stdout(&output);
        assert!(text.contains("Examples:"), "{name}:\n{text}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_2() {
    for arguments in [
        &["frobnicate"][..],
        &["check", "--loudly"],
        &["completions", "csh"],
        &[],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("sluice"), "{shell}");
    }
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let mut child = sluice(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

/// A configuration that is good once `tls.crt`, `tls.key` and `secret` stand beside it.
const GOOD: &str = r#"listeners: [{ bind: 127.0.0.1:0, tls: { cert: file:tls.crt, key: file:tls.key } }]
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

fn write_config(directory: &Path, yaml: &str) -> String {
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

#[test]
fn parts_of_the_demo_run_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().display().to_string();
    let output = run(&["demo", "--only", "certificate", "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for file in ["ca.pem", "ca.key", "server.crt", "server.key"] {
        assert!(directory.path().join(file).exists(), "{file}");
    }
    let authority = std::fs::read(directory.path().join("ca.pem")).expect("a file");

    let issuer = Part::start(&["--only", "issuer", "--out", &out]);
    let apps = std::fs::read_to_string(directory.path().join("apps.json")).expect("a file");
    assert!(apps.contains("client_id"));
    let again = std::fs::read(directory.path().join("ca.pem")).expect("a file");
    assert_eq!(again, authority, "parts share one authority");

    let tenant = issuer.about["tenant"].as_str().expect("a tenant");
    let keys = format!("{}/{tenant}/discovery/v2.0/keys", issuer.url());
    let captured = directory.path().join("captured");
    let part = ["--only", "directory", "--out", &out, "--trust-jwks", &keys];
    let capture = captured.display().to_string();
    let graph = Part::start(&[&part[..], &["--capture", &capture]].concat());
    let url = format!("{}/v1.0/users?$top=1", graph.url());
    let status = |token: &str| {
        let token = std::fs::read_to_string(directory.path().join("tokens").join(token));
        get(&url, &token.expect("a token"), &authority)
    };
    assert_eq!(status("sluice.graph-audience.jwt"), 200);
    assert_eq!(status("sluice.good.jwt"), 401, "for another audience");
    assert_eq!(status("staff-finder.forged.jwt"), 401);
    let received = std::fs::read(captured.join("0-received.bin")).expect("a file");
    assert!(received.starts_with(b"GET /v1.0/users?$top=1 HTTP/1.1\r\n"));
    let sent = std::fs::read(captured.join("0-sent.bin")).expect("a file");
    assert!(sent.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// One part of the demo, running alone.
struct Part {
    child: Child,
    about: serde_json::Value,
}

impl Part {
    fn start(arguments: &[&str]) -> Part {
        let mut child = sluice(&["demo"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        reader.read_line(&mut line).expect("a line");
        let about = serde_json::from_str(&line).expect("JSON");
        Part { child, about }
    }

    fn url(&self) -> &str {
        self.about["url"].as_str().expect("a URL")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Whether it still ran makes no difference.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status of a GET with a bearer token.
fn get(url: &str, token: &str, authority: &[u8]) -> u16 {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority).expect("a certificate"))
        .expect("a root");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder().use_preconfigured_tls(tls);
    let request = client
        .build()
        .expect("a client")
        .get(url)
        .bearer_auth(token);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let answer = runtime.block_on(request.send()).expect("an answer");
    answer.status().as_u16()
}

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
