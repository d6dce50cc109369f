//! Bytes for the upstream are made of a receipt, by the exchange.

use sluice::base::buffers::Buffer;
use sluice::base::clock::Now;
use sluice::exchange::{Account, Core, RequestHalf, RequestStep, ToUpstream};

pub fn send<'a>(
    request: &'a mut RequestHalf,
    caller: &'a mut Buffer,
    account: &mut Account,
    core: &mut Core,
    now: Now,
) -> Option<ToUpstream<'a>> {
    match request.next(caller, account, core, now) {
        RequestStep::Send(bytes) => Some(bytes),
        _ => None,
    }
}
