//! No reply of an upstream becomes an answer of the gateway's own.

use sluice::exchange::{Fixed, Refusal};
use sluice::http::ResponseHead;

pub fn answer(head: &ResponseHead, bytes: &[u8], _refusal: &Refusal) -> Fixed {
    Fixed::from(head.reason(bytes))
}

fn main() {}
