//! One command: starts an issuer, an origin and all proxies, loads them in turns, and shows what
//! came of it as a table, as JSON and as a chart.

mod build;
mod cases;
mod check;
mod cpu;
mod issuer;
mod keys;
mod measure;
mod peers;
mod placement;
mod process;
mod publish;
mod report;
mod stage;

use std::path::PathBuf;

use crate::Outcome;
use cases::Case;
pub use cpu::resident_kib;
use measure::{Effort, Sample};
use peers::{Absent, Ground, Kind};
use report::{Machine, Results};
use stage::{Base, Cores, Stage};

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
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Leaves these proxies out, such as envoy,pingora.
    #[arg(long, value_delimiter = ',')]
    without: Vec<Kind>,
    /// Fails unless these were measured, too, such as nginx,haproxy.
    #[arg(long, value_delimiter = ',')]
    require: Vec<Kind>,
    /// A `sluice` to measure instead of this repository's own.
    #[arg(long)]
    sluice: Option<PathBuf>,
    /// Another build of it, measured beside it.
    #[arg(long)]
    before: Option<PathBuf>,
    /// The core that the proxies run on.
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// The core that load and origin run on.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Writes chart, table and results into the repository, for its README.
    #[arg(long, conflicts_with_all = ["quick", "only", "without", "sluice", "before"])]
    write: bool,
    /// Only checks that every proxy does what it would be measured for.
    #[arg(long)]
    check: bool,
    /// Starts everything, prints commands to load it by hand, and waits to be ended.
    #[arg(long)]
    hold: bool,
}

/// Files of a proxy that are not of connections that are held; each of these takes two.
const OTHER_FILES: u64 = 1_000;

pub fn run(args: &RunArgs) -> Outcome<()> {
    let sluice = match &args.sluice {
        Some(path) => path.clone(),
        None => build::sluice()?,
    };
    let files = crate::raise_files()?;
    let effort = effort(args, files);
    let cores = Cores {
        proxy: args.proxy_core,
        load: args.load_core,
    };
    let base = Base::lay(cores, effort.tokens)?;
    let ground = Ground {
        directory: base.directory.path(),
        origin: base.origin_plain(),
        origin_tls: base.origin_tls(),
        pki: &base.pki,
        core: cores.proxy,
        files,
        issued: &base.issued,
        sluice: &sluice,
        before: args.before.as_deref(),
        io: &args.io,
    };
    let (without, kinds): (Vec<Kind>, Vec<Kind>) = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::Before || args.before.is_some())
        .partition(|kind| args.without.contains(kind));
    let mut stage = Stage::set(&base, ground, cores, &kinds)?;
    stage
        .peers
        .absent
        .extend(without.into_iter().map(|kind| Absent {
            kind,
            why: "left out by --without".to_owned(),
        }));
    for absent in &stage.peers.absent {
        eprintln!("{} IS NOT MEASURED: {}", absent.kind.name(), absent.why);
    }
    check_required(args, &stage)?;
    check::all(&stage)?;
    if args.check {
        println!("every proxy does what it is measured for");
        return Ok(());
    }
    if args.hold {
        return stage.wait();
    }
    let mut cases = cases::all();
    cases.retain(|case| case.name.contains(&args.only));
    let samples = measure(&stage, &cases, args, effort)?;
    let results = results(&stage, &cases, args, effort, samples)?;
    println!("{}", results.table());
    publish::keep(&results)?;
    if args.write {
        publish::write(&results)?;
    }
    match results.failed() {
        0 => Ok(()),
        failed => Err(format!("{failed} requests failed; the figures mean nothing").into()),
    }
}

fn effort(args: &RunArgs, files: u64) -> Effort {
    let fit = usize::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX);
    match args.quick {
        true => Effort {
            rounds: 1,
            seconds: 0.15,
            rates: 1,
            tokens: 300,
            held: fit.min(200),
        },
        false => Effort {
            rounds: args.rounds,
            seconds: args.seconds,
            rates: usize::MAX,
            tokens: 4_000,
            held: fit.min(9_000),
        },
    }
}

fn check_required(args: &RunArgs, stage: &Stage) -> Outcome<()> {
    let mut missing = args.require.iter();
    match missing.find(|kind| stage.peers.get(**kind).is_none()) {
        None => Ok(()),
        Some(kind) => Err(format!("{} is required, and not there", kind.name()).into()),
    }
}

/// Round after round, so that what changes on the machine meanwhile meets all alike.
fn measure(stage: &Stage, cases: &[Case], args: &RunArgs, effort: Effort) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    for round in 0..effort.rounds {
        for case in cases.iter().filter(|case| round == 0 || !case.is_steady()) {
            if !args.quick {
                eprintln!("round {} of {}: {}", round + 1, effort.rounds, case.name);
            }
            for &row in &case.rows {
                samples.extend(stage.sample(case, row, round, effort)?);
            }
        }
    }
    Ok(samples)
}

fn results<'a>(
    stage: &Stage,
    cases: &'a [Case],
    args: &RunArgs,
    effort: Effort,
    samples: Vec<Sample>,
) -> Outcome<Results<'a>> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(
            || std::env::consts::ARCH.to_owned(),
            |(_, name)| name.to_owned(),
        );
    let machine = Machine {
        processor,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        cores: stage.cores,
        rounds: effort.rounds,
        seconds: effort.seconds,
        io: args.io.clone(),
    };
    let present = stage.peers.present.iter();
    let absent = stage.peers.absent.iter();
    Ok(Results::new(
        machine,
        present
            .map(|peer| (peer.kind.name(), peer.version.clone()))
            .collect(),
        absent
            .map(|absent| (absent.kind.name(), absent.why.clone()))
            .collect(),
        cases,
        samples,
    ))
}
