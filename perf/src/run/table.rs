//! Medians, side by side.

use super::Sample;
use super::cases::{Cell, Proxy};
use super::process::Cpu;

/// Round trips that differ by more than this factor are of different placements.
const MOVED: f64 = 1.6;

pub fn print(cells: &[Cell], samples: &[Sample]) {
    println!(
        "{:<9}{:<17}{:>9} │{:>8}{:>10}{:>7}{:>8} │{:>8}{:>8} │{:>8}{:>8} │{:>8}{:>10}",
        "", "", "", "CPU µs", "per", "req", "", "open", "loop", "ratio", "", "RSS", "placement",
    );
    println!(
        "{:<9}{:<17}{:>9} │{:>8}{:>10}{:>7}{:>8} │{:>8}{:>8} │{:>8}{:>8} │{:>8}{:>10}",
        "case",
        "proxy",
        "req/s",
        "worker",
        "recorder",
        "other",
        "all",
        "p50 µs",
        "p99 µs",
        "worker",
        "all",
        "MiB",
        "ns",
    );
    for cell in cells {
        print_cell(cell, cells, samples);
    }
    println!("\nratio: nginx's CPU time over this one's, same case; above 1 is cheaper than nginx");
    warn(samples);
}

fn print_cell(cell: &Cell, cells: &[Cell], samples: &[Sample]) {
    let line = of(cell, samples);
    let cpu = cpu(&line);
    let nginx = cells
        .iter()
        .find(|other| other.case.name == cell.case.name && other.proxy == Proxy::Nginx)
        .map(|other| self::cpu(&of(other, samples)).total());
    let ratio = |own: f64| nginx.map_or(f64::NAN, |nginx| nginx / own);
    println!(
        "{:<9}{:<17}{:>9.0} │{:>8.1}{:>10.1}{:>7.1}{:>8.1} │{:>8.0}{:>8.0} │{:>8.2}{:>8.2} │{:>8.1}{:>10.0}",
        cell.case.name,
        cell.proxy.name(),
        median(&line, |it| it.closed.requests as f64 / it.closed.seconds),
        cpu.worker,
        cpu.recorder,
        cpu.other,
        cpu.total(),
        median(&line, |it| it.open.p50),
        median(&line, |it| it.open.p99),
        ratio(cpu.worker),
        ratio(cpu.total()),
        median(&line, |it| it.resident_kib as f64 / 1024.0),
        median(&line, |it| it.placement),
    );
}

fn of<'a>(cell: &Cell, samples: &'a [Sample]) -> Vec<&'a Sample> {
    samples
        .iter()
        .filter(|it| it.case == cell.case.name && it.proxy == cell.proxy.name())
        .collect()
}

fn cpu(line: &[&Sample]) -> Cpu {
    Cpu {
        worker: median(line, |it| it.cpu.worker),
        recorder: median(line, |it| it.cpu.recorder),
        other: median(line, |it| it.cpu.other),
    }
}

fn median(line: &[&Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = line.iter().map(|it| of(it)).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

/// Says so when the cores moved between samples.
fn warn(samples: &[Sample]) {
    let trips = samples.iter().map(|it| it.placement);
    let nearest = trips.clone().fold(f64::INFINITY, f64::min);
    let farthest = trips.fold(0.0, f64::max);
    if farthest > nearest * MOVED {
        println!(
            "WARNING: the cores moved while this was measured ({nearest:.0} to {farthest:.0} ns): \
             compare samples of one placement only, see the file below"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sample_has_no_median() {
        assert!(median(&[], |it| it.placement).is_nan());
    }
}
