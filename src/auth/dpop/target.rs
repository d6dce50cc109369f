//! Whether a proof is for the URL that was asked for (`htu`).

use super::Asked;
use crate::http::uri;

/// Whether `htu` is that URL: both in one spelling (RFC 9449, section 4.3; RFC 3986, sections 6.2.2 and
/// 6.2.3). Query and fragment do not stand in it (RFC 9449, section 4.2).
pub(super) fn is_for(htu: &str, asked: &Asked<'_>) -> bool {
    let (Some((said, path)), Some((ours, ""))) = (Origin::split(htu), Origin::split(asked.origin))
    else {
        return false;
    };
    let path = if path.is_empty() { "/" } else { path };
    let mut spelled = Vec::new();
    let is_path = uri::canonical(path.as_bytes(), &mut spelled)
        .is_ok_and(|said| said.query().is_none() && said.as_str() == asked.path);
    is_path && said.is(&ours)
}

/// Scheme and authority.
struct Origin<'u> {
    secure: bool,
    host: &'u str,
    port: u16,
}

impl<'u> Origin<'u> {
    /// Takes it off the front of a URL; answers the rest too.
    fn split(url: &'u str) -> Option<(Origin<'u>, &'u str)> {
        let (scheme, rest) = url.split_once("://")?;
        let secure = scheme.eq_ignore_ascii_case("https");
        if !secure && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = match authority.rfind(':') {
            Some(at) if !authority[at..].contains(']') => (&authority[..at], &authority[at + 1..]),
            _ => (authority, ""),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return None;
        }
        let port = match port {
            "" if secure => 443,
            "" => 80,
            port if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
            _ => return None,
        };
        Some((Origin { secure, host, port }, rest))
    }

    fn is(&self, other: &Origin<'_>) -> bool {
        self.secure == other.secure
            && self.port == other.port
            && self.host.eq_ignore_ascii_case(other.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_for(htu: &str, origin: &str, path: &str) -> bool {
        let asked = Asked {
            method: "GET",
            origin,
            path,
        };
        super::is_for(htu, &asked)
    }

    #[test]
    fn one_url_has_many_spellings() {
        for (htu, origin, path) in [
            ("https://gw.example/a/b", "https://gw.example", "/a/b"),
            ("HTTPS://GW.Example/a/b", "https://gw.example", "/a/b"),
            ("https://gw.example:443/a", "https://gw.example", "/a"),
            ("https://gw.example:/a", "https://gw.example", "/a"),
            ("https://gw.example/a", "https://gw.example:443", "/a"),
            ("https://gw.example/a", "https://GW.example", "/a"),
            ("http://gw.example:80", "http://gw.example", "/"),
            (
                "https://gw.example:8443/%61%2Db",
                "https://gw.example:8443",
                "/a-b",
            ),
            (
                "https://gw.example/%e4%bd%a0",
                "https://gw.example",
                "/%E4%BD%A0",
            ),
            ("https://[::1]:8443/", "https://[::1]:8443", "/"),
            ("https://[::1]", "https://[::1]:443", "/"),
        ] {
            assert!(is_for(htu, origin, path), "{htu}");
        }
    }

    #[test]
    fn another_url_is_another() {
        for htu in [
            "",
            "/a",
            "gw.example/a",
            "//gw.example/a",
            "http://gw.example/a",
            "http://gw.example:443/a",
            "https://gw.example:8443/a",
            "https://gw.example:0443x/a",
            "https://gw.example:+443/a",
            "https://gw.example:99999/a",
            "https://gw.example./a",
            "https://other.example/a",
            "https://gw.example.evil/a",
            "https://gw.example@evil/a",
            "https://user@gw.example/a",
            "https://gw.example%2e/a",
            "https:///a",
            "https://:443/a",
            "https://gw.example/A",
            "https://gw.example/a/",
            "https://gw.example//a",
            "https://gw.example/./a",
            "https://gw.example/b/../a",
            "https://gw.example/%2e/a",
            "https://gw.example/%2fa",
            "https://gw.example/%2561",
            "https://gw.example/a;x",
            "https://gw.example/a?x",
            "https://gw.example/a?",
            "https://gw.example/a#x",
            "https://gw.example/a#",
            "https://gw.example?/a",
            "https://gw.example\\/a",
            " https://gw.example/a",
            "https://gw.example/a ",
            "https://gw.\u{435}xample/a",
            "ftp://gw.example/a",
        ] {
            assert!(!is_for(htu, "https://gw.example", "/a"), "{htu}");
        }
    }
}
