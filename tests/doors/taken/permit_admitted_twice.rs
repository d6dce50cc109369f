//! One permit admits one exchange.

use sluice::base::clock::Now;
use sluice::policy::Permit;
use sluice::record::{Class, CoreSession, RequestRecord, Writer};

pub fn admit(
    writer: &mut Writer,
    permit: Permit,
    another: Permit,
    session: &CoreSession,
    record: &RequestRecord<'_>,
    now: Now,
) {
    let _first = writer.admit(permit, session, record, Class::Durable, now);
    let _second = writer.admit(another, session, record, Class::Durable, now);
}
