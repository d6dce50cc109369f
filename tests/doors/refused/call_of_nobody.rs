//! A call is somebody's: a name is no identity.

use sluice::auth::Identity;
use sluice::policy::{Call, Facts};

pub fn call(identity: Identity) -> Call<'static> {
    Call::http(identity.principal().name(), "GET", "/", Facts::at(0))
}

fn main() {}
