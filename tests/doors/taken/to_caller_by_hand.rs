//! Bytes for the caller are put together of recorded ones, by the exchange.

use sluice::exchange::{ReplyStep, ToCaller};
use sluice::record::Recorded;

pub fn send<'a>(step: ReplyStep<'a>, _recorded: Recorded<'a>) -> Option<ToCaller<'a>> {
    match step {
        ReplyStep::Send(bytes) => Some(bytes),
        _ => None,
    }
}
