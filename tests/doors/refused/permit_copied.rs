//! Nor can it be copied to have two.

use sluice::policy::Permit;

pub fn two(permit: Permit, _another: Permit) -> [Permit; 2] {
    [permit.clone(), permit]
}

fn main() {}
