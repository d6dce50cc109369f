//! Pingora, as the plain relay in `perf/pingora`; built when it is first needed.

use std::path::PathBuf;
use std::process::Command;

use super::{Door, Duty, Ground, Kind, Peer, Tls, free_address, install, wait_until_open};
use crate::run::build::repository;
use crate::run::process::Child;
use crate::{Outcome, pinned};

/// What its own build is called, and the package in its lock file whose version counts.
const PROGRAM: &str = "sluice-perf-pingora";
const LIBRARY: &str = "name = \"pingora-proxy\"";

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let program = build()?;
    let address = free_address()?;
    let process = Child::start(
        pinned::on_core(ground.core, program)?
            .args(["--bind", &address.to_string()])
            .args(["--to", &ground.origin.to_string()]),
    )?;
    wait_until_open(&process, address)?;
    let door = |duty| Door {
        duty,
        tls: Tls::NONE,
        address,
        prefix: "",
    };
    Ok(Peer {
        kind: Kind::Pingora,
        version: version()?,
        processes: vec![process.id()],
        doors: vec![door(Duty::Relay), door(Duty::Stream)],
        children: vec![process],
    })
}

/// Builds it apart from everything else; answers the program.
fn build() -> Outcome<PathBuf> {
    // For zlib-ng, which Pingora compiles.
    install::ask("cmake", &["--version"], "cmake")?;
    let target = install::directory()?.join("pingora");
    if !target.exists() {
        eprintln!("sluice-perf: building Pingora");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    install::run(
        Command::new(cargo)
            .args(["build", "--quiet", "--release", "--locked"])
            .arg("--manifest-path")
            .arg(repository().join("perf/pingora/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target),
    )?;
    Ok(target.join("release").join(PROGRAM))
}

/// Which version its lock file names.
fn version() -> Outcome<String> {
    let lock = std::fs::read_to_string(repository().join("perf/pingora/Cargo.lock"))?;
    let line = lock
        .split_once(LIBRARY)
        .and_then(|(_, rest)| rest.lines().nth(1)?.strip_prefix("version = "));
    Ok(line
        .ok_or("its lock file names no version")?
        .replace('"', ""))
}
