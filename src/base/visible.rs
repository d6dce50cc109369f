//! Text of strangers, for people to read: what a terminal would obey, what nobody would see and what
//! only looks like something else is written out.

use std::fmt::{self, Write as _};

/// Shows a text on one line with nothing hidden in it: control characters, invisible and
/// direction-changing ones, combining marks, and letters of other scripts within a Latin word stand
/// as `\u{200b}`.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_latin_word = false;
        let mut rest = self.0;
        while let Some(c) = rest.chars().next() {
            let at_word = self.0.len() == rest.len() || !is_letter_before(self.0, rest);
            if at_word {
                is_latin_word = word(rest).chars().any(|c| c.is_ascii_alphabetic());
            }
            if is_hidden(c) || (is_latin_word && is_foreign(c)) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
            rest = &rest[c.len_utf8()..];
        }
        Ok(())
    }
}

impl Visible<'_> {
    /// Whether something in the text is written out.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.to_string() != self.0
    }
}

fn is_letter_before(text: &str, rest: &str) -> bool {
    let before = &text[..text.len() - rest.len()];
    before.chars().next_back().is_some_and(char::is_alphabetic)
}

/// The letters that `text` begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphabetic());
    &text[..end.unwrap_or(text.len())]
}

fn is_hidden(c: char) -> bool {
    // Letters and signs by their category, and blank all the same: Hangul fillers, empty Braille.
    const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{2800}'];
    let is_plain = matches!(c, '\'' | '"' | '\\') || c.escape_debug().len() == 1;
    !is_plain || BLANK.contains(&c)
}

/// A letter that is not Latin.
fn is_foreign(c: char) -> bool {
    let is_latin = c.is_ascii() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    c.is_alphabetic() && !is_latin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for text in [
            "",
            "plain \"text\" \\n",
            "Straße, café",
            "привет мир",
            "検索する",
            "x = λ",
            "→ ✓",
        ] {
            assert_eq!(Visible(text).to_string(), text);
            assert!(!Visible(text).hides());
        }
    }

    #[test]
    fn what_hides_is_written_out() {
        for (text, shown) in [
            ("a\u{200b}b", "a\\u{200b}b"),
            ("\u{202e}gnirts", "\\u{202e}gnirts"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("two\nlines", "two\\u{a}lines"),
            ("no\u{a0}break", "no\\u{a0}break"),
            ("tag \u{e0041}\u{e0042}", "tag \\u{e0041}\\u{e0042}"),
            ("\u{3164}\u{2800}", "\\u{3164}\\u{2800}"),
            ("re\u{301}sume", "re\\u{301}sume"),
            // A Cyrillic a and a Greek omicron.
            ("p\u{430}ssw\u{3bf}rd", "p\\u{430}ssw\\u{3bf}rd"),
            ("\u{430}dmin", "\\u{430}dmin"),
        ] {
            assert_eq!(Visible(text).to_string(), shown);
            assert!(Visible(text).hides());
        }
    }
}
