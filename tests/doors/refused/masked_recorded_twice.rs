//! Masked bytes are recorded once, and go out once.

use sluice::base::clock::Now;
use sluice::mask::Masked;
use sluice::record::{ExchangeLog, Recorded, Writer};

pub fn record<'a>(
    writer: &mut Writer,
    log: &mut ExchangeLog,
    masked: Masked<'a>,
    now: Now,
) -> Option<[Recorded<'a>; 2]> {
    let first = writer.reply_chunk(log, masked, now).ok()?;
    let second = writer.reply_chunk(log, masked, now).ok()?;
    Some([first, second])
}

fn main() {}
