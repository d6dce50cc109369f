//! No reply of an upstream becomes an answer of the gateway's own.

use sluice::exchange::{Fixed, Refusal};
use sluice::http::ResponseHead;

pub fn answer(_head: &ResponseHead, _bytes: &[u8], refusal: &Refusal) -> Fixed {
    refusal.answer(false)
}
