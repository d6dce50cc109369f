//! The same on the way back.

use sluice::http::{HeadError, ResponseHead, ResponseScanner};

pub fn head(
    scanner: &mut ResponseScanner,
    bytes: &[u8],
) -> Result<Option<ResponseHead>, HeadError> {
    scanner.scan(bytes)
}
