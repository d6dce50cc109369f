//! SHA-256 (FIPS 180-4).

use ring::digest::{Context, SHA256};

/// SHA-256 of the parts, one after the other: where they begin and end does not show.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
