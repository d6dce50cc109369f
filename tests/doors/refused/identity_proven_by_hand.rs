//! Nor can the maker be called: it asks for a proof that only `auth` can see.

use sluice::auth::{Identity, Verdict};

pub fn identify(verdict: Verdict) -> Option<Identity> {
    let _maker = Identity::prove;
    match verdict {
        Verdict::Proven(identity) => Some(identity),
        Verdict::Bound(_) | Verdict::NeedKey(_) | Verdict::Refused(_) => None,
    }
}

fn main() {}
