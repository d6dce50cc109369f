//! Requests one after the other on one connection: where each ends is what a slow reader says, and
//! no cut changes it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{BodyLength, HeadLimits, RequestHead, RequestScanner, ResponseScanner};
use sluice_fuzz::{chunks, frames, heads};

const LIMITS: (usize, usize, usize) = (2048, 20, 512);

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, mut rest) = input;
    let limits = HeadLimits::new(LIMITS.0, LIMITS.1, LIMITS.2);
    for _ in 0..4 {
        let scanned = heads::any_way(
            rest,
            cut.into(),
            || RequestScanner::new(limits),
            RequestScanner::scan,
            RequestHead::len,
        );
        let Ok(Some(head)) = scanned else { break };
        let (before, body) = rest.split_at(head.len());
        assert_eq!(
            Some(head.body()),
            expected(head.fields(before)),
            "{before:?}"
        );
        let Ok((content, used, true)) = frames::any_way(body, head.body()) else {
            break;
        };
        match head.body() {
            BodyLength::None => assert_eq!(used, 0),
            BodyLength::Length(length) => {
                assert_eq!((used, &body[..used]), (length as usize, &*content))
            }
            BodyLength::Chunked => assert_eq!(chunks::whole(body), Some((content, used))),
            BodyLength::UntilClose => panic!("a request ends"),
        }
        rest = &body[used..];
    }
    reply(input.1, limits);
});

/// Where the body of a request ends, by its fields alone (RFC 9112, section 6.3); none where two
/// readers could differ, which is refused.
fn expected<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<BodyLength> {
    let (mut lengths, mut codings) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => lengths.push(value),
            "transfer-encoding" => codings.push(value),
            _ => {}
        }
    }
    match (&*lengths, &*codings) {
        ([], []) => Some(BodyLength::None),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Some(BodyLength::Chunked),
        ([length], []) if length.iter().all(u8::is_ascii_digit) => {
            let length = std::str::from_utf8(length).ok()?.parse().ok()?;
            Some(BodyLength::Length(length))
        }
        _ => None,
    }
}

/// The same bytes as a reply: to HEAD and with some codes it has no body, else it is framed as a
/// request is, or ends with the connection.
fn reply(bytes: &[u8], limits: HeadLimits) {
    let Ok(Some(head)) = ResponseScanner::new(limits).scan(bytes) else {
        return;
    };
    let bodiless = matches!(head.status(), 100..200 | 204 | 304);
    assert!(!bodiless || head.body("GET") == BodyLength::None);
    assert_eq!(head.body("HEAD"), BodyLength::None);
    if !bodiless {
        let framed = match expected(head.fields(bytes)) {
            Some(BodyLength::None) => Some(BodyLength::UntilClose),
            framed => framed,
        };
        assert_eq!(Some(head.body("GET")), framed);
    }
    let _ = frames::any_way(&bytes[head.len()..], head.body("GET"));
}
