//! Leave to go on is not leave to go upstream: it has to be recorded.

use sluice::policy::Permit;
use sluice::record::{Receipt, Writer};

fn upstream(_receipt: Receipt<Permit>) {}

pub fn forward(_writer: &Writer, permit: Permit) {
    upstream(permit);
}

fn main() {}
