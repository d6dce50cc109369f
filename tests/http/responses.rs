//! Response heads: what is accepted, what is refused, and how their bodies end.

use sluice::http::{BodyLength, HeadError, ResponseHead};

use crate::{scan_response, splits};

type Case = (&'static str, &'static [u8], Option<HeadError>);

#[rustfmt::skip]
const HEADS: &[Case] = &[
    ("RFC 9112 4", b"HTTP/1.1 200 OK\r\n\r\n", None),
    ("RFC 9112 4", b"HTTP/1.1 200 \r\n\r\n", None),
    ("RFC 9112 4", b"HTTP/1.1 404 Not\tfound \xe9\r\n\r\n", None),
    ("RFC 9112 4", b"HTTP/1.0 200 OK\r\n\r\n", None),
    ("RFC 9112 4", b"HTTP/1.1 100 Continue\r\n\r\n", None),
    ("RFC 9112 4", b"HTTP/1.1 599 x\r\nX: y\r\n\r\n", None),
    ("gateway", b"HTTP/1.1 200 OK\r\nX_Y: z\r\n\r\n", None),
    ("RFC 9112 4", b"HTTP/1.1 200\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"HTTP/1.1  200 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"HTTP/1.1 20 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"HTTP/1.1 2000 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"HTTP/1.1 099 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9110 15", b"HTTP/1.1 600 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"HTTP/1.1 2x0 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"HTTP/1.1\t200 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"http/1.1 200 OK\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"ICY 200 OK much more\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 4", b"<html><body></body></html>\r\n\r\n", Some(HeadError::StatusLine)),
    ("RFC 9112 2.3", b"HTTP/2.0 200 OK\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 2.3", b"HTTP/0.9 200 OK\r\n\r\n", Some(HeadError::Version)),
    ("RFC 9112 2.2", b"\r\nHTTP/1.1 200 OK\r\n\r\n", Some(HeadError::EmptyLine)),
    ("RFC 9112 2.2", b"HTTP/1.1 200 OK\n\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"HTTP/1.1 200 OK\r\nX: y\n\r\n", Some(HeadError::BareLf)),
    ("RFC 9112 2.2", b"HTTP/1.1 200 O\rK\r\n\r\n", Some(HeadError::BareCr)),
    ("RFC 9112 4", b"HTTP/1.1 200 O\0K\r\n\r\n", Some(HeadError::ControlByte)),
    ("RFC 9112 5.1", b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Some(HeadError::SpaceBeforeColon)),
    ("RFC 9112 5.2", b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", Some(HeadError::ObsFold)),
    ("RFC 9112 5", b"HTTP/1.1 200 OK\r\nX\r\n\r\n", Some(HeadError::NoColon)),
    ("RFC 9112 6.3", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Some(HeadError::LengthAndCoding)),
    ("RFC 9112 6.3", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Some(HeadError::LengthRepeated)),
    ("RFC 9112 6.3", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", Some(HeadError::Length)),
    ("RFC 9112 6.1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Some(HeadError::Coding)),
    ("RFC 9112 6.1", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Some(HeadError::CodingVersion)),
    ("RFC 9110 8.3", b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n", Some(HeadError::ContentTypeRepeated)),
    ("RFC 9112 6.3", b"HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", None),
    ("RFC 9112 6.3", b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", Some(HeadError::BodyForbidden)),
    ("RFC 9112 6.1", b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", Some(HeadError::BodyForbidden)),
    ("RFC 9112 6.1", b"HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n", Some(HeadError::BodyForbidden)),
    ("RFC 9110 15.4.5", b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", None),
];

#[test]
fn heads() {
    for (section, bytes, refusal) in HEADS {
        for pieces in splits(bytes) {
            let verdict = scan_response(&pieces);
            let found = verdict.as_ref().err().copied();
            assert_eq!(found, *refusal, "{section}: {}", bytes.escape_ascii());
            assert_eq!(verdict.ok().flatten().is_some(), refusal.is_none());
        }
    }
}

#[test]
fn a_long_head_is_refused_at_every_split() {
    let bytes = [b"HTTP/1.1 200 ".to_vec(), vec![b'x'; 1100]].concat();
    for pieces in splits(&bytes) {
        assert_eq!(scan_response(&pieces).err(), Some(HeadError::TooLong));
    }
}

fn head(status_line: &str, fields: &str) -> (ResponseHead, Vec<u8>) {
    let bytes = format!("{status_line}\r\n{fields}\r\n").into_bytes();
    match scan_response(&[&bytes]) {
        Ok(Some(head)) => (head, bytes),
        verdict => panic!("{status_line}: {:?}", verdict.map(|_| ())),
    }
}

#[test]
fn bodies_end_as_status_and_method_say() {
    const LENGTH: &str = "Content-Length: 5\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    let cases = [
        ("GET", "HTTP/1.1 200 x", LENGTH, BodyLength::Length(5)),
        ("GET", "HTTP/1.1 200 x", CHUNKED, BodyLength::Chunked),
        ("GET", "HTTP/1.1 200 x", "", BodyLength::UntilClose),
        ("GET", "HTTP/1.0 200 x", "", BodyLength::UntilClose),
        ("POST", "HTTP/1.1 404 x", LENGTH, BodyLength::Length(5)),
        ("HEAD", "HTTP/1.1 200 x", LENGTH, BodyLength::None),
        ("HEAD", "HTTP/1.1 200 x", CHUNKED, BodyLength::None),
        ("HEAD", "HTTP/1.1 200 x", "", BodyLength::None),
        ("head", "HTTP/1.1 200 x", LENGTH, BodyLength::Length(5)),
        ("GET", "HTTP/1.1 304 x", LENGTH, BodyLength::None),
        ("GET", "HTTP/1.1 204 x", "", BodyLength::None),
        ("GET", "HTTP/1.1 100 x", "", BodyLength::None),
        ("GET", "HTTP/1.1 101 x", "", BodyLength::None),
    ];
    for (method, line, fields, want) in cases {
        let (head, bytes) = head(line, fields);
        assert_eq!(head.body(method), want, "{method} {line} {fields}");
        let ends = want == BodyLength::UntilClose || head.status() == 101 || line.contains("1.0");
        assert_eq!(
            head.reusable(method, &bytes),
            !ends,
            "{method} {line} {fields}"
        );
    }
}

#[test]
fn interim_heads_are_told_apart() {
    for (line, interim) in [("100", true), ("103", true), ("101", false), ("200", false)] {
        assert_eq!(
            head(&format!("HTTP/1.1 {line} x"), "").0.is_interim(),
            interim
        );
    }
}

#[test]
fn keeping_alive_is_the_rule_of_1_1_and_the_exception_of_1_0() {
    let kept = |line: &str, fields: &str| head(line, fields).0.keep_alive();
    assert!(kept("HTTP/1.1 200 x", ""));
    assert!(!kept("HTTP/1.1 200 x", "Connection: x, Close\r\n"));
    assert!(!kept("HTTP/1.0 200 x", ""));
    assert!(kept("HTTP/1.0 200 x", "Connection: Keep-Alive\r\n"));
    assert!(!kept(
        "HTTP/1.0 200 x",
        "Connection: Keep-Alive\r\nConnection: close\r\n"
    ));
}

#[test]
fn connection_bound_authentication_is_seen() {
    let offers = |fields: &str| {
        let (head, bytes) = head("HTTP/1.1 401 x", fields);
        head.offers_connection_authentication(&bytes)
    };
    assert!(offers("WWW-Authenticate: NTLM\r\n"));
    assert!(offers(
        "WWW-Authenticate: Bearer realm=\"a\"\r\nwww-authenticate: negotiate abc==\r\n"
    ));
    assert!(offers("WWW-Authenticate: Basic realm=\"a\", Negotiate\r\n"));
    assert!(offers("Proxy-Authenticate: Ntlm\r\n"));
    assert!(!offers("WWW-Authenticate: Bearer realm=\"ntlmish\"\r\n"));
    assert!(!offers(""));
}
