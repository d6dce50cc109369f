//! An identity comes of a token that verified.

use sluice::auth::{Authenticator, Identity, LastBearer, Verdict};
use sluice::base::clock::Now;

pub fn identify(
    authenticator: &mut Authenticator,
    last: &mut LastBearer,
    token: &[u8],
    now: Now,
) -> Option<Identity> {
    match authenticator.authenticate(last, token, now) {
        Verdict::Proven(identity) => Some(identity),
        _ => None,
    }
}
