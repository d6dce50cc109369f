//! Tells a collector of each sampled exchange, as one span (OTLP over HTTP).
//!
//! ```text
//!   cores ── AccessEntry, where its trace is sampled ──► exporter ── POST, protobuf ──► collector
//! ```
//!
//! A collector that is slow or away costs spans, which are counted, and delays no call.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::http;
use crossbeam::channel::Receiver;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::HttpError;
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::config::Traces;
use super::health::Health;
use super::http_client::{ClientError, HttpClient};
use crate::base::access::AccessEntry;
use crate::base::counters::Counters;
use crate::base::limits::{COLLECTOR_ANSWER_BYTES, SPAN_TIME, SPANS_AT_ONCE};
use crate::base::trace::Span;

/// The running exporter.
pub(super) struct Tracer {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// Nothing can be posted.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// What is to be posted cannot be made.
    #[error("{0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

impl Tracer {
    /// Posts what comes from `entries`; connections are named by their rows in `counters`. Needs a
    /// runtime.
    pub fn start(
        config: &Traces,
        entries: Receiver<AccessEntry>,
        counters: Arc<Counters>,
        health: Health,
    ) -> Result<Tracer, TracesError> {
        // Off loopback the configuration takes `https` only.
        let client = Poster(match config.endpoint.starts_with("https:") {
            true => HttpClient::new(config.roots.as_ref())?,
            false => HttpClient::near()?,
        });
        let headers = config.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.expose()).into_owned();
            (name.clone(), value)
        });
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_headers(headers.collect())
            .with_endpoint(&config.endpoint)
            .build()?;
        exporter.set_resource(
            &Resource::builder_empty()
                .with_attribute(KeyValue::new("service.name", config.service_name.clone()))
                .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                .build(),
        );
        let (stop, stopped) = oneshot::channel();
        let exporting = Exporting {
            exporter,
            entries,
            counters,
            health,
        };
        let task = tokio::spawn(exporting.run(stopped));
        Ok(Tracer { task, stop })
    }

    /// Posts what waits, for a little while, and ends.
    pub async fn stop(self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        let _ = self.stop.send(());
        let _ = timeout(PATIENCE, self.task).await;
    }
}

struct Exporting {
    exporter: opentelemetry_otlp::SpanExporter,
    entries: Receiver<AccessEntry>,
    counters: Arc<Counters>,
    health: Health,
}

impl Exporting {
    async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let mut often = interval(SPAN_TIME);
        loop {
            let ends = tokio::select! {
                _ = often.tick() => false,
                _ = &mut stopped => true,
            };
            while let Some(batch) = self.waiting() {
                // What was not taken is lost: a collector that is away must not fill this memory.
                let told = self.exporter.export(batch).await;
                self.health.note(&told);
                if told.is_err() {
                    break;
                }
            }
            if ends {
                return;
            }
        }
    }

    fn waiting(&self) -> Option<Vec<SpanData>> {
        let rows = self.counters.rows();
        let entries = self.entries.try_iter().take(SPANS_AT_ONCE);
        let batch: Vec<SpanData> = entries
            .filter_map(|entry| {
                let row = entry.connection.map(usize::from);
                let connection = row.and_then(|row| rows.get(row));
                told(&entry, connection.map(|name| &**name))
            })
            .collect();
        (!batch.is_empty()).then_some(batch)
    }
}

/// The span of an exchange, in the terms of OpenTelemetry's conventions for HTTP and MCP.
fn told(entry: &AccessEntry, connection: Option<&str>) -> Option<SpanData> {
    let span = entry.span?;
    let start = UNIX_EPOCH + Duration::from_nanos(entry.at.0);
    let status = match entry.status {
        500.. => Status::error(entry.outcome),
        _ => Status::Unset,
    };
    Some(SpanData {
        span_context: context(span),
        parent_span_id: span.parent.map_or(SpanId::INVALID, id),
        parent_span_is_remote: span.parent.is_some(),
        span_kind: SpanKind::Server,
        name: name(entry, connection).into(),
        start_time: start,
        end_time: ended(start, entry.took),
        attributes: attributes(entry, connection),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status,
        instrumentation_scope: InstrumentationScope::builder("sluice").build(),
    })
}

fn context(span: Span) -> SpanContext {
    let trace = TraceId::from_bytes(span.trace.to_be_bytes());
    SpanContext::new(
        trace,
        id(span.id),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    )
}

fn id(id: u64) -> SpanId {
    SpanId::from_bytes(id.to_be_bytes())
}

fn ended(start: SystemTime, took: Duration) -> SystemTime {
    start.checked_add(took).unwrap_or(start)
}

/// Few names for many requests: no path, which may name a person.
fn name(entry: &AccessEntry, connection: Option<&str>) -> String {
    let (what, about) = match entry.rpc.as_str() {
        "" => (entry.method.as_str(), connection.unwrap_or_default()),
        rpc => (rpc, entry.tool.as_str()),
    };
    format!("{what} {about}").trim_end().to_owned()
}

fn attributes(entry: &AccessEntry, connection: Option<&str>) -> Vec<KeyValue> {
    let texts = [
        ("http.request.method", entry.method.as_str()),
        ("url.path", entry.path.as_str()),
        ("mcp.method.name", entry.rpc.as_str()),
        ("gen_ai.tool.name", entry.tool.as_str()),
        ("mcp.session.id", entry.session.as_str()),
        ("sluice.connection", connection.unwrap_or_default()),
        ("sluice.principal", entry.principal.as_str()),
        ("sluice.rule", entry.rule.as_str()),
        ("sluice.outcome", entry.outcome),
    ];
    let mut attributes: Vec<KeyValue> = texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| KeyValue::new(name, text.to_owned()))
        .collect();
    if let Some(exchange) = entry.exchange {
        attributes.push(KeyValue::new("sluice.exchange", exchange.to_string()));
    }
    if let Some(peer) = entry.peer {
        attributes.push(KeyValue::new("network.peer.address", peer.ip().to_string()));
    }
    if entry.status != 0 {
        let status = i64::from(entry.status);
        attributes.push(KeyValue::new("http.response.status_code", status));
    }
    let bytes = [
        ("http.request.body.size", entry.bytes_in),
        ("http.response.body.size", entry.bytes_out),
    ];
    attributes.extend(bytes.map(|(name, bytes)| {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        KeyValue::new(name, bytes)
    }));
    attributes
}

/// The control plane's client, as the exporter wants one.
struct Poster(HttpClient);

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Poster(..)")
    }
}

#[async_trait::async_trait]
impl opentelemetry_http::HttpClient for Poster {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let answer = self.0.send(request, COLLECTOR_ANSWER_BYTES).await?;
        let body = Bytes::copy_from_slice(&answer.body);
        Ok(http::Response::builder().status(answer.status).body(body)?)
    }
}
