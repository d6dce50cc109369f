//! Traces: what callers say of theirs, what upstreams are told, and what reaches the collector.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::origin::{Origin, reply};
use super::scene::{Plan, Scene};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn upstream() -> Origin {
    Origin::answering(|_| reply("200 OK", "hello"))
}

fn collector() -> Origin {
    Origin::answering(|_| reply("200 OK", ""))
}

/// A gateway that tells `endpoint` of a share of traces.
fn scene(upstream: &Origin, endpoint: &str, share: &str) -> Scene {
    let traces = format!(
        "traces: {{ endpoint: \"{endpoint}/v1/traces\", sample: {share}, headers: {{ x-key: file:secret }} }}"
    );
    let plan = Plan {
        further: &traces,
        ..Plan::new(IoChoice::Tokio, upstream)
    };
    plan.ready()
}

fn get(scene: &Scene, fields: &str) -> Caller {
    let mut caller = scene.caller();
    let head = scene.head("GET", "/people?who=alice");
    let reply = caller.ask(format!("{head}{fields}\r\n"));
    assert_eq!(reply.status, 200);
    caller
}

/// The spans that have come, once there are so many.
fn spans(collector: &Origin, count: usize) -> Vec<Span> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let posts = collector.requests();
        let spans: Vec<Span> = (posts.iter())
            .map(|post| ExportTraceServiceRequest::decode(&*post.body).unwrap())
            .flat_map(|post| post.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect();
        if spans.len() >= count {
            return spans;
        }
        assert!(Instant::now() < until, "{} spans of {count}", spans.len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'s>(span: &'s Span, name: &str) -> Option<&'s str> {
    let attribute = span.attributes.iter().find(|it| it.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn a_trace_goes_on_through_the_gateway() {
    let (upstream, collector) = (upstream(), collector());
    let scene = scene(&upstream, &collector.url(), "0");
    get(
        &scene,
        &format!("traceparent: {PARENT}\r\ntracestate: a=b\r\n"),
    );
    let sent = upstream.requests()[0].clone();
    let told = sent.field("traceparent").unwrap();
    assert!(told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-01"));
    assert_ne!(told, PARENT, "the upstream is called by the gateway");
    assert_eq!(sent.field("tracestate"), Some("a=b"));
    let span = &spans(&collector, 1)[0];
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(hex(&span.span_id), told[36..52]);
    assert_eq!(span.name, "GET up");
    assert_eq!(text(span, "url.path"), Some("/people"));
    assert_eq!(text(span, "sluice.outcome"), Some("complete"));
    assert!(text(span, "sluice.principal").is_some());
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    let line = &scene.access_log(1)[0];
    assert_eq!(line["trace"], TRACE);
    assert_eq!(line["exchange"].as_str(), text(span, "sluice.exchange"));
    let post = &collector.requests()[0];
    assert_eq!(post.field("x-key"), Some(super::scene::SECRET));
    assert!(
        !post.body.windows(5).any(|bytes| bytes == b"alice"),
        "a query is not told"
    );
}

#[test]
fn a_trace_begins_where_none_can_be_understood() {
    let (upstream, collector) = (upstream(), collector());
    let scene = scene(&upstream, &collector.url(), "1");
    let broken = [
        String::new(),
        "traceparent: nonsense\r\n".to_owned(),
        format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n"),
    ];
    for fields in &broken {
        get(&scene, &format!("{fields}tracestate: a=b\r\n"));
    }
    for (sent, span) in upstream
        .requests()
        .iter()
        .zip(spans(&collector, broken.len()))
    {
        let told = sent.field("traceparent").unwrap();
        assert_eq!(told[3..35], hex(&span.trace_id));
        assert_ne!(&told[3..35], TRACE);
        assert!(span.parent_span_id.is_empty() && told.ends_with("-01"));
        assert_eq!(sent.field("tracestate"), None);
    }
}

#[test]
fn what_is_not_sampled_is_passed_on_and_not_told() {
    let (upstream, collector) = (upstream(), collector());
    let scene = scene(&upstream, &collector.url(), "0");
    get(&scene, "");
    get(
        &scene,
        &format!("traceparent: {}\r\n", PARENT.replace("-01", "-00")),
    );
    // A third one is told: what came before it would have been told by then.
    get(&scene, &format!("traceparent: {PARENT}\r\n"));
    let sent = upstream.requests();
    for request in &sent[..2] {
        assert!(request.field("traceparent").unwrap().ends_with("-00"));
    }
    assert!(sent[1].field("traceparent").unwrap().contains(TRACE));
    assert_eq!(spans(&collector, 1).len(), 1);
}

#[test]
fn a_refusal_is_a_part_of_its_trace_too() {
    let (upstream, collector) = (upstream(), collector());
    let scene = scene(&upstream, &collector.url(), "0");
    let head = scene.head("GET", "/secret/plans");
    let reply = scene
        .caller()
        .ask(format!("{head}traceparent: {PARENT}\r\n\r\n"));
    assert_eq!(reply.status, 403);
    let span = &spans(&collector, 1)[0];
    assert_eq!(text(span, "sluice.outcome"), Some("denied"));
    assert!(text(span, "sluice.rule").is_some());
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_collector_that_is_away_costs_nobody_anything() {
    let upstream = upstream();
    let scene = scene(&upstream, "http://127.0.0.1:9", "1");
    get(&scene, "");
    let until = Instant::now() + Duration::from_secs(10);
    let line = "sluice_control_good{what=\"traces\",name=\"collector\"} 0";
    let failed = "sluice_control_failures_total{what=\"traces\",name=\"collector\"} 1";
    while !scene.metrics().contains(failed) {
        assert!(Instant::now() < until, "{}", scene.metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(scene.metrics().contains(line));
    assert_eq!(scene.readiness(), 200);
    get(&scene, "");
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let collector = collector();
    let scene = scene(&upstream(), &collector.url(), "1");
    let metrics = scene.metrics();
    let dashboard = include_str!("../../deploy/grafana/sluice.json");
    let _: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let is_name = |each: char| each.is_ascii_alphanumeric() || each == '_';
    let mut names: Vec<&str> = dashboard
        .split("sluice_")
        .skip(1)
        .map(|rest| rest.split(|each| !is_name(each)).next().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        // What is counted is described by its name without the ending.
        let family = ["_total", "_bucket"]
            .iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(name);
        assert!(
            metrics.contains(&format!("# TYPE sluice_{family} ")),
            "{name}"
        );
    }
}
