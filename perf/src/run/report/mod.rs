//! What the rounds say together: lines for a table, bars for a chart, everything as JSON.

mod aims;
mod bars;
mod chart;
mod stats;
mod table;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::cases::Case;
use super::cpu::Each;
use super::measure::{Delays, Sample};
use super::peers::{Duty, Kind};
use super::stage::Cores;
use stats::{Placement, Spread};

/// All there is to say of a run.
#[derive(Serialize)]
pub struct Results<'a> {
    pub machine: Machine,
    /// Who was measured, by name, and the version.
    pub peers: Vec<(&'static str, String)>,
    /// Who was not, and why.
    pub absent: Vec<(&'static str, String)>,
    pub placement: Placement,
    #[serde(skip)]
    cases: &'a [Case],
    pub lines: Vec<Line>,
    pub aims: Vec<aims::Judged>,
    pub samples: Vec<Sample>,
}

/// Where and how it was measured.
#[derive(Clone, Serialize)]
pub struct Machine {
    pub processor: String,
    pub kernel: String,
    pub cores: Cores,
    pub rounds: usize,
    pub seconds: f64,
    /// How Sluice drives its sockets.
    pub io: String,
}

/// One proxy doing one thing in one case: medians of its rounds.
#[derive(Serialize)]
pub struct Line {
    pub case: &'static str,
    pub proxy: &'static str,
    pub does: String,
    /// Rounds that count: those of the placement that most samples are of, or all others where there
    /// are none of it.
    pub rounds: usize,
    pub moved: bool,
    pub placement: f64,
    pub rate: Spread,
    pub cpu: Option<Each>,
    /// Of all its CPU time.
    pub cpu_spread: Option<Spread>,
    pub open: Vec<Delays>,
    pub resident_mib: f64,
    pub kib_each: Option<f64>,
    pub coalesced: Option<f64>,
    /// Cost over that of nginx and of the floor, relaying in the case's base.
    pub over_nginx: Option<Ratio>,
    pub over_floor: Option<Ratio>,
    #[serde(skip)]
    kind: Kind,
    #[serde(skip)]
    duty: Duty,
}

/// CPU time over another's, or memory where that is what is measured.
#[derive(Clone, Copy, Serialize)]
pub struct Ratio {
    /// Of the threads that move requests.
    pub worker: f64,
    /// Of all threads.
    pub all: f64,
}

impl<'a> Results<'a> {
    pub fn new(
        machine: Machine,
        peers: Vec<(&'static str, String)>,
        absent: Vec<(&'static str, String)>,
        cases: &'a [Case],
        samples: Vec<Sample>,
    ) -> Results<'a> {
        let placement = Placement::of(samples.iter().map(|sample| sample.placement));
        let mut lines: Vec<Line> = cases
            .iter()
            .flat_map(|case| case.rows.iter().map(move |row| (case, row.kind, row.duty)))
            .filter_map(|(case, kind, duty)| line(case, kind, duty, &samples, &placement))
            .collect();
        for at in 0..lines.len() {
            let base = cases.iter().find(|case| case.name == lines[at].case);
            let base = base.map_or("", |case| case.base);
            let over = |kind| ratio(&lines[at], relaying(&lines, base, kind)?);
            let (nginx, floor) = (over(Kind::Nginx), over(Kind::Relay));
            lines[at].over_nginx = nginx;
            lines[at].over_floor = floor;
        }
        Results {
            machine,
            peers,
            absent,
            placement,
            cases,
            aims: aims::judge(&lines),
            lines,
            samples,
        }
    }

    /// The table, and what it means for the aims, as text.
    pub fn table(&self) -> String {
        table::text(self) + &aims::text(self)
    }

    /// The chart, as SVG.
    pub fn chart(&self) -> String {
        bars::chart(self)
    }

    /// Requests that were answered otherwise than they should be, or not at all.
    pub fn failed(&self) -> u64 {
        self.samples.iter().map(|sample| sample.failed).sum()
    }

    fn of(&self, case: &Case) -> impl Iterator<Item = &Line> {
        let name = case.name;
        self.lines.iter().filter(move |line| line.case == name)
    }
}

fn line(
    case: &Case,
    kind: Kind,
    duty: Duty,
    samples: &[Sample],
    placement: &Placement,
) -> Option<Line> {
    let does = duty.says(kind);
    let all = samples.iter().filter(|sample| {
        sample.case == case.name && sample.proxy == kind.name() && sample.does == does
    });
    let all: Vec<&Sample> = all.collect();
    let (like, unlike): (Vec<&Sample>, Vec<&Sample>) = all
        .into_iter()
        // Memory is the same wherever the cores are.
        .partition(|sample| case.is_steady() || placement.has(sample.placement));
    let moved = like.is_empty();
    let kept = if moved { unlike } else { like };
    let median = |of: &dyn Fn(&Sample) -> Option<f64>| {
        Spread::of(kept.iter().filter_map(|it| of(it))).map(|spread| spread.median)
    };
    let each =
        |of: fn(&Each) -> f64| Spread::of(kept.iter().filter_map(|it| it.cpu.as_ref().map(of)));
    let part = |of| each(of).map(|spread: Spread| spread.median);
    let cpu = part(|cpu| cpu.user).map(|user| Each {
        user,
        system: part(|cpu| cpu.system).unwrap_or_default(),
        recorder: part(|cpu| cpu.recorder).unwrap_or_default(),
        other: part(|cpu| cpu.other).unwrap_or_default(),
    });
    Some(Line {
        case: case.name,
        proxy: kind.name(),
        does,
        rounds: kept.len(),
        moved,
        placement: median(&|it| Some(it.placement))?,
        rate: Spread::of(kept.iter().map(|it| it.rate))?,
        cpu,
        cpu_spread: each(Each::total),
        open: open(&kept),
        resident_mib: median(&|it| Some(it.resident_kib as f64 / 1024.0))?,
        kib_each: median(&|it| it.kib_each),
        coalesced: median(&|it| it.coalesced),
        over_nginx: None,
        over_floor: None,
        kind,
        duty,
    })
}

/// The open loops of all rounds, rate by rate. One that could not be followed once counts as one
/// that cannot.
fn open(kept: &[&Sample]) -> Vec<Delays> {
    let Some(first) = kept.first() else {
        return Vec::new();
    };
    let of_rate = |at: usize| {
        let delays: Vec<Delays> = kept
            .iter()
            .filter_map(|sample| sample.open.get(at).copied())
            .collect();
        let median = |of: fn(&Delays) -> f64| {
            Spread::of(delays.iter().map(of)).map_or(f64::NAN, |spread| spread.median)
        };
        Delays {
            at: first.open[at].at,
            saturated: delays.iter().any(|it| it.saturated),
            p50: median(|it| it.p50),
            p99: median(|it| it.p99),
            p999: median(|it| it.p999),
            max: median(|it| it.max),
        }
    };
    (0..first.open.len()).map(of_rate).collect()
}

/// The line of one who only relays.
fn relaying<'a>(lines: &'a [Line], case: &str, kind: Kind) -> Option<&'a Line> {
    lines.iter().find(|line| {
        line.case == case && line.kind == kind && matches!(line.duty, Duty::Relay | Duty::Stream)
    })
}

fn ratio(own: &Line, other: &Line) -> Option<Ratio> {
    // Only like with like.
    if own.moved != other.moved {
        return None;
    }
    let of = |worker: f64, all: f64, base: f64| {
        (base > 0.0).then_some(Ratio {
            worker: worker / base,
            all: all / base,
        })
    };
    match (&own.cpu, &other.cpu, own.kib_each, other.kib_each) {
        (Some(own), Some(other), ..) => of(own.worker(), own.total(), other.total()),
        (_, _, Some(own), Some(other)) => of(own, own, other),
        _ => None,
    }
}
