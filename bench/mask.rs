//! The mask stream over JSON, against replacing literals in bytes that are not understood.

use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::mask::{ContentKind, MaskSpec, Masks, Recogniser, Stream};

const FIELDS: [&str; 8] = [
    "mail",
    "mobilePhone",
    "otherMails",
    "userPrincipalName",
    "onPremisesImmutableId",
    "birthday",
    "streetAddress",
    "manager.id",
];

/// A page of users with about `bytes` bytes; `hits` says whether masked fields stand in it.
fn page(bytes: usize, hits: bool) -> Vec<u8> {
    let mut text =
        String::from(r#"{"@odata.context":"https://graph.microsoft.com/v1.0/","value":["#);
    let mut user = 0;
    while text.len() < bytes {
        user += 1;
        text += &format!(
            r#"{{"id":"{user:08x}-7e2f-4d41-9a4d-0b1c5f0e3c77","displayName":"Person Number {user}",
            "jobTitle":"Engineer","officeLocation":"12/1110","preferredLanguage":"en-US","age":{user}"#
        );
        if hits {
            text += &format!(r#","mail":"person{user}@contoso.example","mobilePhone":null"#);
        }
        text += "},";
    }
    text += "null]}";
    text.into_bytes()
}

fn literals(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            format!(
                "{}{} Secret-{i}",
                char::from(b'A' + (i % 26) as u8),
                i * 7919 % 977
            )
        })
        .collect()
}

fn streams(criterion: &mut Criterion) {
    for kib in [10, 100] {
        for (pages, hits) in [("clean", false), ("with hits", true)] {
            let body = page(kib * 1024, hits);
            let mut group = criterion.benchmark_group(format!("mask {kib} KiB {pages}"));
            group.throughput(Throughput::Bytes(body.len() as u64));
            for count in [0, 20, 400] {
                let spec = MaskSpec {
                    fields: FIELDS.map(String::from).into(),
                    recognise: if count == 0 {
                        vec![]
                    } else {
                        vec![Recogniser::Email]
                    },
                    literals: literals(count),
                    ..MaskSpec::default()
                };
                let masks = Arc::new(Masks::compile(&spec).expect("a valid profile"));
                let mut stream = Stream::new(Arc::clone(&masks), ContentKind::Json, "");
                group.bench_function(format!("8 fields, {count} literals"), |bencher| {
                    bencher.iter(|| {
                        stream.reset(Arc::clone(&masks), ContentKind::Json, "");
                        let mut length = 0;
                        for chunk in black_box(&body).chunks(64 * 1024) {
                            length += stream.push(chunk).expect("JSON").len();
                        }
                        length + stream.finish().expect("JSON").len()
                    });
                });
                if count > 0 {
                    let automaton = AhoCorasick::new(literals(count)).expect("an automaton");
                    let with = vec!["[literal]"; count];
                    group.bench_function(format!("replace_all, {count} literals"), |bencher| {
                        bencher.iter(|| automaton.replace_all_bytes(black_box(&body), &with).len());
                    });
                }
            }
        }
    }
}

criterion_group!(benches, streams);
criterion_main!(benches);
