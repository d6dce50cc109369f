//! Metrics in the OpenMetrics text format, summed over the cores when they are asked for.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::health::{Health, State};
use super::ready::OwnServers;
use super::reloads::Reloads;
use super::standing::Standing;
use crate::auth::PublishedKeys;
use crate::base::access::AccessSender;
use crate::base::clock::Clock;
use crate::base::counters::{Counters, Event, LATENCY_BUCKETS};
use crate::base::memory::Memory;
use crate::mcp::pins::Pins;

/// All that is shown.
pub struct Metrics(Registry);

/// Where the figures come from.
#[derive(Clone)]
pub(super) struct Sources {
    pub counters: Arc<Counters>,
    pub standing: Arc<ArcSwap<Standing>>,
    pub reloads: Arc<Reloads>,
    pub access: AccessSender,
    pub pins: Pins,
    pub keys: PublishedKeys,
    pub servers: OwnServers,
    pub clock: Clock,
    pub memory: Arc<Memory>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(..)")
    }
}

impl Metrics {
    pub(super) fn new(sources: Sources) -> Metrics {
        let mut registry = Registry::with_prefix("sluice");
        registry.register_collector(Box::new(sources));
        Metrics(registry)
    }

    /// The text of one scrape.
    ///
    /// # Errors
    /// Never: a text takes all that is written to it.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.0)?;
        Ok(out)
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.exchanges(&mut encoder)?;
        self.latencies(&mut encoder)?;
        self.refusals(&mut encoder)?;
        self.events(&mut encoder)?;
        self.healths(&mut encoder)?;
        self.reloads(&mut encoder)?;
        self.tools(&mut encoder)?;
        self.calls(&mut encoder)?;
        self.servers(&mut encoder)?;
        self.upstreams(&mut encoder)?;
        let mut dropped = counter(
            &mut encoder,
            "access_log_dropped",
            "Access log entries lost",
        )?;
        count(&mut dropped, self.access.dropped())?;
        let mut dropped = counter(&mut encoder, "spans_dropped", "Spans of traces lost")?;
        count(&mut dropped, self.access.dropped_spans())?;
        let (used, most) = self.memory.figures();
        let figures = [
            ("memory_bytes", "Memory in use", used),
            (
                "memory_limit_bytes",
                "Memory beyond which nothing new begins",
                most,
            ),
        ];
        for (name, help, bytes) in figures {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&bytes)?;
        }
        let revocations = self.keys.load().revocations().len() as u64;
        encoder
            .encode_descriptor(
                "revocations",
                "Revocations that stand",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&revocations)?;
        let uptime = self.clock.now().mono.0 as f64 / 1e9;
        encoder
            .encode_descriptor("uptime_seconds", "Since start", None, MetricType::Gauge)?
            .encode_gauge(&uptime)
    }
}

impl Sources {
    fn exchanges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels = self.counters.labels();
        let mut family = counter(encoder, "exchanges", "Exchanges by how they ended")?;
        for (connection, name) in self.counters.rows().iter().enumerate() {
            for (outcome, word) in labels.outcomes.iter().enumerate() {
                let set = [("connection", &**name), ("outcome", *word)];
                let times = self.counters.exchanges(connection, outcome);
                count(&mut family.encode_family(&set)?, times)?;
            }
        }
        Ok(())
    }

    fn latencies(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = (
            "exchange_seconds",
            "From a request's head to its reply's end",
        );
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (connection, name) in self.counters.rows().iter().enumerate() {
            let (sum, buckets) = self.counters.latencies(connection);
            let ends = LATENCY_BUCKETS.iter().map(|end| *end as f64 / 1e6);
            let ends = ends.chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = ends.zip(buckets).collect();
            let total = buckets.iter().map(|(_, count)| count).sum();
            family
                .encode_family(&[("connection", &**name)])?
                .encode_histogram::<NoLabelSet>(sum as f64 / 1e6, total, &buckets, None)?;
        }
        Ok(())
    }

    fn refusals(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = counter(encoder, "refusals", "Requests refused, by reason")?;
        for (reason, word) in self.counters.labels().refusals.iter().enumerate() {
            let times = self.counters.refusals(reason);
            count(&mut family.encode_family(&[("reason", *word)])?, times)?;
        }
        Ok(())
    }

    fn events(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        for event in Event::ALL {
            let (name, help) = described(event);
            count(
                &mut counter(encoder, name, help)?,
                self.counters.events(event),
            )?;
        }
        for (name, help, begun, ended) in [
            (
                "caller_connections_open",
                "Connections from callers that are open",
                Event::CallerOpened,
                Event::CallerClosed,
            ),
            (
                "upgrades_open",
                "Of these, those that were switched to another protocol",
                Event::Upgraded,
                Event::UpgradedEnded,
            ),
        ] {
            let (begun, ended) = (self.counters.events(begun), self.counters.events(ended));
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&begun.saturating_sub(ended))?;
        }
        Ok(())
    }

    fn tools(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.pins.figures();
        let help = "Tools of MCP connections, by how they stand";
        let mut family = encoder.encode_descriptor("tools", help, None, MetricType::Gauge)?;
        for each in &figures {
            for (state, tools) in each.tools {
                let set = [("connection", &*each.connection), ("state", state.name())];
                family.encode_family(&set)?.encode_gauge(&tools)?;
            }
        }
        let help = "Sights of a tool that was not what was trusted";
        let mut family = counter(encoder, "tool_changes", help)?;
        for each in &figures {
            let set = [("connection", &*each.connection)];
            count(&mut family.encode_family(&set)?, each.changes)?;
        }
        Ok(())
    }

    fn calls(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Calls of MCP that went upstream, by method and tool";
        let mut family = counter(encoder, "mcp_calls", help)?;
        for (row, calls) in self.counters.tallied(|core| &core.calls) {
            let set = [
                ("connection", &*row.connection),
                ("mcp_method_name", &row.first),
                ("mcp_tool_name", &row.second),
            ];
            count(&mut family.encode_family(&set)?, calls)?;
        }
        let help = "The same by who called";
        let mut family = counter(encoder, "mcp_caller_calls", help)?;
        for (row, calls) in self.counters.tallied(|core| &core.callers) {
            let set = [("connection", &*row.connection), ("principal", &row.first)];
            count(&mut family.encode_family(&set)?, calls)?;
        }
        Ok(())
    }

    fn servers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Whether a server of the gateway's own can be expected to answer";
        let mut family = encoder.encode_descriptor("server_good", help, None, MetricType::Gauge)?;
        for name in self.counters.rows().iter() {
            if let Some(state) = (self.servers)(name) {
                let is_good = i64::from(state.is_ok());
                let set = [("connection", &**name)];
                family.encode_family(&set)?.encode_gauge(&is_good)?;
            }
        }
        Ok(())
    }

    fn upstreams(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let standing = self.standing.load();
        let help = "Addresses of upstreams, by whether calls may go there";
        let mut family =
            encoder.encode_descriptor("upstream_addresses", help, None, MetricType::Gauge)?;
        for one in &standing.upstreams {
            let (good, bad) = one.figures();
            for (state, count) in [("good", good), ("bad", bad)] {
                let set = [("connection", one.health.name()), ("state", state)];
                family.encode_family(&set)?.encode_gauge(&(count as u64))?;
            }
        }
        let help = "Calls of connections that have a bound on them";
        let mut family =
            encoder.encode_descriptor("upstream_calls", help, None, MetricType::Gauge)?;
        for one in &standing.upstreams {
            let Some(gate) = one.place.gate() else {
                continue;
            };
            let (under_way, waiting) = gate.figures();
            for (state, count) in [("under_way", under_way), ("waiting", waiting)] {
                let set = [("connection", one.health.name()), ("state", state)];
                family.encode_family(&set)?.encode_gauge(&(count as u64))?;
            }
        }
        Ok(())
    }

    fn reloads(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = counter(encoder, "reloads", "Configurations taken over, or refused")?;
        for (outcome, times) in self.reloads.counts() {
            count(&mut family.encode_family(&[("outcome", outcome)])?, times)?;
        }
        let gauge = |encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64| {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)
        };
        let help = "Configurations since the process started";
        let generation = self.reloads.generation();
        gauge(encoder, "configuration_generation", help, generation)?;
        let help = "Whether the last configuration offered is in force";
        let good = u64::from(self.reloads.refused().is_none());
        gauge(encoder, "configuration_good", help, good)
    }

    fn healths(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let set = |health: &Health| {
            [("what", health.what()), ("name", health.name())]
                .map(|(key, value)| (key, value.to_owned()))
        };
        let standing = self.standing.load();
        let healths: Vec<&Health> = standing.healths().collect();
        let mut family = counter(encoder, "control_attempts", "Fetches by the control plane")?;
        for health in &healths {
            count(&mut family.encode_family(&set(health))?, health.counts().0)?;
        }
        let mut family = counter(encoder, "control_failures", "Fetches that failed")?;
        for health in &healths {
            count(&mut family.encode_family(&set(health))?, health.counts().1)?;
        }
        let help = "Whether the last fetch worked";
        let mut family =
            encoder.encode_descriptor("control_good", help, None, MetricType::Gauge)?;
        for health in &healths {
            let is_good = i64::from(*health.state() == State::Good);
            family.encode_family(&set(health))?.encode_gauge(&is_good)?;
        }
        Ok(())
    }
}

fn counter<'s>(
    encoder: &'s mut DescriptorEncoder<'_>,
    name: &'s str,
    help: &str,
) -> Result<MetricEncoder<'s>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Counter)
}

fn count(encoder: &mut MetricEncoder<'_>, times: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, u64, u64>(&times, None)
}

fn described(event: Event) -> (&'static str, &'static str) {
    match event {
        Event::CallerOpened => ("caller_connections", "Connections accepted from callers"),
        Event::CallerClosed => (
            "caller_connections_ended",
            "Connections of callers that ended",
        ),
        Event::UpstreamOpened => ("upstream_connections", "Connections opened upstream"),
        Event::UpstreamReused => ("upstream_reuses", "Exchanges on a pooled connection"),
        Event::UpstreamFailed => ("upstream_connect_failures", "Connects upstream that failed"),
        Event::UpstreamStale => (
            "upstream_stale",
            "Pooled connections that had ended when they were used",
        ),
        Event::UpstreamRetried => (
            "upstream_retries",
            "Requests sent once more, on a fresh connection",
        ),
        Event::UpstreamEjected => (
            "upstream_ejections",
            "Times an address of an upstream was passed over, by one worker",
        ),
        Event::CircuitOpened => (
            "upstream_circuits_opened",
            "Times all calls to an upstream were refused for a while, by one worker",
        ),
        Event::Upgraded => ("upgrades", "Connections switched to another protocol"),
        Event::UpgradedEnded => (
            "upgrades_ended",
            "Connections that were switched to another protocol, and ended",
        ),
        Event::CallerIn => ("caller_in_bytes", "Bytes from callers"),
        Event::CallerOut => ("caller_out_bytes", "Bytes to callers"),
        Event::Masked => ("masked_values", "Values masked"),
        Event::Panicked => ("panics", "Connections ended by a defect of ours"),
        Event::TurnedAwayFull => (
            "turned_away_full",
            "Connections turned away because there were too many",
        ),
        Event::TurnedAwayAddress => (
            "turned_away_address",
            "Connections turned away because there were too many from their address",
        ),
        Event::TurnedAwayRate => (
            "turned_away_rate",
            "Connections turned away because there were too many handshakes",
        ),
        Event::TurnedAwayMemory => (
            "turned_away_memory",
            "Connections and requests turned away because memory was short",
        ),
        Event::HandshakeFailed => ("handshakes_failed", "Handshakes of callers that failed"),
        Event::HandshakeLate => (
            "handshakes_late",
            "Handshakes of callers that took too long",
        ),
    }
}
