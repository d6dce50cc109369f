//! The http room's hot paths: heads and chunks, beside httparse and picohttpparser; targets, beside
//! the `url` crate.

#[cfg(target_arch = "x86_64")]
mod pico;

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
        #[cfg(target_arch = "x86_64")]
        group.bench_function(format!("picohttpparser/request/{}", bytes.len()), |bench| {
            assert_eq!(pico::request(&bytes), Some((bytes.len(), 8)));
            bench.iter(|| pico::request(black_box(&bytes)));
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
    #[cfg(target_arch = "x86_64")]
    group.bench_function(
        format!("picohttpparser/response/{}", RESPONSE.len()),
        |bench| {
            assert_eq!(pico::response(RESPONSE), Some((RESPONSE.len(), 3)));
            bench.iter(|| pico::response(black_box(RESPONSE)));
        },
    );
    group.finish();
}

/// Into one spelling each; beside the crate that makes a URL of one, which leaves escapes as they are.
fn targets(criterion: &mut Criterion) {
    let base = url::Url::parse("https://graph.gateway.example/").expect("a URL");
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
        group.bench_function(format!("url crate, {name}"), |bench| {
            bench.iter(|| base.join(black_box(target)));
        });
    }
    group.finish();
}

/// The content of a chunked body, taken together in place as the exchange does; beside the usual
/// loop over httparse's chunk sizes, and picohttpparser's decoder. Each has to be given a fresh copy,
/// and takes it in reads of 16 KiB but for picohttpparser, which is given it whole.
fn chunks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    for size in [256, 16 * 1024] {
        let mut coded = Vec::new();
        while coded.len() < 60_000 {
            write::chunk(&mut coded, &vec![b'x'; size]);
        }
        coded.extend_from_slice(write::LAST_CHUNK);
        let content = coded.iter().filter(|byte| **byte == b'x').count();
        group.throughput(Throughput::Bytes(coded.len() as u64));
        let mut bytes = coded.clone();
        group.bench_function(format!("sluice/{size}"), |bench| {
            assert_eq!(gather(&mut coded.clone()), content);
            bench.iter(|| {
                bytes.copy_from_slice(black_box(&coded));
                gather(&mut bytes)
            });
        });
        group.bench_function(format!("sluice, pieces/{size}"), |bench| {
            assert_eq!(pieces(&coded), content);
            bench.iter(|| pieces(black_box(&coded)));
        });
        group.bench_function(format!("httparse/{size}"), |bench| {
            assert_eq!(by_httparse(&mut coded.clone()), content);
            bench.iter(|| {
                bytes.copy_from_slice(black_box(&coded));
                by_httparse(&mut bytes)
            });
        });
        #[cfg(target_arch = "x86_64")]
        group.bench_function(format!("picohttpparser/{size}"), |bench| {
            assert_eq!(pico::chunked(&mut coded.clone()), Some(content));
            bench.iter(|| {
                bytes.copy_from_slice(black_box(&coded));
                pico::chunked(&mut bytes)
            });
        });
    }
    group.finish();
}

/// What one read may bring.
const READ: usize = 16 * 1024;

fn gather(bytes: &mut [u8]) -> usize {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked);
    let (mut at, mut content) = (0, 0);
    while !decoder.is_done() {
        let end = bytes.len().min(at + READ);
        let Ok(gathered) = decoder.gather(&mut bytes[at..end]) else {
            return 0;
        };
        black_box(&bytes[at..][gathered.content.clone()]);
        content += gathered.content.len();
        at += gathered.consumed;
    }
    content
}

/// Without moving anything: each chunk is where it came.
fn pieces(bytes: &[u8]) -> usize {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked);
    let (mut rest, mut content) = (bytes, 0);
    while !decoder.is_done() {
        rest = match black_box(decoder.decode(rest)) {
            Ok(Piece::Data(data)) => {
                content += data.range.len();
                &rest[data.consumed..]
            }
            Ok(Piece::Framing { consumed, .. } | Piece::End { consumed }) => &rest[consumed..],
            _ => break,
        };
    }
    content
}

/// The loop that is written around httparse: a size, its data, the line end; content to the front.
fn by_httparse(bytes: &mut [u8]) -> usize {
    let (mut at, mut content) = (0, 0);
    loop {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(&bytes[at..])
        else {
            return 0;
        };
        let (from, size) = (at + line, size as usize);
        if size == 0 {
            return content;
        }
        if bytes.get(from + size..from + size + 2) != Some(b"\r\n") {
            return 0;
        }
        bytes.copy_within(from..from + size, content);
        content += size;
        at = from + size + 2;
    }
}

criterion_group!(benches, heads, targets, chunks);
criterion_main!(benches);
