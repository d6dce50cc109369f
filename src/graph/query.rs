//! What of an OData query decides about more than how much is shown.
//!
//! `$filter`, `$orderby`, `$search`, `$apply` and whatever else computes tell what is in a member
//! without showing it; `$expand` reaches things that the path does not name. The prefix `$` may be
//! left out, names are read in any letter case, and a value may be a parameter (`@p`) that stands
//! elsewhere in the query: all of it is looked at.

use super::path::canonical_pattern;
use crate::base::limits::{EXPAND_DEPTH, QUERY_DECODINGS};

/// A query, as far as rules and masks go by it.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Query {
    /// What `$expand` asks for: `manager`, `members/owner` for one within another, `*` for all.
    expand: Vec<Box<str>>,
    /// Texts that compute, in every decoding.
    computes: Vec<Box<[u8]>>,
}

/// Why a query is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// Two values for one option: which of them counts is the upstream's to say.
    #[error("an option of the query stands there twice")]
    Repeated,
    /// Percent-encoded again and again, or not text.
    #[error("a value of the query that cannot be decoded")]
    Encoding,
    /// `$expand` that cannot be read.
    #[error("an expand that cannot be read")]
    Expand,
}

/// Options that only say how much is shown, where paging goes on, or in which form.
const SHOWS: [&str; 7] = [
    "select",
    "top",
    "skip",
    "count",
    "format",
    "skiptoken",
    "deltatoken",
];

impl Query {
    /// Reads what follows the `?`.
    ///
    /// # Errors
    /// Why it cannot be judged.
    pub fn read(query: &str) -> Result<Query, QueryError> {
        let mut read = Query::default();
        let mut seen: Vec<String> = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let decodings = decodings(name)?;
            let name = decodings.last().map_or(&b""[..], |name| name);
            let name = std::str::from_utf8(name).map_err(|_| QueryError::Encoding)?;
            let name = name.trim().to_ascii_lowercase();
            let name = name.strip_prefix('$').unwrap_or(&name);
            if seen.iter().any(|one| one == name) {
                return Err(QueryError::Repeated);
            }
            seen.push(name.to_owned());
            match name {
                "expand" => read.add_expand(value)?,
                name if SHOWS.contains(&name) => {}
                _ => read.computes.extend(self::decodings(value)?),
            }
        }
        Ok(read)
    }

    /// What `$expand` asks for.
    #[must_use]
    pub fn expand(&self) -> &[Box<str>] {
        &self.expand
    }

    /// Whether what computes names this member, in any letter case.
    #[must_use]
    pub fn names(&self, member: &[u8]) -> bool {
        self.computes.iter().any(|text| has_word(text, member))
    }

    fn add_expand(&mut self, value: &str) -> Result<(), QueryError> {
        let decodings = decodings(value)?;
        // What is encoded twice is read apart by whoever decodes twice.
        let [text] = &*decodings else {
            return Err(QueryError::Encoding);
        };
        let text = std::str::from_utf8(text).map_err(|_| QueryError::Expand)?;
        let before = self.expand.len();
        self.read_expand(text, "", EXPAND_DEPTH)?;
        match self.expand.len() > before {
            true => Ok(()),
            false => Err(QueryError::Expand),
        }
    }

    /// `ITEM,ITEM(OPTION;OPTION)`, within what `parent` names.
    fn read_expand(&mut self, text: &str, parent: &str, depth: usize) -> Result<(), QueryError> {
        let depth = depth.checked_sub(1).ok_or(QueryError::Expand)?;
        for item in split(text, b',')? {
            let (path, options) = match item.split_once('(') {
                Some((path, rest)) => {
                    let options = rest.trim_end().strip_suffix(')');
                    (path, Some(options.ok_or(QueryError::Expand)?))
                }
                None => (item, None),
            };
            let path = named(path.trim())?;
            let path = match parent {
                "" => path,
                parent => format!("{parent}/{path}"),
            };
            self.expand.push(path.as_str().into());
            for option in split(options.unwrap_or_default(), b';')? {
                self.read_nested(option, &path, depth)?;
            }
        }
        Ok(())
    }

    /// An option within `$expand`.
    fn read_nested(&mut self, option: &str, path: &str, depth: usize) -> Result<(), QueryError> {
        let (name, value) = option.split_once('=').ok_or(QueryError::Expand)?;
        let name = name.trim().to_ascii_lowercase();
        match name.strip_prefix('$').unwrap_or(&name) {
            "expand" => self.read_expand(value, path, depth),
            // The same once more, within itself.
            "levels" => {
                let last = path.rsplit('/').next().unwrap_or(path);
                self.expand.push(format!("{path}/{last}").into());
                Ok(())
            }
            name if SHOWS.contains(&name) => Ok(()),
            _ => {
                self.computes.push(value.as_bytes().into());
                Ok(())
            }
        }
    }
}

/// A rule's own `expand` in the form in which [`Query::expand`] has them.
///
/// # Errors
/// When it is none, or has options.
pub fn expanded(text: &str) -> Result<Box<str>, QueryError> {
    let path = named(text)?;
    match path.contains(['(', ')', ',', ';', '=', ' ']) {
        true => Err(QueryError::Expand),
        false => Ok(path.into()),
    }
}

/// The names of a path within `$expand`, as paths spell them, without what only says how it is shown.
fn named(path: &str) -> Result<String, QueryError> {
    if path == "*" {
        return Ok("*".to_owned());
    }
    let shown = ["/$ref", "/$count", "/$value"];
    let bare = shown.iter().find_map(|how| {
        let (front, back) = path.split_at_checked(path.len().checked_sub(how.len())?)?;
        back.eq_ignore_ascii_case(how).then_some(front)
    });
    let bare = bare.unwrap_or(path);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./@-".contains(&byte);
    if bare.is_empty() || !bare.bytes().all(plain) || bare.split('/').any(str::is_empty) {
        return Err(QueryError::Expand);
    }
    let mut out = String::new();
    // Behind the names of a thing, so that none is taken for the first of a path.
    canonical_pattern(&format!("/v1.0/-/{bare}"), &mut out).map_err(|_| QueryError::Expand)?;
    let names = out.strip_prefix("/v1.0/-/").ok_or(QueryError::Expand)?;
    Ok(names.to_owned())
}

/// The parts between separators that stand neither in parentheses nor in quotes.
fn split(text: &str, separator: u8) -> Result<Vec<&str>, QueryError> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')') => depth = depth.checked_sub(1).ok_or(QueryError::Expand)?,
            (None, byte) if byte == separator && depth == 0 => {
                parts.extend(text.get(from..at));
                from = at + 1;
            }
            (None, _) => {}
        }
    }
    if depth > 0 || quote.is_some() {
        return Err(QueryError::Expand);
    }
    parts.extend(text.get(from..).filter(|last| !last.is_empty()));
    Ok(parts)
}

/// A text with its percent-encoding taken off, and again while there is some.
fn decodings(text: &str) -> Result<Vec<Box<[u8]>>, QueryError> {
    let mut found: Vec<Box<[u8]>> = vec![decoded(text.as_bytes()).into()];
    for _ in 0..QUERY_DECODINGS {
        let last = found.last().map_or(&b""[..], |last| last);
        let next = decoded(last);
        if *next == *last {
            return Ok(found);
        }
        found.push(next.into());
    }
    Err(QueryError::Encoding)
}

/// A text with its percent-encoding taken off, once.
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, more @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = more;
                }
                _ => out.push(b'%'),
            },
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    out
}

/// Whether `word` stands in `text` by itself, in any letter case.
pub(super) fn has_word(text: &[u8], word: &[u8]) -> bool {
    let is_part = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80)
    };
    text.windows(word.len().max(1))
        .enumerate()
        .any(|(at, piece)| {
            piece.eq_ignore_ascii_case(word)
                && !is_part(at.checked_sub(1).and_then(|before| text.get(before)))
                && !is_part(text.get(at + word.len()))
        })
}
