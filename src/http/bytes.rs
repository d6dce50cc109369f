//! Byte classes, and the search for the next control byte: the inner loop of the head scanner.

/// May stand in a token (RFC 9110, section 5.6.2): methods and field names.
pub(super) const TOKEN: u8 = 1 << 0;
/// A token byte other than `_`: field names of requests.
pub(super) const NAME: u8 = 1 << 3;
/// A visible ASCII character.
pub(super) const VISIBLE: u8 = 1 << 1;
/// A letter, a digit or one of `.`, `-`, `_`: what host names are made of.
pub(super) const HOST: u8 = 1 << 2;
/// A dot.
pub(super) const DOT: u8 = 1 << 4;

/// Bytes that are judged together: what the smallest vector registers hold.
const BLOCK: usize = 16;

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
        if symbol == b'.' {
            class |= DOT;
        }
        if class & TOKEN != 0 && symbol != b'_' {
            class |= NAME;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
};

/// All classes that `byte` belongs to.
#[inline]
pub(super) fn classes(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// True when `byte` belongs to `class`.
#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    classes(byte) & class != 0
}

/// True when `bytes` is not empty and all of it belongs to `class`.
#[inline]
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is(*byte, class))
}

/// True when `bytes` is not empty and all of it is [`VISIBLE`].
#[inline]
pub(super) fn all_visible(bytes: &[u8]) -> bool {
    !bytes.is_empty() && !any(bytes, |byte| byte.wrapping_sub(b'!') > b'~' - b'!')
}

/// Whether `is` holds for any byte. Judges whole blocks, without an early end in one: that is what
/// the compiler makes vector instructions of.
#[inline(always)]
pub(super) fn any(bytes: &[u8], is: impl Fn(u8) -> bool) -> bool {
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    if blocks.iter().any(|block| any_of(block, &is)) {
        return true;
    }
    match bytes.last_chunk::<BLOCK>() {
        Some(last) => any_of(last, &is),
        None => tail.iter().any(|byte| is(*byte)),
    }
}

/// Whether `is` holds for any byte of a block.
#[inline(always)]
fn any_of(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |any, byte| any | is(*byte))
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

/// Where `needle`, an ASCII byte, first stands at or after `from`; the length of `bytes` when it
/// does not.
#[inline]
pub(super) fn find(bytes: &[u8], from: usize, needle: u8) -> usize {
    let mut rest = bytes.get(from..).unwrap_or_default();
    while let Some((word, behind)) = rest.split_first_chunk() {
        let found = zeros(u64::from_le_bytes(*word) ^ (ONES * u64::from(needle)));
        if found != 0 {
            return bytes.len() - rest.len() + place(found);
        }
        rest = behind;
    }
    let found = rest.iter().position(|byte| *byte == needle);
    bytes.len() - rest.len() + found.unwrap_or(rest.len())
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

/// [`find_control`], tabs included: past the blocks without one, then its place in a block.
#[inline(always)]
fn find_below_space(bytes: &[u8], from: usize) -> usize {
    let is_control = |byte| byte < 0x20 || byte == 0x7f;
    let mut rest = bytes.get(from..).unwrap_or_default();
    while let Some((block, behind)) = rest.split_first_chunk() {
        if any_of(block, is_control) {
            let at = bytes.len() - rest.len();
            let words = u128::from_le_bytes(*block);
            return match controls(words as u64) {
                0 => at + 8 + place(controls((words >> 64) as u64)),
                found => at + place(found),
            };
        }
        rest = behind;
    }
    let found = rest.iter().position(|byte| is_control(*byte));
    bytes.len() - rest.len() + found.unwrap_or(rest.len())
}

/// Which byte of a word the lowest mark stands in.
#[inline]
fn place(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Marks bytes of `word` that are zero, by their high bit. A borrow can mark bytes above the lowest
/// one that is marked rightly, never below it, so only the lowest means something.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES * 0x80)
}

/// Marks control bytes of `word`, tabs included, as [`zeros`] does.
#[inline]
fn controls(word: u64) -> u64 {
    let low = word.wrapping_sub(ONES * 0x20) & !word & (ONES * 0x80);
    low | zeros(word ^ (ONES * 0x7f))
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
                    assert_eq!(find(&bytes, 0, b':'), want);
                }
            }
            assert_eq!(find(&vec![b';'; length], 0, b':'), length);
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
