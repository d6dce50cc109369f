//! One command: starts an issuer, an origin, nginx and Sluice, loads them in turns, prints a table.

mod cases;
mod issuer;
mod peers;
mod placement;
mod process;
mod streams;
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::load::Report;
use cases::{Case, Cell};
use peers::{Door, Duty, Ground, Kind, Peer, Peers};
pub use process::resident_kib;
use process::{Child, Cpu};

/// Arguments of `run`.
#[derive(clap::Args)]
pub struct RunArgs {
    /// One short round of everything: does it work, not how fast is it.
    #[arg(long)]
    quick: bool,
    /// How Sluice drives its sockets: tokio, epoll or uring.
    #[arg(long, default_value = "tokio")]
    io: String,
    /// Rounds; the table shows medians of them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each load.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// A `sluice` to measure instead of this repository's own.
    #[arg(long)]
    sluice: Option<PathBuf>,
    /// The core that the proxies run on.
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// The core that load and origin run on.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Starts everything, prints commands to load it by hand, and waits to be ended.
    #[arg(long)]
    hold: bool,
}

/// One load of one cell.
#[derive(serde::Serialize)]
struct Sample {
    case: &'static str,
    proxy: &'static str,
    round: usize,
    /// What a cache line's round trip between the two cores took just before, nanoseconds.
    placement: f64,
    closed: Report,
    open: Report,
    /// CPU time of the closed loop, microseconds per request.
    cpu: Cpu,
    resident_kib: u64,
}

/// What is measured, running.
struct Stage {
    directory: tempfile::TempDir,
    origin: Child,
    peers: Peers,
    /// The token that callers show.
    token_file: PathBuf,
}

pub fn run(args: &RunArgs) -> Outcome<()> {
    let sluice = match &args.sluice {
        Some(path) => path.clone(),
        None => build_sluice()?,
    };
    let files = crate::raise_files()?;
    let stage = Stage::set(args, &sluice, files)?;
    if args.hold {
        return stage.hold();
    }
    let (rounds, seconds) = if args.quick {
        (1, 0.5)
    } else {
        (args.rounds, args.seconds)
    };
    let cells: Vec<_> = cases::all()
        .into_iter()
        .filter(|cell| cell.case.name.contains(&args.only))
        .filter(|cell| stage.door(cell.proxy.kind(), cell.duty()).is_some())
        .collect();
    let mut samples = Vec::new();
    for round in 0..rounds {
        for cell in &cells {
            samples.push(stage.measure(args, cell, round, seconds)?);
        }
    }
    if !cells.is_empty() {
        table::print(&cells, &samples);
    }
    let streams = streams::measure(&stage, args, files)?;
    let path = results_path()?;
    std::fs::write(&path, serde_json::to_vec_pretty(&(&samples, &streams))?)?;
    println!("\nAll samples: {}", path.display());
    let failed: u64 = samples
        .iter()
        .map(|it| it.closed.failed + it.open.failed)
        .sum();
    if failed > 0 {
        return Err(format!("{failed} requests failed; the figures mean nothing").into());
    }
    Ok(())
}

/// Builds `sluice` as users get it; it lies beside this program then.
fn build_sluice() -> Outcome<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            // Built together with this program, so that what both use is built once.
            "--package=sluice",
            "--package=sluice-perf",
            "--bin=sluice",
            "--manifest-path",
        ])
        .arg(manifest)
        .status()?;
    if !built.success() {
        return Err("sluice does not build".into());
    }
    Ok(target_directory()?.join("sluice"))
}

/// Where this program lies: `target/release`.
fn target_directory() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().ok_or("no target directory")?.to_owned())
}

fn results_path() -> Outcome<PathBuf> {
    let target = target_directory()?;
    Ok(target.parent().unwrap_or(&target).join("perf.json"))
}

impl Stage {
    fn set(args: &RunArgs, sluice: &Path, files: u64) -> Outcome<Stage> {
        let directory = tempfile::Builder::new().prefix("sluice-perf-").tempdir()?;
        let origin = Child::start(Command::new(std::env::current_exe()?).args([
            "origin",
            "--core",
            &args.load_core.to_string(),
        ]))?;
        let origin_address: SocketAddr = origin.first_line()?.trim().parse()?;
        let issued = issuer::serve()?;
        let token_file = directory.path().join("caller.token");
        std::fs::write(&token_file, &issued.token)?;
        let ground = Ground {
            directory: directory.path(),
            origin: origin_address,
            core: args.proxy_core,
            files,
            issued: &issued,
            sluice,
            io: &args.io,
        };
        let peers = Peers::start(&ground, &Kind::ALL)?;
        let stage = Stage {
            directory,
            origin,
            peers,
            token_file,
        };
        stage.say(args)?;
        Ok(stage)
    }

    fn say(&self, args: &RunArgs) -> Outcome<()> {
        for peer in &self.peers.present {
            println!("{:<10}{}", peer.kind.name(), peer.version);
        }
        for absent in &self.peers.absent {
            println!("{:<10}not measured: {}", absent.kind.name(), absent.why);
        }
        println!(
            "cores     proxy {}, load and origin {}",
            args.proxy_core, args.load_core
        );
        let nanoseconds = placement::probe(args.proxy_core, args.load_core)?;
        println!("placement {nanoseconds:.0} ns for a cache line's round trip\n");
        Ok(())
    }

    /// For profilers: everything runs, and the person loads it.
    fn hold(&self) -> Outcome<()> {
        let program = std::env::current_exe()?;
        let token = self.token_file.display();
        for peer in &self.peers.present {
            for door in &peer.doors {
                println!(
                    "{:<8} {:<38} pid {:<8} {} load --core 1 --to {} --target {}/1k \
                     --token-file {token}",
                    peer.kind.name(),
                    format!("{:?}", door.duty),
                    peer.processes[0],
                    program.display(),
                    door.address,
                    door.prefix,
                );
            }
        }
        println!("everything stands in {}", self.directory.path().display());
        loop {
            std::thread::park();
        }
    }

    /// Who does `duty`, and where; none when that peer is absent.
    fn door(&self, kind: Kind, duty: Duty) -> Option<(&Peer, Door)> {
        let peer = self.peers.get(kind)?;
        Some((peer, peer.door(duty)?))
    }

    fn measure(&self, args: &RunArgs, cell: &Cell, round: usize, seconds: f64) -> Outcome<Sample> {
        let (peer, door) = self
            .door(cell.proxy.kind(), cell.duty())
            .ok_or("no such door")?;
        let placement = placement::probe(args.proxy_core, args.load_core)?;
        let before = peer.cpu()?;
        let closed = self.load(args, &cell.case, &door, seconds, None)?;
        let after = peer.cpu_when_quiet()?;
        let open = self.load(args, &cell.case, &door, seconds, Some(cell.case.rate))?;
        peer.cpu_when_quiet()?;
        if !peer.is_running() {
            return Err(format!("{} has ended by itself", peer.kind.name()).into());
        }
        Ok(Sample {
            case: cell.case.name,
            proxy: cell.proxy.name(),
            round,
            placement,
            cpu: after.since(&before).per(closed.requests),
            closed,
            open,
            resident_kib: peer.resident_kib()?,
        })
    }

    fn load(
        &self,
        args: &RunArgs,
        case: &Case,
        door: &Door,
        seconds: f64,
        rate: Option<f64>,
    ) -> Outcome<Report> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("load")
            .args(["--core", &args.load_core.to_string()])
            .args(["--to", &door.address.to_string()])
            .args(["--target", &format!("{}{}", door.prefix, case.target)])
            .args(["--connections", &case.connections.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .arg("--token-file")
            .arg(&self.token_file);
        if case.mcp {
            command.arg("--call");
        }
        if let Some(rate) = rate {
            command.args(["--rate", &rate.to_string()]);
        }
        let output = command.output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the load failed: {why}").into());
        }
        if !self.origin.is_running() {
            return Err("the origin has ended by itself".into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
