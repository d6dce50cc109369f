//! The http room's hot paths: heads against httparse, targets, chunks.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::http::{
    BodyDecoder, BodyLength, HeadLimits, Piece, RequestScanner, ResponseScanner, canonical, write,
};

/// What a Graph client sends: 386 bytes with a short token, 890 with one of usual length.
fn request(length: usize) -> Vec<u8> {
    let head = "GET /v1.0/users?$select=id,displayName,mail&$top=25 HTTP/1.1\r\n\
        Host: graph.gateway.example\r\nUser-Agent: python-httpx/0.28.1\r\nAccept: application/json\r\n\
        Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\
        client-request-id: 6f0c5e0e-8d7e-4a52-9a3b-1f0a3c1f7f10\r\nConsistencyLevel: eventual\r\n\
        Authorization: Bearer \r\n\r\n";
    let token = "x".repeat(length - head.len());
    head.replace("Bearer ", &format!("Bearer {token}"))
        .into_bytes()
}

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\
    Date: Sun, 22 Nov 2026 21:00:00 GMT\r\n\r\n";

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    for bytes in [request(386), request(890)] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("sluice/request/{}", bytes.len()), |bench| {
            let mut scanner = RequestScanner::new(HeadLimits::default());
            bench.iter(|| {
                if let Ok(Some(head)) = scanner.scan(black_box(&bytes)) {
                    black_box(&head);
                    scanner.recycle(head.into_spare());
                }
            });
        });
        group.bench_function(format!("httparse/request/{}", bytes.len()), |bench| {
            bench.iter(|| {
                let mut fields = [httparse::EMPTY_HEADER; 32];
                let mut head = httparse::Request::new(&mut fields);
                let _ = black_box(head.parse(black_box(&bytes)));
                black_box(&head);
            });
        });
    }
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function(format!("sluice/response/{}", RESPONSE.len()), |bench| {
        let mut scanner = ResponseScanner::new(HeadLimits::default());
        bench.iter(|| {
            if let Ok(Some(head)) = scanner.scan(black_box(RESPONSE)) {
                black_box(&head);
                scanner.recycle(head.into_spare());
            }
        });
    });
    group.bench_function(format!("httparse/response/{}", RESPONSE.len()), |bench| {
        bench.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Response::new(&mut fields);
            let _ = black_box(head.parse(black_box(RESPONSE)));
            black_box(&head);
        });
    });
    group.finish();
}

fn targets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("target");
    for (name, target) in [
        (
            "path",
            "/v1.0/users/6f0c5e0e-8d7e-4a52-9a3b-1f0a3c1f7f10/messages",
        ),
        ("query", "/v1.0/users?$select=id,displayName,mail&$top=25"),
        ("rewritten", "/v1.0/users/a%40b.example?%24select=id%2Cmail"),
    ] {
        group.throughput(Throughput::Bytes(target.len() as u64));
        group.bench_function(name, |bench| {
            let mut out = Vec::with_capacity(256);
            bench.iter(|| black_box(canonical(black_box(target.as_bytes()), &mut out)).is_ok());
        });
    }
    group.finish();
}

fn chunks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    for size in [256, 16 * 1024] {
        let mut coded = Vec::new();
        while coded.len() < 60_000 {
            write::chunk(&mut coded, &vec![b'x'; size]);
        }
        coded.extend_from_slice(write::LAST_CHUNK);
        group.throughput(Throughput::Bytes(coded.len() as u64));
        group.bench_function(size.to_string(), |bench| {
            bench.iter(|| {
                let mut decoder = BodyDecoder::new(BodyLength::Chunked);
                let mut rest = black_box(&coded[..]);
                while !decoder.is_done() {
                    rest = match black_box(decoder.decode(rest)) {
                        Ok(Piece::Data(data)) => &rest[data.consumed..],
                        Ok(Piece::Framing { consumed, .. }) => &rest[consumed..],
                        _ => break,
                    };
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, targets, chunks);
criterion_main!(benches);
