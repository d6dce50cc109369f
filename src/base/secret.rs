//! Bytes that must not be seen: no `Debug`, no `Display`, wiped on drop, compared in constant time.

use zeroize::Zeroizing;

/// A secret: a credential, a key seed, a caller's token.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that needs them. Grep for `expose` to audit every use.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Equality whose time depends on the lengths only.
    #[must_use]
    pub fn same(&self, other: &[u8]) -> bool {
        constant_time_eq(&self.0, other)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.same(&other.0)
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Equality whose time depends on the lengths only.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn compares_by_value() {
        let secret = Secret::new(b"abc".to_vec());
        assert!(secret.same(b"abc"));
        assert!(!secret.same(b"abd"));
        assert!(!secret.same(b"ab"));
    }
}
