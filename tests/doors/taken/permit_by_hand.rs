//! A permit comes of a judgement.

use std::sync::Arc;

use sluice::auth::Identity;
use sluice::policy::{Call, Decision, Permit, Policies, Rule};

pub fn permit(identity: Identity, _rule: Arc<Rule>, policies: &Policies) -> Option<Permit> {
    match Call::http(identity, "GET", "/").decide(policies) {
        Decision::Allowed(permit) => Some(permit),
        _ => None,
    }
}
