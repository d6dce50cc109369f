//! The PROXY protocol, versions 1 and 2: where a connection comes from, as a proxy before us tells it
//! ahead of everything else.
//!
//! Only who is trusted is asked for it, and then it must be there: a connection without would be taken
//! for the proxy's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::limits::PROXY_HEADER_BYTES;

/// A whole header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyHeader {
    /// Its bytes.
    pub len: usize,
    /// Where the connection comes from; `None` when it is the proxy's own (a health check), or comes by
    /// something that has no such address.
    pub source: Option<SocketAddr>,
}

/// The bytes are no such header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProxyError {
    /// They begin like none.
    #[error("no header of the PROXY protocol")]
    Missing,
    /// It is longer than the bound, or than its version allows.
    #[error("the header of the PROXY protocol is too long")]
    TooLong,
    /// It is not as the protocol says.
    #[error("the header of the PROXY protocol is malformed")]
    Malformed,
}

/// How version 1 begins.
const TEXT: &[u8] = b"PROXY ";
/// How version 2 begins.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, line end included (section 2.1).
const LINE_BYTES: usize = 107;

/// Reads the header at the front of `bytes`; nothing until it is whole.
///
/// # Errors
/// As soon as it can be no such header.
pub fn proxy_header(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    if begins(bytes, BINARY) {
        return binary(bytes);
    }
    if begins(bytes, TEXT) {
        return text(bytes);
    }
    Err(ProxyError::Missing)
}

/// Whether the bytes, as far as they have come, begin like this.
fn begins(bytes: &[u8], like: &[u8]) -> bool {
    let both = bytes.len().min(like.len());
    bytes[..both] == like[..both]
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`, or `PROXY UNKNOWN` and anything.
fn text(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    let Some(end) = memchr::memchr(b'\n', &bytes[..bytes.len().min(LINE_BYTES)]) else {
        return match bytes.len() < LINE_BYTES {
            true => Ok(None),
            false => Err(ProxyError::TooLong),
        };
    };
    let line = bytes[..end].strip_suffix(b"\r");
    let line = line.ok_or(ProxyError::Malformed)?;
    let line = str::from_utf8(line).map_err(|_| ProxyError::Malformed)?;
    let len = end + 1;
    let mut words = line.split(' ');
    let (_, family) = (words.next(), words.next());
    let source = match family {
        Some("UNKNOWN") => None,
        Some("TCP4") => Some(addresses::<Ipv4Addr>(words)?),
        Some("TCP6") => Some(addresses::<Ipv6Addr>(words)?),
        _ => return Err(ProxyError::Malformed),
    };
    Ok(Some(ProxyHeader { len, source }))
}

/// Source and destination, their ports: one space before each.
fn addresses<'w, A>(mut words: impl Iterator<Item = &'w str>) -> Result<SocketAddr, ProxyError>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut next = || words.next().ok_or(ProxyError::Malformed);
    let mut address = || next()?.parse::<A>().map_err(|_| ProxyError::Malformed);
    let (source, _) = (address()?, address()?);
    let mut port = || {
        let digits = next()?;
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        let port = digits.parse::<u16>().ok();
        port.filter(|_| is_plain).ok_or(ProxyError::Malformed)
    };
    let (port, _) = (port()?, port()?);
    match words.next() {
        None => Ok(SocketAddr::new(source.into(), port)),
        Some(_) => Err(ProxyError::Malformed),
    }
}

/// Twelve bytes that no other protocol begins with, version and command, family, length; addresses,
/// and what else there is, which says nothing to us.
fn binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    let Some(&[version, family, high, low]) = bytes
        .get(BINARY.len()..)
        .and_then(|rest| rest.first_chunk::<4>())
    else {
        return match bytes.get(BINARY.len()) {
            Some(version) if version >> 4 != 2 => Err(ProxyError::Malformed),
            _ => Ok(None),
        };
    };
    let is_local = match version {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyError::Malformed),
    };
    let start = BINARY.len() + 4;
    let len = start + usize::from(u16::from_be_bytes([high, low]));
    if len > PROXY_HEADER_BYTES {
        return Err(ProxyError::TooLong);
    }
    let Some(rest) = bytes.get(start..len) else {
        return Ok(None);
    };
    let source = match (is_local, family) {
        (true, _) | (false, 0x00) => None,
        (false, 0x11) => Some(source::<4, 12>(rest)?),
        (false, 0x21) => Some(source::<16, 36>(rest)?),
        // Datagrams and paths of sockets are nothing that a stream comes by.
        (false, _) => return Err(ProxyError::Malformed),
    };
    Ok(Some(ProxyHeader { len, source }))
}

/// The source of a block of two addresses and two ports.
fn source<const ADDRESS: usize, const BLOCK: usize>(rest: &[u8]) -> Result<SocketAddr, ProxyError>
where
    [u8; ADDRESS]: Into<IpAddr>,
{
    let block = rest.first_chunk::<BLOCK>();
    let block = block.ok_or(ProxyError::Malformed)?;
    let address = block.first_chunk::<ADDRESS>();
    let ports = block.last_chunk::<4>();
    match (address, ports) {
        (Some(address), Some(&[high, low, ..])) => {
            let port = u16::from_be_bytes([high, low]);
            Ok(SocketAddr::new((*address).into(), port))
        }
        _ => Err(ProxyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(version: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).expect("short").to_be_bytes();
        [BINARY, &[version, family], &length, block].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb];

    /// What comes of it, however it is split: the same, and no sooner than it is whole.
    fn judged(bytes: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
        let whole = proxy_header(bytes);
        for length in 0..bytes.len() {
            match (proxy_header(&bytes[..length]), &whole) {
                (Ok(None), _) => {}
                (Ok(Some(early)), Ok(Some(header))) => {
                    assert!(early == *header && length >= header.len, "{length}");
                }
                (Err(early), Err(why)) => assert_eq!(early, *why, "{length}"),
                (early, whole) => panic!("{early:?} at {length}, {whole:?} in the end"),
            }
        }
        whole.map(|header| header.expect("a whole header").source)
    }

    #[test]
    fn headers_are_read_at_every_split() {
        let v6 = [[0x20; 16].as_slice(), &[0x30; 16], &[1, 2, 3, 4]].concat();
        let longer = [&V4[..], &[4, 0, 1, 9]].concat();
        for (bytes, source) in [
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n".to_vec(),
                Some("192.0.2.1:56324"),
            ),
            (
                b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n".to_vec(),
                Some("[2001:db8::1]:0"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff:: ? what ever\r\n".to_vec(), None),
            (v2(0x21, 0x11, &V4), Some("192.0.2.1:56324")),
            (v2(0x21, 0x11, &longer), Some("192.0.2.1:56324")),
            (
                v2(0x21, 0x21, &v6),
                Some("[2020:2020:2020:2020:2020:2020:2020:2020]:258"),
            ),
            (v2(0x20, 0x11, &V4), None),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x21, 0x00, &[]), None),
        ] {
            let source = source.map(|text| text.parse().expect(text));
            assert_eq!(judged(&bytes), Ok(source), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_at_every_split() {
        use ProxyError::{Malformed, Missing, TooLong};
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_BYTES));
        for (bytes, why) in [
            (&b"GET / HTTP/1.1\r\n"[..], Missing),
            (b"PROXX", Missing),
            (b"\x16\x03\x01", Missing),
            (b"\r\n\r\n\0\r\nQUIX\n", Missing),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n", Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", Malformed),
            (b"PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n", Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", Malformed),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n", Malformed),
            (b"PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", Malformed),
            (b"PROXY TCP4 ::1 ::1 1 2\r\n", Malformed),
            (b"PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", Malformed),
            (b"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", Malformed),
            (b"PROXY \r\n", Malformed),
            (b"PROXY UNKNOWN\xff\r\n", Malformed),
            (long.as_bytes(), TooLong),
            (&v2(0x11, 0x11, &V4), Malformed),
            (&v2(0x22, 0x11, &V4), Malformed),
            (&v2(0x21, 0x12, &V4), Malformed),
            (&v2(0x21, 0x31, &[0; 216]), Malformed),
            (&v2(0x21, 0x11, &V4[..11]), Malformed),
            (&v2(0x21, 0x21, &V4), Malformed),
            (&v2(0x21, 0x11, &[0; PROXY_HEADER_BYTES]), TooLong),
        ] {
            assert_eq!(judged(bytes), Err(why), "{bytes:?}");
        }
    }
}
