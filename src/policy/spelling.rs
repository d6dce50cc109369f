//! One name in many spellings: what a careless upstream may take for the same.
//!
//! Resource URIs and tool names are texts that an upstream reads in its own way: some fold case,
//! decode percent-encoding (once, or again), take `\` for `/`, drop white space and controls (as
//! URL parsers do), or run slashes together. [`Loose`] reads a name as all of them at once, so that
//! two names with the same loose reading are one name to whatever restricts.

use memchr::memchr2;

/// The bytes of a name in its loose reading: percent-decoded however often it was encoded, ASCII in
/// lower case, `\` as `/`, slashes run together, nothing up to a space.
#[derive(Clone, Debug)]
pub(super) struct Loose<'a> {
    rest: &'a [u8],
    after_slash: bool,
}

impl<'a> Loose<'a> {
    pub(super) fn new(name: &'a str) -> Loose<'a> {
        Loose {
            rest: name.as_bytes(),
            after_slash: false,
        }
    }

    /// What follows `piece`, when the reading goes on with it. A slash that it begins with may have
    /// run together with one that was read already.
    fn after(mut self, piece: &[u8]) -> Option<Loose<'a>> {
        let piece = match self.after_slash {
            true => piece.strip_prefix(b"/").unwrap_or(piece),
            false => piece,
        };
        for byte in piece {
            if self.next() != Some(*byte) {
                return None;
            }
        }
        Some(self)
    }

    /// What follows the first `piece` from here on.
    fn find(mut self, piece: &[u8]) -> Option<Loose<'a>> {
        loop {
            if let Some(rest) = self.clone().after(piece) {
                return Some(rest);
            }
            self.next()?;
        }
    }

    fn ends(mut self) -> bool {
        self.next().is_none()
    }

    /// True when the reading is what stands between stars: the first piece, anything, the next, and
    /// so on. One piece is a whole name.
    pub(super) fn fits(self, pieces: &[Box<[u8]>]) -> bool {
        let [first, others @ ..] = pieces else {
            return false;
        };
        let Some(mut rest) = self.after(first) else {
            return false;
        };
        let [middle @ .., last] = others else {
            return rest.ends();
        };
        for piece in middle {
            match rest.find(piece) {
                Some(next) => rest = next,
                None => return false,
            }
        }
        loop {
            if rest.clone().after(last).is_some_and(Loose::ends) {
                return true;
            }
            if rest.next().is_none() {
                return false;
            }
        }
    }
}

impl Iterator for Loose<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let (byte, rest) = decoded(self.rest)?;
            self.rest = rest;
            let byte = match byte {
                b'\\' => b'/',
                other => other.to_ascii_lowercase(),
            };
            let is_repeated = byte == b'/' && self.after_slash;
            if byte > b' ' && byte != 0x7f && !is_repeated {
                self.after_slash = byte == b'/';
                return Some(byte);
            }
        }
    }
}

/// The first byte, and what follows it. `%2541` is `%41` encoded again, and so `A`.
fn decoded(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, mut rest) = text.split_first()?;
    if *first != b'%' {
        return Some((*first, rest));
    }
    while let Some(more) = rest.strip_prefix(b"25") {
        rest = more;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match rest {
        [high, low, more @ ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => Some(((high * 16 + low) as u8, more)),
            _ => Some((b'%', rest)),
        },
        _ => Some((b'%', rest)),
    }
}

/// Whether two texts have the same loose reading.
pub(super) fn same(a: &str, b: &str) -> bool {
    Loose::new(a).eq(Loose::new(b))
}

/// Whether the name has a segment `.` or `..` in some spelling: an upstream may resolve it, and what
/// it then means is not what it says.
pub(super) fn is_unsettled(name: &str) -> bool {
    if memchr2(b'.', b'%', name.as_bytes()).is_none() {
        return false;
    }
    let (mut dots, mut others) = (0_u32, false);
    for byte in Loose::new(name).chain([b'/']) {
        match byte {
            b'.' => dots += 1,
            b'/' | b'?' | b'#' | b';' => {
                if !others && (dots == 1 || dots == 2) {
                    return true;
                }
                (dots, others) = (0, false);
            }
            _ => others = true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn careless_readings_are_one() {
        for (a, b, want) in [
            ("delete_all", "Delete_ALL", true),
            ("delete_all", "delete_%61ll", true),
            ("delete_all", "delete_%2561ll", true),
            ("delete_all", " delete_all\u{0}", true),
            ("file:///etc/passwd", "FILE:/etc\\passwd", true),
            ("file:///etc/passwd", "file:///e\ttc%2Fpass\nwd", true),
            ("a%", "a%25", true),
            ("a%2", "a%2", true),
            ("a%zz", "a%25ZZ", true),
            ("delete_all", "delete-all", false),
            ("a", "aa", false),
            ("é", "É", false),
        ] {
            assert_eq!(same(a, b), want, "{a} and {b}");
        }
    }

    #[test]
    fn dot_segments_are_unsettled_in_every_spelling() {
        for name in [
            "..",
            "file:///docs/../etc",
            "file:///docs/..",
            "file:///docs/%2e%2E/etc",
            "file:///docs/%252e./etc",
            "file:///docs\\..\\etc",
            "file:///docs%2f..%5cetc",
            "file:///docs/.\t./etc",
            "file:///docs/./x",
            "file:///docs/..?x",
            "file:///docs/..;/x",
        ] {
            assert!(is_unsettled(name), "{name}");
        }
        for name in ["search_x", "a.b", "file:///a..b/c.txt", "x/...", "100%", ""] {
            assert!(!is_unsettled(name), "{name}");
        }
    }
}
