//! A permit comes of a judgement.

use std::sync::Arc;

use sluice::auth::Identity;
use sluice::policy::{Call, Decision, Facts, Permit, Policies, Rule};

pub fn permit(identity: Identity, _rule: Arc<Rule>, policies: &Policies) -> Option<Permit> {
    match Call::http(identity, "GET", "/", Facts::at(0)).decide(policies) {
        Decision::Allowed(permit) => Some(permit),
        _ => None,
    }
}
