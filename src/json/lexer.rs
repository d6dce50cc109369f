//! The push lexer: RFC 8259, in whatever pieces the bytes come. Whole plain tokens are read at a
//! [stride](super::stride); what is cut, escaped or wrong is read here, byte by byte.
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
use super::state::{
    Digits, State, escape, hex, number, plain_length, report_run, short_escape, spell, utf8,
    utf8_rest,
};
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

    /// A string whose content is the bytes `from..to`, all of them here and standing for
    /// themselves.
    #[inline]
    fn string(&mut self, key: bool, from: usize, to: usize) {
        self.string_by_parts(key, from, to);
    }
    /// A scalar that is the bytes `from..to`, all of them here.
    #[inline]
    fn scalar(&mut self, scalar: Scalar, from: usize, to: usize) {
        self.scalar_by_parts(scalar, from, to);
    }

    /// Such a string as one that comes in pieces is heard. Not for sinks to replace.
    #[inline]
    fn string_by_parts(&mut self, key: bool, from: usize, to: usize) {
        self.string_start(key, from - 1);
        if from < to {
            self.run(from, to);
        }
        self.string_end(key, to);
    }
    /// The same of a scalar.
    #[inline]
    fn scalar_by_parts(&mut self, scalar: Scalar, from: usize, to: usize) {
        self.scalar_start(scalar, from);
        self.scalar_end(scalar, to);
    }
}

/// The state of one text that is being read.
#[derive(Clone, Debug)]
pub struct Lexer {
    state: State,
    /// One bit per open container, the innermost lowest: 1 is an object.
    pub(super) objects: u128,
    pub(super) depth: u32,
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
            state = self.stride(state, piece, &mut at, sink);
            if at == piece.len() {
                break;
            }
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
            b't' => (Scalar::True, State::word(Scalar::True)),
            b'f' => (Scalar::False, State::word(Scalar::False)),
            b'n' => (Scalar::Null, State::word(Scalar::Null)),
            0xEF if self.depth == 0 => return Err(Problem::ByteOrderMark),
            _ => match Digits::first(byte) {
                Some(digits) => (Scalar::Number, State::Number(digits)),
                None => return Err(Problem::Unexpected),
            },
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
        Ok(self.enter(container, at, sink))
    }

    /// Opens a container for which there is room.
    #[inline(always)]
    pub(super) fn enter<S: Sink>(
        &mut self,
        container: Container,
        at: usize,
        sink: &mut S,
    ) -> State {
        self.depth += 1;
        let object = container == Container::Object;
        self.objects = (self.objects << 1) | u128::from(object);
        sink.open(container, at);
        if object {
            State::KeyOrEnd
        } else {
            State::ValueOrEnd
        }
    }

    #[inline(always)]
    pub(super) fn close<S: Sink>(
        &mut self,
        container: Container,
        at: usize,
        sink: &mut S,
    ) -> State {
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
        let mut from = *at;
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
                    if let Some(decoded) = piece.get(to + 1).copied().and_then(short_escape) {
                        sink.escape(decoded, 2, to + 2);
                        to += 2;
                        from = to;
                        continue;
                    }
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
