//! Byte buffers, lent to a connection only while bytes are in flight.

use super::limits::BUFFER_BYTES;

/// A fixed-size byte window: bytes arrive at the end, are consumed from the front.
///
/// `[0, start)` is consumed, `[start, end)` is filled, `[end, capacity)` is spare. The default has no
/// capacity and no memory.
#[derive(Default)]
pub struct Buffer {
    data: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer of `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Buffer {
        Buffer {
            data: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// The bytes that have arrived and are not consumed.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// [`Buffer::filled`], for decoders that work in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.data[self.start..self.end]
    }

    /// Room for more bytes; moves the filled bytes to the front when the tail is short.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 && self.data.len() - self.end < self.data.len() / 4 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.data[self.end..]
    }

    /// Declares `count` bytes of the spare room filled.
    pub fn fill(&mut self, count: usize) {
        debug_assert!(count <= self.data.len() - self.end);
        self.end = (self.end + count).min(self.data.len());
    }

    /// Appends a copy of as much of `bytes` as fits; answers how many bytes that was.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let spare = self.spare();
        let count = bytes.len().min(spare.len());
        spare[..count].copy_from_slice(&bytes[..count]);
        self.fill(count);
        count
    }

    /// Forgets the first `count` filled bytes.
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start = (self.start + count).min(self.end);
    }

    /// True when nothing is filled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// True when it has no memory: a place for a buffer to be lent to.
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        self.data.is_empty()
    }

    /// True when no byte can arrive before some are consumed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.end - self.start == self.data.len()
    }
}

/// The buffers of one core that are not lent out.
#[derive(Default)]
pub struct Pool {
    idle: Vec<Buffer>,
    texts: Vec<Vec<u8>>,
    texts_lent: usize,
}

impl Pool {
    /// Buffers kept for reuse; beyond it they are freed.
    const BUFFERS_KEPT: usize = 64;
    /// Texts kept for reuse: an exchange under way has several.
    const TEXTS_KEPT: usize = 8 * Pool::BUFFERS_KEPT;

    /// A buffer of [`BUFFER_BYTES`].
    pub fn lend(&mut self) -> Buffer {
        self.idle
            .pop()
            .unwrap_or_else(|| Buffer::with_capacity(BUFFER_BYTES))
    }

    /// Lends a buffer to `place`, where none is.
    pub fn fill_vacancy(&mut self, place: &mut Buffer) {
        if place.is_vacant() {
            *place = self.lend();
        }
    }

    /// Takes the buffer in `place` back when there is nothing in it.
    pub fn reclaim(&mut self, place: &mut Buffer) {
        if place.is_empty() {
            self.give_back(std::mem::take(place));
        }
    }

    /// Takes a buffer back; what is in it is forgotten.
    pub fn give_back(&mut self, mut buffer: Buffer) {
        if self.idle.len() < Pool::BUFFERS_KEPT && !buffer.is_vacant() {
            buffer.start = 0;
            buffer.end = 0;
            self.idle.push(buffer);
        }
    }

    /// An empty growable text, for heads that are written and for placeholders.
    pub fn lend_text(&mut self) -> Vec<u8> {
        self.texts_lent += 1;
        self.texts
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES / 4))
    }

    /// Takes a text back; an overgrown one is freed, and one without memory was never lent.
    pub fn give_back_text(&mut self, mut text: Vec<u8>) {
        if text.capacity() == 0 {
            return;
        }
        self.texts_lent = self.texts_lent.saturating_sub(1);
        if self.texts.len() < Pool::TEXTS_KEPT && text.capacity() <= 2 * BUFFER_BYTES {
            text.clear();
            self.texts.push(text);
        }
    }

    /// The same as [`Pool::lend_text`], for what is text by its type.
    pub fn lend_string(&mut self) -> String {
        // It is empty.
        String::from_utf8(self.lend_text()).unwrap_or_default()
    }

    /// Takes it back.
    pub fn give_back_string(&mut self, text: String) {
        self.give_back_text(text.into_bytes());
    }

    /// Texts that are lent out and not given back.
    #[must_use]
    pub fn texts_lent(&self) -> usize {
        self.texts_lent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_filled_bytes_only_when_the_tail_is_short() {
        let mut buffer = Buffer::with_capacity(8);
        assert_eq!(buffer.append(b"abcdefgh"), 8);
        assert!(buffer.is_full());
        buffer.consume(6);
        assert_eq!(buffer.append(b"ijklmnop"), 6);
        assert_eq!(buffer.filled(), b"ghijklmn");
    }

    #[test]
    fn the_pool_forgets_contents() {
        let mut pool = Pool::default();
        let mut buffer = pool.lend();
        buffer.append(b"secret");
        pool.give_back(buffer);
        assert!(pool.lend().is_empty());
    }
}
