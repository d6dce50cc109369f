//! A receipt comes of a recording that has settled.

use sluice::policy::Permit;
use sluice::record::{Pending, Receipt, Settle, Writer};

pub fn receipt(writer: &Writer, pending: Pending<Permit>) -> Option<Receipt<Permit>> {
    match writer.settle(pending) {
        Settle::Ready(receipt) => Some(receipt),
        Settle::NotYet(_) | Settle::Dead => None,
    }
}
