//! The rig's own ends, against each other without a proxy, and what becomes of its processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice::cli::demo::pki::Authority;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sluice-perf");

/// An origin, with where it speaks plain text and TLS.
struct Origin {
    process: Child,
    plain: String,
    tls: String,
}

impl Origin {
    fn start(directory: &Path) -> Origin {
        let authority = Authority::generate().unwrap();
        let leaf = authority.leaf("origin").unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
        write("ca.pem", authority.pem());
        write("server.pem", &leaf.certificate_pem);
        write("server.key", &leaf.key_pem);
        let mut process = Command::new(PROGRAM)
            .arg("origin")
            .arg("--certificate")
            .arg(directory.join("server.pem"))
            .arg("--key")
            .arg(directory.join("server.key"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        Origin {
            plain: line(),
            tls: line(),
            process,
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn report(command: &str, arguments: &[&str]) -> Value {
    let output = Command::new(PROGRAM)
        .arg(command)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_kind_of_load_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let origin = Origin::start(directory.path());
    let ca = directory.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let kinds: [&[&str]; 6] = [
        &["--to", &origin.plain],
        &["--to", &origin.plain, "--target", "/events"],
        &["--to", &origin.plain, "--target", "/call", "--call"],
        &["--to", &origin.plain, "--fresh"],
        &["--to", &origin.tls, "--ca", ca, "--target", "/100k"],
        &["--to", &origin.tls, "--ca", ca, "--fresh", "--resume"],
    ];
    for kind in kinds {
        let bound = ["--requests", "50", "--connections", "3"];
        let closed = report("load", &[kind, &bound].concat());
        assert_eq!(
            (&closed["requests"], &closed["failed"]),
            (&50.into(), &0.into()),
            "{kind:?}"
        );
        let open = report("load", &[kind, &bound, &["--rate", "200"]].concat());
        assert_eq!(
            (&open["requests"], &open["failed"]),
            (&50.into(), &0.into()),
            "{kind:?}"
        );
    }
}

#[test]
fn what_cannot_be_followed_is_said_to_saturate() {
    let directory = tempfile::tempdir().unwrap();
    let origin = Origin::start(directory.path());
    let arguments = [
        "--to",
        &origin.plain,
        "--target",
        "/events",
        "--connections",
        "1",
    ];
    let too_many = ["--rate", "100000", "--seconds", "0.2"];
    let report = report("load", &[arguments.as_slice(), &too_many].concat());
    assert_eq!(
        (&report["saturated"], &report["failed"]),
        (&true.into(), &0.into())
    );
}

#[test]
fn streams_tick_and_idle_ones_are_weighed() {
    let directory = tempfile::tempdir().unwrap();
    let origin = Origin::start(directory.path());
    let ca = directory.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    for place in [
        vec!["--to", &origin.plain],
        vec!["--to", &origin.tls, "--ca", ca],
    ] {
        let ticks = ["--target", "/ticks", "--count", "10", "--seconds", "0.3"];
        let ticks = report("streams", &[place.as_slice(), &ticks].concat());
        assert!(ticks["events"].as_u64().unwrap() > 50, "{ticks}");
        let watch = format!("--watch={}", origin.process.id());
        let idle = [
            "--target", "/1k", "--body", "1024", "--count", "300", &watch,
        ];
        let idle = report("streams", &[place.as_slice(), &idle].concat());
        assert!(idle["kib_each"].as_f64().unwrap() < 200.0, "{idle}");
    }
}

#[test]
fn what_the_rig_started_ends_with_it_even_when_it_is_killed() {
    let script = format!("{PROGRAM} pinned --core 0 --parent $$ -- sleep 600 & echo $!; wait");
    let mut rig = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(rig.stdout.as_mut().unwrap())
        .read_line(&mut pid)
        .unwrap();
    let name = format!("/proc/{}/comm", pid.trim());
    let is = |what: &str| std::fs::read_to_string(&name).is_ok_and(|name| name.trim() == what);
    let begin = Instant::now();
    while !is("sleep") {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "it did not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    rig.kill().unwrap();
    rig.wait().unwrap();
    let begin = Instant::now();
    while is("sleep") {
        assert!(begin.elapsed() < Duration::from_secs(20), "it did not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}
