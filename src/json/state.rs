//! The lexer's states, and the steps within one string, number or word.

use super::error::Problem;
use super::lexer::{Scalar, Sink};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
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
pub(super) enum Digits {
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

impl State {
    pub(super) fn word(word: Scalar) -> State {
        State::Word { word, seen: 1 }
    }

    #[inline(always)]
    pub(super) fn allows_space(self) -> bool {
        use State::{AfterValue, Colon, Key, KeyOrEnd, Value, ValueOrEnd};
        matches!(
            self,
            Value | ValueOrEnd | KeyOrEnd | Key | Colon | AfterValue
        )
    }
}

impl Digits {
    /// The state after a number's first byte; `None` when no number begins with it.
    #[inline(always)]
    pub(super) fn first(byte: u8) -> Option<Digits> {
        match byte {
            b'-' => Some(Digits::Minus),
            b'0' => Some(Digits::Zero),
            b'1'..=b'9' => Some(Digits::Whole),
            _ => None,
        }
    }

    /// True when what has been read is a whole number.
    #[inline(always)]
    pub(super) fn may_end(self) -> bool {
        use Digits::{Fraction, Power, Whole, Zero};
        matches!(self, Zero | Whole | Fraction | Power)
    }

    /// The state after `byte`; `None` when it does not belong to the number.
    #[inline(always)]
    pub(super) fn after(self, byte: u8) -> Option<Digits> {
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
pub(super) fn report_run<S: Sink>(from: usize, to: usize, sink: &mut S) {
    if from < to {
        sink.run(from, to);
    }
}

/// How many bytes at the start of `bytes` are printable ASCII other than quote and backslash.
#[inline(always)]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
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
pub(super) fn utf8(bytes: &[u8]) -> Result<(State, usize), (Problem, usize)> {
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

pub(super) fn utf8_rest(left: u8, low: u8, high: u8, byte: u8) -> Result<State, Problem> {
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

pub(super) fn escape<S: Sink>(byte: u8, at: usize, sink: &mut S) -> Result<State, Problem> {
    if byte == b'u' {
        return Ok(State::Hex {
            left: 4,
            unit: 0,
            high: 0,
        });
    }
    let decoded = short_escape(byte).ok_or(Problem::Escape)?;
    sink.escape(decoded, 2, at + 1);
    Ok(State::Text)
}

/// What a backslash and `byte` stand for, if that is all of the escape.
#[inline(always)]
pub(super) fn short_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'"' | b'\\' | b'/' => byte as char,
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

pub(super) fn hex<S: Sink>(
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
pub(super) fn number<S: Sink>(
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

pub(super) fn spell<S: Sink>(
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
