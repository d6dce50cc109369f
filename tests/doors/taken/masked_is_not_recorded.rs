//! What could not be recorded is not released: it comes back as what it was.

use sluice::base::clock::Now;
use sluice::mask::Masked;
use sluice::record::{ExchangeLog, RecordError, Recorded, Writer};

pub fn record<'a>(
    writer: &mut Writer,
    log: &mut ExchangeLog,
    masked: Masked<'a>,
    now: Now,
) -> Result<Recorded<'a>, RecordError> {
    match writer.reply_chunk(log, masked, now) {
        Ok(recorded) => Ok(recorded),
        Err(refused) => Err(refused.why),
    }
}
