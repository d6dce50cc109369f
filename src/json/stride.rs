//! What most texts are made of, read token by token: plain strings, scalars, brackets.
//!
//! A stride ends before anything that is cut, escaped or wrong. The lexer's steps read that, byte
//! by byte, and they alone refuse; so there is still one grammar, and this is its common half.

use super::lexer::{Container, Lexer, Scalar, Sink};
use super::plain::Stops;
use super::state::State;
use crate::base::limits::JSON_DEPTH;

impl Lexer {
    /// Reads from `*at` on as far as tokens are here whole and plain, and answers the state that
    /// stands behind them.
    #[inline(always)]
    pub(super) fn stride<S: Sink>(
        &mut self,
        mut state: State,
        piece: &[u8],
        at: &mut usize,
        sink: &mut S,
    ) -> State {
        if !state.allows_space() {
            return state;
        }
        let mut here = *at;
        let mut stops = Stops::from(piece, here);
        loop {
            if matches!(state, State::Key | State::KeyOrEnd) {
                let Some(b'"') = token(piece, &mut here) else {
                    break;
                };
                let plain;
                (state, plain) = members(piece, &mut stops, &mut here, sink);
                if !plain {
                    break;
                }
            }
            if state == State::Colon {
                let Some(b':') = token(piece, &mut here) else {
                    break;
                };
                here += 1;
                state = State::Value;
            }
            if matches!(state, State::Value | State::ValueOrEnd) {
                match self.whole_value(piece, &mut stops, &mut here, sink) {
                    Some(State::AfterValue) => state = State::AfterValue,
                    Some(inside) => {
                        state = inside;
                        continue;
                    }
                    None => break,
                }
            }
            // Nothing is open at depth 0, and so neither of them.
            let in_object = self.objects & 1 == 1;
            let in_array = !in_object && self.depth > 0;
            match token(piece, &mut here) {
                Some(b',') if in_object => state = State::Key,
                Some(b',') if in_array => state = State::Value,
                Some(b'}') if in_object => state = self.close(Container::Object, here, sink),
                Some(b']') if in_array => state = self.close(Container::Array, here, sink),
                _ => break,
            }
            here += 1;
        }
        *at = here;
        state
    }

    /// Reads the value at `*at`, or its opening bracket; the state that stands behind it.
    #[inline(always)]
    fn whole_value<S: Sink>(
        &mut self,
        piece: &[u8],
        stops: &mut Stops<'_>,
        at: &mut usize,
        sink: &mut S,
    ) -> Option<State> {
        match token(piece, at) {
            Some(b'"') => {
                let end = stops.string_end(*at)?;
                sink.string(false, *at + 1, end);
                *at = end + 1;
            }
            Some(bracket @ (b'{' | b'[')) if self.depth < JSON_DEPTH => {
                let container = match bracket {
                    b'{' => Container::Object,
                    _ => Container::Array,
                };
                let inside = self.enter(container, *at, sink);
                *at += 1;
                return Some(inside);
            }
            _ => {
                let (scalar, end) = scalar(piece, *at)?;
                sink.scalar(scalar, *at, end);
                *at = end;
            }
        }
        Some(State::AfterValue)
    }
}

/// Reads members whose values are strings, as most writers write them: names, colons, values and
/// commas from the quote at `*at` on, without white space. Answers the state that stands behind
/// what was read, and whether it ended with a string rather than before one that is not plain.
#[inline(always)]
fn members<S: Sink>(
    piece: &[u8],
    stops: &mut Stops<'_>,
    at: &mut usize,
    sink: &mut S,
) -> (State, bool) {
    while stops.next().is_some_and(|stop| stop < *at) {}
    loop {
        match member_string(piece, stops, at, true, b"\":\"", sink) {
            None => return (State::Key, false),
            Some(false) => return (State::Colon, true),
            Some(true) => {}
        }
        match member_string(piece, stops, at, false, b"\",\"", sink) {
            None => return (State::Value, false),
            Some(false) => return (State::AfterValue, true),
            Some(true) => {}
        }
    }
}

/// Reads the plain string that opens at `*at`, which is the last of `stops` answered. True when
/// `joint`, the string's closing quote included, stands behind it: then `*at` is where the next
/// string opens, the last of `stops` again.
#[inline(always)]
fn member_string<S: Sink>(
    piece: &[u8],
    stops: &mut Stops<'_>,
    at: &mut usize,
    key: bool,
    joint: &[u8; 3],
    sink: &mut S,
) -> Option<bool> {
    let quote = *at;
    let stop = stops.next()?;
    if stands(piece, stop, *joint) {
        sink.string(key, quote + 1, stop);
        // The joint's other quote is the stop that comes next, and not searched for.
        stops.skip();
        *at = stop + 2;
        return Some(true);
    }
    let end = stops.closing(quote, stop)?;
    sink.string(key, quote + 1, end);
    *at = end + 1;
    Some(false)
}

/// Whether `joint` stands at `at` with one byte more behind it, so that four are compared at once.
#[inline(always)]
fn stands(piece: &[u8], at: usize, [first, second, third]: [u8; 3]) -> bool {
    let four = piece.get(at..).and_then(|rest| rest.first_chunk());
    let joint = u32::from_le_bytes([0, first, second, third]);
    four.is_some_and(|four| u32::from_le_bytes(*four) << 8 == joint)
}

/// The first byte from `*at` on that is not white space; `*at` is where it stands.
#[inline(always)]
fn token(piece: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let byte = *piece.get(*at)?;
        if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Some(byte);
        }
        *at += 1;
    }
}

/// The scalar that begins at `at`, and where it ends, if its end can be seen.
#[inline(always)]
fn scalar(piece: &[u8], at: usize) -> Option<(Scalar, usize)> {
    let rest = piece.get(at..)?;
    let word = |word: &[u8], scalar| rest.starts_with(word).then_some((scalar, at + word.len()));
    match rest.first()? {
        b't' => word(b"true", Scalar::True),
        b'f' => word(b"false", Scalar::False),
        b'n' => word(b"null", Scalar::Null),
        _ => number(rest).map(|length| (Scalar::Number, at + length)),
    }
}

/// Bytes of the number that `bytes` begin with, if something stands behind it.
#[inline(always)]
fn number(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (length > 0).then_some(from + length)
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => digits(at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(signed))?;
    }
    (at < bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read_in_pieces;

    /// Byte by byte, no token is whole, so nothing is read at a stride.
    fn says_the_same_at_a_stride(text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        let steps = read_in_pieces(text.chunks(1));
        assert_eq!(read_in_pieces([text]), steps, "{shown}");
        for cut in [15, 16, 17, 31, 32, 33] {
            assert_eq!(read_in_pieces(text.chunks(cut)), steps, "by {cut}: {shown}");
        }
    }

    #[test]
    fn strings_of_any_length_with_anything_anywhere() {
        let specials: [&[u8]; 9] = [
            b"",
            b"\\n",
            b"\\ud83d\\ude00",
            "\u{e9}".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"\x7f",
            b"\x1f",
            b"\xff",
            b"\xc3",
        ];
        for length in 0..67 {
            for special in specials {
                for at in [0, length / 2, length] {
                    let content = [&b"x".repeat(at), special, &b"y".repeat(length - at)].concat();
                    let value = [b"{\"a\":\"", &*content, b"\",\"b\":[-1.5e3,true]}"].concat();
                    says_the_same_at_a_stride(&value);
                    let name = [b"[{\"", &*content, b"\" : null , \"b\" : [ ] }]\r\n"].concat();
                    says_the_same_at_a_stride(&name);
                }
            }
        }
    }

    #[test]
    fn scalars_and_brackets_that_go_wrong_late() {
        let filler = "                        ";
        for tail in [
            "01]",
            "-]",
            "1.]",
            "1e]",
            "1e+]",
            "1.5e-7]",
            "-12.5E+30]",
            "7e9 ]",
            "-0]",
            "0.0 ]",
            "truex]",
            "tru]",
            "nul",
            "nulll]",
            "falsefalse]",
            "}",
            "]]",
            "1,]",
            "1,,2]",
            "{\"a\" 1}]",
            "{\"a\":}]",
            "{,}]",
            "{\"a\":1,}]",
            "{1:2}]",
            "\"a\"\"b\"]",
            "[1}",
            "{\"a\":[1]]",
            "\u{feff}1]",
        ] {
            says_the_same_at_a_stride(format!("[{tail}{filler}").as_bytes());
        }
        for depth in [127, 128, 129] {
            let deep = "[".repeat(depth) + &"]".repeat(depth) + filler;
            says_the_same_at_a_stride(deep.as_bytes());
            let deep = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth) + filler;
            says_the_same_at_a_stride(deep.as_bytes());
        }
    }
}
