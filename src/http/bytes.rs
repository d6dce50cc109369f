//! Byte classes, and the search for the next control byte: the inner loop of the head scanner.

/// May stand in a token (RFC 9110, section 5.6.2): methods and field names.
pub(super) const TOKEN: u8 = 1 << 0;
/// A token byte other than `_`: field names of requests.
pub(super) const NAME: u8 = 1 << 3;
/// A visible ASCII character.
pub(super) const VISIBLE: u8 = 1 << 1;
/// A letter, a digit or one of `.`, `-`, `_`: what host names are made of.
pub(super) const HOST: u8 = 1 << 2;

const ONES: u64 = u64::from_le_bytes([1; 8]);

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        let symbol = byte as u8;
        let mut class = VISIBLE;
        if symbol.is_ascii_alphanumeric() {
            class |= TOKEN | HOST;
        }
        if matches!(symbol, b'.' | b'-' | b'_') {
            class |= HOST;
        }
        if matches!(
            symbol,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        ) {
            class |= TOKEN;
        }
        if class & TOKEN != 0 && symbol != b'_' {
            class |= NAME;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
};

/// True when `byte` belongs to `class`.
#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// True when `bytes` is not empty and all of it belongs to `class`.
#[inline]
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is(*byte, class))
}

/// True when `bytes` is not empty and all of it is [`VISIBLE`]; without an early end, so that the
/// compiler makes it a vector loop.
#[inline]
pub(super) fn all_visible(bytes: &[u8]) -> bool {
    let visible = |byte: &u8| byte.wrapping_sub(b'!') <= b'~' - b'!';
    !bytes.is_empty() && bytes.iter().fold(true, |all, byte| all & visible(byte))
}

/// Where `needle`, an ASCII byte, first stands; the length of `bytes` when it does not.
#[inline]
pub(super) fn find(bytes: &[u8], needle: u8) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let zero = u64::from_le_bytes(*word) ^ (ONES * u64::from(needle));
        let found = zero.wrapping_sub(ONES) & !zero & (ONES * 0x80);
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let found = tail.iter().position(|byte| *byte == needle);
    bytes.len() - tail.len() + found.unwrap_or(tail.len())
}

/// `value` without the spaces and tabs around it.
#[inline]
pub(super) fn trim(value: &[u8]) -> &[u8] {
    trim_end(trim_start(value))
}

/// `value` without the spaces and tabs before it.
#[inline]
pub(super) fn trim_start(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    value
}

/// `value` without the spaces and tabs after it.
#[inline]
pub(super) fn trim_end(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Where the first control byte other than a tab stands at or after `from`; the length of `bytes`
/// when there is none.
#[inline]
pub(super) fn find_control(bytes: &[u8], from: usize) -> usize {
    let mut from = from;
    loop {
        let at = find_below_space(bytes, from);
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        from = at + 1;
    }
}

/// [`find_control`], tabs included. Eight bytes at a time: most lines are too short for the
/// set-up of a vector search to pay. Tokens are not: blocks without any are skipped first.
#[inline]
fn find_below_space(bytes: &[u8], from: usize) -> usize {
    let Some(rest) = bytes.get(from..) else {
        return bytes.len();
    };
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    let clean = blocks.iter().take_while(|block| has_no_control(block));
    let skipped = clean.count() * BLOCK;
    let (from, rest) = (from + skipped, &rest[skipped..]);
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = controls(u64::from_le_bytes(*word));
        if found != 0 {
            return from + index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let found = tail.iter().position(|byte| *byte < 0x20 || *byte == 0x7f);
    bytes.len() - tail.len() + found.unwrap_or(tail.len())
}

/// Bytes that are looked at together.
const BLOCK: usize = 32;

/// Without an early end, so that the compiler makes it a few vector operations.
#[inline]
fn has_no_control(block: &[u8; BLOCK]) -> bool {
    let control = |byte: &u8| (*byte < 0x20) | (*byte == 0x7f);
    !block.iter().fold(false, |any, byte| any | control(byte))
}

/// Sets the high bit of bytes of `word` that are below a space or DEL. A borrow can set bits above
/// the lowest one that is set rightly, never below it, so only the lowest means something.
#[inline]
fn controls(word: u64) -> u64 {
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word ^ (ONES * 0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (low | delete) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_control_byte_wherever_it_stands() {
        for length in 0..70 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    let control = (byte < 0x20 && byte != b'\t') || byte == 0x7f;
                    let want = if control { at } else { length };
                    assert_eq!(
                        find_control(&bytes, 0),
                        want,
                        "{byte:#x} at {at} of {length}"
                    );
                    if at > 0 {
                        assert_eq!(find_control(&bytes, 1), want);
                    }
                }
            }
        }
        assert_eq!(find_control(b"ab", 7), 2);
    }

    #[test]
    fn finds_the_first_needle() {
        for length in 0..40 {
            for at in 0..length {
                for before in 0..=255 {
                    let mut bytes = vec![before; length];
                    bytes[at] = b':';
                    let want = if before == b':' { 0 } else { at };
                    assert_eq!(find(&bytes, b':'), want);
                }
            }
            assert_eq!(find(&vec![b';'; length], b':'), length);
        }
    }

    #[test]
    fn visible_both_ways() {
        for byte in 0..=255 {
            assert_eq!(all_visible(&[b'a', byte]), all(&[b'a', byte], VISIBLE));
        }
        assert!(!all_visible(b""));
    }

    #[test]
    fn tokens_are_those_of_rfc_9110() {
        let tokens: Vec<u8> = (0..=255).filter(|byte| is(*byte, TOKEN)).collect();
        assert_eq!(
            tokens,
            b"!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~"
        );
    }

    #[test]
    fn trims_spaces_and_tabs_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
