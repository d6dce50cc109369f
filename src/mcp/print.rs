//! What a tool is, in 32 bytes.

use std::fmt;

use super::write_string;
use crate::base::digest::sha256;
use crate::json::{Kind, Value};

/// SHA-256 over the canonical form of a tool's definition: equal for two definitions exactly when
/// they say the same to a model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a tool's definition as a list shows it. Allocates: lists are rare beside calls.
    #[must_use]
    pub fn of(tool: Value<'_>) -> Fingerprint {
        let mut text = Vec::new();
        canonical(tool, &mut text);
        Fingerprint(sha256(&[&text]))
    }
}

/// Writes a tool's definition in its canonical form at the end of `out`: members in the order of
/// their names, strings escaped in one way, no white space. Numbers stay as they are written, so
/// that none is rounded. `_meta` is left out: it says what differs from list to list.
pub fn canonical(tool: Value<'_>, out: &mut Vec<u8>) {
    write_members(tool.members().filter(|(name, _)| *name != "_meta"), out);
}

fn write_members<'a>(members: impl Iterator<Item = (&'a str, Value<'a>)>, out: &mut Vec<u8>) {
    let mut members: Vec<_> = members.collect();
    // Equal names, if there are, stay in their order.
    members.sort_by_key(|(name, _)| *name);
    out.push(b'{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

/// Nests no deeper than the reader does.
fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Object => write_members(value.members(), out),
        Kind::Array => {
            out.push(b'[');
            for (index, item) in value.items().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Kind::String => write_string(value.as_str().unwrap_or_default(), out),
        Kind::Null | Kind::Bool | Kind::Number => out.extend_from_slice(value.raw().as_bytes()),
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn of(tool: &str) -> Fingerprint {
        Fingerprint::of(Document::parse(tool.as_bytes()).unwrap().root())
    }

    const TOOL: &str =
        r#"{"name":"a","description":"é\n","inputSchema":{"type":"object","x":[1.0,true,null]}}"#;

    #[test]
    fn how_it_is_written_does_not_matter() {
        for same in [
            r#"{ "inputSchema" : {"x":[1.0,true,null] ,"type":"object"}, "description":"\u00e9\u000a", "name":"a" }"#,
            r#"{"_meta":{"at":7},"name":"a","description":"é\n","inputSchema":{"type":"object","x":[1.0,true,null]}}"#,
        ] {
            assert_eq!(of(same), of(TOOL), "{same}");
        }
        let mut text = Vec::new();
        canonical(Document::parse(TOOL.as_bytes()).unwrap().root(), &mut text);
        let want = "{\"description\":\"é\\u000a\",\"inputSchema\":{\"type\":\"object\",\"x\":[1.0,true,null]},\"name\":\"a\"}";
        assert_eq!(String::from_utf8(text).unwrap(), want);
    }

    #[test]
    fn what_it_says_does() {
        for (from, to) in [
            ("\"a\"", "\"b\""),
            ("é", "e"),
            ("true", "false"),
            ("1.0", "2.0"),
            ("\"x\"", "\"_meta\""),
            ("[1.0,true", "[true,1.0"),
            ("\"name\"", "\"title\":\"\",\"name\""),
            (
                "\"name\"",
                "\"annotations\":{\"readOnlyHint\":true},\"name\"",
            ),
        ] {
            assert_ne!(of(&TOOL.replace(from, to)), of(TOOL), "{from}");
        }
    }
}
