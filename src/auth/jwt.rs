//! The compact form of a signed token (RFC 7515, section 7.1), taken apart strictly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{AuthError, Part};
use super::verify::Algorithm;
use crate::base::limits::{KID_BYTES, TOKEN_BYTES, TOKEN_HEADER_BYTES};
use crate::json::{Document, Kind, Value};

/// A byte of a `token68` (RFC 9110, section 11.2). By comparisons alone, so that many bytes are
/// judged at a time.
fn is_token_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit_or_slash = byte.wrapping_sub(b'/') < 11;
    let dash_or_dot = byte.wrapping_sub(b'-') < 2;
    letter
        | digit_or_slash
        | dash_or_dot
        | (byte == b'_')
        | (byte == b'~')
        | (byte == b'+')
        | (byte == b'=')
}

/// How a token is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scheme {
    /// By itself (RFC 6750, section 2.1).
    Bearer,
    /// With a proof of its holder's (RFC 9449, section 7.1).
    Dpop,
}

/// The token of an `Authorization` field, and the scheme it is shown under.
pub(super) fn shown(authorization: &[u8]) -> Result<(Scheme, &[u8]), AuthError> {
    match unread(authorization, b"dpop ") {
        Some(token) => Ok((Scheme::Dpop, read(token)?)),
        None => Ok((Scheme::Bearer, bearer(authorization)?)),
    }
}

/// The token of an `Authorization` field: the scheme `Bearer`, one space, one token (RFC 6750,
/// section 2.1).
pub fn bearer(authorization: &[u8]) -> Result<&[u8], AuthError> {
    read(unread_bearer(authorization).ok_or(AuthError::NotBearer)?)
}

/// Judges what follows a scheme.
fn read(token: &[u8]) -> Result<&[u8], AuthError> {
    // Tokens are long: blocks of them without an early end, which the compiler makes vector code.
    let (blocks, rest) = token.as_chunks::<32>();
    let is_good = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(true, |good, byte| good & is_token_byte(*byte))
    };
    let is_token = blocks.iter().all(|block| is_good(block)) && is_good(rest);
    if !token.is_empty() && is_token {
        Ok(token)
    } else {
        Err(AuthError::NotBearer)
    }
}

/// What follows the scheme, not judged yet: all it may be is compared with a token that was.
pub(super) fn unread_bearer(authorization: &[u8]) -> Option<&[u8]> {
    unread(authorization, b"bearer ")
}

/// The same for a scheme, which is given with the space behind it.
#[inline]
fn unread<'a>(authorization: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (shown, token) = authorization.split_at_checked(scheme.len())?;
    shown.eq_ignore_ascii_case(scheme).then_some(token)
}

/// A token's three parts, still encoded.
pub(super) struct Compact<'t> {
    /// What the signature is over: header, dot, payload.
    pub(super) signed: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Compact<'t> {
    /// Splits a token at its two dots; none of the parts may be empty.
    pub(super) fn split(token: &'t [u8]) -> Result<Compact<'t>, AuthError> {
        if token.len() > TOKEN_BYTES {
            return Err(AuthError::TooLarge);
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(AuthError::NotThreeParts);
        };
        let compact = Compact {
            signed: &token[..second],
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
        };
        if compact.header.len() > TOKEN_HEADER_BYTES {
            return Err(AuthError::TooLarge);
        }
        // `a..b` and `.a.b` have two dots too. An empty signature is how `alg: none` looks, and
        // that is judged by its header.
        if compact.header.is_empty() || compact.payload.is_empty() {
            return Err(AuthError::NotThreeParts);
        }
        Ok(compact)
    }

    pub(super) fn header_json(&self) -> Result<Vec<u8>, AuthError> {
        decode(self.header).ok_or(AuthError::NotBase64(Part::Header))
    }

    pub(super) fn payload_json(&self) -> Result<Vec<u8>, AuthError> {
        decode(self.payload).ok_or(AuthError::NotBase64(Part::Payload))
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, AuthError> {
        decode(self.signature).ok_or(AuthError::NotBase64(Part::Signature))
    }
}

/// Base64url as RFC 7515 wants it: no padding, no other alphabet, and no set bits beyond the last
/// byte, so that one value has one spelling.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The same the other way.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is read of a token's header. Everything else in it (`jku`, `jwk`, `x5u`, `x5c`, `x5t`)
/// would let the token choose its own key, and is not looked at.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
}

impl Header {
    /// Judges a decoded header.
    pub(super) fn parse(json: &[u8]) -> Result<Header, AuthError> {
        let document = Document::parse(json).map_err(|_| AuthError::NotJson(Part::Header))?;
        let header = document.root();
        if header.kind() != Kind::Object {
            return Err(AuthError::NotJson(Part::Header));
        }
        let has = |name| header.get(name).is_some();
        if has("crit") {
            return Err(AuthError::Critical);
        }
        if has("b64") {
            return Err(AuthError::Unencoded);
        }
        if has("nonce") {
            return Err(AuthError::NonceHeader);
        }
        let algorithm = algorithm(header)?;
        accept_type(header)?;
        Ok(Header {
            algorithm,
            kid: kid(header)?,
        })
    }
}

fn algorithm(header: Value<'_>) -> Result<Algorithm, AuthError> {
    let alg = header.get("alg").ok_or(AuthError::AlgorithmMissing)?;
    let alg = alg.as_str().ok_or(AuthError::AlgorithmUnknown)?;
    if let Some(known) = Algorithm::from_name(alg) {
        return Ok(known);
    }
    // The two classic attacks get names of their own in the log.
    if alg.eq_ignore_ascii_case("none") {
        Err(AuthError::AlgorithmNone)
    } else if ["HS256", "HS384", "HS512"].contains(&alg) {
        Err(AuthError::AlgorithmShared)
    } else {
        Err(AuthError::AlgorithmUnknown)
    }
}

/// Tokens of other kinds (logout, DPoP proofs, …) say so in `typ`; they must not pass for access
/// tokens (RFC 8725, section 3.11). Entra writes `JWT`, RFC 9068 wants `at+jwt`.
fn accept_type(header: Value<'_>) -> Result<(), AuthError> {
    let Some(typ) = header.get("typ") else {
        return Ok(());
    };
    let typ = typ.as_str().ok_or(AuthError::TypeNotAccepted)?;
    let accepted = ["JWT", "at+jwt", "application/at+jwt"];
    if accepted.iter().any(|name| name.eq_ignore_ascii_case(typ)) {
        Ok(())
    } else {
        Err(AuthError::TypeNotAccepted)
    }
}

fn kid(header: Value<'_>) -> Result<String, AuthError> {
    let kid = header.get("kid").ok_or(AuthError::KidMissing)?;
    let kid = kid.as_str().ok_or(AuthError::KidUnusable)?;
    if is_usable_kid(kid) {
        Ok(kid.to_owned())
    } else {
        Err(AuthError::KidUnusable)
    }
}

/// A key's name is compared, logged and sent to the control plane, never used in a path or query.
pub(super) fn is_usable_kid(kid: &str) -> bool {
    (1..=KID_BYTES).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_graphic())
}
