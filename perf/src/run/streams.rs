//! Event streams through both proxies: what a silent one costs, and how late events are.

use std::process::Command;

use serde::Serialize;

use super::peers::{Duty, Kind};
use super::{RunArgs, Stage};
use crate::Outcome;
use crate::streams::{Delays, Report};

/// By which `--only` finds these lines.
const NAME: &str = "MCP streams";
/// Silent streams; each takes two files of the proxy.
const SILENT: u64 = 9_000;
/// Files of a proxy that are not of silent streams.
const OTHER_FILES: u64 = 1_000;

/// What came of one proxy in one round.
#[derive(Serialize)]
pub struct Sample {
    proxy: &'static str,
    #[serde(flatten)]
    report: Report,
}

/// Measures nginx and Sluice one after the other, and prints a line of each.
pub fn measure(stage: &Stage, args: &RunArgs, files: u64) -> Outcome<Vec<Sample>> {
    if !NAME.contains(&args.only) {
        return Ok(Vec::new());
    }
    let fit = files.saturating_sub(OTHER_FILES) / 2;
    let (silent, seconds) = match args.quick {
        true => (fit.min(500), 0.5),
        false => (fit.min(SILENT), 2.0 * args.seconds),
    };
    let mut samples = Vec::new();
    for (kind, duty) in [
        (Kind::Relay, Duty::Stream),
        (Kind::Nginx, Duty::Stream),
        (Kind::Sluice, Duty::Mcp),
    ] {
        let Some((peer, door)) = stage.door(kind, duty) else {
            continue;
        };
        let output = Command::new(std::env::current_exe()?)
            .arg("streams")
            .args(["--core", &args.load_core.to_string()])
            .args(["--to", &door.address.to_string()])
            .args(["--silent", &silent.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .args(peer.processes.iter().map(|pid| format!("--watch={pid}")))
            .arg("--token-file")
            .arg(&stage.token_file)
            .output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: the streams failed: {why}", kind.name()).into());
        }
        samples.push(Sample {
            proxy: kind.name(),
            report: serde_json::from_slice(&output.stdout)?,
        });
        // The streams that just ended are the other one's noise otherwise.
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    print(&samples);
    Ok(samples)
}

fn print(samples: &[Sample]) {
    println!("\n{NAME}: silent ones, then 100 with an event every 10 ms each, then a flood beside");
    println!(
        "{:<9}{:>8}{:>10} │{:>9}{:>9}{:>9} │{:>9}{:>9}{:>9} │{:>8}",
        "",
        "silent",
        "KiB each",
        "p50 µs",
        "p99 µs",
        "max µs",
        "p50 µs",
        "p99 µs",
        "max µs",
        "MiB/s",
    );
    for Sample { proxy, report } in samples {
        let Report { alone, beside, .. } = report;
        let delays = |it: &Delays| format!("{:>9.0}{:>9.0}{:>9.0}", it.p50, it.p99, it.max);
        println!(
            "{proxy:<9}{:>8}{:>10.1} │{} │{} │{:>8.1}",
            report.silent,
            report.kib_each,
            delays(alone),
            delays(beside),
            report.flood,
        );
    }
}
