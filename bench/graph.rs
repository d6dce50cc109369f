//! A `$batch` of twenty calls, read strictly into the calls that rules judge, beside reading it as JSON
//! alone: by `serde_json`, and by simd-json's tape.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::graph::Batch;
use sluice::json::Document;

#[path = "simd_json_tape.rs"]
mod simd_json_tape;
use simd_json_tape::SimdJson;

/// Every second call writes, and waits for the one before.
fn body() -> String {
    let call = |number: usize| match number % 2 {
        1 => format!(
            r#"{{"id":"{number}","method":"GET","headers":{{"ConsistencyLevel":"eventual"}},
            "url":"/users/6f0c5e0e-8d7e-4a52-9a3b-1f0a3c1f7f{number:02}/messages?$select=id,subject&$top=25"}}"#
        ),
        _ => format!(
            r#"{{"id":"{number}","method":"PATCH","url":"/users/user{number}@contoso.example","dependsOn":["{}"],
            "headers":{{"Content-Type":"application/json"}},"body":{{"jobTitle":"Engineer","officeLocation":"12/{number}"}}}}"#,
            number - 1
        ),
    };
    let calls: Vec<String> = (1..=20).map(call).collect();
    format!(r#"{{"requests":[{}]}}"#, calls.join(","))
}

fn batches(criterion: &mut Criterion) {
    let body = body();
    let mut group = criterion.benchmark_group(format!("graph batch of 20, {} bytes", body.len()));
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("read as calls", |bencher| {
        bencher.iter(|| {
            let document = Document::parse(black_box(body.as_bytes())).expect("JSON");
            let batch = Batch::read(document.root(), "/v1.0/$batch").expect("a batch");
            assert_eq!(batch.parts().len(), 20);
        });
    });
    let mut simd = SimdJson::default();
    assert!(simd.parse(body.as_bytes()));
    group.bench_function("simd-json tape of a copy", |bencher| {
        bencher.iter(|| simd.parse(black_box(body.as_bytes())));
    });
    group.bench_function("serde_json value", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&body)));
    });
}

criterion_group!(benches, batches);
criterion_main!(benches);
