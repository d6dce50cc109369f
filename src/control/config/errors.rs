//! What is wrong with a configuration, shown where it stands.

use std::fmt::{self, Write as _};

use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use super::secrets::{is_reference, names_a_secret};
use super::source::{Place, Source};

/// One mistake: where, what, and what was perhaps meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    place: Option<Place>,
    message: String,
    help: Option<String>,
}

impl Mistake {
    /// A mistake that stands at `place`.
    pub fn new(place: impl Into<Place>, message: impl Into<String>) -> Mistake {
        Mistake {
            place: Some(place.into()),
            message: message.into(),
            help: None,
        }
    }

    /// A mistake of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Mistake {
        Mistake {
            place: None,
            message: message.into(),
            help: None,
        }
    }

    /// Adds a line on what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of `known`, when one is near enough, else the list of them.
    #[must_use]
    pub(super) fn near<'k>(
        self,
        wrong: &str,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) -> Mistake {
        let nearest = known
            .clone()
            .into_iter()
            .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
            .min();
        match nearest {
            Some((distance, name)) if distance <= 1 + wrong.len() / 4 => {
                self.help(format!("did you mean `{name}`?"))
            }
            Some(_) => {
                let known: Vec<&str> = known.into_iter().collect();
                self.help(format!("known here: {}", known.join(", ")))
            }
            None => self,
        }
    }

    /// What the YAML reader says, in this product's words.
    pub(super) fn of_yaml(error: &Error, source: &Source) -> Mistake {
        let error = error.without_snippet();
        let place = error.location().map(|location| source.place(location));
        let (message, wrong) = match error {
            Error::SerdeUnknownField {
                field, expected, ..
            } => (
                format!("unknown key `{field}`"),
                Some((field.as_str(), expected)),
            ),
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                (format!("the key `{key}` stands here twice"), None)
            }
            Error::Unexpected { expected, .. } => (kind_wanted(expected), None),
            other => (
                UserMessageFormatter.format_message(other).into_owned(),
                None,
            ),
        };
        let mistake = Mistake {
            place,
            message,
            help: None,
        };
        match wrong {
            Some((field, expected)) => mistake.near(field, expected.iter().copied()),
            None => mistake,
        }
    }
}

/// The YAML reader speaks of events; people of lists and mappings.
fn kind_wanted(event: &str) -> String {
    match event {
        "sequence start" => "expected a list here, such as `[a, b]`".to_owned(),
        "mapping start" => "expected a mapping here, such as `{ key: value }`".to_owned(),
        "string scalar" => "expected a single value here".to_owned(),
        other => format!("expected {other}"),
    }
}

/// All that is wrong with one configuration file. Its `Display` shows each mistake with its line.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistakes(String);

impl Mistakes {
    /// Renders mistakes against the text they were found in, in the order of the file.
    #[must_use]
    pub fn render(source: &Source, mut mistakes: Vec<Mistake>) -> Mistakes {
        mistakes.sort_by_key(|mistake| {
            mistake
                .place
                .map(|place| (source.position(place).line, source.position(place).column))
        });
        let mut out = String::new();
        for (index, mistake) in mistakes.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            // Writing to a String cannot fail.
            let _ = render(&mut out, source, mistake);
        }
        Mistakes(out)
    }

    /// A mistake about a file that could not even be read.
    #[must_use]
    pub fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Mistakes {
        Mistakes(format!("{}: {error}\n", path.display()))
    }
}

fn render(out: &mut String, source: &Source, mistake: &Mistake) -> fmt::Result {
    let path = source.path().display();
    let Some(place) = mistake.place else {
        writeln!(out, "{path}: {}", mistake.message)?;
        return match &mistake.help {
            Some(help) => writeln!(out, "  = {help}"),
            None => Ok(()),
        };
    };
    let position = source.position(place);
    let (line, column) = (position.line, position.column);
    writeln!(out, "{path}:{line}:{column}: {}", mistake.message)?;
    let (shown, indent) = window(&without_secrets(position.text), column);
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let width = position
        .width
        .min(shown.chars().count().saturating_sub(indent))
        .max(1);
    writeln!(out, " {number} | {shown}")?;
    writeln!(
        out,
        " {gutter} | {}{}",
        " ".repeat(indent),
        "^".repeat(width)
    )?;
    match &mistake.help {
        Some(help) => writeln!(out, " {gutter} = {help}"),
        None => Ok(()),
    }
}

/// The line with every value hidden that stands where only a reference to a secret may stand:
/// whoever put it there will paste this message somewhere. Widths stay as they are.
fn without_secrets(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(colon) = rest.find(':') {
        let (key, value) = rest.split_at(colon + 1);
        shown.push_str(key);
        rest = value;
        if !may_be_secret(key_before(key)) {
            continue;
        }
        let start = value.len() - value.trim_start_matches([' ', '"', '\'']).len();
        let (space, value) = value.split_at(start);
        let end = match space.chars().last() {
            Some(quote @ ('"' | '\'')) => value.find(quote),
            _ => value.find([',', '}']),
        };
        let end = end.unwrap_or(value.len());
        let (value, after) = value.split_at(value[..end].trim_end().len());
        shown.push_str(space);
        if is_reference(value) || value.starts_with(['{', '[']) {
            shown.push_str(value);
        } else {
            shown.extend(value.chars().map(|_| '\u{2022}'));
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// The key that ends with the colon that `text` ends with.
fn key_before(text: &str) -> &str {
    let text = text.trim_end_matches(':').trim_end_matches(['"', '\'']);
    let is_part = |each: char| each.is_ascii_alphanumeric() || "_-.".contains(each);
    let start = text.trim_end_matches(is_part).len();
    &text[start..]
}

/// Whether a key's value may be a secret: it is `value`, or the name says so.
fn may_be_secret(key: &str) -> bool {
    key == "value" || names_a_secret(key)
}

/// The part of a long line around `column`, and how far in the column then stands.
fn window(text: &str, column: usize) -> (String, usize) {
    const BEFORE: usize = 60;
    const WIDTH: usize = 100;
    let at = column - 1;
    let skip = at.saturating_sub(BEFORE);
    let shown = text
        .chars()
        .skip(skip)
        .take(WIDTH)
        .map(|each| if each.is_control() { ' ' } else { each })
        .collect();
    (shown, at - skip)
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl fmt::Debug for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_secret_in_the_file_is_not_shown() {
        for (line, want) in [
            ("    secret: hunter2", "    secret: •••••••"),
            (
                "k: { name: X, value: 'h, r', kind: header }",
                "k: { name: X, value: '••••', kind: header }",
            ),
            (
                "{ token: env:T, secret: \"x\" }",
                "{ token: env:T, secret: \"•\" }",
            ),
            (
                "tls: { cert: file:a, key: file:b }",
                "tls: { cert: file:a, key: file:b }",
            ),
            (
                "key: { kind: header, value: file:x }",
                "key: { kind: header, value: file:x }",
            ),
            (
                "client_secret: a # token: none",
                "client_secret: •••••••••••••••",
            ),
            (
                "env: { API_TOKEN: abc, MODE: read, 'github.key': x, PAT: env:KEY }",
                "env: { API_TOKEN: •••, MODE: read, 'github.key': •, PAT: env:KEY }",
            ),
            (
                "session_keys: [{ id: k1, key: abc }]",
                "session_keys: [{ id: k1, key: ••• }]",
            ),
            ("no secrets here: a", "no secrets here: a"),
            ("secret:", "secret:"),
        ] {
            assert_eq!(without_secrets(line), want);
        }
    }
}
