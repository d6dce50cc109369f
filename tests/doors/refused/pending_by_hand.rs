//! What is pending was accepted by the ring.

use sluice::base::ids::ExchangeId;
use sluice::policy::Permit;
use sluice::record::Pending;

pub fn pending(permit: Permit, exchange: ExchangeId) -> Pending<Permit> {
    Pending {
        what: permit,
        exchange,
        position: 0,
    }
}

fn main() {}
