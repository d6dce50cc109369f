//! The configuration text: what was read, `${NAME}` replaced, and the way back from a place in the
//! replaced text to line and column of the file.

use std::path::{Path, PathBuf};

use serde_saphyr::Location;

use super::errors::Mistake;

/// A stretch of the text that was parsed; `Source::position` turns it into line and column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    start: usize,
    len: usize,
}

impl Place {
    pub(super) fn of(location: Location) -> Place {
        let span = location.span();
        Place {
            start: to_usize(span.byte_offset().unwrap_or(0)),
            len: to_usize(span.byte_len().unwrap_or(0)),
        }
    }
}

fn to_usize(offset: impl Into<u64>) -> usize {
    usize::try_from(offset.into()).unwrap_or(usize::MAX)
}

/// A [`Place`] that makes no difference: two configurations are equal wherever their parts stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spot(Place);

impl PartialEq for Spot {
    fn eq(&self, _: &Spot) -> bool {
        true
    }
}

impl Eq for Spot {}

impl From<Place> for Spot {
    fn from(place: Place) -> Spot {
        Spot(place)
    }
}

impl From<Spot> for Place {
    fn from(spot: Spot) -> Place {
        spot.0
    }
}

/// Line, column and width of a place, as the file has it.
pub(super) struct Position<'s> {
    pub line: usize,
    pub column: usize,
    pub width: usize,
    pub text: &'s str,
}

/// One configuration file's text.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    original: String,
    replaced: String,
    /// (start in `replaced`, length there, start in `original`, length there) of each variable.
    variables: Vec<Variable>,
}

#[derive(Clone, Copy, Debug)]
struct Variable {
    replaced: Place,
    original: Place,
}

impl Source {
    /// Replaces the `${NAME}` outside comments by what `lookup` says.
    ///
    /// The replacement becomes part of the YAML text (so that numbers stay numbers and flow style
    /// works), hence a value that could change the file's structure is refused.
    pub(super) fn new(
        path: &Path,
        original: String,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Source, (Source, Vec<Mistake>)> {
        let mut source = Source {
            path: path.to_owned(),
            replaced: String::with_capacity(original.len()),
            original,
            variables: Vec::new(),
        };
        let mut mistakes = Vec::new();
        let mut done = 0;
        for Reference { start, end, closed } in references(&source.original) {
            let name_end = if closed { end - 1 } else { start + 2 };
            let name = &source.original[start + 2..name_end];
            source.replaced.push_str(&source.original[done..start]);
            let place = Place {
                start: source.replaced.len(),
                len: 0,
            };
            let value = match replacement(name, lookup) {
                Ok(value) => value,
                Err(why) => {
                    mistakes.push(Mistake::new(place, why));
                    String::new()
                }
            };
            source.replaced.push_str(&value);
            source.variables.push(Variable {
                replaced: Place {
                    len: value.len(),
                    ..place
                },
                original: Place {
                    start,
                    len: end - start,
                },
            });
            done = end;
        }
        source.replaced.push_str(&source.original[done..]);
        if mistakes.is_empty() {
            Ok(source)
        } else {
            Err((source, mistakes))
        }
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place that the YAML reader means; where it has no byte offsets, by line and column.
    pub(super) fn place(&self, location: Location) -> Place {
        if location.span().byte_offset().is_some() {
            return Place::of(location);
        }
        let lines = self.replaced.split_inclusive('\n');
        let before = lines.take(to_usize(location.line().saturating_sub(1)));
        let line_start: usize = before.map(str::len).sum();
        let columns = self.replaced[line_start..].chars();
        let before = columns.take(to_usize(location.column().saturating_sub(1)));
        Place {
            start: line_start + before.map(char::len_utf8).sum::<usize>(),
            len: 1,
        }
    }

    /// The text to parse.
    pub(super) fn text(&self) -> &str {
        &self.replaced
    }

    /// The one character of a text at `place`, `at` characters into it; `None` where the text is not
    /// written as it is read (escapes, folded lines).
    pub(super) fn within(&self, place: Place, text: &str, at: usize) -> Option<Place> {
        let written = self.replaced.get(place.start..)?;
        let inside = written.trim_start_matches(['"', '\'']);
        let quotes = written.len() - inside.len();
        if quotes > 1 || !inside.starts_with(text) {
            return None;
        }
        let before: usize = text.chars().take(at).map(char::len_utf8).sum();
        Some(Place {
            start: place.start + quotes + before,
            len: text.chars().nth(at).map_or(0, char::len_utf8),
        })
    }

    /// Where `place` stands in the file; a place inside a variable's value is the variable.
    pub(super) fn position(&self, place: Place) -> Position<'_> {
        let start = self.to_original(place.start, false);
        let end = self.to_original(place.start.saturating_add(place.len), true);
        let start = floor_boundary(&self.original, start);
        let line_start = self.original[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.original[start..]
            .find('\n')
            .map_or(self.original.len(), |at| start + at);
        let end = floor_boundary(&self.original, end.clamp(start, line_end));
        Position {
            line: self.original[..line_start].matches('\n').count() + 1,
            column: self.original[line_start..start].chars().count() + 1,
            width: self.original[start..end].trim_end().chars().count().max(1),
            text: self.original[line_start..line_end].trim_end(),
        }
    }

    fn to_original(&self, offset: usize, is_end: bool) -> usize {
        let (mut from, mut to) = (0, 0);
        for Variable { replaced, original } in &self.variables {
            let is_before =
                offset < replaced.start || (is_end && offset == replaced.start && replaced.len > 0);
            if is_before {
                break;
            }
            from = replaced.start + replaced.len;
            to = original.start + original.len;
            if offset < from || (offset == from && !is_end && replaced.len == 0) {
                return if is_end { to } else { original.start };
            }
        }
        offset.saturating_sub(from).saturating_add(to)
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Where a `${…}` stands; one without its brace reaches to the end of the line and names nothing.
struct Reference {
    start: usize,
    end: usize,
    closed: bool,
}

/// Every `${…}` outside comments.
fn references(text: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let code = &line[..comment_start(line)];
        let mut from = 0;
        while let Some(start) = code[from..].find("${").map(|at| from + at) {
            let brace = code[start..].find('}').map(|at| start + at + 1);
            let end = brace.unwrap_or(code.trim_end().len());
            found.push(Reference {
                start: offset + start,
                end: offset + end,
                closed: brace.is_some(),
            });
            from = end;
        }
        offset += line.len();
    }
    found
}

/// Where a line's comment begins: a `#` at its start or after white space, outside quotes.
fn comment_start(line: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (at, now) in line.char_indices() {
        match (quote, now) {
            (Some(open), _) if open == now && before != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if before.is_whitespace() || "[{,:".contains(before) => {
                quote = Some(now);
            }
            (None, '#') if before.is_whitespace() => return at,
            (None, _) => {}
        }
        before = now;
    }
    line.len()
}

fn replacement(name: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || each == '_');
    if !is_name {
        return Err("a variable is written `${NAME}`, NAME of letters, digits and `_`".into());
    }
    let value = lookup(name).ok_or_else(|| format!("the variable `{name}` is not set"))?;
    if value.is_empty() {
        Err(format!("the variable `{name}` is empty"))
    } else if is_inert(&value) {
        Ok(value)
    } else {
        Err(format!(
            "the value of `{name}` has characters that would change the file's structure"
        ))
    }
}

/// True when YAML reads the value as (part of) one scalar, in flow and block style alike.
fn is_inert(value: &str) -> bool {
    let has_structure = value
        .chars()
        .any(|each| each.is_control() || "\"'{}[],&*!|>`\\".contains(each));
    let has_edge = value.starts_with(['#', '%', '@', '?', '-', ' ']) || value.ends_with([':', ' ']);
    !value.is_empty()
        && !has_structure
        && !has_edge
        && !value.contains(": ")
        && !value.contains(" #")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "LONG" => Some("a-long-value".into()),
            "EVIL" => Some("x\nadmin: y".into()),
            _ => None,
        }
    }

    fn source(text: &str) -> Source {
        match Source::new(Path::new("f.yaml"), text.into(), &lookup) {
            Ok(source) => source,
            Err((_, mistakes)) => panic!("{mistakes:?}"),
        }
    }

    #[test]
    fn places_behind_a_variable_point_into_the_file() {
        let source = source("a: ${LONG}, é: next # ${UNSET}\n");
        assert_eq!(source.text(), "a: a-long-value, é: next # ${UNSET}\n");
        let start = source.text().find("next").unwrap();
        let position = source.position(Place { start, len: 4 });
        assert_eq!((position.line, position.column, position.width), (1, 16, 4));
        let inside = source.position(Place { start: 5, len: 2 });
        assert_eq!((inside.column, inside.width), (4, 7));
    }

    #[test]
    fn a_character_is_found_inside_a_text() {
        let source = source("a: é > x\nb: 'é > x'\nc: \"\\u00e9 > x\"\n");
        let text = "é > x";
        let place = |start: &str| Place {
            start: source.text().find(start).unwrap() + 3,
            len: text.len(),
        };
        let column = |start: &str| {
            let inside = source.within(place(start), text, 4)?;
            let position = source.position(inside);
            assert_eq!(position.width, 1);
            Some(position.column)
        };
        assert_eq!(column("a: "), Some(8));
        assert_eq!(column("b: "), Some(9));
        assert_eq!(column("c: "), None);
    }

    #[test]
    fn a_hash_inside_quotes_is_no_comment() {
        assert_eq!(
            source("a: \"x # ${LONG}\"").text(),
            "a: \"x # a-long-value\""
        );
        assert_eq!(source("a: b#${LONG}").text(), "a: b#a-long-value");
    }

    #[test]
    fn a_value_cannot_change_the_structure() {
        for text in [
            "a: ${EVIL}",
            "a: ${unclosed",
            "a: ${",
            "a: ${ \nb: c",
            "a: ${\u{e9}",
            "a: ${LONG!",
            "a: ${NOT SET}",
            "a: ${}",
            "a: ${UNSET}",
        ] {
            assert!(
                Source::new(Path::new("f"), text.into(), &lookup).is_err(),
                "{text}"
            );
        }
    }
}
