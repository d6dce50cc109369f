//! httparse as oracle: what we accept it accepts too, and reads the same.

use proptest::prelude::*;
use sluice::http::{HeadError, RequestHead, ResponseHead};

use crate::{scan_request, scan_response};

const REQUESTS: &[&[u8]] = &[
    b"GET /v1.0/users?$top=5 HTTP/1.1\r\nHost: graph.example\r\nAccept: */*\r\nX-A: b c\r\n\r\n",
    b"POST /a HTTP/1.1\r\nhost:a:80\r\nContent-Length:\t12 \r\nAuthorization: Bearer abc\r\n\r\n",
    b"PUT http://a/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Empty:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1]:1\r\nConnection: upgrade, x\r\nUpgrade: a/1\r\n\r\n",
];

const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX: \xe9\r\n\r\n",
    b"HTTP/1.0 404 \r\nConnection: keep-alive\r\nServer: a b\r\n\r\n",
    b"HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\nRetry-After:\t1\r\n\r\n",
];

/// A corpus head with a few bytes replaced, removed or put in.
fn mutated(corpus: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(&b"\r\n\t :,;/_\0\x7f\xff0159aAzZ\"%?#@[]HTP"[..]);
    let byte = prop_oneof![3 => odd, 1 => any::<u8>()];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), byte, 0..3u8), 0..4);
    (prop::sample::select(corpus), edits).prop_map(|(bytes, edits)| {
        let mut bytes = bytes.to_vec();
        for (at, byte, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

fn agree_on_request(head: &RequestHead, bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut oracle = httparse::Request::new(&mut fields);
    let status = oracle.parse(bytes);
    prop_assert_eq!(status, Ok(httparse::Status::Complete(head.len())));
    prop_assert_eq!(oracle.method, Some(head.method(bytes)));
    let target = oracle.path.map(str::as_bytes);
    prop_assert_eq!(target, Some(head.target_as_sent(bytes)));
    prop_assert_eq!(oracle.version, Some(1));
    agree_on_fields(head.fields(bytes), oracle.headers)
}

fn agree_on_response(head: &ResponseHead, bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut oracle = httparse::Response::new(&mut fields);
    let status = oracle.parse(bytes);
    prop_assert_eq!(status, Ok(httparse::Status::Complete(head.len())));
    prop_assert_eq!(oracle.code, Some(head.status()));
    // httparse answers an empty phrase where it holds bytes beyond ASCII.
    if head.reason(bytes).is_ascii() {
        prop_assert_eq!(oracle.reason.map(str::as_bytes), Some(head.reason(bytes)));
    }
    agree_on_fields(head.fields(bytes), oracle.headers)
}

fn agree_on_fields<'b>(
    ours: impl Iterator<Item = (&'b str, &'b [u8])>,
    theirs: &[httparse::Header<'b>],
) -> Result<(), TestCaseError> {
    let ours: Vec<_> = ours.collect();
    let theirs: Vec<_> = theirs
        .iter()
        .map(|field| (field.name, field.value))
        .collect();
    prop_assert_eq!(ours, theirs);
    Ok(())
}

/// Whole and byte by byte, the verdict is one.
fn same_verdict<T>(
    whole: &Result<Option<T>, HeadError>,
    pieces: &Result<Option<T>, HeadError>,
) -> bool {
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => whole.is_some() == pieces.is_some(),
        (Err(whole), Err(pieces)) => whole == pieces,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn requests(bytes in mutated(REQUESTS)) {
        let whole = scan_request(&[&bytes]);
        let pieces: Vec<_> = bytes.chunks(1).collect();
        prop_assert!(same_verdict(&whole, &scan_request(&pieces)));
        if let Ok(Some(head)) = whole {
            agree_on_request(&head, &bytes)?;
        }
    }

    #[test]
    fn responses(bytes in mutated(RESPONSES)) {
        let whole = scan_response(&[&bytes]);
        let pieces: Vec<_> = bytes.chunks(1).collect();
        prop_assert!(same_verdict(&whole, &scan_response(&pieces)));
        if let Ok(Some(head)) = whole {
            agree_on_response(&head, &bytes)?;
        }
    }
}

#[test]
fn the_corpus_is_accepted() {
    assert!(
        REQUESTS
            .iter()
            .all(|bytes| matches!(scan_request(&[bytes]), Ok(Some(_))))
    );
    assert!(
        RESPONSES
            .iter()
            .all(|bytes| matches!(scan_response(&[bytes]), Ok(Some(_))))
    );
}
