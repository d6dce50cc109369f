//! The same on the way back.

use sluice::http::{HeadError, ResponseHead, ResponseScanner};

pub fn head(_scanner: &mut ResponseScanner, _: &[u8]) -> Result<Option<ResponseHead>, HeadError> {
    Ok(Some(ResponseHead { status: 200 }))
}

fn main() {}
