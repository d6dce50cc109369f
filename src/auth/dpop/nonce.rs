//! Nonces that proofs must name (RFC 9449, section 9): made of the time, and of a key that only this
//! process has, so that nobody has to remember one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac::{self, Key};

use crate::base::limits::DPOP_NONCE_SECONDS;
use crate::base::secret::constant_time_eq;

/// Bytes of a nonce: as hard to guess as the keys that proofs are signed with.
const BYTES: usize = 16;

/// Makes nonces, and knows those that it made.
pub(super) struct Nonces(Key);

/// What a nonce is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    /// The one in force.
    InForce,
    /// The one before, which is taken a little longer.
    Ending,
    /// None of ours, or of too long ago.
    Not,
}

impl Nonces {
    pub(super) fn new(key: Key) -> Nonces {
        Nonces(key)
    }

    /// The nonce in force in that second since 1970.
    pub(super) fn in_force(&self, now: u64) -> String {
        self.of(now / DPOP_NONCE_SECONDS)
    }

    /// What a nonce is in that second.
    pub(super) fn find(&self, nonce: &str, now: u64) -> Named {
        let slot = now / DPOP_NONCE_SECONDS;
        let is = |slot| constant_time_eq(self.of(slot).as_bytes(), nonce.as_bytes());
        match (is(slot), is(slot.saturating_sub(1))) {
            (true, _) => Named::InForce,
            (false, true) => Named::Ending,
            (false, false) => Named::Not,
        }
    }

    fn of(&self, slot: u64) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"sluice dpop nonce ");
        context.update(&slot.to_be_bytes());
        let tag = context.sign();
        let short = tag.as_ref().first_chunk::<BYTES>();
        URL_SAFE_NO_PAD.encode(short.map_or(tag.as_ref(), |short| short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonces(key: u8) -> Nonces {
        Nonces::new(Key::new(hmac::HMAC_SHA256, &[key; 32]))
    }

    #[test]
    fn each_serves_its_time_and_the_next() {
        let (ours, now) = (
            nonces(1),
            1_800_000_000 / DPOP_NONCE_SECONDS * DPOP_NONCE_SECONDS,
        );
        let nonce = ours.in_force(now);
        for (at, want) in [
            (now, Named::InForce),
            (now + DPOP_NONCE_SECONDS - 1, Named::InForce),
            (now + DPOP_NONCE_SECONDS, Named::Ending),
            (now + 2 * DPOP_NONCE_SECONDS - 1, Named::Ending),
            (now + 2 * DPOP_NONCE_SECONDS, Named::Not),
            (now - 1, Named::Not),
        ] {
            assert_eq!(ours.find(&nonce, at), want, "{at}");
        }
    }

    #[test]
    fn nobody_else_makes_one() {
        let now = 1_800_000_000;
        let nonce = nonces(1).in_force(now);
        assert_eq!(nonces(2).find(&nonce, now), Named::Not);
        let near = format!("{}A", &nonce[..nonce.len() - 1]);
        for bad in [
            "",
            &nonce[1..],
            &format!("{nonce}A"),
            &nonce.to_lowercase(),
            &near,
        ] {
            if bad != nonce {
                assert_eq!(nonces(1).find(bad, now), Named::Not, "{bad}");
            }
        }
    }
}
