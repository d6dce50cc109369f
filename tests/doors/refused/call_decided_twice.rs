//! A call is judged once; another judgement is another call's.

use sluice::policy::{Call, Decision, Policies};

pub fn decide(call: Call<'_>, policies: &Policies) -> [Decision; 2] {
    [call.decide(policies), call.decide(policies)]
}

fn main() {}
