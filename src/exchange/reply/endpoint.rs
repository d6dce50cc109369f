//! The address for messages that a server of the transport of 2024-11-05 gives in its first event.

use crate::exchange::dialogue::ENDPOINT;
use crate::exchange::rules::Upstream;

/// The path and query at the upstream that `data` leads to; none when it leads elsewhere.
pub(super) fn path<'d>(upstream: &Upstream, data: &'d [u8]) -> Option<&'d str> {
    let data = std::str::from_utf8(data).ok()?;
    let path = match data.strip_prefix('/') {
        Some(_) => data,
        None => {
            let origin = upstream.origin.strip_suffix(&*upstream.base_path)?;
            let (front, rest) = data.split_at_checked(origin.len())?;
            rest.starts_with('/')
                .then_some(rest)
                .filter(|_| front.eq_ignore_ascii_case(origin))?
        }
    };
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    (plain && !path.starts_with("//")).then_some(path)
}

/// The gateway's own address for it: the connection's path, whose scheme and host the client knows.
pub(super) fn address(base: &str, sealed: &str) -> Vec<u8> {
    let address = base.split_once("://").map_or(base, |(_, address)| address);
    let path = address.find('/').map_or("/", |at| &address[at..]);
    format!("{path}?{ENDPOINT}={sealed}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_upstreams_or_none() {
        let upstream = Upstream {
            authority: "up.example".into(),
            base_path: "/sse".into(),
            origin: "http://up.example/sse".into(),
            tls: None,
        };
        for (data, want) in [
            ("/messages?sessionId=1", Some("/messages?sessionId=1")),
            ("http://up.example/m?s=1", Some("/m?s=1")),
            ("HTTP://UP.example/m", Some("/m")),
            ("http://up.example.evil/m", None),
            ("http://other/m", None),
            ("//other/m", None),
            ("messages", None),
            ("/a b", None),
            ("/a#b", None),
        ] {
            assert_eq!(path(&upstream, data.as_bytes()), want, "{data}");
        }
    }

    #[test]
    fn the_caller_stays_at_the_gateway() {
        let address = address("https://gateway.example/mcp/old", "abc");
        assert_eq!(address, b"/mcp/old?sluice-endpoint=abc");
        assert_eq!(
            super::address("https://gateway.example", "abc"),
            b"/?sluice-endpoint=abc"
        );
    }
}
