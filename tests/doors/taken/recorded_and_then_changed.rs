//! What was recorded is what goes out: nobody can write to it in between.

use sluice::base::clock::Now;
use sluice::mask::Stream;
use sluice::record::{ExchangeLog, Writer};

pub fn record(
    writer: &mut Writer,
    log: &mut ExchangeLog,
    stream: &mut Stream,
    chunk: &mut [u8],
    now: Now,
) -> Option<usize> {
    chunk.fill(b'x');
    let masked = stream.push(chunk).ok()?;
    let recorded = writer.reply_chunk(log, masked, now).ok()?;
    Some(recorded.slices().count())
}
