//! Which listed field name a name is: a perfect hash, built and checked by the compiler.

use super::known::NAMES;

/// The place in [`NAMES`] of `name`, which must hold no control byte: a bit of case is all that may
/// differ between it and the listed name, so bytes are compared after setting that bit.
#[inline]
pub(super) fn position(name: &[u8]) -> Option<usize> {
    let key = Key::of(name);
    let slot = usize::from(SLOTS[key.slot()]);
    let listed = KEYS.get(slot)?;
    // The key holds the first and last eight bytes: the middle matters beyond sixteen.
    (*listed == key && (name.len() <= 16 || same_middle(name, NAMES[slot]))).then_some(slot)
}

/// A name's first and last bytes in lower case. With its length it determines every name of up to
/// sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
    length: usize,
}

impl Key {
    #[inline]
    const fn of(name: &[u8]) -> Key {
        const CASE: u64 = 0x2020_2020_2020_2020;
        let length = name.len();
        let (first, last) = if let (Some(first), Some(last)) =
            (name.first_chunk::<8>(), name.last_chunk::<8>())
        {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>())
        {
            (
                u32::from_le_bytes(*first) as u64,
                u32::from_le_bytes(*last) as u64,
            )
        } else if length == 0 {
            (0, 0)
        } else {
            let first = name[0] as u64 | (name[length / 2] as u64) << 8;
            (first, name[length - 1] as u64)
        };
        Key {
            first: first | CASE,
            last: last | CASE,
            length,
        }
    }

    #[inline]
    const fn slot(self) -> usize {
        /// Found by search: no two listed names share a slot, which `SLOTS` checks.
        const MIX: u64 = 0x1ed3_34d0_8ac2_1475;
        let mixed = (self.first ^ self.last.rotate_left(29)).wrapping_add(self.length as u64);
        (mixed.wrapping_mul(MIX) >> 55) as usize
    }
}

const EMPTY: u8 = u8::MAX;

static KEYS: [Key; NAMES.len()] = {
    let mut keys = [Key::of(b""); NAMES.len()];
    let mut index = 0;
    while index < NAMES.len() {
        keys[index] = Key::of(NAMES[index].as_bytes());
        index += 1;
    }
    keys
};

static SLOTS: [u8; 512] = {
    let mut slots = [EMPTY; 512];
    let mut index = 0;
    while index < NAMES.len() {
        let slot = Key::of(NAMES[index].as_bytes()).slot();
        assert!(
            slots[slot] == EMPTY,
            "two names share a slot: search MIX anew"
        );
        slots[slot] = index as u8;
        index += 1;
    }
    slots
};

fn same_middle(name: &[u8], listed: &str) -> bool {
    let middle = 8..name.len() - 8;
    name[middle.clone()].eq_ignore_ascii_case(&listed.as_bytes()[middle])
}
