//! Member names that mean something, and names that some parser would take for them.
//!
//! Go's decoder folds case, Python's models take `task_id` for `taskId`, parsers in C end a text at
//! its first zero byte. A name that only such a parser reads as one of ours is refused wherever ours
//! is looked for: else the server would see a name or a method that nobody judged.

use crate::json::Value;

/// A second way to write a member that is looked for, or the same one twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Doubtful;

/// Names that are looked for in an object.
pub(super) struct Names<const N: usize> {
    names: [&'static str; N],
    /// A bit for each letter that the letters of one begin with.
    firsts: u32,
}

/// What an object has under the names that are looked for, in their order.
pub(super) type Found<'a, const N: usize> = [Option<Value<'a>>; N];

impl<const N: usize> Names<N> {
    pub(super) const fn new(names: [&'static str; N]) -> Names<N> {
        let (mut firsts, mut index) = (0, 0);
        while index < N {
            let (name, mut at) = (names[index].as_bytes(), 0);
            while is_separator(name[at]) {
                at += 1;
            }
            firsts |= letter_bit(name[at]);
            index += 1;
        }
        Names { names, firsts }
    }

    /// What `object` has under these names. Whatever could be taken for one of them must be that,
    /// letter by letter, and be there once.
    pub(super) fn of<'a>(&self, object: Value<'a>) -> Result<Found<'a, N>, Doubtful> {
        let mut found = [None; N];
        for (name, value) in object.members() {
            let place = match self.names.iter().position(|known| name == *known) {
                Some(index) => &mut found[index],
                None if self.resembles(name) => return Err(Doubtful),
                None => continue,
            };
            if place.replace(value).is_some() {
                return Err(Doubtful);
            }
        }
        Ok(found)
    }

    /// Whether some parser takes `name`, which is none of these, for one of them.
    fn resembles(&self, name: &str) -> bool {
        // Nearly all names differ from nearly all others in their first letter.
        let first = name.bytes().next().unwrap_or_default();
        if first.is_ascii_alphanumeric() && self.firsts & letter_bit(first) == 0 {
            return false;
        }
        let ascii = name.is_ascii();
        let alike = |known: &&str| match ascii {
            true => letters(name).eq(letters(known)),
            false => folds_to(name, known),
        };
        let begins = |known: &&&str| {
            !first.is_ascii_alphanumeric()
                || letters(known).next() == Some(first.to_ascii_lowercase())
        };
        self.names.iter().filter(begins).any(alike)
    }
}

/// One bit for each letter, whatever its case; none for other bytes.
const fn letter_bit(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => 1 << (letter - b'a'),
        _ => 0,
    }
}

/// Whether a parser that folds case reads `name` as `known`, which is ASCII. Through upper case,
/// because `ſ` and the Kelvin sign are `s` and `k` to such parsers.
fn folds_to(name: &str, known: &str) -> bool {
    let folded = name
        .chars()
        .take_while(|letter| *letter != '\0')
        .filter(|letter| !matches!(letter, '_' | '-'))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    folded.eq(letters(known).map(char::from))
}

/// The letters without case, without separators, up to a zero byte.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .take_while(|byte| *byte != 0)
        .filter(|byte| !is_separator(*byte))
        .map(|byte| byte.to_ascii_lowercase())
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Keys, Tape};

    fn judge(text: &str) -> Result<(), Doubtful> {
        let mut tape = Tape::new();
        let value = tape.parse_value(text.as_bytes(), Keys::Unchecked).unwrap();
        const NAMES: Names<4> = Names::new(["method", "taskId", "_meta", "a/b"]);
        NAMES.of(value).map(drop)
    }

    #[test]
    fn what_could_be_taken_for_a_name_must_be_it() {
        for good in [
            r#"{"method":1,"taskId":2,"_meta":3,"a/b":4}"#,
            r#"{"methods":1,"Other":2,"other":3,"other":4}"#,
            "{}",
            "[]",
        ] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
        for bad in [
            r#"{"Method":1}"#,
            r#"{"method":1,"method":2}"#,
            r#"{"task_id":1}"#,
            r#"{"task-ID":1}"#,
            r#"{"meta":1}"#,
            r#"{"method\u0000x":1}"#,
            r#"{"tas\u212aId":1}"#,
            r#"{"A/B":1}"#,
        ] {
            assert_eq!(judge(bad), Err(Doubtful), "{bad}");
        }
    }
}
