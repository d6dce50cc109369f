//! Links in header fields, led back to the gateway: who follows one that names the upstream has left
//! the gateway behind.

use crate::exchange::rules::Upstream;
use crate::http::{FieldRef, Known};

/// Fields whose value is one link, beside `Location` and `Content-Location`.
const ONE: [&str; 2] = ["azure-asyncoperation", "operation-location"];

/// The parts of a field's value in which links to the upstream lead to `base`; none for what has none.
pub(super) fn led<'v>(
    field: &FieldRef<'v>,
    upstream: &Upstream,
    base: &'v [u8],
) -> Option<Vec<&'v [u8]>> {
    let is_one = match field.known {
        Known::Link => return led_each(field.value, upstream, base),
        Known::Location | Known::ContentLocation => true,
        Known::Other => ONE.iter().any(|one| field.is(one)),
        _ => false,
    };
    let path = is_one.then(|| upstream.path_of(field.value)).flatten();
    path.map(|path| vec![base, path])
}

/// The same of a value that holds several, each between angle brackets (RFC 8288, section 3).
fn led_each<'v>(value: &'v [u8], upstream: &Upstream, base: &'v [u8]) -> Option<Vec<&'v [u8]>> {
    let (mut parts, mut rest, mut found) = (Vec::new(), value, false);
    while let Some(open) = memchr::memchr(b'<', rest) {
        let (before, link) = rest.split_at(open + 1);
        parts.push(before);
        let close = memchr::memchr(b'>', link).unwrap_or(link.len());
        let (link, after) = link.split_at(close);
        match upstream.path_of(link) {
            Some(path) => {
                found = true;
                parts.extend([base, path]);
            }
            None => parts.push(link),
        }
        rest = after;
    }
    parts.push(rest);
    found.then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_upstream_lead_to_the_gateway_and_others_stay() {
        let upstream = Upstream {
            authority: "up.example".into(),
            base_path: "/v1".into(),
            origin: "https://up.example/v1".into(),
            tls: None,
        };
        for (name, value, want) in [
            (
                "Location",
                "https://up.example/v1/a",
                Some("https://gw/g/a"),
            ),
            ("location", "/v1/a?b", Some("https://gw/g/a?b")),
            (
                "Operation-Location",
                "HTTPS://up.example/v1/a",
                Some("https://gw/g/a"),
            ),
            (
                "Content-Location",
                "https://up.example/v1",
                Some("https://gw/g"),
            ),
            (
                "Location",
                "https://up.example:443/v1/a",
                Some("https://gw/g/a"),
            ),
            ("Location", "https://up.example:/v1", Some("https://gw/g")),
            ("Location", "https://up.example:4433/v1/a", None),
            ("Location", "https://up.example:80/v1/a", None),
            ("Location", "https://up.example.evil/v1/a", None),
            ("Etag", "https://up.example/v1/a", None),
            (
                "Link",
                "<https://up.example/v1/a>; rel=next, </v1/b>;rel=last,<https://else/c>",
                Some("<https://gw/g/a>; rel=next, <https://gw/g/b>;rel=last,<https://else/c>"),
            ),
            ("Link", "<https://else/a>; rel=next", None),
            ("Link", "<https://up.example/v1/a", Some("<https://gw/g/a")),
        ] {
            let field = FieldRef::new(name, value.as_bytes());
            let led = led(&field, &upstream, b"https://gw/g");
            let led = led.map(|parts| String::from_utf8(parts.concat()).expect("text"));
            assert_eq!(led.as_deref(), want, "{name}: {value}");
        }
    }
}
