//! A permit comes of a judgement.

use std::sync::Arc;

use sluice::auth::Identity;
use sluice::policy::{Permit, Policies, Rule};

pub fn permit(identity: Identity, rule: Arc<Rule>, policies: &Policies) -> Option<Permit> {
    Some(Permit {
        identity,
        rule,
        more: None,
        generation: policies.generation,
    })
}

fn main() {}
