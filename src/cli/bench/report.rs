//! What came of a load, counted and shown.

use super::load::Plan;
use crate::cli::failure::{Doing, Failure};
use crate::cli::terminal::Paint;
use hdrhistogram::Histogram;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    /// Answered to the end, with this status.
    Status(u16),
    /// A call of a tool that was answered by an error of JSON-RPC.
    Refused(i64),
    /// One that the tool says has failed.
    ToolFailed,
    /// One whose answer is none.
    Unreadable,
    /// There was no connection for it.
    Unreachable,
    /// The connection broke before the answer was whole.
    Broken,
    /// The answer was not whole in time.
    Late,
    /// All connections were busy until the load was over.
    Unsent,
}

impl Ending {
    fn is_good(self) -> bool {
        matches!(self, Ending::Status(200..400))
    }
}

impl Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Ending::Status(status) => {
                let known = http::StatusCode::from_u16(*status).ok();
                let reason = known.and_then(|status| status.canonical_reason());
                return write!(f, "{status} {}", reason.unwrap_or(""));
            }
            Ending::Refused(code) => return write!(f, "JSON-RPC error {code}"),
            Ending::ToolFailed => "the tool failed",
            Ending::Unreadable => "200, and no answer to the call",
            Ending::Unreachable => "no connection",
            Ending::Broken => "the connection broke",
            Ending::Late => "no whole answer in time",
            Ending::Unsent => "never sent: all connections were busy",
        };
        f.write_str(text)
    }
}

/// What is counted while the load runs.
pub struct Tally {
    endings: BTreeMap<Ending, u64>,
    /// Microseconds from when each was due.
    taken: Histogram<u64>,
    bytes: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// Microseconds up to an hour, three digits of them.
const LONGEST: u64 = 3_600_000_000;

impl Tally {
    pub fn new() -> Result<Tally, Failure> {
        Ok(Tally {
            endings: BTreeMap::new(),
            taken: Histogram::new_with_bounds(1, LONGEST, 3).doing("count")?,
            bytes: 0,
            elapsed: Duration::ZERO,
        })
    }

    pub fn count(&mut self, ending: Ending, taken: Duration, bytes: u64) {
        *self.endings.entry(ending).or_default() += 1;
        let micros = u64::try_from(taken.as_micros()).unwrap_or(LONGEST);
        self.taken.saturating_record(micros.max(1));
        self.bytes += bytes;
    }
}

/// A load that is over.
pub struct Report {
    plan: Plan,
    tally: Tally,
}

/// What of the delays is shown.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

impl Report {
    pub fn new(plan: Plan, tally: Tally) -> Report {
        Report { plan, tally }
    }

    /// Why the load is a failure, if it is one.
    pub fn complaint(&self) -> Option<String> {
        let endings = &self.tally.endings;
        if endings.keys().any(|ending| ending.is_good()) {
            return None;
        }
        let worst = endings.iter().max_by_key(|(_, count)| **count);
        let (ending, _) = worst?;
        let hint = match ending {
            Ending::Status(401) => "; the token is missing, or is not accepted",
            Ending::Status(403) => "; the caller is known, and may not do this",
            _ => "",
        };
        Some(format!("no request was answered well: {ending}{hint}"))
    }

    fn answered(&self) -> u64 {
        let answered = self.tally.endings.iter().filter(|(ending, _)| {
            !matches!(
                ending,
                Ending::Unreachable | Ending::Broken | Ending::Late | Ending::Unsent
            )
        });
        answered.map(|(_, count)| count).sum()
    }

    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.tally.elapsed.as_secs_f64().max(1e-9)
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let mut out = String::new();
        let tally = &self.tally;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} requests due in {:?}, {} a second; {:.1} answered a second, {:.2} MiB a second",
            self.plan.total(),
            self.plan.duration,
            self.plan.rate,
            self.per_second(self.answered()),
            self.per_second(tally.bytes) / 1024.0 / 1024.0,
        );
        let _ = writeln!(out, "\n{}", paint.bold("how they ended"));
        for (ending, count) in &tally.endings {
            let text = match ending.is_good() {
                true => paint.good(ending.to_string()),
                false => paint.bad(ending.to_string()),
            };
            let _ = writeln!(out, "  {count:>10}  {text}");
        }
        let _ = writeln!(out, "\n{}", paint.bold("from when each was due"));
        for (name, part) in QUANTILES {
            let micros = tally.taken.value_at_quantile(part);
            let _ = writeln!(out, "  {name:<6}{:>14}", shown(micros));
        }
        let _ = writeln!(out, "  {:<6}{:>14}", "max", shown(tally.taken.max()));
        out
    }

    /// For programs.
    pub fn json(&self) -> String {
        let tally = &self.tally;
        let mut micros = serde_json::Map::new();
        for (name, part) in QUANTILES {
            micros.insert(name.to_owned(), tally.taken.value_at_quantile(part).into());
        }
        micros.insert("max".to_owned(), tally.taken.max().into());
        let endings: serde_json::Map<_, _> = tally
            .endings
            .iter()
            .map(|(ending, count)| (ending.to_string().trim().to_owned(), (*count).into()))
            .collect();
        let good = tally.endings.iter().filter(|(ending, _)| ending.is_good());
        let report = json!({
            "requests": self.plan.total(),
            "good": good.map(|(_, count)| count).sum::<u64>(),
            "endings": endings,
            "rate": self.plan.rate,
            "seconds": tally.elapsed.as_secs_f64(),
            "answered_per_second": self.per_second(self.answered()),
            "bytes": tally.bytes,
            "connections": self.plan.connections,
            "micros_from_due": micros,
        });
        format!("{report}\n")
    }
}

/// Three digits that count, and a unit.
fn shown(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}
