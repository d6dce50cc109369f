//! The chunked transfer coding, strict and resumable (RFC 9112, section 7.1).
//!
//! ```text
//!        digit        CR LF, size > 0        CR LF (at once)
//! Size ---------> Size -----------> Data -----------------> Size
//!   | ';'          ^                  | input ends first
//!   v   CR         | LF               v      CR          LF
//! Extension ---> SizeEnd            DataEnd ---> DataCr ---> Size
//!                  | LF, size 0
//!                  v        name, ':', value, CR, LF
//!                Line -> Name -> Value -> ValueCr -> Line
//!                  | CR      LF
//!                  +-> LastCr --> the end
//! ```
//!
//! One state per byte that input can end at, and no byte is kept: any split is the same.

use crate::base::limits::{CHUNK_LINE_BYTES, TRAILER_BYTES};

use super::bytes::{TOKEN, is};
use super::framing::{BodyError, Data, Noted, Piece};

/// Digits of the largest size.
const SIZE_DIGITS: u8 = 16;
/// Digits of sizes that are read at once: up to 256 MiB.
const USUAL_DIGITS: usize = 7;

/// Between two calls. The state is copied out and put back by `BodyDecoder`, which poisons itself
/// in between.
#[derive(Clone, Copy, Default)]
pub(super) struct Chunks {
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Size(Line),
    Extension(Line),
    SizeEnd(Line),
    Data { left: u64, size: u64 },
    DataEnd,
    DataCr,
    Trailer { at: Trailer, length: usize },
}

/// A size line so far.
#[derive(Clone, Copy, Default)]
struct Line {
    size: u64,
    digits: u8,
    leading_zero: bool,
    bytes: u16,
}

#[derive(Clone, Copy)]
enum Trailer {
    Line,
    Name,
    Value,
    ValueCr,
    LastCr,
}

impl Default for State {
    fn default() -> State {
        State::Size(Line::default())
    }
}

impl Chunks {
    /// The next piece of `bytes`, which are not empty.
    pub(super) fn decode(&mut self, bytes: &[u8], noted: &mut Noted) -> Result<Piece, BodyError> {
        // Canonical so far: the size line started with this input and needs nothing dropped.
        let mut canonical = matches!(self.state, State::Size(line) if line.bytes == 0);
        if canonical && let Some((size, at)) = usual_line(bytes) {
            return self.data(bytes, at, size, size, true);
        }
        for (at, byte) in bytes.iter().enumerate() {
            self.state = match self.state {
                State::Size(line) => line.size_byte(*byte)?,
                State::Extension(line) => {
                    noted.extensions = true;
                    line.extension_byte(*byte)?
                }
                State::SizeEnd(line) => {
                    canonical &= !line.leading_zero && line.bytes == u16::from(line.digits) + 1;
                    line.end(*byte)?
                }
                State::Data { left, size } => return self.data(bytes, at, left, size, canonical),
                State::DataEnd => match byte {
                    b'\r' => State::DataCr,
                    _ => return Err(BodyError::ChunkEnd),
                },
                State::DataCr if *byte == b'\n' => {
                    self.state = State::default();
                    return Ok(Piece::Framing {
                        consumed: at + 1,
                        closes: true,
                    });
                }
                State::DataCr => return Err(BodyError::ChunkEnd),
                State::Trailer { at: place, length } => match place.next(*byte, noted)? {
                    None => return Ok(Piece::End { consumed: at + 1 }),
                    Some(_) if length >= TRAILER_BYTES => return Err(BodyError::TrailerTooLong),
                    Some(place) => State::Trailer {
                        at: place,
                        length: length + 1,
                    },
                },
            };
        }
        Ok(Piece::Framing {
            consumed: bytes.len(),
            closes: false,
        })
    }

    /// Content from `at` on, and the line end after it when the input holds both.
    fn data(
        &mut self,
        bytes: &[u8],
        at: usize,
        left: u64,
        size: u64,
        canonical: bool,
    ) -> Result<Piece, BodyError> {
        let here = bytes.len() - at;
        let count = usize::try_from(left).map_or(here, |left| left.min(here));
        let end = at + count;
        let left = left - count as u64;
        let closes = left == 0 && bytes[end..].starts_with(b"\r\n");
        self.state = match left {
            0 if closes => State::default(),
            0 => State::DataEnd,
            _ => State::Data { left, size },
        };
        let opens = left + count as u64 == size;
        Ok(Piece::Data(Data {
            range: at..end,
            consumed: end + if closes { 2 } else { 0 },
            opens: opens.then_some(size),
            closes,
            verbatim: canonical || !opens,
        }))
    }
}

/// The size that `bytes` begin with, and where its content does, if they have some: of a line as almost
/// all are, which is a few digits and CR LF. The others go byte by byte.
fn usual_line(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0;
    for (at, byte) in bytes.iter().take(USUAL_DIGITS + 1).enumerate() {
        size = match (char::from(*byte).to_digit(16), at) {
            (Some(0), 0) => return None,
            (Some(digit), _) => size << 4 | u64::from(digit),
            (None, 1..) if bytes.len() > at + 2 && bytes[at..].starts_with(b"\r\n") => {
                return Some((size, at + 2));
            }
            (None, _) => return None,
        };
    }
    None
}

impl Line {
    fn size_byte(mut self, byte: u8) -> Result<State, BodyError> {
        let digit = match (char::from(byte).to_digit(16), byte) {
            (Some(digit), _) => digit,
            (None, b'\r') if self.digits > 0 => return self.next().map(State::SizeEnd),
            (None, b';') if self.digits > 0 => return self.next().map(State::Extension),
            (None, _) => return Err(BodyError::SizeLine),
        };
        if self.digits == SIZE_DIGITS {
            return Err(BodyError::SizeOverflow);
        }
        self.leading_zero |= self.digits == 1 && self.size == 0;
        self.digits += 1;
        self.size = self.size << 4 | u64::from(digit);
        self.next().map(State::Size)
    }

    /// Extensions mean nothing to us and are dropped; only their bytes are judged.
    fn extension_byte(self, byte: u8) -> Result<State, BodyError> {
        match byte {
            b'\r' => self.next().map(State::SizeEnd),
            b'\t' | b' '..=b'~' => self.next().map(State::Extension),
            _ => Err(BodyError::SizeLine),
        }
    }

    fn end(self, byte: u8) -> Result<State, BodyError> {
        match (byte, self.size) {
            (b'\n', 0) => Ok(State::Trailer {
                at: Trailer::Line,
                length: 0,
            }),
            (b'\n', size) => Ok(State::Data { left: size, size }),
            _ => Err(BodyError::SizeLine),
        }
    }

    fn next(mut self) -> Result<Line, BodyError> {
        if usize::from(self.bytes) >= CHUNK_LINE_BYTES {
            return Err(BodyError::SizeLineTooLong);
        }
        self.bytes += 1;
        Ok(self)
    }
}

impl Trailer {
    /// Where the trailer section stands after `byte`; none at its end.
    fn next(self, byte: u8, noted: &mut Noted) -> Result<Option<Trailer>, BodyError> {
        let next = match (self, byte) {
            (Trailer::Line, b'\r') => Trailer::LastCr,
            (Trailer::LastCr, b'\n') => return Ok(None),
            (Trailer::Line | Trailer::Name, byte) if is(byte, TOKEN) => {
                noted.trailers = true;
                Trailer::Name
            }
            (Trailer::Name, b':') => Trailer::Value,
            (Trailer::Value, b'\r') => Trailer::ValueCr,
            (Trailer::Value, b'\t' | b' '..=b'~' | 0x80..) => Trailer::Value,
            (Trailer::ValueCr, b'\n') => Trailer::Line,
            _ => return Err(BodyError::Trailer),
        };
        Ok(Some(next))
    }
}
