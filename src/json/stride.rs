//! What most texts are made of, read token by token: plain strings, scalars, brackets.
//!
//! A stride ends before anything that is cut, escaped or wrong. The lexer's steps read that, byte
//! by byte, and they alone refuse; so there is still one grammar, and this is its common half.

use super::lexer::{Container, Lexer, Scalar, Sink};
use super::plain::plain_end;
use super::state::{Digits, State};
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
        loop {
            if matches!(state, State::Key | State::KeyOrEnd) {
                here = skip_space(piece, here);
                let Some(end) = plain_string(piece, here) else {
                    break;
                };
                sink.string(true, here + 1, end);
                here = end + 1;
                state = State::Colon;
            }
            if state == State::Colon {
                here = skip_space(piece, here);
                if piece.get(here) != Some(&b':') {
                    break;
                }
                here += 1;
                state = State::Value;
            }
            if matches!(state, State::Value | State::ValueOrEnd) {
                here = skip_space(piece, here);
                match piece.get(here) {
                    Some(b'"') => {
                        let Some(end) = plain_end(piece, here + 1) else {
                            break;
                        };
                        sink.string(false, here + 1, end);
                        here = end + 1;
                    }
                    Some(b'{') if self.depth < JSON_DEPTH => {
                        state = self.enter(Container::Object, here, sink);
                        here += 1;
                        continue;
                    }
                    Some(b'[') if self.depth < JSON_DEPTH => {
                        state = self.enter(Container::Array, here, sink);
                        here += 1;
                        continue;
                    }
                    _ => {
                        let Some((scalar, end)) = scalar(piece, here) else {
                            break;
                        };
                        sink.scalar(scalar, here, end);
                        here = end;
                    }
                }
                state = State::AfterValue;
            }
            here = skip_space(piece, here);
            let in_object = self.objects & 1 == 1;
            match piece.get(here) {
                _ if self.depth == 0 => break,
                Some(b',') if in_object => state = State::Key,
                Some(b',') => state = State::Value,
                Some(b'}') if in_object => state = self.close(Container::Object, here, sink),
                Some(b']') if !in_object => state = self.close(Container::Array, here, sink),
                _ => break,
            }
            here += 1;
        }
        *at = here;
        state
    }
}

#[inline(always)]
fn skip_space(piece: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = piece.get(at) {
        at += 1;
    }
    at
}

/// Where the plain string that opens at `at` has its closing quote.
#[inline(always)]
fn plain_string(piece: &[u8], at: usize) -> Option<usize> {
    if piece.get(at) != Some(&b'"') {
        return None;
    }
    plain_end(piece, at + 1)
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
        byte => {
            let mut digits = Digits::first(*byte)?;
            for (length, &byte) in rest.iter().enumerate().skip(1) {
                match digits.after(byte) {
                    Some(next) => digits = next,
                    None if digits.may_end() => return Some((Scalar::Number, at + length)),
                    None => return None,
                }
            }
            None
        }
    }
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
