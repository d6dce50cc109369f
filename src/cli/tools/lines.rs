//! A definition as lines that can be compared: members in order, long texts a sentence a line, and
//! nothing in them that cannot be seen.

use crate::base::visible::Visible;
use crate::cli::terminal::COLUMNS;
use crate::json::{Keys, Kind, Tape, Value};

/// The lines of a definition. Its `_meta` is left out, as it is of the fingerprint.
pub fn lines(definition: &str) -> Vec<String> {
    let mut tape = Tape::new();
    // A name that stands twice is shown twice.
    let Ok(definition) = tape.parse_value(definition.as_bytes(), Keys::Unchecked) else {
        return vec![Visible(definition).to_string()];
    };
    let mut lines = Lines::default();
    let mut members = sorted(definition);
    members.retain(|(name, _)| *name != "_meta");
    lines.object(&members, 0);
    lines.done
}

/// A value's members by name, since their order means nothing.
pub fn sorted(value: Value<'_>) -> Vec<(&str, Value<'_>)> {
    let mut members: Vec<_> = value.members().collect();
    members.sort_by_key(|(name, _)| *name);
    members
}

#[derive(Default)]
struct Lines {
    done: Vec<String>,
    line: String,
}

impl Lines {
    fn end(&mut self, depth: usize) {
        let line = std::mem::replace(&mut self.line, "  ".repeat(depth));
        self.done.push(line);
    }

    fn object(&mut self, members: &[(&str, Value<'_>)], depth: usize) {
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                self.end(depth);
            }
            self.line.push_str(&format!("{}: ", Visible(name)));
            self.value(*value, depth);
        }
        if depth == 0 {
            self.end(0);
        }
    }

    fn value(&mut self, value: Value<'_>, depth: usize) {
        match value.kind() {
            Kind::Object if value.members().next().is_some() => {
                self.end(depth + 1);
                self.object(&sorted(value), depth + 1);
            }
            Kind::Array if value.items().next().is_some() => {
                for item in value.items() {
                    self.end(depth + 1);
                    self.line.push_str("- ");
                    self.value(item, depth + 1);
                }
            }
            Kind::String => self.text(value.as_str().unwrap_or_default(), depth),
            _ => self.line.push_str(value.raw()),
        }
    }

    /// A short text on its line; a long one below, in pieces that stay the same when others change.
    fn text(&mut self, text: &str, depth: usize) {
        let pieces = pieces(text);
        if let [] | [_] = pieces[..] {
            self.line.push_str(&quoted(text));
            return;
        }
        for piece in pieces {
            self.end(depth + 1);
            self.line.push_str(&quoted(piece));
        }
    }
}

/// In quotation marks; a line break at the end, which is harmless and common, as JSON writes it.
fn quoted(piece: &str) -> String {
    match piece.strip_suffix('\n') {
        Some(line) => format!("\"{}\\n\"", Visible(line)),
        None => format!("\"{}\"", Visible(piece)),
    }
}

/// Cuts after line breaks and sentences, and what is still long between words.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece_end(rest));
            pieces.push(piece);
            rest = after;
        }
    }
    pieces
}

/// Where the first piece of a text without inner line breaks ends: after a sentence, or where the
/// screen does.
fn piece_end(text: &str) -> usize {
    const LONGEST: usize = COLUMNS - 20;
    let mut last_space = None;
    let mut before = ' ';
    for (count, (at, c)) in text.char_indices().enumerate() {
        let after = at + c.len_utf8();
        if c == ' ' {
            if matches!(before, '.' | '?' | '!') {
                return after;
            }
            last_space = Some(after);
        }
        if count >= LONGEST {
            return last_space.unwrap_or(after);
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_white_space_do_not_matter() {
        let one = r#"{"name":"a","inputSchema":{"type":"object","required":["x","y"],"p":{}}}"#;
        let two = r#"{ "inputSchema": {"p":{}, "required":["x","y"],"type":"object"}, "_meta": 1,
            "name":"a" }"#;
        let expected = [
            "inputSchema: ",
            "  p: {}",
            "  required: ",
            "    - \"x\"",
            "    - \"y\"",
            "  type: \"object\"",
            "name: \"a\"",
        ];
        assert_eq!(lines(one), expected);
        assert_eq!(lines(two), expected);
    }

    #[test]
    fn a_name_that_stands_twice_is_shown_twice() {
        let twice = r#"{"description":"harmless","description":"not so"}"#;
        let expected = ["description: \"harmless\"", "description: \"not so\""];
        assert_eq!(lines(twice), expected);
    }

    #[test]
    fn a_long_text_stands_a_sentence_a_line() {
        let text =
            r#"{"description":"Finds tickets. Returns at most 20.\nSee also\u200b: close."}"#;
        let expected = [
            "description: ",
            "  \"Finds tickets. \"",
            "  \"Returns at most 20.\\n\"",
            "  \"See also\\u{200b}: close.\"",
        ];
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn pieces_make_up_the_text() {
        let long = "word ".repeat(100) + &"x".repeat(300) + "é. Ü! \n\n";
        let pieces = pieces(&long);
        assert_eq!(pieces.concat(), long);
        assert!(pieces.iter().all(|piece| piece.chars().count() <= COLUMNS));
    }
}
