//! A receipt comes of a recording that has settled.

use sluice::policy::Permit;
use sluice::record::Receipt;

pub fn receipt(permit: Permit, other: &Receipt<Permit>) -> Option<Receipt<Permit>> {
    Some(Receipt {
        what: permit,
        exchange: other.exchange(),
    })
}

fn main() {}
