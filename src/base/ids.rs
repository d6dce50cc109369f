//! Names for things that are recorded. All are opaque; their text form is lowercase hex.

use std::fmt::{self, Write as _};

use ring::digest;

use super::hex;

/// Sixteen bytes that name a session: a keyed hash of principal, connection and opening time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub [u8; 16]);

/// Names one exchange within a writer directory: worker number in the top 16 bits, count below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExchangeId(pub u64);

impl ExchangeId {
    /// The `count`th exchange of worker `worker`.
    #[must_use]
    pub fn new(worker: u16, count: u64) -> ExchangeId {
        ExchangeId((u64::from(worker) << 48) | (count & ((1 << 48) - 1)))
    }
}

/// Names one writer: one process with its own locked recording directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WriterId(pub [u8; 8]);

/// Names a principal by the configured issuer's name, tenant, object and client, in this order.
#[must_use]
pub fn principal_digest(parts: [&str; 4]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut named = [0; 32];
    named.copy_from_slice(context.finish().as_ref());
    named
}

macro_rules! hex_text {
    ($($name:ident => $bytes:expr),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let bytes: fn(&$name) -> _ = $bytes;
                for [high, low] in bytes(self).map(hex::digits) {
                    f.write_char(char::from(high))?;
                    f.write_char(char::from(low))?;
                }
                Ok(())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

hex_text!(
    SessionId => |id| id.0,
    ExchangeId => |id| id.0.to_be_bytes(),
    WriterId => |id| id.0
);

impl std::str::FromStr for SessionId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SessionId, Self::Err> {
        const WANT: &str = "a session id is 32 hexadecimal digits";
        hex::read(text.as_bytes()).map(SessionId).ok_or(WANT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_id_text_round_trips() {
        let id = SessionId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("zz".parse::<SessionId>().is_err());
    }
}
