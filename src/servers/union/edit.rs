//! Listed changes to a text: what is not listed stays as it is, byte for byte.
//!
//! Numbers, escapes, the order of members and white space of a message are its sender's, and a
//! message that was read and written anew would have lost them.

use std::ops::Range;

use crate::json::{Kind, Value};
use crate::mcp;

/// Changes to one text, in any order, none within another.
#[derive(Default, Debug)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// What stands at `span` becomes `with`.
    pub(super) fn replace(&mut self, span: Range<usize>, with: impl Into<String>) {
        self.0.push((span, with.into()));
    }

    /// `text` comes to stand before the byte at `at`.
    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    /// `prefix` is put before what a JSON string says; it has nothing that JSON escapes.
    pub(super) fn prefix(&mut self, string: Value<'_>, prefix: &str) {
        self.insert(string.span().start + 1, prefix);
    }

    /// The first `count` bytes of what a JSON string says are taken away. Where they are written as
    /// themselves the rest keeps its escapes.
    pub(super) fn strip(&mut self, string: Value<'_>, count: usize) {
        let (Some(says), inside) = (string.as_str(), string.span().start + 1) else {
            return;
        };
        let (Some(gone), Some(rest)) = (says.get(..count), says.get(count..)) else {
            return;
        };
        if string.raw().as_bytes().get(1..=count) == Some(gone.as_bytes()) {
            self.replace(inside..inside + count, "");
        } else {
            self.replace(string.span(), quoted(rest));
        }
    }

    /// Members (`"name":value`, comma between) are put first into an object.
    pub(super) fn add_members(&mut self, object: Value<'_>, members: &str) {
        if members.is_empty() {
            return;
        }
        let comma = if object.members().next().is_some() {
            ","
        } else {
            ""
        };
        self.insert(object.span().start + 1, format!("{members}{comma}"));
    }

    /// The members of these names are taken out of an object that stands in `text`.
    pub(super) fn drop_members(&mut self, text: &[u8], object: Value<'_>, names: &[&str]) {
        if object.kind() != Kind::Object {
            return;
        }
        let mut before = object.span().start + 1;
        let (mut first, mut kept) = (true, false);
        for (name, value) in object.members() {
            let end = value.span().end;
            if names.contains(&name) {
                self.replace(before..end, "");
            } else {
                // The first that stays must not keep a comma before it.
                let comma = text
                    .get(before..end)
                    .and_then(|gap| memchr::memchr(b',', gap));
                if let (false, false, Some(comma)) = (first, kept, comma) {
                    self.replace(before + comma..before + comma + 1, "");
                }
                kept = true;
            }
            first = false;
            before = end;
        }
    }

    /// The text with all changes made.
    pub(super) fn apply(self, text: &[u8]) -> Vec<u8> {
        self.within(text, 0..text.len())
    }

    /// The part of the text at `range`, with the changes that were listed for it.
    pub(super) fn within(mut self, text: &[u8], range: Range<usize>) -> Vec<u8> {
        self.0.sort_by_key(|(span, _)| span.start);
        let mut listed = mcp::Edits::new();
        for (span, with) in &self.0 {
            let span = span.start.saturating_sub(range.start)..span.end.saturating_sub(range.start);
            let placed = listed.push(span, with.as_bytes());
            debug_assert!(placed.is_ok(), "one change within another");
        }
        let part = text.get(range).unwrap_or_default();
        let mut out = Vec::with_capacity(part.len() + 64);
        let applied = listed.apply(part, &mut out);
        debug_assert!(applied.is_ok(), "a change beyond the text");
        out
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn edited(text: &str, change: impl Fn(Value<'_>, &mut Edits)) -> String {
        let document = Document::parse(text.as_bytes()).expect("JSON");
        let mut edits = Edits::default();
        change(document.root(), &mut edits);
        let out = edits.apply(text.as_bytes());
        Document::parse(&out).expect("still JSON");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn what_is_not_listed_stays() {
        let text = r#"{ "n":1e400 ,"id" : 7,"s":"\u0041\/" }"#;
        let out = edited(text, |root, edits| {
            let id = root.get("id").expect("id");
            edits.replace(id.span(), "\"x\"");
        });
        assert_eq!(out, r#"{ "n":1e400 ,"id" : "x","s":"\u0041\/" }"#);
    }

    #[test]
    fn members_are_dropped_wherever_they_stand() {
        for (text, want) in [
            (r#"{"a":1,"b":2,"c":3}"#, r#"{"b":2,"c":3}"#),
            (r#"{"b":2 , "a":1}"#, r#"{"b":2}"#),
            (r#"{"a":1,"d":[1,2],"b":2}"#, r#"{"b":2}"#),
            (r#"{ "a":1 , "d":4 }"#, "{ }"),
            (r#"{"x":{"a":1},"d":1,"y":0}"#, r#"{"x":{"a":1},"y":0}"#),
            ("{}", "{}"),
        ] {
            let out = edited(text, |root, edits| {
                edits.drop_members(text.as_bytes(), root, &["a", "d"]);
            });
            assert_eq!(out, want, "{text}");
        }
    }

    #[test]
    fn a_prefix_goes_however_it_is_written() {
        let strip = |text: &str| edited(text, |root, edits| edits.strip(root, 3));
        assert_eq!(strip(r#""a__b\u0063""#), r#""b\u0063""#);
        assert_eq!(strip(r#""a\u005f_b\n""#), r#""b\n""#);
        let prefix = |text: &str| edited(text, |root, edits| edits.prefix(root, "m__"));
        assert_eq!(prefix(r#""\u0061""#), r#""m__\u0061""#);
    }

    #[test]
    fn members_are_added_with_a_comma_where_one_is_due() {
        let add = |text: &str| edited(text, |root, edits| edits.add_members(root, "\"k\":1"));
        assert_eq!(add("{}"), r#"{"k":1}"#);
        assert_eq!(add(r#"{ "a":2}"#), r#"{"k":1, "a":2}"#);
    }
}
