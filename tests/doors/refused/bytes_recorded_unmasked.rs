//! The recording of a reply takes masked bytes only.

use sluice::base::clock::Now;
use sluice::mask::Stream;
use sluice::record::{ExchangeLog, Recorded, Writer};

pub fn record<'a>(
    writer: &mut Writer,
    log: &mut ExchangeLog,
    _stream: &'a mut Stream,
    chunk: &'a [u8],
    now: Now,
) -> Option<Recorded<'a>> {
    writer.reply_chunk(log, chunk, now).ok()
}

fn main() {}
