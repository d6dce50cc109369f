//! Takes choices off the front of an input.

/// What is left of it.
pub struct Ops<'a>(pub &'a [u8]);

impl<'a> Ops<'a> {
    /// The next byte; zero after the end.
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    /// Some bytes as they stand: up to a thousand.
    pub fn bytes(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte()) * 4;
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// True after the last one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
