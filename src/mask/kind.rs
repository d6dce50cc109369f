//! Which bodies can be read, judged by their head alone.

use super::Unreadable;

/// How a body is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentKind {
    /// One JSON text, refused when it is not.
    Json,
    /// One JSON text a line.
    JsonLines,
    /// Server-sent events; JSON in their data is followed.
    EventStream,
    /// Any other text in UTF-8; JSON in it is followed.
    Text,
    /// Text with values that have names, which are not read: XML, HTML, CSV. Withheld where a
    /// profile hides fields.
    Named,
}

impl ContentKind {
    /// Judges `Content-Type` and `Content-Encoding` values. Without a content type nobody can say
    /// what the bytes are, so they are withheld.
    pub fn of(
        content_type: Option<&[u8]>,
        content_encoding: Option<&[u8]>,
    ) -> Result<ContentKind, Unreadable> {
        let coding = content_encoding.unwrap_or_default().trim_ascii();
        if !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity") {
            return Err(Unreadable::Coding);
        }
        let mut parts = content_type.unwrap_or_default().split(|&byte| byte == b';');
        let essence = parts.next().unwrap_or_default().trim_ascii();
        let mut lower = [0; 128];
        let lower = lower.get_mut(..essence.len()).ok_or(Unreadable::Type)?;
        lower.copy_from_slice(essence);
        lower.make_ascii_lowercase();
        let kind = of_essence(lower).ok_or(Unreadable::Type)?;
        for parameter in parts {
            let mut sides = parameter.splitn(2, |&byte| byte == b'=');
            let name = sides.next().unwrap_or_default().trim_ascii();
            // Also `charset*=` (RFC 8187), and what lenient readers take for it.
            let is_charset = (name.split_at_checked(7))
                .is_some_and(|(name, _)| name.eq_ignore_ascii_case(b"charset"));
            if is_charset && (name.len() > 7 || !is_utf8(sides.next().unwrap_or_default())) {
                return Err(Unreadable::Charset);
            }
        }
        Ok(kind)
    }
}

fn of_essence(essence: &[u8]) -> Option<ContentKind> {
    Some(match essence {
        b"application/json" | b"text/json" => ContentKind::Json,
        b"application/x-ndjson" | b"application/jsonl" | b"application/json-lines" => {
            ContentKind::JsonLines
        }
        b"text/event-stream" => ContentKind::EventStream,
        b"application/javascript" => ContentKind::Text,
        b"application/xml"
        | b"text/xml"
        | b"text/html"
        | b"text/csv"
        | b"text/tab-separated-values" => ContentKind::Named,
        _ if essence.starts_with(b"text/") && essence.ends_with(b"+xml") => ContentKind::Named,
        _ if essence.starts_with(b"text/") && essence.ends_with(b"+json") => ContentKind::Json,
        _ if essence.starts_with(b"text/") && essence.len() > 5 => ContentKind::Text,
        _ if essence.starts_with(b"application/") && essence.ends_with(b"+json") => {
            ContentKind::Json
        }
        _ if essence.starts_with(b"application/") && essence.ends_with(b"+xml") => {
            ContentKind::Named
        }
        _ => return None,
    })
}

/// US-ASCII is UTF-8 too; a byte beyond it would be the sender's error and is matched as it is.
fn is_utf8(charset: &[u8]) -> bool {
    let charset = charset.trim_ascii();
    let bare = charset
        .strip_prefix(b"\"")
        .and_then(|inner| inner.strip_suffix(b"\""))
        .unwrap_or(charset);
    [&b"utf-8"[..], b"utf8", b"us-ascii"]
        .iter()
        .any(|known| bare.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_by_type_charset_and_coding() {
        use ContentKind::{EventStream, Json, JsonLines, Named, Text};
        let of = |kind: &str| ContentKind::of(Some(kind.as_bytes()), None);
        assert_eq!(of("application/json"), Ok(Json));
        assert_eq!(
            of("Application/JSON; odata.metadata=minimal; charset=UTF-8"),
            Ok(Json)
        );
        assert_eq!(of("application/problem+json"), Ok(Json));
        assert_eq!(of("application/x-ndjson"), Ok(JsonLines));
        assert_eq!(of("text/event-stream"), Ok(EventStream));
        assert_eq!(of("text/plain;charset=\"utf-8\""), Ok(Text));
        assert_eq!(of("text/csv"), Ok(Named));
        assert_eq!(of("Application/Atom+XML;type=feed"), Ok(Named));
        assert_eq!(of("application/octet-stream"), Err(Unreadable::Type));
        assert_eq!(of("image/svg+xml"), Err(Unreadable::Type));
        assert_eq!(of("multipart/mixed; boundary=x"), Err(Unreadable::Type));
        assert_eq!(of("text/"), Err(Unreadable::Type));
        // Percent-encoded, so nothing in it looks like itself.
        let form = of("application/x-www-form-urlencoded");
        assert_eq!(form, Err(Unreadable::Type));
        assert_eq!(of(&"x".repeat(500)), Err(Unreadable::Type));
        assert_eq!(ContentKind::of(None, None), Err(Unreadable::Type));
        assert_eq!(
            of("application/json; charset=utf-16"),
            Err(Unreadable::Charset)
        );
        assert_eq!(
            of("text/plain;Charset=iso-8859-1"),
            Err(Unreadable::Charset)
        );
        for other in [
            "charset =utf-16",
            "charset*=utf-16''x",
            "charset",
            "charset=utf-16;charset=utf-8",
        ] {
            let of = of(&format!("text/plain; {other}"));
            assert_eq!(of, Err(Unreadable::Charset), "{other}");
        }
        let coded =
            |coding: &str| ContentKind::of(Some(b"application/json"), Some(coding.as_bytes()));
        assert_eq!(coded("identity"), Ok(Json));
        assert_eq!(coded("gzip"), Err(Unreadable::Coding));
        assert_eq!(coded("identity, gzip"), Err(Unreadable::Coding));
    }
}
