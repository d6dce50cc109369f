//! All that has to run before anything can be measured.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::issuer::{self, Issued};
use super::keys::Algorithm;
use super::peers::{Door, Duty, Ground, Kind, Peer, Peers};
use super::process::Child;
use crate::pki::{self, Pki};
use crate::{Outcome, pinned};

/// Which cores are used.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Cores {
    pub proxy: usize,
    pub load: usize,
}

/// What the peers are started on.
pub struct Base {
    pub directory: tempfile::TempDir,
    pub origin: Child,
    /// Where the origin speaks plain text, and TLS.
    addresses: [SocketAddr; 2],
    pub issued: Issued,
    pub pki: Pki,
    tokens: [PathBuf; 2],
}

/// Everything, running.
pub struct Stage<'a> {
    pub base: &'a Base,
    pub ground: Ground<'a>,
    pub peers: Peers,
    pub cores: Cores,
    /// How many were started beside those that stay.
    others: Cell<usize>,
}

impl Base {
    /// Starts origin and issuer, and mints so many tokens of each kind.
    pub fn lay(cores: Cores, tokens: usize) -> Outcome<Base> {
        let directory = tempfile::Builder::new().prefix("sluice-perf-").tempdir()?;
        let pki = pki::write(directory.path())?;
        let origin = Child::start(
            pinned::on_core(cores.load, std::env::current_exe()?)?
                .arg("origin")
                .arg("--certificate")
                .arg(&pki.certificate)
                .arg("--key")
                .arg(&pki.key),
        )?;
        let address = || -> Outcome<SocketAddr> { Ok(origin.first_line()?.trim().parse()?) };
        let addresses = [address()?, address()?];
        let issued = issuer::serve(directory.path())?;
        let [rs, es] = Algorithm::ALL.map(|algorithm| issued.many(algorithm, tokens));
        Ok(Base {
            tokens: [rs?, es?],
            directory,
            origin,
            addresses,
            issued,
            pki,
        })
    }

    pub fn origin_plain(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub fn origin_tls(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// A file of tokens, one a line.
    pub fn tokens(&self, algorithm: Algorithm) -> &Path {
        match algorithm {
            Algorithm::Rs256 => &self.tokens[0],
            Algorithm::Es256 => &self.tokens[1],
        }
    }
}

impl<'a> Stage<'a> {
    pub fn set(
        base: &'a Base,
        ground: Ground<'a>,
        cores: Cores,
        kinds: &[Kind],
    ) -> Outcome<Stage<'a>> {
        let peers = Peers::start(&ground, kinds)?;
        Ok(Stage {
            base,
            ground,
            peers,
            cores,
            others: Cell::new(0),
        })
    }

    /// Starts one more of a kind, which ends with what is answered.
    pub fn another(&self, kind: Kind) -> Outcome<Peer> {
        let number = self.others.get();
        self.others.set(number + 1);
        let directory = self.base.directory.path().join(format!("other-{number}"));
        std::fs::create_dir(&directory)?;
        let ground = Ground {
            directory: &directory,
            ..self.ground
        };
        kind.start(&ground)
    }

    /// For profilers: everything runs, and the person loads it.
    pub fn wait(&self) -> Outcome<()> {
        let program = std::env::current_exe()?;
        println!(
            "{} load --core {} --token-file {} and one of:\n",
            program.display(),
            self.cores.load,
            self.base.issued.token_file.display()
        );
        for peer in &self.peers.present {
            for door in &peer.doors {
                println!("{}", self.way_in(peer, door));
            }
        }
        let directory = self.base.directory.path();
        println!("\neverything stands in {}", directory.display());
        loop {
            std::thread::park();
        }
    }

    fn way_in(&self, peer: &Peer, door: &Door) -> String {
        let does = format!(
            "{}{}",
            door.duty.says(peer.kind),
            if door.tls.up { ", TLS up" } else { "" }
        );
        let target = match door.duty {
            Duty::Mcp => "/call --call",
            _ => "/1k",
        };
        let tls = match door.tls.down {
            true => format!(" --ca {}", self.base.pki.ca.display()),
            false => String::new(),
        };
        format!(
            "pid {:<8} {:<8} {does:<34} --to {} --target {}{target}{tls}",
            peer.processes[0],
            peer.kind.name(),
            door.address,
            door.prefix,
        )
    }
}
