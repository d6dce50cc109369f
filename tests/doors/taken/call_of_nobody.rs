//! A call is somebody's: a name is no identity.

use sluice::auth::Identity;
use sluice::policy::{Call, Facts};

pub fn call(identity: Identity) -> Call<'static> {
    Call::http(identity, "GET", "/", Facts::at(0))
}
