//! Bytes as hexadecimal digits, two each, in lower case.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The two digits of a byte.
#[must_use]
pub const fn digits(byte: u8) -> [u8; 2] {
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

/// The digits of all of `bytes`.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .copied()
        .flat_map(digits)
        .map(char::from)
        .collect()
}

/// The `N` bytes that exactly `2 * N` digits stand for, in either case; none for any other text.
#[must_use]
pub fn read<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        let written = text(&bytes);
        assert!(written.starts_with("000102") && written.ends_with("fdfeff"));
        assert_eq!(read(written.as_bytes()), Some(bytes));
        assert_eq!(read(written.to_uppercase().as_bytes()), Some(bytes));
    }

    #[test]
    fn nothing_else_is_read() {
        for wrong in ["", "0", "00", "00000", "+0+0", "0g00", " 000", "００"] {
            assert_eq!(read::<2>(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
