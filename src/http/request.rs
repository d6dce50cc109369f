//! What only requests have: the request line, `Host`, one `Authorization`, `Expect`, `Upgrade`.

use std::net::Ipv6Addr;

use crate::base::limits::{HOST_BYTES, METHOD_BYTES};

use super::bytes::{DOT, HOST, NAME, TOKEN, all, all_visible, classes, find};
use super::error::HeadError;
use super::fields::Span;
use super::framing::BodyLength;
use super::head::{Method, RequestHead};
use super::known::Known;
use super::scan::{Gathered, HeadLimits, Side};

const VERSION: &[u8] = b"HTTP/1.1";

/// A judged request line, and what its fields have said so far.
pub(super) struct RequestSide {
    method: Method,
    target: Span,
    form: Form,
    host: Option<Span>,
    expects_continue: bool,
}

#[derive(Clone, Copy)]
enum Form {
    Origin,
    /// `path` is none where the URI ends with its authority.
    Absolute {
        authority: Span,
        path: Option<Span>,
    },
}

impl Side for RequestSide {
    type Head = RequestHead;
    const NAME: u8 = NAME;

    fn start_bytes(limits: &HeadLimits) -> usize {
        METHOD_BYTES + limits.target + " ".len() * 2 + VERSION.len() + "\r\n".len()
    }

    fn start_too_long(bytes: &[u8]) -> HeadError {
        match method_length(bytes) {
            Ok(_) => HeadError::TargetTooLong,
            Err(error) => error,
        }
    }

    fn start(line: &[u8], limits: &HeadLimits) -> Result<RequestSide, HeadError> {
        if line.is_empty() {
            return Err(HeadError::EmptyLine);
        }
        let method = method_length(line)?;
        let target_at = method + 1;
        let target = match line[target_at..].strip_suffix(b" HTTP/1.1") {
            // Visible, hence without a space: there is no third one in the line.
            Some(target) if all_visible(target) => target,
            _ => return Err(bad_line(line, method, limits)),
        };
        if !all(&line[..method], TOKEN) {
            return Err(HeadError::Method);
        }
        if target.len() > limits.target {
            return Err(HeadError::TargetTooLong);
        }
        Ok(RequestSide {
            method: Method::new(&line[..method]),
            target: Span::new(target_at, target_at + target.len()),
            form: form(&line[..method], target, target_at)?,
            host: None,
            expects_continue: false,
        })
    }

    #[inline]
    fn field(
        &mut self,
        known: Known,
        again: bool,
        value: Span,
        bytes: &[u8],
    ) -> Result<(), HeadError> {
        match known {
            Known::Host if again => Err(HeadError::HostRepeated),
            Known::Host if is_host(value.of(bytes)) => {
                self.host = Some(value);
                Ok(())
            }
            Known::Host => Err(HeadError::Host),
            Known::Authorization if again => Err(HeadError::AuthorizationRepeated),
            Known::Expect if value.of(bytes).eq_ignore_ascii_case(b"100-continue") => {
                self.expects_continue = true;
                Ok(())
            }
            Known::Expect => Err(HeadError::Expect),
            _ => Ok(()),
        }
    }

    fn finish(self, gathered: Gathered, bytes: &[u8]) -> Result<RequestHead, HeadError> {
        let host = self.host.ok_or(HeadError::HostMissing)?;
        let origin = match self.form {
            Form::Origin => Some(self.target),
            Form::Absolute { authority, path } => {
                if !authority.of(bytes).eq_ignore_ascii_case(host.of(bytes)) {
                    return Err(HeadError::TargetHost);
                }
                path
            }
        };
        let body = gathered.body.unwrap_or(BodyLength::None);
        let has_body = !matches!(body, BodyLength::None | BodyLength::Length(0));
        if has_body && gathered.fields.has(Known::Upgrade) {
            return Err(HeadError::UpgradeBody);
        }
        Ok(RequestHead {
            length: gathered.length,
            method: self.method,
            target: self.target,
            origin,
            host,
            fields: gathered.fields,
            body,
            close: gathered.options.close,
            expects_continue: self.expects_continue && has_body,
        })
    }
}

/// Where the space after the method stands.
fn method_length(line: &[u8]) -> Result<usize, HeadError> {
    let start = &line[..line.len().min(METHOD_BYTES + 1)];
    match find(start, 0, b' ') {
        length if length < start.len() => Ok(length),
        _ if line.len() > METHOD_BYTES => Err(HeadError::MethodTooLong),
        _ => Err(HeadError::RequestLine),
    }
}

/// Why a line is refused whose target is not visible from its method to its version, or whose
/// version is not ours.
#[cold]
fn bad_line(line: &[u8], method: usize, limits: &HeadLimits) -> HeadError {
    let (method, rest) = (&line[..method], &line[method + 1..]);
    let Some((target, version)) = rest.split_at_checked(find(rest, 0, b' ')) else {
        return HeadError::RequestLine;
    };
    if version.is_empty() {
        return HeadError::RequestLine;
    }
    if !all(method, TOKEN) {
        return HeadError::Method;
    }
    match version {
        b" HTTP/1.1" if target.len() > limits.target => HeadError::TargetTooLong,
        b" HTTP/1.1" if method == b"CONNECT" => HeadError::Connect,
        b" HTTP/1.1" if !target.is_empty() => HeadError::TargetByte,
        [b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() && version != b" HTTP/1.1" =>
        {
            HeadError::Version
        }
        _ => HeadError::RequestLine,
    }
}

#[inline]
fn form(method: &[u8], target: &[u8], at: usize) -> Result<Form, HeadError> {
    if method == b"CONNECT" {
        return Err(HeadError::Connect);
    }
    if target.starts_with(b"/") {
        return Ok(Form::Origin);
    }
    if target == b"*" {
        return Err(HeadError::Asterisk);
    }
    absolute(target, at)
}

#[cold]
fn absolute(target: &[u8], at: usize) -> Result<Form, HeadError> {
    let schemes = [&b"http://"[..], b"https://"];
    let scheme = schemes.into_iter().find(|scheme| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let scheme = scheme.ok_or(HeadError::TargetForm)?.len();
    let rest = &target[scheme..];
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let path_at = end.map_or(target.len(), |end| scheme + end);
    match target.get(path_at) {
        None | Some(b'/') => Ok(Form::Absolute {
            authority: Span::new(at + scheme, at + path_at),
            path: end.map(|_| Span::new(at + path_at, at + target.len())),
        }),
        Some(_) => Err(HeadError::TargetForm),
    }
}

/// A host name of plain labels, an IPv4 address or an IPv6 address in brackets, then perhaps a
/// port. Narrower than RFC 3986: no percent-encoding, no empty label, no empty port.
fn is_host(value: &[u8]) -> bool {
    if value.len() > HOST_BYTES {
        return false;
    }
    if let [b'[', rest @ ..] = value {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let address = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok() && is_port(&rest[end + 1..]);
    }
    let (name, port) = value.split_at(find(value, 0, b':'));
    is_name(name) && is_port(port)
}

/// Labels with dots between them, none empty.
#[inline]
fn is_name(name: &[u8]) -> bool {
    // An empty label is a dot at an end or behind a dot: so an end counts as one.
    let (mut before, mut twice, mut all) = (DOT, 0, HOST);
    for byte in name {
        let class = classes(*byte);
        all &= class;
        twice |= before & class;
        before = class;
    }
    all & HOST != 0 && (twice | before) & DOT == 0
}

/// Nothing, or a colon and a port number that can be connected to.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            let add = |port, digit: &u8| port * 10 + u32::from(digit - b'0');
            (1..=u32::from(u16::MAX)).contains(&digits.iter().fold(0, add))
        }
        _ => false,
    }
}
