//! `bench`, against servers on real sockets that answer as they are told.

mod server;

use self::server::{Reply, Server};
use crate::{run, sluice, stderr, stdout};
use serde_json::Value;
use sluice::cli::demo::pki::Authority;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TOKEN: &str = "a-token-that-nobody-may-see";

fn bench(url: &str, arguments: &[&str]) -> Output {
    run(&[&["bench", url][..], arguments].concat())
}

fn report(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{}", stderr(output)))
}

#[test]
fn what_is_counted_is_what_the_server_did() {
    let asked = AtomicU64::new(0);
    let server = Server::start(move |request| {
        assert!(
            request.starts_with("GET /some/where?a=b HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains("x-one: 1\r\n"), "{request}");
        match asked.fetch_add(1, Ordering::Relaxed) % 10 {
            3 => Reply::new(503, "later"),
            7 => Reply::new(404, ""),
            _ => Reply::new(200, "fine"),
        }
    });
    let url = format!("{}/some/where?a=b", server.url());
    let load = ["-r", "200", "-d", "1s", "-c", "4", "-H", "x-one: 1"];
    let output = bench(&url, &[&load[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = report(&output);
    assert_eq!(report["requests"], 200);
    assert_eq!(report["good"], 160);
    assert_eq!(report["endings"]["200 OK"], 160);
    assert_eq!(report["endings"]["503 Service Unavailable"], 20);
    assert_eq!(report["endings"]["404 Not Found"], 20);
    assert_eq!(report["bytes"], 160 * 4 + 20 * 5);
    assert!(report["seconds"].as_f64() >= Some(0.99), "{report}");
    assert_eq!(server.connections(), 4, "they are kept");

    let text = stdout(&bench(&url, &load));
    for part in [
        "200 requests",
        "160  200 OK",
        "20  404 Not Found",
        "p99.9",
        "max",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn a_servers_certificate_is_verified_and_a_files_bytes_are_the_body() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = |name: &str| directory.path().join(name).display().to_string();
    let authority = Authority::generate().expect("an authority");
    let leaf = authority.leaf("bench").expect("a certificate");
    std::fs::write(place("ca.pem"), authority.pem()).expect("a file");
    let body = "{\"list\":[1,2,3]}\n";
    std::fs::write(place("body.json"), body).expect("a file");
    let server = Server::secure(leaf.server().expect("TLS"), move |request| {
        let is_whole = request.starts_with("POST /put HTTP/1.1\r\n") && request.ends_with(body);
        Reply::new(if is_whole { 200 } else { 400 }, "")
    });
    let url = format!("{}/put", server.url());
    let (ca, file) = (place("ca.pem"), place("body.json"));
    let load = ["-r", "50", "-d", "200ms", "-X", "POST", "--body", &file];
    let trusting = [&load[..], &["--ca-file", &ca, "--json"]].concat();
    let output = bench(&url, &trusting);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(report(&output)["good"], 10);

    // Nobody of the system's authorities vouches for it, nor does another one.
    let other = Authority::generate().expect("an authority");
    std::fs::write(place("other.pem"), other.pem()).expect("a file");
    let output = bench(
        &url,
        &[&load[..], &["--ca-file", &place("other.pem")]].concat(),
    );
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
}

/// A client that waits for its answers before it asks again would see two slow ones.
#[test]
fn a_server_that_stalls_is_seen_to_keep_everybody_waiting() {
    const STALL: Duration = Duration::from_millis(600);
    let asked = Mutex::new(0);
    let server = Server::start(move |_| {
        // Whoever asks meanwhile waits for the lock.
        let mut asked = asked.lock().expect("a lock");
        *asked += 1;
        if *asked == 20 {
            std::thread::sleep(STALL);
        }
        Reply::new(200, "")
    });
    let load = ["-r", "200", "-d", "1s", "-c", "2", "--json"];
    let report = report(&bench(&server.url(), &load));
    let micros = |name: &str| report["micros_from_due"][name].as_u64().expect("a number");
    assert_eq!(report["good"], 200);
    assert!(micros("max") >= 580_000, "{report}");
    // More than a hundred were due while it stalled, evenly over that time.
    assert!(micros("p90") >= 300_000, "{report}");
}

#[test]
fn what_is_never_answered_is_counted_and_is_a_failure() {
    let server = Server::start(|_| Reply::never());
    let load = [
        "-r",
        "20",
        "-d",
        "500ms",
        "-c",
        "2",
        "--timeout",
        "300ms",
        "--json",
    ];
    let output = bench(&server.url(), &load);
    let report = report(&output);
    let endings = report["endings"].as_object().expect("endings");
    let all: u64 = endings.values().filter_map(Value::as_u64).sum();
    assert_eq!((all, &report["good"]), (10, &Value::from(0)), "{report}");
    assert!(endings.contains_key("no whole answer in time"), "{report}");
    let least = report["micros_from_due"]["p50"].as_u64().expect("a number");
    assert!(
        least >= 290_000,
        "given up is not answered at once: {report}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no request was answered well"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn connections_that_are_closed_are_opened_again() {
    let server = Server::start(|_| Reply::new(200, "once").and_close());
    let load = ["-r", "100", "-d", "200ms", "-c", "2", "--json"];
    let report = report(&bench(&server.url(), &load));
    assert_eq!(report["good"], 20, "{report}");
    assert!(server.connections() >= 19, "{}", server.connections());
}

#[test]
fn a_url_that_is_no_good_is_told() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    for (url, code, told) in [
        ("ftp://127.0.0.1/", 2, "neither http:// nor https://"),
        ("127.0.0.1", 2, "the URL is not good"),
        ("http://me:hunter2@127.0.0.1/", 2, "--token"),
        (nobody.as_str(), 1, "connect to 127.0.0.1:"),
    ] {
        let output = bench(url, &[]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{url}: {text}");
        assert!(text.contains(told), "{url}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_token_is_shown_to_the_server_and_to_nobody_else() {
    let server = Server::start(|request| {
        match request.contains(&format!("authorization: Bearer {TOKEN}\r\n")) {
            true => Reply::new(200, ""),
            false => Reply::new(401, ""),
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("a file");
    let file = file.display().to_string();
    let load = |token: &[&str]| {
        let mut command = sluice(&["bench", &server.url(), "-d", "100ms"]);
        command.env("GOOD", TOKEN).env("BAD", "another-secret");
        command.args(token).output().expect("the binary starts")
    };
    for (token, code, told) in [
        (&["--token", "env:GOOD"][..], 0, ""),
        (&["--token-file", &file], 0, ""),
        (
            &["--token", "env:BAD"],
            1,
            "401 Unauthorized; the token is missing, or is not accepted",
        ),
        (&[], 1, "401"),
        (&["--token", "env:NOT_SET"], 1, "`NOT_SET` is not set"),
        (&["--token", TOKEN], 1, "expected a reference"),
        (&["-H", "Authorization: Bearer x"], 2, "use --token"),
        (
            &["--client-id", "me", "--secret", "env:GOOD"],
            2,
            "--issuer or --token-url",
        ),
    ] {
        let output = load(token);
        let text = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{token:?}: {text}");
        assert!(text.contains(told), "{token:?}: {text}");
        assert!(
            !text.contains(TOKEN) && !text.contains("another-secret"),
            "{text}"
        );
    }
    let far = sluice(&["bench", "http://192.0.2.1/", "--token", "env:GOOD"])
        .env("GOOD", TOKEN)
        .output()
        .expect("the binary starts");
    assert_eq!(far.status.code(), Some(2), "no connection is tried");
    assert!(stderr(&far).contains("https:// only"), "{}", stderr(&far));
}

/// The demo's issuer, over TLS, found by discovery.
#[test]
fn a_token_is_fetched_by_client_credentials() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().display().to_string();
    let mut issuer = sluice(&["demo", "--only", "issuer", "--out", &out])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let output = issuer.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let about = std::fs::read(directory.path().join("apps.json")).expect("a file");
    let about: Value = serde_json::from_slice(&about).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (authority, tenant) = (text(&about["authority"]), text(&about["tenant"]));
    let app = about["apps"]
        .as_object()
        .and_then(|apps| apps.values().next());
    let app = app.expect("an application");
    let (id, secret) = (text(&app["client_id"]), text(&app["secret"]));

    let server = Server::start(
        |request| match request.contains("authorization: Bearer ey") {
            true => Reply::new(200, ""),
            false => Reply::new(401, ""),
        },
    );
    let ca = directory.path().join("ca.pem").display().to_string();
    let load = |more: &[&str], secret: &str| {
        let mut command = sluice(&["bench", &server.url(), "-d", "100ms", "--ca-file", &ca]);
        command.args(["--client-id", &id, "--secret", "env:SECRET"]);
        command.args(["--scope", "https://graph.microsoft.com/.default"]);
        let command = command.args(more).env("SECRET", secret);
        command.output().expect("the binary starts")
    };
    let found = ["--issuer", &format!("{authority}/{tenant}/v2.0")];
    let named = [
        "--token-url",
        &format!("{authority}/{tenant}/oauth2/v2.0/token"),
    ];
    for way in [found, named] {
        let output = load(&way, &secret);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{way:?}: {}",
            stderr(&output)
        );
        let refused = load(&way, "a-wrong-secret");
        let told = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{way:?}");
        assert!(
            told.contains("get a token: token endpoint: status 401"),
            "{told}"
        );
        assert!(!told.contains("a-wrong-secret"), "{told}");
    }
    // What was started here ends here.
    let _ = issuer.kill();
    let _ = issuer.wait();
}

#[test]
fn calls_of_a_tool_are_told_apart_by_what_their_answers_say() {
    let ids = Mutex::new(std::collections::BTreeSet::new());
    let server = Server::start(move |request| {
        let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
        let Ok(message) = serde_json::from_str::<Value>(body) else {
            return Reply::new(204, "");
        };
        let in_session = request.contains("mcp-session-id: s1\r\n");
        let id = message["id"].as_u64();
        let result = match (message["method"].as_str(), id) {
            (Some("initialize"), _) => r#"{"protocolVersion":"2025-06-18"}"#.to_owned(),
            (Some("notifications/initialized"), _) if in_session => return Reply::new(202, ""),
            (Some("tools/call"), Some(id)) if in_session => {
                assert!(
                    request.contains("mcp-protocol-version: 2025-06-18\r\n"),
                    "{request}"
                );
                assert_eq!(message["params"]["name"], "find");
                assert_eq!(message["params"]["arguments"]["what"], "it");
                assert!(ids.lock().expect("a lock").insert(id), "an id came twice");
                match id % 5 {
                    1 => return Reply::error(id, -32602),
                    2 => r#"{"content":[],"isError":true}"#.to_owned(),
                    _ => r#"{"content":[]}"#.to_owned(),
                }
            }
            _ => return Reply::new(404, ""),
        };
        Reply::result(id.unwrap_or_default(), &result).with("Mcp-Session-Id: s1")
    });
    let call = ["--mcp-call", "find", "--arguments", r#"{"what":"it"}"#];
    let load = ["-r", "100", "-d", "500ms", "--json"];
    let output = bench(&server.url(), &[&call[..], &load].concat());
    let report = report(&output);
    assert_eq!(report["requests"], 50);
    assert_eq!(report["endings"]["200 OK"], 30, "{report}");
    assert_eq!(report["endings"]["JSON-RPC error -32602"], 10, "{report}");
    assert_eq!(report["endings"]["the tool failed"], 10, "{report}");

    let bad = bench(&server.url(), &["--mcp-call", "find", "--arguments", "[1]"]);
    assert_eq!(bad.status.code(), Some(2));
    let deaf = Server::start(|_| Reply::new(403, ""));
    let refused = bench(&deaf.url(), &["--mcp-call", "find"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("open an MCP session: status 403"),
        "{}",
        stderr(&refused)
    );
}
