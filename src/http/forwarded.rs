//! `Forwarded` (RFC 7239) and `X-Forwarded-For`: where a request comes from, as proxies before us tell
//! it. Anybody can write such a field, so hops are believed from the last one back, as long as whoever
//! told of them is trusted.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::Known;

/// Which of the two fields a proxy writes. The other is the caller's own, and means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HopField {
    /// `Forwarded`, by its parameter `for`.
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

impl HopField {
    /// The field.
    #[must_use]
    pub fn known(self) -> Known {
        match self {
            HopField::Forwarded => Known::Forwarded,
            HopField::XForwardedFor => Known::XForwardedFor,
        }
    }
}

/// One hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hop {
    /// From this address.
    From(IpAddr),
    /// From one that is not told (RFC 7239, section 6).
    Hidden,
}

/// A field is not as its definition has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the field that tells of hops is malformed")]
pub struct HopError;

/// The last hop that is not trusted to tell of those before it; where all are trusted, the first.
/// Nothing where the fields tell of none. `values` are those of the fields, in order.
///
/// # Errors
/// When any of them is malformed: what cannot be read in full is not believed in part.
pub fn source<'b>(
    field: HopField,
    values: impl Iterator<Item = &'b [u8]>,
    trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<Hop>, HopError> {
    let mut found = None;
    for value in values {
        let mut rest = str::from_utf8(value).map_err(|_| HopError)?;
        loop {
            let (hop, behind) = match field {
                HopField::Forwarded => element(rest)?,
                HopField::XForwardedFor => address(rest)?,
            };
            let is_trusted = matches!(hop, Hop::From(ip) if trusted(ip));
            if found.is_none() || !is_trusted {
                found = Some(hop);
            }
            match behind {
                Some(behind) => rest = behind,
                None => break,
            }
        }
    }
    Ok(found)
}

/// One hop, and what follows its comma.
type Read<'t> = (Hop, Option<&'t str>);

fn address(text: &str) -> Result<Read<'_>, HopError> {
    let (hop, behind) = match text.split_once(',') {
        Some((hop, behind)) => (hop, Some(behind)),
        None => (text, None),
    };
    Ok((node(trimmed(hop))?, behind))
}

/// `for=192.0.2.1;proto=https`, in any order; names in any case (section 4).
fn element(text: &str) -> Result<Read<'_>, HopError> {
    let mut rest = trimmed(text);
    let mut hop = None;
    loop {
        let (name, behind) = rest.split_once('=').ok_or(HopError)?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(HopError);
        }
        let (value, behind) = value(behind)?;
        if name.eq_ignore_ascii_case("for") && hop.replace(node(value)?).is_some() {
            return Err(HopError);
        }
        if let Some(more) = behind.strip_prefix(';') {
            rest = more;
            continue;
        }
        let hop = hop.unwrap_or(Hop::Hidden);
        let behind = behind.trim_start_matches([' ', '\t']);
        return match behind.strip_prefix(',') {
            Some(more) => Ok((hop, Some(more))),
            None if behind.is_empty() => Ok((hop, None)),
            None => Err(HopError),
        };
    }
}

/// A token, or what stands between quotes; and what follows it. An escape in an address would only
/// hide it, so it is kept, and is no address.
fn value(text: &str) -> Result<(&str, &str), HopError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte));
        let (token, behind) = text.split_at(end.unwrap_or(text.len()));
        return match token.is_empty() {
            true => Err(HopError),
            false => Ok((token, behind)),
        };
    };
    let mut is_escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Ok((&quoted[..at], &quoted[at + 1..])),
            _ => {}
        }
    }
    Err(HopError)
}

/// An address, perhaps with a port; `unknown`, or a made-up name that begins with an underscore.
fn node(text: &str) -> Result<Hop, HopError> {
    let made_up = |name: &str| name.bytes().all(|byte| is_token(byte) && byte != b'\\');
    if text.eq_ignore_ascii_case("unknown")
        || text
            .strip_prefix('_')
            .is_some_and(|rest| !rest.is_empty() && made_up(rest))
    {
        return Ok(Hop::Hidden);
    }
    let bracketed = || {
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        inside.parse().ok().map(IpAddr::V6)
    };
    let with_port = || match text.starts_with('[') {
        true => text
            .parse()
            .ok()
            .map(|it: SocketAddrV6| IpAddr::V6(*it.ip())),
        false => text.parse().ok().map(|it: SocketAddr| it.ip()),
    };
    let ip = text.parse().ok().or_else(bracketed).or_else(with_port);
    ip.map(Hop::From).ok_or(HopError)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(field: HopField, values: &[&str]) -> Result<Option<Hop>, HopError> {
        let proxies = ["10.0.0.1", "10.0.0.2", "2001:db8::1"].map(|ip| ip.parse::<IpAddr>());
        let values = values.iter().map(|value| value.as_bytes());
        source(field, values, |ip| proxies.contains(&Ok(ip)))
    }

    fn from(ip: &str) -> Result<Option<Hop>, HopError> {
        Ok(Some(Hop::From(ip.parse().expect(ip))))
    }

    #[test]
    fn the_last_hop_that_is_not_trusted_is_the_source() {
        for (values, want) in [
            (&[][..], Ok(None)),
            (&["192.0.2.1"], from("192.0.2.1")),
            (&["192.0.2.1:4711"], from("192.0.2.1")),
            (&["[2001:db8::7]:4711"], from("2001:db8::7")),
            (&["[2001:db8::7]"], from("2001:db8::7")),
            (&["2001:db8::7"], from("2001:db8::7")),
            // What stands before it is the caller's own word.
            (&["1.1.1.1, 192.0.2.1"], from("192.0.2.1")),
            (&["1.1.1.1", "192.0.2.1, 10.0.0.1"], from("192.0.2.1")),
            (
                &["1.1.1.1, 192.0.2.1 ,10.0.0.1,\t10.0.0.2"],
                from("192.0.2.1"),
            ),
            (&["10.0.0.2, 10.0.0.1"], from("10.0.0.2")),
            (&["1.1.1.1, unknown, 10.0.0.1"], Ok(Some(Hop::Hidden))),
        ] {
            assert_eq!(told(HopField::XForwardedFor, values), want, "{values:?}");
        }
        for (values, want) in [
            (&["for=192.0.2.1"][..], from("192.0.2.1")),
            (&["For=\"[2001:db8::7]:4711\""], from("2001:db8::7")),
            (
                &["for=192.0.2.1;proto=http;by=203.0.113.43"],
                from("192.0.2.1"),
            ),
            (&["by=\"a\\\"b,c\" ;for=192.0.2.1"], Err(HopError)),
            (&["by=\"a\\\"b,c\";for=192.0.2.1"], from("192.0.2.1")),
            (
                &["for=1.1.1.1, for=192.0.2.1, for=10.0.0.1"],
                from("192.0.2.1"),
            ),
            (
                &["for=1.1.1.1, for=\"_hidden\", for=10.0.0.1"],
                Ok(Some(Hop::Hidden)),
            ),
            (&["for=1.1.1.1, proto=https"], Ok(Some(Hop::Hidden))),
        ] {
            assert_eq!(told(HopField::Forwarded, values), want, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for value in [
            "",
            ",",
            "192.0.2.1,",
            ",192.0.2.1",
            "192.0.2.1 10.0.0.1",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1:70000",
            "[192.0.2.1]",
            "[2001:db8::7",
            "2001:db8::7%eth0",
            "example.com",
            "_",
            "_a b",
        ] {
            let told = told(HopField::XForwardedFor, &[value, "10.0.0.1"]);
            assert_eq!(told, Err(HopError), "{value}");
        }
        for value in [
            "",
            "for",
            "for=",
            "=192.0.2.1",
            "for=192.0.2.1;",
            "for=192.0.2.1;for=192.0.2.2",
            "for=[2001:db8::7]",
            "for=192.0.2.1:80",
            "for=\"192.0.2.1",
            "for=\"192\\.0.2.1\"",
            "for = 192.0.2.1",
            "for=192.0.2.1,",
            "for=\"192.0.2.1\"x",
        ] {
            let told = told(HopField::Forwarded, &[value]);
            assert_eq!(told, Err(HopError), "{value}");
        }
    }
}
