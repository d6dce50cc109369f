//! Recorded is what the ring has accepted.

use sluice::base::clock::Now;
use sluice::mask::Masked;
use sluice::record::{ExchangeLog, Recorded, Writer};

pub fn record<'a>(
    writer: &mut Writer,
    log: &mut ExchangeLog,
    masked: Masked<'a>,
    now: Now,
) -> Option<Recorded<'a>> {
    writer.reply_chunk(log, masked, now).ok()
}
