//! After its end frame nothing more is recorded of an exchange.

use sluice::base::clock::Now;
use sluice::mask::Masked;
use sluice::record::{EndRecord, ExchangeLog, Writer};

pub fn end(
    writer: &mut Writer,
    mut log: ExchangeLog,
    end: &EndRecord,
    masked: Masked<'_>,
    now: Now,
) {
    writer.end(log, end, now);
    let _late = writer.reply_chunk(&mut log, masked, now);
}

fn main() {}
