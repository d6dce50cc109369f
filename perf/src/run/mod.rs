//! One command: starts an issuer, an origin, nginx and Sluice, loads them in turns, prints a table.

mod cases;
mod gateway;
mod issuer;
mod nginx;
mod placement;
mod process;
mod streams;
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::load::Report;
use cases::{Case, Cell, Proxy};
use gateway::Gateway;
use nginx::Nginx;
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
    nginx: Nginx,
    gateway: Gateway,
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
        let nginx = Nginx::start(directory.path(), origin_address, args.proxy_core, files)?;
        let gateway = Gateway::start(
            sluice,
            directory.path(),
            origin_address,
            args.proxy_core,
            &args.io,
        )?;
        let stage = Stage {
            directory,
            origin,
            nginx,
            gateway,
        };
        stage.say(args, sluice)?;
        Ok(stage)
    }

    fn say(&self, args: &RunArgs, sluice: &Path) -> Outcome<()> {
        println!("sluice    {} (--io {})", sluice.display(), args.io);
        println!("nginx     {}", self.nginx.version);
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
        let token = self.gateway.token_file.display();
        for proxy in Proxy::ALL {
            println!(
                "{:<16} pid {:<8} {} load --core 1 --to {} --target {}/1k --token-file {token}",
                proxy.name(),
                self.pid(proxy),
                program.display(),
                self.address(proxy),
                proxy.prefix(),
            );
        }
        println!("everything stands in {}", self.directory.path().display());
        loop {
            std::thread::park();
        }
    }

    fn address(&self, proxy: Proxy) -> SocketAddr {
        if proxy.is_nginx() {
            self.nginx.address
        } else {
            self.gateway.address
        }
    }

    fn pid(&self, proxy: Proxy) -> u32 {
        if proxy.is_nginx() {
            self.nginx.worker
        } else {
            self.gateway.process.id()
        }
    }

    fn measure(&self, args: &RunArgs, cell: &Cell, round: usize, seconds: f64) -> Outcome<Sample> {
        let placement = placement::probe(args.proxy_core, args.load_core)?;
        let pid = self.pid(cell.proxy);
        let before = process::cpu(pid)?;
        let closed = self.load(args, cell, seconds, None)?;
        let after = process::cpu_when_quiet(pid)?;
        let open = self.load(args, cell, seconds, Some(cell.case.rate))?;
        process::cpu_when_quiet(pid)?;
        Ok(Sample {
            case: cell.case.name,
            proxy: cell.proxy.name(),
            round,
            placement,
            cpu: after.since(&before).per(closed.requests),
            closed,
            open,
            resident_kib: process::resident_kib(pid)?,
        })
    }

    fn load(
        &self,
        args: &RunArgs,
        cell: &Cell,
        seconds: f64,
        rate: Option<f64>,
    ) -> Outcome<Report> {
        let Case { connections, .. } = cell.case;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("load")
            .args(["--core", &args.load_core.to_string()])
            .args(["--to", &self.address(cell.proxy).to_string()])
            .args(["--target", &cell.target()])
            .args(["--connections", &connections.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .arg("--token-file")
            .arg(&self.gateway.token_file);
        if cell.case.mcp {
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
        if !self.origin.is_running() || !self.gateway.process.is_running() {
            return Err("origin or gateway has ended by itself".into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
