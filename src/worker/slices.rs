//! Slices on their way to the kernel.

use std::io::IoSlice;

use crate::exchange::{ToCaller, ToUpstream};

/// What can be sent: its slices are looked up when they are sent and not before, as that which goes
/// over them can be much larger than they are, and a task keeps room for what it sends.
pub(super) trait Slices {
    /// The bytes, in order; some may be empty.
    fn slices(&self) -> impl Iterator<Item = &[u8]>;
}

impl Slices for ToCaller<'_> {
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        ToCaller::slices(self)
    }
}

impl Slices for ToUpstream<'_> {
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        ToUpstream::slices(self).into_iter()
    }
}

impl Slices for &[u8] {
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(*self)
    }
}

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
