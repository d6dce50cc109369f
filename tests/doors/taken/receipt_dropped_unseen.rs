//! A receipt that nobody takes is a mistake, and said so.

use sluice::policy::Permit;
use sluice::record::{Receipt, Settle};

fn ready(settled: Settle<Permit>) -> Receipt<Permit> {
    match settled {
        Settle::Ready(receipt) => receipt,
        Settle::NotYet(_) | Settle::Dead => std::process::abort(),
    }
}

pub fn forward(settled: Settle<Permit>) {
    let _permit = ready(settled).spend();
}
