//! Slices on their way to the kernel.

use std::io::IoSlice;

/// Moves as many slices as there is room for to `into`, and counts them.
pub(super) fn gather<'b>(
    into: &mut [IoSlice<'b>],
    from: &mut impl Iterator<Item = IoSlice<'b>>,
) -> usize {
    into.iter_mut()
        .zip(from)
        .map(|(place, slice)| *place = slice)
        .count()
}
