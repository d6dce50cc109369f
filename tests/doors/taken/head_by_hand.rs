//! A head is what a scanner judged, not what somebody claims.

use sluice::http::{HeadError, RequestHead, RequestScanner};

pub fn head(scanner: &mut RequestScanner, bytes: &[u8]) -> Result<Option<RequestHead>, HeadError> {
    scanner.scan(bytes)
}
