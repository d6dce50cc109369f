//! The opening handshake of WebSocket (RFC 6455, section 4), as far as who stands between has to
//! judge it: whether the server answers this opening, and no other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::fields::FieldRef;
use super::head::{RequestHead, ResponseHead};

/// The protocol's name in `Upgrade`.
pub const PROTOCOL: &str = "websocket";

/// What all fields of the handshake begin with.
const FAMILY: &[u8] = b"sec-websocket-";

/// Bytes of a key, decoded, and what is put behind it.
const KEY_BYTES: usize = 16;
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a server proves with that it has read an opening: its `Sec-WebSocket-Accept`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accept(Box<str>);

impl Accept {
    /// Of this opening; `None` when it is malformed: not GET, or without one key of 16 bytes.
    #[must_use]
    pub fn of(head: &RequestHead, bytes: &[u8]) -> Option<Accept> {
        let key = only(head.entries(bytes), "sec-websocket-key")?;
        let decoded = BASE64.decode(key).ok()?;
        if head.method(bytes) != "GET" || decoded.len() != KEY_BYTES {
            return None;
        }
        let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        digest.update(key);
        digest.update(GUID);
        Some(Accept(BASE64.encode(digest.finish()).into()))
    }

    /// Whether a reply shows it, once.
    #[must_use]
    pub fn is_shown(&self, head: &ResponseHead, bytes: &[u8]) -> bool {
        let shown = only(head.entries(bytes), "sec-websocket-accept");
        shown.is_some_and(|shown| shown == self.0.as_bytes())
    }
}

/// Whether a field belongs to the handshake.
#[must_use]
pub fn is_handshake(field: &FieldRef<'_>) -> bool {
    let start = field.name.get(..FAMILY.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(FAMILY))
}

/// The value of the one field of that name.
fn only<'b>(fields: impl Iterator<Item = FieldRef<'b>>, name: &str) -> Option<&'b [u8]> {
    let mut values = fields.filter(|field| field.is(name));
    let only = values.next()?;
    values.next().is_none().then_some(only.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeadLimits, RequestScanner, ResponseScanner};

    fn opening(method: &str, keys: &[&str]) -> Option<Accept> {
        let mut text = format!("{method} / HTTP/1.1\r\nHost: a\r\n");
        for key in keys {
            text += &format!("Sec-WebSocket-Key: {key}\r\n");
        }
        text += "\r\n";
        let mut scanner = RequestScanner::new(HeadLimits::default());
        let head = scanner.scan(text.as_bytes()).unwrap().unwrap();
        Accept::of(&head, text.as_bytes())
    }

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn the_example_of_the_rfc_agrees() {
        let accept = opening("GET", &[KEY]).unwrap();
        let shows = |fields: &str| {
            let text = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
            let mut scanner = ResponseScanner::new(HeadLimits::default());
            let head = scanner.scan(text.as_bytes()).unwrap().unwrap();
            accept.is_shown(&head, text.as_bytes())
        };
        let field = format!("Sec-WebSocket-Accept: {ACCEPT}\r\n");
        assert!(shows(&field));
        assert!(shows(
            &field
                .to_ascii_lowercase()
                .replace(&ACCEPT.to_ascii_lowercase(), ACCEPT)
        ));
        assert!(!shows(""));
        assert!(!shows(&field.repeat(2)));
        assert!(!shows(&field.replace("s3p", "S3p")));
    }

    #[test]
    fn an_opening_has_one_key_of_sixteen_bytes() {
        assert!(opening("POST", &[KEY]).is_none());
        assert!(opening("GET", &[]).is_none());
        assert!(opening("GET", &[KEY, KEY]).is_none());
        for bad in [
            "",
            "AAAA",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ==,x",
        ] {
            assert!(opening("GET", &[bad]).is_none(), "{bad}");
        }
    }
}
