//! One tool call beside its headers, a stream of events, a sealed session, a filtered list; calls
//! beside simd-json and serde_json, events beside the crate that clients use.

use std::hint::black_box;

use eventsource_stream::Eventsource as _;
use futures_util::{FutureExt as _, StreamExt as _};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::base::secret::Secret;
#[path = "simd_json_tape.rs"]
mod simd_json_tape;
use simd_json_tape::SimdJson;
use sluice::mcp::{
    Answers, Edits, Events, Fields, Reader, Revision, Rewriter, Sealer, SessionState, What, filter,
    principal,
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"search_tickets",
    "arguments":{"query":"printer on the third floor does not answer","status":["open","pending"],
    "assignee":null,"limit":25,"offset":0,"sort":{"by":"updated","descending":true},
    "labels":["hardware","office","urgent"],"since":"2026-10-01T00:00:00Z"},
    "_meta":{"progressToken":"9b2f4c1e-7a55-4f0e","io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}}}}"#;

fn envelope(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("mcp call, {} bytes", CALL.len()));
    group.throughput(Throughput::Bytes(CALL.len() as u64));
    let fields = Fields {
        version: Some(b"2026-07-28"),
        method: Some(b"tools/call"),
        name: Some(b"search_tickets"),
        params: &[],
        content_type: Some(b"application/json"),
    };
    let mut reader = Reader::new();
    assert!(reader.read(CALL.as_bytes(), &fields).is_ok());
    group.bench_function("envelope", |bencher| {
        bencher.iter(|| reader.read(black_box(CALL.as_bytes()), &fields).is_ok());
    });
    let mut simd = SimdJson::default();
    assert!(simd.parse(CALL.as_bytes()));
    group.bench_function("simd-json tape of a copy", |bencher| {
        bencher.iter(|| simd.parse(black_box(CALL.as_bytes())));
    });
    group.bench_function("serde_json value", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(CALL)));
    });
}

fn events(criterion: &mut Criterion) {
    let event = "id: 9b2f-17\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":7,\"progress\":50,\"total\":100}}\n\n";
    let stream = event.repeat(64 * 1024 / event.len());
    let mut group = criterion.benchmark_group(format!("mcp events, {} bytes each", event.len()));
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for piece in [stream.len(), 1400] {
        let mut events = Events::new(1 << 20);
        group.bench_function(format!("in pieces of {piece}"), |bencher| {
            bencher.iter(|| {
                let mut bytes = 0;
                for piece in stream.as_bytes().chunks(piece) {
                    events.push(black_box(piece));
                    while let Ok(Some(frame)) = events.frame() {
                        bytes += frame.raw.len();
                    }
                }
                bytes
            });
        });
        group.bench_function(
            format!("eventsource-stream in pieces of {piece}"),
            |bencher| {
                assert_eq!(by_crate(&stream, piece), stream.len() / event.len());
                bencher.iter(|| by_crate(black_box(&stream), piece));
            },
        );
    }
}

/// How many events the crate finds; it makes strings of each.
fn by_crate(stream: &str, piece: usize) -> usize {
    let pieces = stream.as_bytes().chunks(piece).map(Ok::<_, std::io::Error>);
    let events = futures_util::stream::iter(pieces).eventsource();
    let counted = events
        .filter(|event| std::future::ready(event.is_ok()))
        .count();
    counted.now_or_never().unwrap_or_default()
}

fn sessions(criterion: &mut Criterion) {
    let key = Secret::new(vec![7; 32]);
    let sealer = Sealer::new([("k1", &key)]).expect("a key");
    let who = principal(["entra", "tenant", "object", "client"]);
    let session = SessionState {
        upstream: "3f2b8c1d-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
        address: "10.0.0.7:3001".parse().ok(),
        replica: 0,
        revision: Revision::V2025_11_25,
        opened: 1_795_000_000,
    };
    let text = sealer
        .seal_session(&session, "tickets", &who)
        .expect("sealed");
    let mut scratch = Vec::new();
    let mut group = criterion.benchmark_group(format!("mcp session, {} bytes", text.len()));
    group.bench_function("open", |bencher| {
        bencher.iter(|| {
            let text = black_box(text.as_bytes());
            sealer
                .open_session(text, "tickets", &who, &mut scratch)
                .is_ok()
        });
    });
    group.bench_function("seal", |bencher| {
        bencher.iter(|| sealer.seal_session(black_box(&session), "tickets", &who));
    });
}

fn lists(criterion: &mut Criterion) {
    let tools: Vec<_> = (0..100)
        .map(|tool| {
            format!(r#"{{"name":"tool_{tool}","description":"What tool {tool} is for, at some length, as models like it.","inputSchema":{{"type":"object","properties":{{"query":{{"type":"string"}},"limit":{{"type":"integer"}}}}}}}}"#)
        })
        .collect();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#,
        tools.join(",")
    );
    let mut group =
        criterion.benchmark_group(format!("mcp list of 100 tools, {} bytes", body.len()));
    group.throughput(Throughput::Bytes(body.len() as u64));
    let (mut answers, mut rewriter) = (Answers::new(), Rewriter::new());
    let (mut edits, mut out) = (Edits::new(), Vec::new());
    group.bench_function("every second hidden, scanned again", |bencher| {
        bencher.iter(|| {
            edits.clear();
            out.clear();
            let said = answers.read(black_box(body.as_bytes()));
            let answer = said.ok().and_then(|said| said.answers().first().copied());
            let Some(What::Result(result)) = answer.map(|answer| answer.what) else {
                return false;
            };
            let mut index = 0;
            let filtered = filter(result, Revision::V2026_07_28, &mut edits, |_| {
                index += 1;
                index % 2 == 0
            });
            filtered.is_ok() && rewriter.rewrite(body.as_bytes(), &edits, &mut out).is_ok()
        });
    });
}

criterion_group!(benches, envelope, events, sessions, lists);
criterion_main!(benches);
