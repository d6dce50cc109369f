//! A receipt is spent by its use.

use sluice::record::{Body, Receipt};

pub fn send(receipt: Receipt<Body>, next: Receipt<Body>) -> [Body; 2] {
    [receipt.spend(), next.spend()]
}
