//! What needs a person's yes, or was denied, is no permit.

use sluice::policy::{Decision, Permit};

pub fn permit(decision: Decision) -> Option<Permit> {
    match decision {
        Decision::Allowed(permit) | Decision::NeedsApproval(permit) => Some(permit),
        Decision::Denied(..) => None,
    }
}

fn main() {}
