//! The parts of the demo, each alone: issuer, directory, certificates.

use crate::{run, sluice, stderr};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

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
    // Bytes are on the tape just after they are on their way.
    let until = Instant::now() + Duration::from_secs(10);
    let sent = captured.join("0-sent.bin");
    while !std::fs::read(&sent).is_ok_and(|sent| sent.starts_with(b"HTTP/1.1 200 OK\r\n")) {
        assert!(Instant::now() < until, "it never was");
        std::thread::sleep(Duration::from_millis(5));
    }
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
