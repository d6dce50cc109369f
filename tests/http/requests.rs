//! Request heads: what is accepted and what is refused, each at every split.

use sluice::http::{BodyLength, HeadError, HeadLimits, Known, RequestHead, RequestScanner};

use crate::{scan_request, splits};

/// The section that asks for it, the bytes, the refusal.
type Case = (&'static str, &'static [u8], Option<HeadError>);

#[rustfmt::skip]
const HEADS: &[Case] = &[
    ("RFC 9112 3", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3", b"PATCH /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9110 9.1", b"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9110 9.1", b"!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9110 9.1", b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9110 9.1", b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::MethodTooLong)),
    ("RFC 9110 9.1", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Method)),
    ("RFC 9110 9.1", b"GET\xff / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Method)),
    ("RFC 9110 9.1", b"\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Method)),
    ("RFC 9112 3", b" / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Method)),
    ("RFC 9112 3", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Method)),
    ("RFC 9112 2.2", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::EmptyLine)),
    ("RFC 9112 2.2", b"\r\n\r\n", Some(HeadError::EmptyLine)),
    ("RFC 9112 2.2", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\rHost: a\r\n\r\n", Some(HeadError::BareCr)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Some(HeadError::BareCr)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\n\r\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\n\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\rX", Some(HeadError::BareCr)),
    ("RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Some(HeadError::BareCr)),
    ("RFC 9112 3", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetByte)),
    ("RFC 9112 3", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET /\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 3", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::ControlByte)),
    ("RFC 9112 3", b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::ControlByte)),
    ("RFC 9112 3", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetByte)),
    ("RFC 9112 2.3", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 2.3", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 2.3", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 2.3", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 6.1", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 2.3", b"GET / http/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 2.3", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 2.3", b"GET / HTTP/11\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 2.3", b"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 9112 2.3", b"GET / ICE/1.0\r\nHost: a\r\n\r\n", Some(HeadError::RequestLine)),
    ("RFC 8446 5.1", b"\x16\x03\x01\x02\0\x01\0", Some(HeadError::ControlByte)),
    ("RFC 9112 3.2.2", b"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3.2.2", b"GET HTTP://A/b HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3.2.2", b"GET https://a:8443/b?c HTTP/1.1\r\nHost: a:8443\r\n\r\n", None),
    ("RFC 9112 3.2.2", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3.2.2", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetHost)),
    ("RFC 9112 3.2.2", b"GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetHost)),
    ("RFC 9112 3.2.2", b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetHost)),
    ("RFC 9112 3.2.2", b"GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetHost)),
    ("RFC 9112 3.2.2", b"GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2.2", b"GET http://a#b HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2.2", b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2.2", b"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2.2", b"GET http://a/ HTTP/1.1\r\n\r\n", Some(HeadError::HostMissing)),
    ("RFC 9112 3.2.3", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Some(HeadError::Connect)),
    ("RFC 9112 3.2.3", b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Connect)),
    ("RFC 9112 3.2.3", b"GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2.4", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Asterisk)),
    ("RFC 9112 3.2.4", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::Asterisk)),
    ("RFC 9112 3.2.1", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2.1", b"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", Some(HeadError::TargetForm)),
    ("RFC 9112 3.2", b"GET / HTTP/1.1\r\n\r\n", Some(HeadError::HostMissing)),
    ("RFC 9112 3.2", b"GET / HTTP/1.1\r\nHosts: a\r\n\r\n", Some(HeadError::HostMissing)),
    ("RFC 9112 5.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Some(HeadError::ObsFold)),
];

/// Field lines after a good `Host`.
#[rustfmt::skip]
const FIELDS: &[Case] = &[
    ("RFC 9112 5", b"X: y", None),
    ("RFC 9112 5", b"X:y", None),
    ("RFC 9112 5", b"X:", None),
    ("RFC 9112 5", b"X: ", None),
    ("RFC 9112 5", b"X:\t y \t", None),
    ("RFC 9112 5", b"X: a\tb", None),
    ("RFC 9110 5.5", b"X: caf\xe9", None),
    ("RFC 9112 5", b"X: a: b", None),
    ("RFC 9110 5.1", b"!#$%&'*+-.^`|~: x", None),
    ("RFC 9112 5.1", b"X : y", Some(HeadError::SpaceBeforeColon)),
    ("RFC 9112 5.1", b"X\t: y", Some(HeadError::SpaceBeforeColon)),
    ("RFC 9112 5.1", b"Content-Length : 1", Some(HeadError::SpaceBeforeColon)),
    ("RFC 9112 5.1", b"Transfer-Encoding : chunked", Some(HeadError::SpaceBeforeColon)),
    ("RFC 9112 5.2", b"X: a\r\n b", Some(HeadError::ObsFold)),
    ("RFC 9112 5.2", b"X: a\r\n\tb: c", Some(HeadError::ObsFold)),
    ("RFC 9112 5.2", b"Transfer-Encoding:\r\n chunked", Some(HeadError::Coding)),
    ("RFC 9112 5.2", b" ", Some(HeadError::ObsFold)),
    ("RFC 9112 5", b"X", Some(HeadError::NoColon)),
    ("RFC 9112 5", b"X y", Some(HeadError::NoColon)),
    ("RFC 9112 5", b": y", Some(HeadError::FieldName)),
    ("RFC 9112 5", b":", Some(HeadError::FieldName)),
    ("RFC 9110 5.1", b"X Y: z", Some(HeadError::FieldName)),
    ("RFC 9110 5.1", b"X@: z", Some(HeadError::FieldName)),
    ("RFC 9110 5.1", b"(X): z", Some(HeadError::FieldName)),
    ("RFC 9110 5.1", b"X\xe9: z", Some(HeadError::FieldName)),
    ("RFC 9110 5.1", b"\"X\": z", Some(HeadError::FieldName)),
    ("RFC 9110 5.1", b"X/Y: z", Some(HeadError::FieldName)),
    ("gateway", b"X_Y: z", Some(HeadError::Underscore)),
    ("gateway", b"Content_Length: 1", Some(HeadError::Underscore)),
    ("gateway", b"_: z", Some(HeadError::Underscore)),
    ("RFC 9110 5.5", b"X: a\0b", Some(HeadError::ControlByte)),
    ("RFC 9110 5.5", b"X: \x01", Some(HeadError::ControlByte)),
    ("RFC 9110 5.5", b"X: \x0b", Some(HeadError::ControlByte)),
    ("RFC 9110 5.5", b"X: \x1f", Some(HeadError::ControlByte)),
    ("RFC 9110 5.5", b"X: \x7f", Some(HeadError::ControlByte)),
    ("RFC 9110 5.5", b"X\0: a", Some(HeadError::ControlByte)),
    ("RFC 9112 2.2", b"X: a\nY: b", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"X: a\rY: b", Some(HeadError::BareCr)),
    ("RFC 9112 3.2", b"Host: a", Some(HeadError::HostRepeated)),
    ("RFC 9112 3.2", b"HOST: b", Some(HeadError::HostRepeated)),
    ("RFC 9110 11.6.2", b"Authorization: Bearer x", None),
    ("RFC 9110 11.6.2", b"Authorization: Bearer x\r\nauthorization: Bearer x", Some(HeadError::AuthorizationRepeated)),
    ("RFC 9110 11.6.2", b"Authorization:\r\nAuthorization: Bearer x", Some(HeadError::AuthorizationRepeated)),
    ("RFC 9110 8.3", b"Content-Type: a/b\r\nContent-Type: a/b", Some(HeadError::ContentTypeRepeated)),
    ("RFC 9110 8.6", b"Content-Length: 0", None),
    ("RFC 9110 8.6", b"Content-Length: 5", None),
    ("RFC 9110 8.6", b"Content-Length: 005", None),
    ("RFC 9110 8.6", b"content-length:\t5 ", None),
    ("RFC 9110 8.6", b"Content-Length: 999999999999999999", None),
    ("gateway", b"Content-Length: 1000000000000000000", Some(HeadError::LengthDigits)),
    ("gateway", b"Content-Length: 0000000000000000005", Some(HeadError::LengthDigits)),
    ("RFC 9110 8.6", b"Content-Length: 18446744073709551621", Some(HeadError::LengthDigits)),
    ("RFC 9110 8.6", b"Content-Length:", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: +5", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: -5", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: 0x5", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: 5, 5", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: 5,6", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: 5 5", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: 5;", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: 1e2", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: \xb2", Some(HeadError::Length)),
    ("RFC 9110 8.6", b"Content-Length: \"5\"", Some(HeadError::Length)),
    ("RFC 9112 6.3", b"Content-Length: 5\r\nContent-Length: 5", Some(HeadError::LengthRepeated)),
    ("RFC 9112 6.3", b"Content-Length: 5\r\nContent-length: 6", Some(HeadError::LengthRepeated)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked", None),
    ("RFC 9112 6.1", b"transfer-encoding:CHUNKED", None),
    ("RFC 9112 6.1", b"Transfer-Encoding: \tChunked\t", None),
    ("RFC 9112 6.1", b"Transfer-Encoding: gzip, chunked", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked, gzip", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked, chunked", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked,", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: , chunked", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: identity", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: xchunked", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: \"chunked\"", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked;q=1", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding:", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: \x0bchunked", Some(HeadError::ControlByte)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked\xa0", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Some(HeadError::CodingRepeated)),
    ("RFC 9112 6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", Some(HeadError::CodingRepeated)),
    ("RFC 9112 6.3", b"Content-Length: 5\r\nTransfer-Encoding: chunked", Some(HeadError::LengthAndCoding)),
    ("RFC 9112 6.3", b"Transfer-Encoding: chunked\r\nContent-Length: 0", Some(HeadError::LengthAndCoding)),
    ("RFC 9110 10.1.1", b"Expect: 100-continue", None),
    ("RFC 9110 10.1.1", b"Expect: 100-Continue\r\nContent-Length: 1", None),
    ("RFC 9110 10.1.1", b"Expect: 200-ok", Some(HeadError::Expect)),
    ("RFC 9110 10.1.1", b"Expect:", Some(HeadError::Expect)),
    ("RFC 9110 10.1.1", b"Expect: 100-continue, x", Some(HeadError::Expect)),
    ("RFC 9110 7.8", b"Connection: Upgrade\r\nUpgrade: websocket", None),
    ("RFC 9110 7.8", b"Upgrade: h2c\r\nContent-Length: 0", None),
    ("RFC 9110 7.8", b"Upgrade: h2c\r\nContent-Length: 1", Some(HeadError::UpgradeBody)),
    ("RFC 9110 7.8", b"Transfer-Encoding: chunked\r\nUpgrade: h2c", Some(HeadError::UpgradeBody)),
    ("RFC 9110 7.6.1", b"Connection: close", None),
    ("RFC 9110 7.6.1", b"Connection: keep-alive, X-Own", None),
    ("RFC 9110 7.6.1", b"Connection: , close ,", None),
    ("RFC 9110 7.6.1", b"Connection:", None),
    ("RFC 9110 7.6.1", b"Connection: TE\r\nTE: trailers", None),
    ("RFC 9110 7.6.1", b"Connection: a b", Some(HeadError::Connection)),
    ("RFC 9110 7.6.1", b"Connection: close;", Some(HeadError::Connection)),
    ("RFC 9110 7.6.1", b"Connection: \"close\"", Some(HeadError::Connection)),
    ("gateway", b"Connection: 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", Some(HeadError::Connection)),
    ("RFC 9110 7.6.1", b"Connection: close, Authorization", Some(HeadError::ConnectionLists)),
    ("RFC 9110 7.6.1", b"Connection: content-length", Some(HeadError::ConnectionLists)),
    ("RFC 9110 7.6.1", b"Connection: HOST", Some(HeadError::ConnectionLists)),
    ("RFC 9110 7.6.1", b"Connection: Cache-Control", Some(HeadError::ConnectionLists)),
    ("gateway", b"1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:", None),
    ("RFC 6585 5", b"1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n12:", Some(HeadError::TooManyFields)),
];

#[rustfmt::skip]
const HOSTS: &[&[u8]] = &[
    b"a",
    b"A.example",
    b"a-b.c",
    b"a_b",
    b"127.0.0.1",
    b"a:1",
    b"a:65535",
    b"[::1]",
    b"[::1]:8443",
    b"[2001:db8::ffff:1.2.3.4]",
    b"xn--bcher-kva.example",
];

#[rustfmt::skip]
const NO_HOSTS: &[&[u8]] = &[
    b"",
    b"a:",
    b"a:0",
    b"a:65536",
    b"a:123456",
    b"a:+1",
    b"a:x",
    b":1",
    b".a",
    b"a.",
    b"a..b",
    b"a b",
    b"a,b",
    b"a/b",
    b"a@b",
    b"u:p@b",
    b"a%41",
    b"[::1",
    b"[::1]x",
    b"[]",
    b"[1.2.3.4]",
    b"[::1%25eth0]",
    b"::1",
    b"\xc3\xa9",
    b"http://a",
    b"a:1:2",
    b"a?b",
    b"a#b",
    b"*",
];

#[test]
fn heads() {
    for (section, bytes, refusal) in HEADS {
        judge(section, bytes, *refusal);
    }
}

#[test]
fn fields() {
    for (section, lines, refusal) in FIELDS {
        judge(section, &with_fields(lines), *refusal);
    }
}

#[test]
fn hosts() {
    for (hosts, refusal) in [(HOSTS, None), (NO_HOSTS, Some(HeadError::Host))] {
        for host in hosts {
            let head = [b"GET / HTTP/1.1\r\nHost: ", *host, b"\r\n\r\n"].concat();
            judge("RFC 9112 3.2", &head, refusal);
        }
    }
}

/// The verdict on `bytes`, followed by what is not part of the head, at every split.
fn judge(section: &str, bytes: &[u8], refusal: Option<HeadError>) {
    for after in [&b""[..], b"GET / HTTP/1.1\r\n\0"] {
        let all = [bytes, after].concat();
        for pieces in splits(&all) {
            let text = all.escape_ascii();
            match (scan_request(&pieces), refusal) {
                (Ok(Some(head)), None) => assert_eq!(head.len(), bytes.len(), "{section}: {text}"),
                (Err(error), Some(refusal)) => {
                    assert_eq!(error, refusal, "{section}: {text} as {pieces:?}");
                    assert!((400..=505).contains(&error.status()));
                }
                (verdict, _) => panic!("{section}: {text}: {:?}", verdict.map(|_| "head?")),
            }
        }
    }
}

fn with_fields(lines: &[u8]) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n\r\n"].concat()
}

fn head(bytes: &[u8]) -> RequestHead {
    match scan_request(&[bytes]) {
        Ok(Some(head)) => head,
        verdict => panic!("{}: {:?}", bytes.escape_ascii(), verdict.map(|_| ())),
    }
}

#[test]
fn every_prefix_asks_for_more() {
    let bytes = with_fields(b"Content-Length: 5\r\nX: y");
    for end in 0..bytes.len() {
        assert!(matches!(scan_request(&[&bytes[..end]]), Ok(None)), "{end}");
    }
}

#[test]
fn bounds_are_exact() {
    let line = |target: usize| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "x".repeat(target - 1)
        )
    };
    judge("RFC 9112 3", line(256).as_bytes(), None);
    judge(
        "RFC 9112 3",
        line(257).as_bytes(),
        Some(HeadError::TargetTooLong),
    );
    judge(
        "RFC 9112 3",
        line(500).as_bytes(),
        Some(HeadError::TargetTooLong),
    );
    judge("RFC 9110 9.1", &[b'A'; 400], Some(HeadError::MethodTooLong));
    let field = |length: usize| format!("X: {}", "x".repeat(length));
    let fixed = with_fields(b"X: ").len();
    judge(
        "RFC 6585 5",
        &with_fields(field(1024 - fixed).as_bytes()),
        None,
    );
    for more in [1, 2, 3, 200] {
        let bytes = with_fields(field(1024 - fixed + more).as_bytes());
        judge("RFC 6585 5", &bytes, Some(HeadError::TooLong));
    }
}

#[test]
fn a_refusal_stays() {
    let mut scanner = RequestScanner::new(HeadLimits::default());
    assert_eq!(scanner.scan(b"\n").err(), Some(HeadError::BareLf));
    let good = with_fields(b"X: y");
    assert_eq!(scanner.scan(&good).err(), Some(HeadError::BareLf));
}

#[test]
fn pipelined_heads_come_in_turn_and_reuse_their_room() {
    let bytes = [with_fields(b"A: 1"), with_fields(b"B: 2\r\nC: 3")].concat();
    let mut scanner = RequestScanner::new(HeadLimits::default());
    assert!(scanner.is_idle());
    let Ok(Some(first)) = scanner.scan(&bytes) else {
        panic!("first head")
    };
    assert!(scanner.is_idle());
    let rest = &bytes[first.len()..];
    assert_eq!(first.field(&bytes, "a"), Some(&b"1"[..]));
    scanner.recycle(first.into_spare());
    let Ok(Some(second)) = scanner.scan(rest) else {
        panic!("second head")
    };
    assert_eq!(second.field(rest, "A"), None);
    assert_eq!(second.field(rest, "c"), Some(&b"3"[..]));
    assert_eq!(second.fields(rest).count(), 3);
}

#[test]
fn what_a_head_says() {
    let bytes = b"POST HTTP://Example:8080/a?b HTTP/1.1\r\nhost: example:8080\r\n\
        AUTHORIZATION:  Bearer x \r\nX-Odd: 1\r\nx-odd: 2\r\nConnection: x-odd, close\r\n\
        Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nrest";
    let head = head(bytes);
    assert_eq!(head.method(bytes), "POST");
    assert_eq!(head.target(bytes), b"/a?b");
    assert_eq!(head.target_as_sent(bytes), b"HTTP://Example:8080/a?b");
    assert_eq!(head.host(bytes), "example:8080");
    assert_eq!(head.authorization(bytes), Some(&b"Bearer x"[..]));
    assert_eq!(head.field(bytes, "X-ODD"), Some(&b"1"[..]));
    assert_eq!(head.field(bytes, "x-other"), None);
    assert_eq!(head.body(), BodyLength::Chunked);
    assert!(!head.keep_alive() && head.expects_continue() && !head.upgrade());
    assert_eq!(head.len(), bytes.len() - 4);
    let hops: Vec<_> = head
        .entries(bytes)
        .filter(|field| field.hop_by_hop)
        .collect();
    let names: Vec<_> = hops.iter().map(|field| field.text()).collect();
    assert_eq!(names, ["X-Odd", "x-odd", "Connection", "Transfer-Encoding"]);
    assert!(head.has(Known::Host) && !head.has(Known::Cookie));
}

#[test]
fn an_absolute_target_without_a_path_means_the_root() {
    let bytes = b"GET http://a HTTP/1.1\r\nHost: A\r\n\r\n";
    assert_eq!(head(bytes).target(bytes), b"/");
}

#[test]
fn nothing_is_expected_without_a_body() {
    assert!(!head(&with_fields(b"Expect: 100-continue")).expects_continue());
    assert_eq!(head(&with_fields(b"X: y")).body(), BodyLength::None);
    assert_eq!(
        head(&with_fields(b"Content-Length: 0")).body(),
        BodyLength::Length(0)
    );
}

#[test]
fn statuses_fit_the_refusal() {
    let wants = [
        (HeadError::BareLf, 400),
        (HeadError::TargetTooLong, 414),
        (HeadError::Expect, 417),
        (HeadError::TooLong, 431),
        (HeadError::TooManyFields, 431),
        (HeadError::Coding, 501),
        (HeadError::Connect, 501),
        (HeadError::Version, 505),
    ];
    for (error, status) in wants {
        assert_eq!(error.status(), status, "{error}");
    }
}
