//! Member names that mean something, and names that some parser would take for them.
//!
//! Go's decoder folds case, Python's models take `task_id` for `taskId`, parsers in C end a text at
//! its first zero byte. A name that only such a parser reads as one of ours is refused wherever ours
//! is looked for: else the server would see a name or a method that nobody judged.

use crate::json::Value;

/// A second way to write a member that is looked for, or the same one twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Doubtful;

/// Asks that whatever could be taken for one of `known` is that, letter by letter, and is there
/// once.
pub(super) fn plain(object: Value<'_>, known: &[&str]) -> Result<(), Doubtful> {
    // One bit for each name that was seen.
    let mut seen = 0u64;
    for (name, _) in object.members() {
        // Nearly all names differ from nearly all others in their first letter.
        let (ascii, first) = (name.is_ascii(), letters(name).next());
        let alike = |known: &&str| match ascii {
            true => letters(known).next() == first && letters(name).eq(letters(known)),
            false => folds_to(name, known),
        };
        let Some(index) = known.iter().position(alike) else {
            continue;
        };
        let bit = 1 << (index % 64);
        if name != known[index] || seen & bit != 0 {
            return Err(Doubtful);
        }
        seen |= bit;
    }
    Ok(())
}

/// Whether a parser that folds case reads `name` as `known`, which is ASCII. Through upper case,
/// because `ſ` and the Kelvin sign are `s` and `k` to such parsers.
fn folds_to(name: &str, known: &str) -> bool {
    let folded = name
        .chars()
        .take_while(|letter| *letter != '\0')
        .filter(|letter| !is_separator(*letter))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    folded.eq(letters(known).map(char::from))
}

/// The letters without case, without separators, up to a zero byte.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .take_while(|byte| *byte != 0)
        .filter(|byte| !is_separator(char::from(*byte)))
        .map(|byte| byte.to_ascii_lowercase())
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Keys, Tape};

    fn judge(text: &str) -> Result<(), Doubtful> {
        let mut tape = Tape::new();
        let value = tape.parse_value(text.as_bytes(), Keys::Unchecked).unwrap();
        plain(value, &["method", "taskId", "_meta", "a/b"])
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
