//! The strict document beside `serde_json` and simd-json's tape, on a tool call and on a page.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluice::json::{Keys, Tape};

#[path = "simd_json_tape.rs"]
mod simd_json_tape;
use simd_json_tape::SimdJson;

fn small() -> Vec<u8> {
    let text = r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"search_tickets",
        "arguments":{"query":"printer on the third floor does not answer","status":["open","pending"],
        "assignee":null,"limit":25,"offset":0,"sort":{"by":"updated","descending":true},
        "labels":["hardware","office","urgent"],"since":"2026-10-01T00:00:00Z"},
        "_meta":{"progressToken":"9b2f4c1e-7a55-4f0e","traceparent":"00-4bf92f3577b34da6a3ce-01"}}}"#;
    text.as_bytes().to_vec()
}

fn page(bytes: usize) -> Vec<u8> {
    let mut text = String::from(r#"{"value":["#);
    let mut user = 0;
    while text.len() < bytes {
        user += 1;
        text += &format!(
            r#"{{"id":"{user:08x}-7e2f-4d41-9a4d","displayName":"Person {user}","jobTitle":"Engineer\u00e9",
            "accountEnabled":true,"businessPhones":["+49 30 {user:07}"],"score":{user}.5}},"#
        );
    }
    text += "null]}";
    text.into_bytes()
}

fn documents(criterion: &mut Criterion) {
    for (name, text) in [("small", small()), ("1 MB", page(1_000_000))] {
        let mut group = criterion.benchmark_group(format!("json {name}, {} bytes", text.len()));
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut tape = Tape::new();
        group.bench_function("document", |bencher| {
            bencher.iter(|| tape.parse(black_box(&text), Keys::Distinct).is_ok());
        });
        group.bench_function("document, cases apart", |bencher| {
            bencher.iter(|| {
                tape.parse(black_box(&text), Keys::DistinctIgnoringCase)
                    .is_ok()
            });
        });
        // It parses in place, so a body that is to be forwarded is copied first.
        let mut simd = SimdJson::default();
        assert!(simd.parse(&text));
        group.bench_function("simd-json tape of a copy", |bencher| {
            bencher.iter(|| simd.parse(black_box(&text)));
        });
        group.bench_function("serde_json value", |bencher| {
            bencher.iter_batched(
                || (),
                |()| serde_json::from_slice::<serde_json::Value>(black_box(&text)),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, documents);
criterion_main!(benches);
