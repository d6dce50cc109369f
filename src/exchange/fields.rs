//! Which header fields pass, both ways. Everything not named here, or by the operator, stays behind.

use super::rules::ForwardFields;

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

/// Reply fields that go to the caller, in lower case. `Location` is rewritten on the way.
const REPLY: &[&str] = &[
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "client-request-id",
    "content-disposition",
    "content-encoding",
    "content-language",
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

fn listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn in_family(families: &[&str], name: &str) -> bool {
    families.iter().any(|family| has_prefix(name, family))
}

/// True for request fields that no configuration can forward: authority, and what means one hop.
#[must_use]
pub fn never_forwarded(name: &str) -> bool {
    listed(NEVER, name) || in_family(NEVER_FAMILIES, name)
}

/// True for reply fields that no configuration can pass on: what would make the caller the
/// upstream's own client, and what means one hop.
#[must_use]
pub fn never_replied(name: &str) -> bool {
    listed(NEVER, name) || has_prefix(name, "set-cookie") || has_prefix(name, "www-authenticate")
}

/// True when a request field goes upstream. `masked` says that the connection hides something.
#[must_use]
pub fn request_passes(name: &str, extra: &ForwardFields, masked: bool) -> bool {
    if never_forwarded(name) {
        return false;
    }
    if listed(REQUEST_UNMASKED, name) {
        return !masked;
    }
    listed(REQUEST, name)
        || has_prefix(name, "mcp-")
        || match extra {
            ForwardFields::AllButAuthority => !in_family(AUTHORITY_FAMILIES, name),
            ForwardFields::Listed(names) => names.iter().any(|one| one.eq_ignore_ascii_case(name)),
        }
}

/// True when a reply field goes to the caller.
#[must_use]
pub fn reply_passes(name: &str, extra: &[Box<str>]) -> bool {
    listed(REPLY, name)
        || has_prefix(name, "mcp-")
        || (!never_replied(name) && extra.iter().any(|one| one.eq_ignore_ascii_case(name)))
}

/// The content coding that several `Content-Encoding` fields name together, where it is not
/// `identity`: they are one list (RFC 9110, section 5.3), and one coded layer hides all others.
pub(super) fn coding<'b>(mut values: impl Iterator<Item = &'b [u8]>) -> Option<&'b [u8]> {
    values.find(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
