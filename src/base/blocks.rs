//! Bytes sixty-four at a time, one bit each.

pub use wide::i8x16 as Lanes;

/// Bytes of a block.
pub const BLOCK: usize = 64;

const LANES: usize = 16;

/// One bit for each byte of the block at `at`, the first lowest, as `wanted` answers: all bits of
/// a lane set, or none. Past the end of the bytes stand spaces.
#[inline(always)]
pub fn bits(bytes: &[u8], at: usize, wanted: impl Fn(Lanes) -> Lanes) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let bits = |block: &[u8; BLOCK]| {
        let mut bits = 0;
        for (index, sixteen) in block.as_chunks::<LANES>().0.iter().enumerate() {
            let lanes = Lanes::from(sixteen.map(|byte| byte as i8));
            bits |= u64::from(wanted(lanes).to_bitmask() as u16) << (index * LANES);
        }
        bits
    };
    match rest.first_chunk::<BLOCK>() {
        Some(block) => bits(block),
        None => {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            bits(&block)
        }
    }
}

/// Lanes that hold `byte`.
#[inline(always)]
pub fn are(lanes: Lanes, byte: u8) -> Lanes {
    lanes.simd_eq(Lanes::splat(byte as i8))
}

/// Lanes below `byte`, which is ASCII. Bytes beyond ASCII count as negative, so they are.
#[inline(always)]
pub fn below(lanes: Lanes, byte: u8) -> Lanes {
    lanes.simd_lt(Lanes::splat(byte as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_for_each_byte_and_none_past_the_end() {
        let bytes: Vec<u8> = (0..=255).collect();
        for at in 0..=260 {
            for length in [0, 1, 63, 64, 65, 256] {
                let bytes = &bytes[..length];
                let found = bits(bytes, at, |lanes| are(lanes, b'"') | below(lanes, b' '));
                let expected = bytes.iter().skip(at).take(BLOCK).enumerate();
                let expected = expected
                    .filter(|&(_, &byte)| byte == b'"' || !(b' '..0x80).contains(&byte))
                    .fold(0, |bits, (index, _)| bits | 1 << index);
                assert_eq!(found, expected, "{at} of {length}");
            }
        }
    }
}
