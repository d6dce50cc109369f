//! Nor can it be copied to have two.

use sluice::policy::Permit;

pub fn two(permit: Permit, another: Permit) -> [Permit; 2] {
    [another, permit]
}
