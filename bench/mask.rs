//! Masking JSON as it flows, beside replacing the same texts in bytes that are not understood: by
//! `aho-corasick`, whole and as a stream, and by `regex`.
//!
//! `cargo bench --bench mask`; `-- "100 KiB"` for a part of it.

use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use regex::bytes::{NoExpand, Regex};
use sluice::mask::{ContentKind, Links, MaskSpec, Masks, Recogniser, Stream};

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

/// What a read brings at most.
const CHUNK: usize = 64 * 1024;

/// A page of users with about `bytes` bytes; `hits` says whether what is masked stands in it.
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
            text += &format!(r#","about":"{}""#, literals(20)[user % 20]);
        }
        text += "},";
    }
    text += "null]}";
    text.into_bytes()
}

/// The same as text in JSON, as MCP servers answer.
fn quoted(page: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(page);
    serde_json::json!({ "content": [{ "type": "text", "text": text }] })
        .to_string()
        .into_bytes()
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

/// Masks `body` as it comes in chunks of `size` bytes.
fn sluice(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    spec: &MaskSpec,
    body: &[u8],
    size: usize,
) {
    let masks = Arc::new(Masks::compile(spec).expect("a valid profile"));
    let mut stream = Stream::new(Arc::clone(&masks), ContentKind::Json, "");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            stream.reset(Arc::clone(&masks), ContentKind::Json, "");
            let mut length = 0;
            for chunk in black_box(body).chunks(size) {
                let masked = stream.push(chunk).expect("JSON");
                length += masked.slices().map(<[u8]>::len).sum::<usize>();
            }
            length + stream.finish().expect("JSON").len()
        });
    });
}

fn profiles() -> [(&'static str, MaskSpec); 6] {
    let none = MaskSpec::default;
    let fields: Vec<String> = FIELDS.map(String::from).into();
    let links = Links {
        members: vec!["@odata.nextLink".to_owned()],
        upstream: "https://graph.microsoft.com".to_owned(),
    };
    [
        (
            "links",
            MaskSpec {
                links: Some(links),
                ..none()
            },
        ),
        (
            "20 literals",
            MaskSpec {
                literals: literals(20),
                ..none()
            },
        ),
        (
            "400 literals",
            MaskSpec {
                literals: literals(400),
                ..none()
            },
        ),
        (
            "8 fields",
            MaskSpec {
                fields: fields.clone(),
                ..none()
            },
        ),
        (
            "8 fields, 20 literals",
            MaskSpec {
                fields: fields.clone(),
                literals: literals(20),
                ..none()
            },
        ),
        (
            "8 fields, 20 literals, all recognisers",
            MaskSpec {
                fields,
                literals: literals(20),
                recognise: Recogniser::ALL.into(),
                ..none()
            },
        ),
    ]
}

/// What else there is for literals: it knows no JSON, so an escape hides them.
fn others(group: &mut BenchmarkGroup<'_, WallTime>, body: &[u8], count: usize) {
    let (patterns, with) = (literals(count), vec!["[literal]"; count]);
    let automaton = AhoCorasick::new(&patterns).expect("an automaton");
    group.bench_function(
        format!("aho-corasick replace_all_bytes, {count} literals"),
        |bencher| bencher.iter(|| automaton.replace_all_bytes(black_box(body), &with).len()),
    );
    let mut out = Vec::new();
    group.bench_function(
        format!("aho-corasick try_stream_replace_all, {count} literals"),
        |bencher| {
            bencher.iter(|| {
                out.clear();
                let replaced = automaton.try_stream_replace_all(black_box(body), &mut out, &with);
                replaced.expect("memory to memory");
                out.len()
            });
        },
    );
    let escaped: Vec<String> = patterns.iter().map(|text| regex::escape(text)).collect();
    let regex = Regex::new(&escaped.join("|")).expect("a regular expression");
    group.bench_function(format!("regex replace_all, {count} literals"), |bencher| {
        bencher.iter(|| {
            let with = NoExpand(&b"[literal]"[..]);
            regex.replace_all(black_box(body), with).len()
        });
    });
}

fn bodies(criterion: &mut Criterion) {
    for kib in [10, 100] {
        for (pages, hits) in [("clean", false), ("with hits", true)] {
            let body = page(kib * 1024, hits);
            let mut group = criterion.benchmark_group(format!("mask {kib} KiB {pages}"));
            for (name, spec) in profiles() {
                sluice(&mut group, name, &spec, &body, CHUNK);
            }
            for count in [20, 400] {
                others(&mut group, &body, count);
            }
        }
    }
}

/// What it costs that bodies come in pieces, and that JSON stands within JSON.
fn forms(criterion: &mut Criterion) {
    let [.., (_, spec), _] = profiles();
    let body = page(100 * 1024, true);
    let mut group = criterion.benchmark_group("mask 100 KiB in chunks");
    for size in [256, 1460, 4096, 16 * 1024, CHUNK] {
        sluice(&mut group, &size.to_string(), &spec, &body, size);
    }
    group.finish();
    let mut group = criterion.benchmark_group("mask 100 KiB of JSON in text");
    sluice(
        &mut group,
        "8 fields, 20 literals",
        &spec,
        &quoted(&body),
        CHUNK,
    );
}

criterion_group!(benches, bodies, forms);
criterion_main!(benches);
