//! Strings that are here whole and stand for themselves, sixteen bytes at a time.

use wide::i8x16;

const LANES: usize = 16;

/// Where the string whose content begins at `from` ends: the place of its closing quote, if all of
/// it is here, without escapes, and well-formed. Near the end of the bytes it may answer `None`
/// for one that is.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let block = lanes(bytes, at)?;
        // Signed: what lies beyond ASCII is below a space too.
        let stops = (quotes_and_slashes(block) | block.simd_lt(i8x16::splat(0x20))).to_bitmask();
        if stops != 0 {
            at += stops.trailing_zeros() as usize;
            return match bytes.get(at)? {
                b'"' => Some(at),
                0x80.. => beyond_ascii(bytes, from, at),
                _ => None,
            };
        }
        at += LANES;
    }
}

/// The same for a string with a byte beyond ASCII at `at`.
#[cold]
fn beyond_ascii(bytes: &[u8], from: usize, mut at: usize) -> Option<usize> {
    let controls = |block: i8x16| block.simd_lt(i8x16::splat(0x20)) & !block.simd_lt(i8x16::ZERO);
    loop {
        let block = lanes(bytes, at)?;
        let stops = (quotes_and_slashes(block) | controls(block)).to_bitmask();
        if stops != 0 {
            at += stops.trailing_zeros() as usize;
            let content = bytes.get(from..at)?;
            let whole = bytes.get(at) == Some(&b'"') && std::str::from_utf8(content).is_ok();
            return whole.then_some(at);
        }
        at += LANES;
    }
}

#[inline(always)]
fn lanes(bytes: &[u8], at: usize) -> Option<i8x16> {
    let block = bytes.get(at..)?.first_chunk::<LANES>()?;
    Some(i8x16::from(block.map(|byte| byte as i8)))
}

#[inline(always)]
fn quotes_and_slashes(block: i8x16) -> i8x16 {
    block.simd_eq(i8x16::splat(b'"' as i8)) | block.simd_eq(i8x16::splat(b'\\' as i8))
}
