//! Counts that each core keeps for itself and anybody may read: relaxed atomics, no lock, no label
//! looked up. The control plane sums them when it is asked for metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::utils::CachePadded;

use super::limits::ROWS_ADDED;
use super::tally::{Row, Tally};

/// Upper ends of the latency buckets, in microseconds. A gateway's own work is tens of
/// microseconds; an upstream's is up to a minute.
pub const LATENCY_BUCKETS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000, 15_000_000, 60_000_000,
];

/// What is counted, by the names that are shown. Fixed at start; see [`Counters::row`] for
/// connections that come later.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Connections, in the order of the configuration.
    pub connections: Vec<Arc<str>>,
    /// How an exchange can end.
    pub outcomes: &'static [&'static str],
    /// Why a request can be refused.
    pub refusals: &'static [&'static str],
}

/// The counts of all cores.
#[derive(Debug)]
pub struct Counters {
    labels: Labels,
    /// Names of connections: those of the start, then those that came later.
    rows: ArcSwap<Vec<Arc<str>>>,
    cores: Box<[CachePadded<Core>]>,
}

/// The row of all connections that came when no row was left.
const OTHERS: &str = "(others)";

/// The counts of one core. Each is written by that core only.
#[derive(Debug)]
pub struct Core {
    outcomes_each: usize,
    /// By connection, then outcome.
    exchanges: Box<[AtomicU64]>,
    /// By connection.
    latencies: Box<[Latency]>,
    refusals: Box<[AtomicU64]>,
    events: [AtomicU64; Event::ALL.len()],
    /// Of MCP: calls that went upstream, by method and name.
    pub calls: Tally,
    /// The same by principal.
    pub callers: Tally,
}

/// A histogram over [`LATENCY_BUCKETS`]; the last bucket is for all beyond.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; LATENCY_BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

/// What else a core counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A caller's connection was accepted.
    CallerOpened,
    /// A caller's connection has ended.
    CallerClosed,
    /// A connection upstream was opened.
    UpstreamOpened,
    /// A connection upstream served once more.
    UpstreamReused,
    /// Connecting upstream failed.
    UpstreamFailed,
    /// A kept connection upstream had ended when it was used.
    UpstreamStale,
    /// A request went upstream once more, by a fresh connection.
    UpstreamRetried,
    /// An address of an upstream is passed over for a while.
    UpstreamEjected,
    /// All calls to an upstream are refused for a while.
    CircuitOpened,
    /// A connection was switched to another protocol.
    Upgraded,
    /// The same has ended.
    UpgradedEnded,
    /// A byte came from a caller.
    CallerIn,
    /// A byte went to a caller.
    CallerOut,
    /// A value was masked.
    Masked,
    /// A connection's task panicked.
    Panicked,
    /// A caller's connection was turned away: there were too many.
    TurnedAwayFull,
    /// The same: too many from its address.
    TurnedAwayAddress,
    /// The same: too many handshakes in a second.
    TurnedAwayRate,
    /// The same, or a request was: memory was short.
    TurnedAwayMemory,
    /// A caller's connection ended before its handshake was complete.
    HandshakeFailed,
    /// The same: it took too long.
    HandshakeLate,
}

impl Event {
    /// All events, in the order of their counters.
    pub const ALL: [Event; 21] = [
        Event::CallerOpened,
        Event::CallerClosed,
        Event::UpstreamOpened,
        Event::UpstreamReused,
        Event::UpstreamFailed,
        Event::UpstreamStale,
        Event::UpstreamRetried,
        Event::UpstreamEjected,
        Event::CircuitOpened,
        Event::Upgraded,
        Event::UpgradedEnded,
        Event::CallerIn,
        Event::CallerOut,
        Event::Masked,
        Event::Panicked,
        Event::TurnedAwayFull,
        Event::TurnedAwayAddress,
        Event::TurnedAwayRate,
        Event::TurnedAwayMemory,
        Event::HandshakeFailed,
        Event::HandshakeLate,
    ];
}

impl Counters {
    /// Counts for `cores` cores, all zero.
    #[must_use]
    pub fn new(labels: Labels, cores: usize) -> Counters {
        let core = |_| CachePadded::new(Core::new(&labels));
        Counters {
            cores: (0..cores).map(core).collect(),
            rows: ArcSwap::from_pointee(labels.connections.clone()),
            labels,
        }
    }

    /// The row of a connection, by which it is counted as long as the process lives. A name that is
    /// new gets one of the [`ROWS_ADDED`] that are kept free at start; beyond them, all share one
    /// that is called `(others)`.
    pub fn row(&self, connection: &str) -> usize {
        let most = self.labels.connections.len() + ROWS_ADDED;
        let mut row = 0;
        self.rows.rcu(|rows| {
            let known = rows.iter().position(|name| **name == *connection);
            row = known.unwrap_or(rows.len().min(most));
            let mut rows = Vec::clone(rows);
            if row == rows.len() {
                let name = if row == most { OTHERS } else { connection };
                rows.push(name.into());
            }
            rows
        });
        row
    }

    /// The names of all rows.
    #[must_use]
    pub fn rows(&self) -> Arc<Vec<Arc<str>>> {
        self.rows.load_full()
    }

    /// What is counted.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// One core's counts.
    #[must_use]
    pub fn core(&self, core: usize) -> Option<&Core> {
        self.cores.get(core).map(|core| &**core)
    }

    /// Exchanges of a connection with an outcome, over all cores.
    #[must_use]
    pub fn exchanges(&self, connection: usize, outcome: usize) -> u64 {
        self.sum(|core| core.exchange_slot(connection, outcome))
    }

    /// Refusals for a reason, over all cores.
    #[must_use]
    pub fn refusals(&self, reason: usize) -> u64 {
        self.sum(|core| core.refusals.get(reason))
    }

    /// Occurrences of an event, over all cores.
    #[must_use]
    pub fn events(&self, event: Event) -> u64 {
        self.sum(|core| core.events.get(event as usize))
    }

    /// A connection's latencies over all cores: the sum in microseconds and the count per bucket.
    #[must_use]
    pub fn latencies(&self, connection: usize) -> (u64, [u64; LATENCY_BUCKETS.len() + 1]) {
        let mut buckets = [0; LATENCY_BUCKETS.len() + 1];
        for (index, bucket) in buckets.iter_mut().enumerate() {
            *bucket = self.sum(|core| core.latencies.get(connection)?.buckets.get(index));
        }
        let sum = self.sum(|core| Some(&core.latencies.get(connection)?.sum_micros));
        (sum, buckets)
    }

    /// One of the tallies over all cores.
    #[must_use]
    pub fn tallied(&self, which: impl Fn(&Core) -> &Tally) -> BTreeMap<Row, u64> {
        let mut sums = BTreeMap::new();
        for core in &self.cores {
            which(core).sum(&mut sums);
        }
        sums
    }

    fn sum<'c>(&'c self, pick: impl Fn(&'c Core) -> Option<&'c AtomicU64>) -> u64 {
        let counts = self.cores.iter().filter_map(|core| pick(core));
        counts.map(|count| count.load(Relaxed)).sum()
    }
}

impl Core {
    fn new(labels: &Labels) -> Core {
        let zeros = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        let rows = labels.connections.len() + ROWS_ADDED + 1;
        Core {
            outcomes_each: labels.outcomes.len(),
            exchanges: zeros(rows * labels.outcomes.len()),
            latencies: (0..rows).map(|_| Latency::default()).collect(),
            refusals: zeros(labels.refusals.len()),
            events: Default::default(),
            calls: Tally::default(),
            callers: Tally::default(),
        }
    }

    /// An exchange has ended. Indices beyond the labels are ignored.
    pub fn exchange(&self, connection: usize, outcome: usize, took: Duration) {
        if let Some(count) = self.exchange_slot(connection, outcome) {
            add(count, 1);
        }
        if let Some(latency) = self.latencies.get(connection) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let bucket = LATENCY_BUCKETS.partition_point(|end| *end < micros);
            add(&latency.buckets[bucket], 1);
            add(&latency.sum_micros, micros);
        }
    }

    /// A request was refused. An index beyond the labels is ignored.
    pub fn refused(&self, reason: usize) {
        if let Some(count) = self.refusals.get(reason) {
            add(count, 1);
        }
    }

    /// Something happened `times` times.
    pub fn count(&self, event: Event, times: u64) {
        add(&self.events[event as usize], times);
    }

    fn exchange_slot(&self, connection: usize, outcome: usize) -> Option<&AtomicU64> {
        if outcome >= self.outcomes_each {
            return None;
        }
        self.exchanges
            .get(connection * self.outcomes_each + outcome)
    }
}

/// One writer only, so a load and a store do instead of a locked addition.
fn add(count: &AtomicU64, times: u64) {
    count.store(count.load(Relaxed).wrapping_add(times), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_add_up_and_strange_indices_are_ignored() {
        let labels = Labels {
            connections: vec!["a".into(), "b".into()],
            outcomes: &["done", "cut"],
            refusals: &["no token"],
        };
        let counters = Counters::new(labels, 2);
        for core in 0..2 {
            let core = counters.core(core).unwrap();
            core.exchange(1, 0, Duration::from_micros(100));
            core.exchange(1, 2, Duration::from_secs(3600));
            core.exchange(999, 0, Duration::ZERO);
            core.refused(0);
            core.refused(1);
            core.count(Event::CallerIn, 7);
        }
        assert_eq!((counters.exchanges(1, 0), counters.exchanges(1, 1)), (2, 0));
        assert_eq!((counters.exchanges(0, 0), counters.refusals(0)), (0, 2));
        assert_eq!(counters.events(Event::CallerIn), 14);
        let (sum, buckets) = counters.latencies(1);
        assert_eq!(sum, 2 * (100 + 3_600_000_000));
        assert_eq!((buckets[0], buckets[LATENCY_BUCKETS.len()]), (2, 2));
        assert!(counters.core(2).is_none());
    }

    #[test]
    fn connections_that_come_later_get_rows_while_there_are_some() {
        let labels = Labels {
            connections: vec!["a".into()],
            outcomes: &["done"],
            refusals: &[],
        };
        let counters = Counters::new(labels, 1);
        assert_eq!((counters.row("a"), counters.row("b")), (0, 1));
        for more in 2..=ROWS_ADDED {
            assert_eq!(counters.row(&more.to_string()), more);
        }
        let others = ROWS_ADDED + 1;
        assert_eq!((counters.row("y"), counters.row("z")), (others, others));
        assert_eq!((counters.row("b"), counters.rows().len()), (1, others + 1));
        let core = counters.core(0).unwrap();
        core.exchange(others, 0, Duration::ZERO);
        assert_eq!(counters.exchanges(others, 0), 1);
        assert_eq!(&*counters.rows()[others], OTHERS);
    }

    #[test]
    fn every_event_has_its_place() {
        for (index, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, index);
        }
    }
}
