//! GUIDs, by which Entra names tenants, objects and clients.

use std::fmt;

/// Whether a text is a GUID in its one usual form, in either case.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    Guid::parse(text).is_some()
}

/// A GUID in its one usual form; either case is read, lower case is written, so that one object is
/// one principal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Guid(u128);

impl Guid {
    pub(super) fn parse(text: &str) -> Option<Guid> {
        let hyphens = [8, 13, 18, 23];
        let mut value = 0;
        if text.len() != 36 {
            return None;
        }
        for (index, byte) in text.bytes().enumerate() {
            if hyphens.contains(&index) {
                if byte != b'-' {
                    return None;
                }
            } else {
                value = value << 4 | u128::from(char::from(byte).to_digit(16)?);
            }
        }
        Some(Guid(value))
    }

    /// The same, of lower case only: where a text is compared, it has one spelling.
    pub(super) fn parse_lower(text: &str) -> Option<Guid> {
        let is_upper = |byte: u8| byte.is_ascii_uppercase();
        Guid::parse(text).filter(|_| !text.bytes().any(is_upper))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        );
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7e2f1a00-0000-4000-8000-0000000000ab";

    #[test]
    fn guids_are_read_in_one_form_and_written_in_lower_case() {
        let upper = ID.to_uppercase();
        assert_eq!(
            Guid::parse(&upper).map(|guid| guid.to_string()),
            Some(ID.to_owned())
        );
        assert_eq!(Guid::parse_lower(&upper), None);
        assert_eq!(Guid::parse_lower(ID), Guid::parse(ID));
        for not in [
            "",
            "7e2f1a00000040008000000000000ab",
            "{7e2f1a00-0000-4000-8000-0000000000a}",
            "7e2f1a00-0000-4000-8000-0000000000ag",
            "7e2f1a000-000-4000-8000-0000000000ab",
        ] {
            assert_eq!(Guid::parse(not), None, "{not}");
        }
    }
}
