//! The push lexer: RFC 8259, byte by byte, in whatever pieces the bytes come.
//!
//! ```text
//!            ┌──────────────── ',' (array) ────────────────┐
//!            v                                             │
//! start ─> Value ── scalar, string ──────────────────> AfterValue ── last close ─> AfterValue at depth 0
//!            │ '['                                       ^ │ ^                      (the text may end)
//!            ├────> ValueOrEnd ── ']' ───────────────────┘ │ │
//!            │ '{'                                         │ │
//!            └────> KeyOrEnd ── '}' ───────────────────────┼─┘
//!                      │ '"'                   ',' (object)│
//!                      v                                   v
//!                   string ── '"' ─> Colon ── ':' ─> Value Key
//! ```
//!
//! Inside a string: `Text` → `Escape` → `Hex` (→ `LowSlash` → `LowLetter` → `Hex`) and `Utf8`.

use super::error::{JsonError, Problem};
use crate::base::limits::JSON_DEPTH;

/// An object or an array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// `{}`
    Object,
    /// `[]`
    Array,
}

/// A value that is neither a string nor a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scalar {
    /// A number, as it is written.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// Hears what the lexer reads. Offsets count from the start of the piece that is being pushed.
pub trait Sink {
    /// A container's opening bracket stands at `at`.
    fn open(&mut self, container: Container, at: usize);
    /// A container's closing bracket stands at `at`.
    fn close(&mut self, container: Container, at: usize);
    /// A string's opening quote stands at `at`; a member name if `key`.
    fn string_start(&mut self, key: bool, at: usize);
    /// Bytes `from..to` of the string stand for themselves. May end within a UTF-8 sequence where
    /// the piece ends.
    fn run(&mut self, from: usize, to: usize);
    /// An escape that took `width` bytes and ends at `end` stands for `decoded`. It may have begun
    /// in an earlier piece.
    fn escape(&mut self, decoded: char, width: usize, end: usize);
    /// The string's closing quote stands at `at`.
    fn string_end(&mut self, key: bool, at: usize);
    /// A scalar's first byte stands at `at`.
    fn scalar_start(&mut self, scalar: Scalar, at: usize);
    /// The scalar's last byte was the one before `end`.
    fn scalar_end(&mut self, scalar: Scalar, end: usize);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Where a value must stand.
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `{`.
    KeyOrEnd,
    /// After `,` in an object.
    Key,
    /// After a member name.
    Colon,
    /// After a value: a comma, a closing bracket, or at depth 0 the end.
    AfterValue,
    /// In a string.
    Text,
    /// In a string, after a backslash.
    Escape,
    /// In `\uXXXX` with `left` digits to come; `high` is the first half of a pair, or 0.
    Hex { left: u8, unit: u16, high: u16 },
    /// After the first half of a pair: a backslash must follow.
    LowSlash { high: u16 },
    /// After the first half of a pair and a backslash: `u` must follow.
    LowLetter { high: u16 },
    /// In a UTF-8 sequence with `left` bytes to come, the next one within `low..=high`.
    Utf8 { left: u8, low: u8, high: u8 },
    /// In a number.
    Number(Digits),
    /// In `true`, `false` or `null`, with `seen` bytes read.
    Word { word: Scalar, seen: u8 },
    /// A refusal was given; there is no way back.
    Broken,
}

/// Where in a number the lexer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Digits {
    /// After the minus sign.
    Minus,
    /// After a leading zero.
    Zero,
    /// In the integer part.
    Whole,
    /// After the point.
    Point,
    /// In the fraction.
    Fraction,
    /// After `e`.
    Exponent,
    /// After the exponent's sign.
    Sign,
    /// In the exponent's digits.
    Power,
}

/// The state of one text that is being read.
#[derive(Clone, Debug)]
pub struct Lexer {
    state: State,
    /// One bit per open container, the innermost lowest: 1 is an object.
    objects: u128,
    depth: u32,
    /// The string being read is a member name.
    key: bool,
    /// Bytes of the pieces before this one.
    before: u64,
}

const _: () = assert!(JSON_DEPTH <= u128::BITS, "one bit per open container");

impl Default for Lexer {
    fn default() -> Lexer {
        Lexer::new()
    }
}

impl Lexer {
    /// Ready for the first byte of a text.
    #[must_use]
    pub fn new() -> Lexer {
        Lexer {
            state: State::Value,
            objects: 0,
            depth: 0,
            key: false,
            before: 0,
        }
    }

    /// Reads the next piece of the text. After a refusal every push refuses.
    pub fn push<S: Sink>(&mut self, piece: &[u8], sink: &mut S) -> Result<(), JsonError> {
        // Poisoned while judging: an early return leaves the refusal behind.
        let mut state = std::mem::replace(&mut self.state, State::Broken);
        let mut at = 0;
        while at < piece.len() {
            match self.step(state, piece, &mut at, sink) {
                Ok(next) => state = next,
                Err(problem) => return Err(self.error(problem, at)),
            }
        }
        if state == State::Broken {
            return Err(self.error(Problem::Broken, 0));
        }
        self.before += piece.len() as u64;
        self.state = state;
        Ok(())
    }

    /// The text is over: it must be one whole value. A number ends here if nothing else ended it.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), JsonError> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::AfterValue if self.depth == 0 => Ok(()),
            State::Number(digits) if self.depth == 0 && digits.may_end() => {
                sink.scalar_end(Scalar::Number, 0);
                Ok(())
            }
            State::Broken => Err(self.error(Problem::Broken, 0)),
            _ => Err(self.error(Problem::Truncated, 0)),
        }
    }

    /// True when the text so far is one whole value (a number at the top may still go on).
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.depth == 0
            && match self.state {
                State::AfterValue => true,
                State::Number(digits) => digits.may_end(),
                _ => false,
            }
    }

    /// Bytes of the pieces that were read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.before
    }

    /// True while the lexer stands inside a string.
    #[must_use]
    pub fn in_string(&self) -> bool {
        use State::{Escape, Hex, LowLetter, LowSlash, Text, Utf8};
        matches!(
            self.state,
            Text | Escape | Hex { .. } | LowSlash { .. } | LowLetter { .. } | Utf8 { .. }
        )
    }

    /// True while nothing but white space has been read.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.state == State::Value && self.depth == 0
    }

    fn error(&self, problem: Problem, at: usize) -> JsonError {
        JsonError {
            problem,
            at: self.before + at as u64,
        }
    }

    /// Reads at least one byte, or ends a number before the byte at `at`.
    #[inline(always)]
    fn step<S: Sink>(
        &mut self,
        state: State,
        piece: &[u8],
        at: &mut usize,
        sink: &mut S,
    ) -> Result<State, Problem> {
        match state {
            State::Text => return self.text(piece, at, sink),
            State::Number(digits) => return number(digits, piece, at, sink),
            _ => {}
        }
        let byte = piece[*at];
        let here = *at;
        let next = match state {
            _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') && state.allows_space() => state,
            State::AfterValue => self.after_value(byte, here, sink)?,
            State::Colon if byte == b':' => State::Value,
            State::KeyOrEnd if byte == b'}' => self.close(Container::Object, here, sink),
            State::Key | State::KeyOrEnd if byte == b'"' => self.string(true, here, sink),
            State::ValueOrEnd if byte == b']' => self.close(Container::Array, here, sink),
            State::Value | State::ValueOrEnd => self.value(byte, here, sink)?,
            State::Escape => escape(byte, here, sink)?,
            State::Hex { left, unit, high } => hex(left, unit, high, byte, here, sink)?,
            State::LowSlash { high } if byte == b'\\' => State::LowLetter { high },
            State::LowLetter { high } if byte == b'u' => State::Hex {
                left: 4,
                unit: 0,
                high,
            },
            State::LowSlash { .. } | State::LowLetter { .. } => return Err(Problem::Surrogate),
            State::Utf8 { left, low, high } => {
                let next = utf8_rest(left, low, high, byte)?;
                sink.run(here, here + 1);
                next
            }
            State::Word { word, seen } => spell(word, seen, byte, here, sink)?,
            State::Broken => return Err(Problem::Broken),
            _ => return Err(Problem::Unexpected),
        };
        *at += 1;
        Ok(next)
    }

    fn value<S: Sink>(&mut self, byte: u8, at: usize, sink: &mut S) -> Result<State, Problem> {
        let (scalar, state) = match byte {
            b'"' => return Ok(self.string(false, at, sink)),
            b'{' => return self.open(Container::Object, at, sink),
            b'[' => return self.open(Container::Array, at, sink),
            b'-' => (Scalar::Number, State::Number(Digits::Minus)),
            b'0' => (Scalar::Number, State::Number(Digits::Zero)),
            b'1'..=b'9' => (Scalar::Number, State::Number(Digits::Whole)),
            b't' => (Scalar::True, State::word(Scalar::True)),
            b'f' => (Scalar::False, State::word(Scalar::False)),
            b'n' => (Scalar::Null, State::word(Scalar::Null)),
            0xEF if self.depth == 0 => return Err(Problem::ByteOrderMark),
            _ => return Err(Problem::Unexpected),
        };
        sink.scalar_start(scalar, at);
        Ok(state)
    }

    fn after_value<S: Sink>(
        &mut self,
        byte: u8,
        at: usize,
        sink: &mut S,
    ) -> Result<State, Problem> {
        let in_object = self.objects & 1 == 1;
        match byte {
            _ if self.depth == 0 => Err(Problem::Unexpected),
            b',' if in_object => Ok(State::Key),
            b',' => Ok(State::Value),
            b'}' if in_object => Ok(self.close(Container::Object, at, sink)),
            b']' if !in_object => Ok(self.close(Container::Array, at, sink)),
            _ => Err(Problem::Unexpected),
        }
    }

    fn string<S: Sink>(&mut self, key: bool, at: usize, sink: &mut S) -> State {
        self.key = key;
        sink.string_start(key, at);
        State::Text
    }

    fn open<S: Sink>(
        &mut self,
        container: Container,
        at: usize,
        sink: &mut S,
    ) -> Result<State, Problem> {
        if self.depth == JSON_DEPTH {
            return Err(Problem::Depth);
        }
        self.depth += 1;
        let object = container == Container::Object;
        self.objects = (self.objects << 1) | u128::from(object);
        sink.open(container, at);
        Ok(if object {
            State::KeyOrEnd
        } else {
            State::ValueOrEnd
        })
    }

    fn close<S: Sink>(&mut self, container: Container, at: usize, sink: &mut S) -> State {
        self.depth -= 1;
        self.objects >>= 1;
        sink.close(container, at);
        State::AfterValue
    }

    /// A string's bytes up to its end, an escape, or the end of the piece.
    #[inline(always)]
    fn text<S: Sink>(
        &mut self,
        piece: &[u8],
        at: &mut usize,
        sink: &mut S,
    ) -> Result<State, Problem> {
        let from = *at;
        let mut to = from;
        loop {
            to += plain_length(&piece[to..]);
            let Some(&byte) = piece.get(to) else { break };
            let next = match byte {
                b'"' => {
                    report_run(from, to, sink);
                    sink.string_end(self.key, to);
                    *at = to + 1;
                    return Ok(if self.key {
                        State::Colon
                    } else {
                        State::AfterValue
                    });
                }
                b'\\' => {
                    report_run(from, to, sink);
                    *at = to + 1;
                    return Ok(State::Escape);
                }
                0x00..=0x1F => Err((Problem::Control, 0)),
                _ => utf8(&piece[to..]),
            };
            match next {
                Ok((State::Text, length)) => to += length,
                Ok((state, length)) => {
                    *at = to + length;
                    report_run(from, *at, sink);
                    return Ok(state);
                }
                Err((problem, length)) => {
                    *at = to + length;
                    report_run(from, *at, sink);
                    return Err(problem);
                }
            }
        }
        report_run(from, to, sink);
        *at = to;
        Ok(State::Text)
    }
}

impl State {
    fn word(word: Scalar) -> State {
        State::Word { word, seen: 1 }
    }

    #[inline(always)]
    fn allows_space(self) -> bool {
        use State::{AfterValue, Colon, Key, KeyOrEnd, Value, ValueOrEnd};
        matches!(
            self,
            Value | ValueOrEnd | KeyOrEnd | Key | Colon | AfterValue
        )
    }
}

impl Digits {
    /// True when what has been read is a whole number.
    fn may_end(self) -> bool {
        use Digits::{Fraction, Power, Whole, Zero};
        matches!(self, Zero | Whole | Fraction | Power)
    }

    /// The state after `byte`; `None` when it does not belong to the number.
    #[inline(always)]
    fn after(self, byte: u8) -> Option<Digits> {
        use Digits::{Exponent, Fraction, Minus, Point, Power, Sign, Whole, Zero};
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Whole, b'0'..=b'9') => Whole,
            (Zero | Whole, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Whole | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => Sign,
            (Exponent | Sign | Power, b'0'..=b'9') => Power,
            _ => return None,
        })
    }
}

#[inline(always)]
fn report_run<S: Sink>(from: usize, to: usize, sink: &mut S) {
    if from < to {
        sink.run(from, to);
    }
}

/// How many bytes at the start of `bytes` are printable ASCII other than quote and backslash.
#[inline(always)]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let mut length = 0;
    // Eight at a time. A borrow can flag a byte above a flagged one, never one below, and only the
    // lowest flag is used.
    while let Some(eight) = bytes[length..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let flags = (word
            | word.wrapping_sub(ONES * 0x20)
            | (quote.wrapping_sub(ONES))
            | (slash.wrapping_sub(ONES)))
            & HIGHS;
        if flags != 0 {
            return length + (flags.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let rest = &bytes[length..];
    length
        + rest
            .iter()
            .position(|&byte| !matches!(byte, 0x20..=0x7F) || byte == b'"' || byte == b'\\')
            .unwrap_or(rest.len())
}

/// One multi-byte UTF-8 sequence: the state after it and how many bytes of it are here; or the
/// problem and how many bytes stood before it.
/// The second byte's bounds shut out overlong forms, surrogates and what lies beyond U+10FFFF.
fn utf8(bytes: &[u8]) -> Result<(State, usize), (Problem, usize)> {
    let (left, low, high) = match bytes[0] {
        0xC2..=0xDF => (1, 0x80, 0xBF),
        0xE0 => (2, 0xA0, 0xBF),
        0xED => (2, 0x80, 0x9F),
        0xE1..=0xEF => (2, 0x80, 0xBF),
        0xF0 => (3, 0x90, 0xBF),
        0xF1..=0xF3 => (3, 0x80, 0xBF),
        0xF4 => (3, 0x80, 0x8F),
        _ => return Err((Problem::Utf8, 0)),
    };
    let mut state = State::Utf8 { left, low, high };
    let mut length = 1;
    while let (State::Utf8 { left, low, high }, Some(&byte)) = (state, bytes.get(length)) {
        state = utf8_rest(left, low, high, byte).map_err(|problem| (problem, length))?;
        length += 1;
    }
    Ok((state, length))
}

fn utf8_rest(left: u8, low: u8, high: u8, byte: u8) -> Result<State, Problem> {
    match (byte >= low && byte <= high, left) {
        (false, _) => Err(Problem::Utf8),
        (true, 1) => Ok(State::Text),
        (true, _) => Ok(State::Utf8 {
            left: left - 1,
            low: 0x80,
            high: 0xBF,
        }),
    }
}

fn escape<S: Sink>(byte: u8, at: usize, sink: &mut S) -> Result<State, Problem> {
    let decoded = match byte {
        b'"' | b'\\' | b'/' => byte as char,
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            return Ok(State::Hex {
                left: 4,
                unit: 0,
                high: 0,
            });
        }
        _ => return Err(Problem::Escape),
    };
    sink.escape(decoded, 2, at + 1);
    Ok(State::Text)
}

fn hex<S: Sink>(
    left: u8,
    unit: u16,
    high: u16,
    byte: u8,
    at: usize,
    sink: &mut S,
) -> Result<State, Problem> {
    let digit = (byte as char).to_digit(16).ok_or(Problem::Escape)?;
    let unit = (unit << 4) | digit as u16;
    if left > 1 {
        return Ok(State::Hex {
            left: left - 1,
            unit,
            high,
        });
    }
    let (code, width) = match (high, unit) {
        (0, 0xD800..=0xDBFF) => return Ok(State::LowSlash { high: unit }),
        (0, _) => (u32::from(unit), 6),
        (_, 0xDC00..=0xDFFF) => {
            let top = u32::from(high - 0xD800) << 10;
            (0x1_0000 + top + u32::from(unit - 0xDC00), 12)
        }
        _ => return Err(Problem::Surrogate),
    };
    let decoded = char::from_u32(code).ok_or(Problem::Surrogate)?;
    sink.escape(decoded, width, at + 1);
    Ok(State::Text)
}

#[inline(always)]
fn number<S: Sink>(
    mut digits: Digits,
    piece: &[u8],
    at: &mut usize,
    sink: &mut S,
) -> Result<State, Problem> {
    while let Some(&byte) = piece.get(*at) {
        match digits.after(byte) {
            Some(next) => digits = next,
            None if digits.may_end() => {
                sink.scalar_end(Scalar::Number, *at);
                return Ok(State::AfterValue);
            }
            None => return Err(Problem::Unexpected),
        }
        *at += 1;
    }
    Ok(State::Number(digits))
}

fn spell<S: Sink>(
    word: Scalar,
    seen: u8,
    byte: u8,
    at: usize,
    sink: &mut S,
) -> Result<State, Problem> {
    let letters: &[u8] = match word {
        Scalar::True => b"true",
        Scalar::False => b"false",
        Scalar::Null | Scalar::Number => b"null",
    };
    let seen = usize::from(seen);
    if letters.get(seen) != Some(&byte) {
        return Err(Problem::Unexpected);
    }
    if seen + 1 < letters.len() {
        return Ok(State::Word {
            word,
            seen: seen as u8 + 1,
        });
    }
    sink.scalar_end(word, at + 1);
    Ok(State::AfterValue)
}
