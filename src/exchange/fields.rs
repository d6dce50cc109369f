//! Which header fields pass, both ways. Everything not named here, or by the operator, stays behind.

use super::rules::ForwardFields;
use crate::http::{FieldRef, Known};

/// Request fields that go upstream, in lower case.
const REQUEST: &[&str] = &[
    "accept",
    "accept-language",
    "consistencylevel",
    "content-encoding",
    "content-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-unmodified-since",
    "last-event-id",
    "prefer",
    "user-agent",
    // Tracing and request ids.
    "traceparent",
    "tracestate",
    "request-id",
    "x-request-id",
    "client-request-id",
    "return-client-request-id",
    "x-ms-client-request-id",
];

/// Request fields that go upstream only where nothing is masked: with masks a part of a body could
/// not be read, an encoded one neither, and a cached one would not be what was masked.
const REQUEST_UNMASKED: &[&str] = &["accept-encoding", "if-none-match", "if-range", "range"];

/// Never forwarded, whatever the configuration says: authority, and what only means one hop.
const NEVER: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "dpop",
    "dpop-nonce",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    "true-client-ip",
];

/// Families of the same: who forwarded what, and what else the method or the target might be.
const NEVER_FAMILIES: &[&str] = &[
    "forwarded",
    "proxy-",
    // What servers of the gateway's own know the gateway by.
    "sluice-",
    "x-forwarded",
    "x-http-method",
    "x-method-override",
    "x-original-",
    "x-rewrite-",
];

/// Families in which upstreams take a proxy's word for who calls, or a key. Not among what `*`
/// forwards: whoever wants one names it.
const AUTHORITY_FAMILIES: &[&str] = &[
    "api-key",
    "cf-access-",
    "ocp-apim-subscription-key",
    "remote-user",
    "ssl-client-",
    "x-amz-security-token",
    "x-api-key",
    "x-arr-clientcert",
    "x-auth",
    "x-client-cert",
    "x-functions-key",
    "x-goog-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-remote-",
    "x-ssl-client-",
    "x-user",
];

/// Reply fields that go to the caller, in lower case. Links are rewritten on the way.
const REPLY: &[&str] = &[
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "client-request-id",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "deprecation",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "odata-version",
    "operation-location",
    "pragma",
    "preference-applied",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "sunset",
    "vary",
    "x-request-id",
];

/// What the lists say of a name, each in a bit.
const NEVER_UP: u8 = 1 << 0;
const UP: u8 = 1 << 1;
const UP_UNMASKED: u8 = 1 << 2;
const AUTHORITY: u8 = 1 << 3;
const NEVER_BACK: u8 = 1 << 4;
const BACK: u8 = 1 << 5;

/// The same for every name that the scanner knows, so that most fields cost a look.
static KNOWN: [u8; Known::NAMES.len()] = {
    let mut known = [0; Known::NAMES.len()];
    let mut index = 0;
    while index < known.len() {
        known[index] = said(Known::NAMES[index].as_bytes());
        index += 1;
    }
    known
};

/// What the lists say of a name.
const fn said(name: &[u8]) -> u8 {
    let mut said = 0;
    let is_mcp = has_prefix(name, "mcp-");
    if listed(NEVER, name) {
        said |= NEVER_UP | NEVER_BACK;
    }
    if in_family(NEVER_FAMILIES, name) {
        said |= NEVER_UP;
    }
    if has_prefix(name, "set-cookie") || has_prefix(name, "www-authenticate") {
        said |= NEVER_BACK;
    }
    if is_mcp || listed(REQUEST, name) {
        said |= UP;
    }
    if listed(REQUEST_UNMASKED, name) {
        said |= UP_UNMASKED;
    }
    if in_family(AUTHORITY_FAMILIES, name) {
        said |= AUTHORITY;
    }
    if is_mcp || listed(REPLY, name) {
        said |= BACK;
    }
    said
}

const fn listed(list: &[&str], name: &[u8]) -> bool {
    let mut index = 0;
    while index < list.len() {
        if list[index].as_bytes().eq_ignore_ascii_case(name) {
            return true;
        }
        index += 1;
    }
    false
}

const fn in_family(families: &[&str], name: &[u8]) -> bool {
    let mut index = 0;
    while index < families.len() {
        if has_prefix(name, families[index]) {
            return true;
        }
        index += 1;
    }
    false
}

const fn has_prefix(name: &[u8], prefix: &str) -> bool {
    match name.split_at_checked(prefix.len()) {
        Some((start, _)) => start.eq_ignore_ascii_case(prefix.as_bytes()),
        None => false,
    }
}

fn said_of(field: &FieldRef<'_>) -> u8 {
    match KNOWN.get(field.known as usize) {
        Some(said) => *said,
        None => said(field.name),
    }
}

fn is_among(names: &[Box<str>], field: &FieldRef<'_>) -> bool {
    let mut names = names.iter();
    names.any(|one| one.as_bytes().eq_ignore_ascii_case(field.name))
}

/// True for request fields that no configuration can forward: authority, and what means one hop.
#[must_use]
pub fn never_forwarded(name: &str) -> bool {
    said(name.as_bytes()) & NEVER_UP != 0
}

/// True for reply fields that no configuration can pass on: what would make the caller the
/// upstream's own client, and what means one hop.
#[must_use]
pub fn never_replied(name: &str) -> bool {
    said(name.as_bytes()) & NEVER_BACK != 0
}

/// True when a request field goes upstream. `masked` says that the connection hides something.
#[must_use]
pub fn request_passes(field: &FieldRef<'_>, extra: &ForwardFields, masked: bool) -> bool {
    let said = said_of(field);
    if said & NEVER_UP != 0 {
        return false;
    }
    if said & UP_UNMASKED != 0 {
        return !masked;
    }
    said & UP != 0
        || match extra {
            ForwardFields::AllButAuthority => said & AUTHORITY == 0,
            ForwardFields::Listed(names) => is_among(names, field),
        }
}

/// True when a reply field goes to the caller.
#[must_use]
pub fn reply_passes(field: &FieldRef<'_>, extra: &[Box<str>]) -> bool {
    let said = said_of(field);
    said & BACK != 0 || (said & NEVER_BACK == 0 && is_among(extra, field))
}

/// The content coding that several `Content-Encoding` fields name together, where it is not
/// `identity`: they are one list (RFC 9110, section 5.3), and one coded layer hides all others.
pub(super) fn coding<'b>(mut values: impl Iterator<Item = &'b [u8]>) -> Option<&'b [u8]> {
    values.find(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_passes(name: &str, extra: &ForwardFields, masked: bool) -> bool {
        super::request_passes(&FieldRef::new(name, b""), extra, masked)
    }

    fn reply_passes(name: &str, extra: &[Box<str>]) -> bool {
        super::reply_passes(&FieldRef::new(name, b""), extra)
    }

    #[test]
    fn known_names_are_judged_as_their_text_is() {
        for list in [REQUEST, REQUEST_UNMASKED, NEVER, REPLY, Known::NAMES] {
            for name in list {
                for name in [(*name).to_owned(), name.to_ascii_uppercase()] {
                    let field = FieldRef::new(&name, b"");
                    assert_eq!(said_of(&field), said(name.as_bytes()), "{name}");
                }
            }
        }
    }

    #[test]
    fn authority_never_passes() {
        for extra in [
            ForwardFields::AllButAuthority,
            ForwardFields::Listed(vec![
                "authorization".into(),
                "cookie".into(),
                "x-forwarded-for".into(),
            ]),
        ] {
            for name in [
                "Authorization",
                "Cookie",
                "X-Forwarded-For",
                "Forwarded",
                "Forwarded-For",
                "X-Forwarded",
                "X-HTTP-Method-Override",
                "X-Original-Method",
                "Proxy-Authorization",
                "Host",
                "TE",
            ] {
                assert!(!request_passes(name, &extra, false), "{name}");
            }
        }
    }

    #[test]
    fn a_star_forwards_no_claim_to_be_somebody() {
        let named = ForwardFields::Listed(vec!["x-api-key".into()]);
        assert!(request_passes("X-Api-Key", &named, false));
        for name in ["X-Api-Key", "Remote-User", "X-MS-CLIENT-PRINCIPAL-ID"] {
            assert!(
                !request_passes(name, &ForwardFields::AllButAuthority, false),
                "{name}"
            );
        }
    }

    #[test]
    fn what_masks_cannot_read_is_not_asked_for() {
        let none = ForwardFields::Listed(vec![]);
        assert!(request_passes("Range", &none, false));
        assert!(!request_passes(
            "Range",
            &ForwardFields::AllButAuthority,
            true
        ));
        assert!(request_passes("If-Match", &none, true));
        assert!(!request_passes("X-Custom", &none, true));
        assert!(request_passes(
            "X-Custom",
            &ForwardFields::AllButAuthority,
            true
        ));
    }

    #[test]
    fn replies_set_no_cookies() {
        assert!(!reply_passes("Set-Cookie", &["set-cookie".into()]));
        assert!(!reply_passes(
            "WWW-Authenticate",
            &["www-authenticate".into()]
        ));
        assert!(reply_passes("ETag", &[]));
        assert!(reply_passes("X-Total", &["x-total".into()]));
    }
}
