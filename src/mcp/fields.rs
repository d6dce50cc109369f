//! The headers that repeat what a body says, and whether they agree with it.
//!
//! 2026-07-28, basic/transports/streamable-http, "Request Metadata". Older revisions do not define
//! these headers, but whoever stands behind us may route by them: one that is there must be true,
//! whatever the version header says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::objection::{Mirrored, Objection};
use crate::base::limits::MCP_PARAM_FIELDS;
use crate::http::{FieldRef, Known};

/// One `Mcp-Param-*` header: the part of its name after that prefix, and its value.
pub type Param<'a> = (&'a str, &'a [u8]);

/// Room for the `Mcp-Param-*` headers of one request, on the stack.
pub type Params<'a> = [Param<'a>; MCP_PARAM_FIELDS];

/// [`Params`] with nothing in it.
pub const NO_PARAMS: Params<'static> = [("", b""); MCP_PARAM_FIELDS];

/// What the head of a POST says of its body; values without the white space around them.
#[derive(Clone, Copy, Default)]
pub struct Fields<'a> {
    /// `MCP-Protocol-Version`
    pub version: Option<&'a [u8]>,
    /// `Mcp-Method`
    pub method: Option<&'a [u8]>,
    /// `Mcp-Name`
    pub name: Option<&'a [u8]>,
    /// Every `Mcp-Param-*`.
    pub params: &'a [Param<'a>],
    /// `Content-Type`
    pub content_type: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// Picks them out of a head's fields. One that is there twice is refused: two readers could
    /// take one each.
    pub fn gather(
        entries: impl Iterator<Item = FieldRef<'a>>,
        room: &'a mut Params<'a>,
    ) -> Result<Fields<'a>, Objection> {
        let mut fields = Fields::default();
        let mut params = 0;
        for entry in entries {
            let (slot, objection) = match entry.known {
                Known::McpProtocolVersion => {
                    (&mut fields.version, Objection::Mismatch(Mirrored::Version))
                }
                Known::McpMethod => (&mut fields.method, Objection::Mismatch(Mirrored::Method)),
                Known::McpName => (&mut fields.name, Objection::Mismatch(Mirrored::Name)),
                Known::ContentType => (&mut fields.content_type, Objection::ContentType),
                Known::McpOther => {
                    let Some(name) = param_name(entry.text()) else {
                        continue;
                    };
                    let again = room[..params]
                        .iter()
                        .any(|(earlier, _)| earlier.eq_ignore_ascii_case(name));
                    let place = room.get_mut(params).filter(|_| !again);
                    *place.ok_or(Objection::Mismatch(Mirrored::Param))? = (name, entry.value);
                    params += 1;
                    continue;
                }
                _ => continue,
            };
            if slot.replace(entry.value).is_some() {
                return Err(objection);
            }
        }
        fields.params = &room[..params];
        Ok(fields)
    }
}

/// The part of a header's name after `Mcp-Param-`, if it is one of those.
#[must_use]
pub fn param_name(name: &str) -> Option<&str> {
    const PREFIX: &str = "mcp-param-";
    let (prefix, rest) = name.split_at_checked(PREFIX.len())?;
    (prefix.eq_ignore_ascii_case(PREFIX) && !rest.is_empty()).then_some(rest)
}

/// Whether a body of that type is JSON in UTF-8 to everybody.
pub(super) fn is_json(content_type: Option<&[u8]>) -> bool {
    let Some(Ok(value)) = content_type.map(std::str::from_utf8) else {
        return false;
    };
    let mut parts = value.split(';').map(|part| part.trim_matches([' ', '\t']));
    let json = |media: &str| media.eq_ignore_ascii_case("application/json");
    let utf8 = |part: &str| {
        let Some((name, value)) = part.split_once('=') else {
            return part.is_empty();
        };
        let bare = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        name.eq_ignore_ascii_case("charset") && bare.eq_ignore_ascii_case("utf-8")
    };
    parts.next().is_some_and(json) && parts.all(utf8)
}

/// Whether a header's value stands for `text`; `scratch` is lent for decoding.
///
/// A value between `=?base64?` and `?=` is Base64 of UTF-8, always, and cannot stand for itself.
pub(super) fn stands_for(value: &[u8], text: &str, scratch: &mut Vec<u8>) -> bool {
    match decode(value, scratch) {
        Some(decoded) => decoded == text.as_bytes(),
        None => false,
    }
}

/// What a header's value stands for; none when it cannot be decoded or holds what no value may.
pub(super) fn decode<'v>(value: &'v [u8], scratch: &'v mut Vec<u8>) -> Option<&'v [u8]> {
    let coded = value
        .strip_prefix(b"=?base64?")
        .and_then(|rest| rest.strip_suffix(b"?="));
    let Some(coded) = coded else {
        let plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        return value.iter().all(plain).then_some(value);
    };
    scratch.clear();
    STANDARD.decode_vec(coded, scratch).ok()?;
    Some(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json ;",
        ] {
            assert!(is_json(Some(good.as_bytes())), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json-rpc",
            "application/json, text/plain",
            "application/json; boundary=x",
            "text/plain; application/json",
        ] {
            assert!(!is_json(Some(bad.as_bytes())), "{bad}");
        }
        assert!(!is_json(None));
    }

    /// The examples of 2026-07-28, "Value Encoding".
    #[test]
    fn values_stand_for_texts() {
        let mut scratch = Vec::new();
        for (value, text) in [
            ("us-west1", "us-west1"),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
            ("=?base64?IHBhZGRlZCA=?=", " padded "),
            ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
            ("=?base64??=", ""),
            ("=?BASE64?eA==?=", "=?BASE64?eA==?="),
        ] {
            assert!(stands_for(value.as_bytes(), text, &mut scratch), "{value}");
        }
        for (value, text) in [
            ("us-west2", "us-west1"),
            ("=?base64?literal?=", "=?base64?literal?="),
            ("=?base64?eA?=", "x"),
            ("=?base64?eB==?=", "x"),
            ("Hello, 世界", "Hello, 世界"),
            ("x", "X"),
        ] {
            assert!(!stands_for(value.as_bytes(), text, &mut scratch), "{value}");
        }
    }

    #[test]
    fn a_field_that_comes_twice_is_refused() {
        fn entry<'a>(name: &'a str, value: &'a [u8]) -> FieldRef<'a> {
            FieldRef::new(name, value)
        }
        let good = [
            entry("Mcp-Method", b"tools/call"),
            entry("mcp-param-Region", b"eu"),
            entry("Mcp-Param-Zone", b"1"),
            entry("Mcp-Session-Id", b"s"),
            entry("Mcp-Else", b"s"),
        ];
        let mut room = NO_PARAMS;
        let fields = Fields::gather(good.into_iter(), &mut room).unwrap();
        assert_eq!(fields.method, Some(&b"tools/call"[..]));
        assert_eq!(fields.params, [("Region", &b"eu"[..]), ("Zone", b"1")]);
        for name in [
            "Mcp-Method",
            "Mcp-Name",
            "MCP-Protocol-Version",
            "Content-Type",
            "Mcp-Param-Region",
        ] {
            let twice = [entry(name, b"x"), entry(name, b"x")];
            let mut room = NO_PARAMS;
            assert!(
                Fields::gather(twice.into_iter(), &mut room).is_err(),
                "{name}"
            );
        }
    }
}
