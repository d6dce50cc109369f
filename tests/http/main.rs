//! The http room from outside: tables of cases, every split of each, httparse as oracle.

mod bodies;
mod oracle;
mod requests;
mod responses;
mod targets;

use sluice::http::{
    HeadError, HeadLimits, RequestHead, RequestScanner, ResponseHead, ResponseScanner,
};

/// Bounds small enough for tables.
fn limits() -> HeadLimits {
    HeadLimits::new(1024, 12, 256)
}

fn scan_request(pieces: &[&[u8]]) -> Result<Option<RequestHead>, HeadError> {
    let mut scanner = RequestScanner::new(limits());
    feed(pieces, |bytes| scanner.scan(bytes))
}

fn scan_response(pieces: &[&[u8]]) -> Result<Option<ResponseHead>, HeadError> {
    let mut scanner = ResponseScanner::new(limits());
    feed(pieces, |bytes| scanner.scan(bytes))
}

/// Hands over growing prefixes, as a connection does.
fn feed<T>(
    pieces: &[&[u8]],
    mut scan: impl FnMut(&[u8]) -> Result<Option<T>, HeadError>,
) -> Result<Option<T>, HeadError> {
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(piece);
        if let Some(head) = scan(&bytes)? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// Every way to split `bytes` in two, and byte by byte.
fn splits(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let pairs = (0..=bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]);
    pairs.chain([bytes.chunks(1).collect()])
}
