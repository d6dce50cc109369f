//! Bytes for the caller are put together of recorded ones, by the exchange.

use sluice::exchange::{ReplyStep, ToCaller};
use sluice::record::Recorded;

pub fn send<'a>(_step: ReplyStep<'a>, recorded: Recorded<'a>) -> Option<ToCaller<'a>> {
    Some(ToCaller {
        head: None,
        line: None,
        body: Some(recorded),
        tail: b"and more",
    })
}

fn main() {}
