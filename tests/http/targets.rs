//! Targets: one spelling, or a refusal.

use proptest::prelude::*;
use sluice::http::{TargetError, canonical};

fn judged(target: &[u8]) -> Result<String, TargetError> {
    canonical(target, &mut Vec::new()).map(|target| target.as_str().to_owned())
}

#[rustfmt::skip]
const CANONICAL: &[&str] = &[
    "/", "/a", "/a/", "/a/b.c", "/a?", "/a?b", "/a?b?c", "/a?b=/c//d/../e",
    "/v1.0/users('id')/messages", "/v1.0/users/a@b.example", "/v1.0/$batch",
    "/v1.0/drives/1/root:/a%20b:/content", "/v1.0/users?$select=id,mail&$filter=startswith(mail,'a')",
    "/v1.0/me?$expand=members($select=id;$top=5)", "/...", "/.a", "/a.", "/a..b", "/..a/b..",
    "/%20", "/a%3Bb", "/caf%C3%A9", "/%F0%9F%98%80", "/100%25", "/100%25x", "/a+b", "/a%2Bb", "/a%3Fb%23",
    "/a?b=%2B+%26%3D%3B", "/a?u=https://x/y%2520z", "/a?x=%0D%0A%09", "/~a-b_c!&*,=",
];

#[rustfmt::skip]
const REWRITTEN: &[(&str, &str)] = &[
    ("/%61", "/a"), ("/%41%7a%30%2d%2E%5f%7E", "/Az0-._~"), ("/users(%27id%27)", "/users('id')"),
    ("/%24batch", "/$batch"), ("/a%40b", "/a@b"), ("/a%3ab%2Cc%3dd%26", "/a:b,c=d&"),
    ("/%2b%3f%3b", "/%2B%3F%3B"), ("/caf%c3%a9", "/caf%C3%A9"), ("/a|b[c]", "/a%7Cb%5Bc%5D"),
    ("/a\"<>^`{}", "/a%22%3C%3E%5E%60%7B%7D"), ("/%3Cb%3E", "/%3Cb%3E"),
    ("/a?%24filter=%41", "/a?$filter=A"), ("/a?b=%2f%3a%3F", "/a?b=/:?"), ("/a?%5c\\", "/a?%5C%5C"),
    ("/a?[b]|{c}", "/a?%5Bb%5D%7C%7Bc%7D"), ("/%61?%3d", "/a?%3D"),
];

#[rustfmt::skip]
const REFUSED: &[(&[u8], TargetError)] = &[
    (b"", TargetError::NotAPath), (b"a", TargetError::NotAPath), (b"*", TargetError::NotAPath),
    (b"?a", TargetError::NotAPath), (b"http://a/", TargetError::NotAPath),
    (b"/.", TargetError::DotSegment), (b"/..", TargetError::DotSegment), (b"/a/./b", TargetError::DotSegment),
    (b"/a/../b", TargetError::DotSegment), (b"/a/..", TargetError::DotSegment), (b"/..?a", TargetError::DotSegment),
    (b"/%2e", TargetError::DotSegment), (b"/a/%2E%2e/b", TargetError::DotSegment), (b"/a/.%2e", TargetError::DotSegment),
    (b"//", TargetError::EmptySegment), (b"//a", TargetError::EmptySegment), (b"/a//b", TargetError::EmptySegment), (b"/a//", TargetError::EmptySegment),
    (b"/a//?b", TargetError::EmptySegment),
    (b"/a%2fb", TargetError::Slash), (b"/a%2Fb", TargetError::Slash), (b"/..%2f", TargetError::Slash),
    (b"/a\\b", TargetError::Slash), (b"/a%5cb", TargetError::Slash), (b"/..%5C", TargetError::Slash),
    (b"/a;b", TargetError::Semicolon), (b"/..;/a", TargetError::Semicolon),
    (b"/%00", TargetError::Control), (b"/a%0a", TargetError::Control), (b"/%1F", TargetError::Control), (b"/%7f", TargetError::Control),
    (b"/a?%00", TargetError::Control), (b"/a?%1b", TargetError::Control), (b"/a?%7F", TargetError::Control),
    (b"/%", TargetError::Percent), (b"/%4", TargetError::Percent), (b"/%4g", TargetError::Percent), (b"/%%41", TargetError::Percent),
    (b"/a?%", TargetError::Percent), (b"/%u0041", TargetError::Percent), (b"/%+1", TargetError::Percent),
    (b"/%252f", TargetError::Twice), (b"/%252e%252e/", TargetError::Twice), (b"/%25%32%66", TargetError::Twice), (b"/%2541", TargetError::Twice),
    (b"/%c0%af", TargetError::Utf8), (b"/%c0%ae%c0%ae/", TargetError::Utf8), (b"/%ff", TargetError::Utf8), (b"/%c3", TargetError::Utf8),
    (b"/%c3/%a9", TargetError::Utf8), (b"/%ed%a0%80", TargetError::Utf8), (b"/a?%e0%80", TargetError::Utf8),
    (b"/a#b", TargetError::Fragment), (b"/a?b#c", TargetError::Fragment),
    (b"/a b", TargetError::Byte), (b"/\0", TargetError::Byte), (b"/\xc3\xa9", TargetError::Byte), (b"/a?\xff", TargetError::Byte), (b"/a?b c", TargetError::Byte), (b"/\x7f", TargetError::Byte),
];

#[test]
fn canonical_targets_are_borrowed() {
    for target in CANONICAL {
        let mut out = Vec::new();
        let judged = canonical(target.as_bytes(), &mut out);
        let judged = judged.unwrap_or_else(|error| panic!("{target}: {error}"));
        assert_eq!(judged.as_str(), *target);
        assert_eq!(judged.as_str().as_ptr(), target.as_ptr(), "{target}");
    }
}

#[test]
fn others_are_rewritten_or_refused() {
    for (target, want) in REWRITTEN {
        assert_eq!(judged(target.as_bytes()).as_deref(), Ok(*want), "{target}");
    }
    for (target, want) in REFUSED {
        assert_eq!(judged(target), Err(*want), "{}", target.escape_ascii());
    }
}

#[test]
fn path_and_query_come_apart_at_the_first_question_mark() {
    let mut out = Vec::new();
    for (target, path, query) in [
        ("/a?b?c", "/a", Some("b?c")),
        ("/%61?", "/a", Some("")),
        ("/a", "/a", None),
        ("/%3f?x", "/%3F", Some("x")),
    ] {
        let judged = canonical(target.as_bytes(), &mut out);
        let parts = judged.map(|judged| (judged.path(), judged.query()));
        assert_eq!(parts, Ok((path, query)));
    }
}

/// Decoded as an upstream would: the canonical form must mean the same.
fn decoded(target: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < target.len() {
        if target[at] == b'%' {
            let digits = std::str::from_utf8(&target[at + 1..at + 3]).unwrap_or_default();
            bytes.push(u8::from_str_radix(digits, 16).unwrap_or_default());
            at += 2;
        } else {
            bytes.push(target[at]);
        }
        at += 1;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn canonical_is_a_fixed_point_and_means_the_same(
        target in "/([a-c./?;|+$'\\\\~]|%[0-9a-fA-F]{2}|%2[5fFeE]){0,12}",
    ) {
        if let Ok(once) = judged(target.as_bytes()) {
            prop_assert_eq!(judged(once.as_bytes()), Ok(once.clone()));
            prop_assert_eq!(decoded(once.as_bytes()), decoded(target.as_bytes()));
            let path = once.split('?').next().unwrap_or_default().to_owned();
            let plain = decoded(path.as_bytes());
            let mut segments = plain.split(|byte| *byte == b'/');
            prop_assert!(!segments.any(|segment| segment == b"." || segment == b".."));
            prop_assert!(std::str::from_utf8(&plain).is_ok());
            prop_assert!(!plain.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\'));
        }
    }
}
