//! The one table.

use std::fmt::Write;

use super::{Line, Ratio, Results};
use crate::run::cases::{Case, Way};
use crate::run::measure::Delays;

/// A proxy that used less of its core than this was waiting for the load.
const BUSY: f64 = 0.9;

/// The table as text, with all that has to be said about it.
pub fn text(results: &Results) -> String {
    let mut text = String::new();
    head(&mut text, results);
    for case in results.cases {
        let mut lines = results.of(case).peekable();
        if lines.peek().is_none() {
            continue;
        }
        let _ = writeln!(text, "\n{}", title(case));
        for line in lines {
            text.push_str(line_of(line).trim_end());
            text.push('\n');
        }
    }
    foot(&mut text, results);
    text
}

fn head(text: &mut String, results: &Results) {
    let machine = &results.machine;
    let _ = writeln!(
        text,
        "{}, Linux {}; proxy on core {}, load and origin on core {}; {} rounds of {} s, medians",
        machine.processor,
        machine.kernel,
        machine.cores.proxy,
        machine.cores.load,
        machine.rounds,
        machine.seconds
    );
    for (name, version) in &results.peers {
        let _ = writeln!(text, "  {name:<8} {version}");
    }
    for (name, why) in &results.absent {
        let _ = writeln!(text, "  {name:<8} NOT MEASURED: {why}");
    }
    let blank = "";
    let _ = writeln!(
        text,
        "\n{blank:<36}{blank:>9} │ {:<52} │ {:<23} │ {:<23} │ {:<15} │ {:<13} │ {:<13} │",
        "CPU µs each",
        "delay µs, lower rate",
        "delay µs, higher rate",
        "resident",
        "× nginx",
        "× floor",
    );
    let _ = writeln!(
        text,
        "{:<9}{:<27}{:>9} │{:>8}{:>8}{:>8}{:>7}{:>8}{:>14} │{:>7}{:>8}{:>9} │{:>7}{:>8}{:>9} │\
         {:>7}{:>9} │{:>7}{:>7} │{:>7}{:>7} │{:>5}",
        "proxy",
        "does",
        "each/s",
        "user",
        "system",
        "record",
        "other",
        "all",
        "least–most",
        "p50",
        "p99",
        "p99.9",
        "p50",
        "p99",
        "p99.9",
        "MiB",
        "KiB each",
        "worker",
        "all",
        "worker",
        "all",
        "ns",
    );
}

/// A case's name, with what its delays are of.
fn title(case: &Case) -> String {
    let thousands = |rate: &f64| format!("{}", *rate as u64);
    match case.way {
        Way::Requests(requests) if requests.rates.is_empty() => {
            format!("{}: {}", case.name, connections(requests.connections))
        }
        Way::Requests(requests) => {
            let rates: Vec<String> = requests.rates.iter().map(thousands).collect();
            format!(
                "{}: {}; delays at {} requests a second",
                case.name,
                connections(requests.connections),
                rates.join(" and ")
            )
        }
        Way::Ticks { beside: None, .. } => {
            format!(
                "{}: each is an event; delays from origin to load",
                case.name
            )
        }
        Way::Ticks { .. } => format!("{}: each is a MiB of the flood", case.name),
        Way::Held { .. } => format!("{}: what each adds to memory", case.name),
    }
}

fn connections(count: usize) -> String {
    match count {
        1 => "1 connection".to_owned(),
        some => format!("{some} connections"),
    }
}

fn line_of(line: &Line) -> String {
    let mut text = format!("{:<9}{:<27}{:>9} │", line.proxy, line.does, rate(line));
    match (&line.cpu, &line.cpu_spread) {
        (Some(cpu), Some(spread)) => {
            let _ = write!(
                text,
                "{:>8}{:>8}{:>8}{:>7}{:>8}{:>14} │",
                figure(cpu.user),
                figure(cpu.system),
                some(cpu.recorder),
                some(cpu.other),
                figure(spread.median),
                format!("{}–{}", figure(spread.min), figure(spread.max)),
            );
        }
        _ => {
            let _ = write!(text, "{:>53} │", "");
        }
    }
    for at in 0..2 {
        let _ = write!(text, "{} │", delays(line.open.get(at)));
    }
    let each = line.kib_each.map(|each| format!("{each:.1}"));
    let _ = write!(
        text,
        "{:>7.1}{:>9} │{} │{} │{:>5.0}",
        line.resident_mib,
        each.unwrap_or_default(),
        ratio(line.over_nginx),
        ratio(line.over_floor),
        line.placement
    );
    if line.moved {
        text.push_str(" other placement");
    }
    if line.coalesced.is_some_and(|part| part >= 0.01) {
        let percent = line.coalesced.unwrap_or_default() * 100.0;
        let _ = write!(text, " {percent:.0} % of reads brought several events");
    }
    text
}

/// With a plus where the load was the limit and not the proxy.
fn rate(line: &Line) -> String {
    if line.kib_each.is_some() {
        return String::new();
    }
    let paced = line.open.first().is_some_and(|delays| delays.at.is_none());
    let busy = line.cpu.map(|cpu| cpu.total() * line.rate.median / 1e6);
    match busy {
        Some(busy) if busy < BUSY && !paced => format!("{:.0}+", line.rate.median),
        _ => format!("{:.0} ", line.rate.median),
    }
}

/// A share that need not be there.
fn some(microseconds: f64) -> String {
    match microseconds {
        _ if microseconds < 0.05 => "·".to_owned(),
        _ => figure(microseconds),
    }
}

/// Digits that mean something.
fn figure(value: f64) -> String {
    match value {
        _ if value < 999.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn delays(delays: Option<&Delays>) -> String {
    match delays {
        None => " ".repeat(24),
        Some(delays) if delays.saturated => format!("{:>24}", "saturated"),
        Some(delays) => format!("{:>7.0}{:>8.0}{:>9.0}", delays.p50, delays.p99, delays.p999),
    }
}

fn ratio(ratio: Option<Ratio>) -> String {
    match ratio {
        None => " ".repeat(14),
        Some(ratio) => format!("{:>7.2}{:>7.2}", ratio.worker, ratio.all),
    }
}

fn foot(text: &mut String, results: &Results) {
    let placement = &results.placement;
    let _ = writeln!(
        text,
        "\nplacement: {} samples with a round trip of {:.0} to {:.0} ns count{}",
        placement.kept,
        placement.from,
        placement.to,
        match placement.left_out {
            0 => String::new(),
            some => format!("; {some} of another placement do not, the cores moved"),
        }
    );
    if results.failed() > 0 {
        let _ = writeln!(
            text,
            "WARNING: {} requests failed; the figures mean nothing",
            results.failed()
        );
    }
}
