//! The field names the gateway cares about, recognised once, when a line is scanned.
//!
//! Later rooms then classify a field by comparing one byte instead of text. `lookup` finds
//! a name among them.

use super::lookup;

macro_rules! known {
    ($($variant:ident => $name:literal,)*) => {
        /// A field name, recognised without regard to case.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Known {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// `x-forwarded-` and something that is not listed above.
            XForwardedOther,
            /// `proxy-` and something that is not listed above.
            ProxyOther,
            /// `mcp-` and something that is not listed above, as `Mcp-Param-*`.
            McpOther,
            /// Any other name.
            Other,
        }

        /// Indexed by discriminant; the families and `Other` have no name of their own.
        pub(super) const NAMES: &[&str] = &[$($name,)*];
        const VARIANTS: &[Known] = &[$(Known::$variant,)*];
    };
}

known! {
    Accept => "accept",
    AcceptCharset => "accept-charset",
    AcceptEncoding => "accept-encoding",
    AcceptLanguage => "accept-language",
    AccessControlRequestHeaders => "access-control-request-headers",
    AccessControlRequestMethod => "access-control-request-method",
    Age => "age",
    Allow => "allow",
    AuthenticationInfo => "authentication-info",
    Authorization => "authorization",
    Baggage => "baggage",
    CacheControl => "cache-control",
    ClientRequestId => "client-request-id",
    Connection => "connection",
    ConsistencyLevel => "consistencylevel",
    ContentDisposition => "content-disposition",
    ContentEncoding => "content-encoding",
    ContentLanguage => "content-language",
    ContentLength => "content-length",
    ContentLocation => "content-location",
    ContentMd5 => "content-md5",
    ContentRange => "content-range",
    ContentType => "content-type",
    Cookie => "cookie",
    Cookie2 => "cookie2",
    Date => "date",
    ETag => "etag",
    Expect => "expect",
    Expires => "expires",
    Forwarded => "forwarded",
    From => "from",
    Host => "host",
    Http2Settings => "http2-settings",
    IfMatch => "if-match",
    IfModifiedSince => "if-modified-since",
    IfNoneMatch => "if-none-match",
    IfRange => "if-range",
    IfUnmodifiedSince => "if-unmodified-since",
    KeepAlive => "keep-alive",
    LastEventId => "last-event-id",
    LastModified => "last-modified",
    Link => "link",
    Location => "location",
    MaxForwards => "max-forwards",
    McpMethod => "mcp-method",
    McpName => "mcp-name",
    McpProtocolVersion => "mcp-protocol-version",
    McpSessionId => "mcp-session-id",
    Origin => "origin",
    Pragma => "pragma",
    Prefer => "prefer",
    PreferenceApplied => "preference-applied",
    ProxyAuthenticate => "proxy-authenticate",
    ProxyAuthenticationInfo => "proxy-authentication-info",
    ProxyAuthorization => "proxy-authorization",
    ProxyConnection => "proxy-connection",
    Range => "range",
    RatelimitLimit => "ratelimit-limit",
    RatelimitRemaining => "ratelimit-remaining",
    RatelimitReset => "ratelimit-reset",
    Referer => "referer",
    RequestId => "request-id",
    RetryAfter => "retry-after",
    ReturnClientRequestId => "return-client-request-id",
    Server => "server",
    SetCookie => "set-cookie",
    SetCookie2 => "set-cookie2",
    StrictTransportSecurity => "strict-transport-security",
    Te => "te",
    Traceparent => "traceparent",
    Tracestate => "tracestate",
    Trailer => "trailer",
    TransferEncoding => "transfer-encoding",
    Upgrade => "upgrade",
    UserAgent => "user-agent",
    Vary => "vary",
    Via => "via",
    WwwAuthenticate => "www-authenticate",
    XContentTypeOptions => "x-content-type-options",
    XForwardedFor => "x-forwarded-for",
    XForwardedHost => "x-forwarded-host",
    XForwardedPort => "x-forwarded-port",
    XForwardedPrefix => "x-forwarded-prefix",
    XForwardedProto => "x-forwarded-proto",
    XHttpMethod => "x-http-method",
    XHttpMethodOverride => "x-http-method-override",
    XMethodOverride => "x-method-override",
    XMsAgsDiagnostic => "x-ms-ags-diagnostic",
    XOriginalHost => "x-original-host",
    XOriginalUrl => "x-original-url",
    XRealIp => "x-real-ip",
    XRequestId => "x-request-id",
    XRewriteUrl => "x-rewrite-url",
}

impl Known {
    /// Every name that is listed, in lower case, at the place that its variant counts to.
    pub const NAMES: &'static [&'static str] = NAMES;

    /// Recognises `name`, which must hold no control byte.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8]) -> Known {
        match lookup::position(name) {
            Some(position) => VARIANTS[position],
            None => Known::family(name),
        }
    }

    /// The listed name in lower case; empty for the families and [`Known::Other`].
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self as u8)).copied().unwrap_or("")
    }

    /// Whether this is one name, and not a family or [`Known::Other`].
    #[inline]
    pub(super) fn name_is_listed(self) -> bool {
        usize::from(self as u8) < NAMES.len()
    }

    /// Meaningful for one hop only (RFC 9110, section 7.6.1), whatever `Connection` lists.
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Known::Connection
                | Known::KeepAlive
                | Known::Te
                | Known::Trailer
                | Known::TransferEncoding
                | Known::Upgrade
                | Known::Http2Settings
        ) || self.is_proxy()
    }

    /// The `Proxy-*` family: between a client and its proxy, which we are not.
    #[must_use]
    pub fn is_proxy(self) -> bool {
        matches!(
            self,
            Known::ProxyAuthenticate
                | Known::ProxyAuthenticationInfo
                | Known::ProxyAuthorization
                | Known::ProxyConnection
                | Known::ProxyOther
        )
    }

    /// Says where a request came from or what it first asked for: a caller must not tell an
    /// upstream that in our name.
    #[must_use]
    pub fn is_forwarded_family(self) -> bool {
        matches!(
            self,
            Known::Forwarded
                | Known::XForwardedFor
                | Known::XForwardedHost
                | Known::XForwardedPort
                | Known::XForwardedPrefix
                | Known::XForwardedProto
                | Known::XForwardedOther
                | Known::XOriginalHost
                | Known::XOriginalUrl
                | Known::XRealIp
                | Known::XRewriteUrl
                | Known::Via
        )
    }

    /// Asks an upstream to act on another method than the one that was judged.
    #[must_use]
    pub fn is_method_override(self) -> bool {
        matches!(
            self,
            Known::XHttpMethod | Known::XHttpMethodOverride | Known::XMethodOverride
        )
    }

    /// Carries a caller's authority.
    #[must_use]
    pub fn is_credential(self) -> bool {
        matches!(
            self,
            Known::Authorization | Known::ProxyAuthorization | Known::Cookie | Known::Cookie2
        )
    }

    /// Any `Mcp-*` field.
    #[must_use]
    pub fn is_mcp(self) -> bool {
        matches!(
            self,
            Known::McpMethod
                | Known::McpName
                | Known::McpProtocolVersion
                | Known::McpSessionId
                | Known::McpOther
        )
    }

    /// Meant for every recipient: `Connection` must not list it (RFC 9110, section 7.6.1), for
    /// whoever does wants a gateway to strip what the next hop judges by.
    #[must_use]
    pub(super) fn is_for_all_hops(self) -> bool {
        matches!(
            self,
            Known::Host
                | Known::Authorization
                | Known::CacheControl
                | Known::ContentEncoding
                | Known::ContentLength
                | Known::ContentType
                | Known::Cookie
                | Known::Expect
                | Known::SetCookie
                | Known::TransferEncoding
        )
    }

    #[cold]
    fn family(name: &[u8]) -> Known {
        let starts = |prefix: &str| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        if starts("x-forwarded-") {
            Known::XForwardedOther
        } else if starts("proxy-") {
            Known::ProxyOther
        } else if starts("mcp-") {
            Known::McpOther
        } else {
            Known::Other
        }
    }
}

/// Which names a head holds: answers "not there" without a walk.
///
/// Two words and not a `u128`, which takes three times the instructions to reach one bit of.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen([u64; 2]);

impl Seen {
    pub(super) const fn of(names: &[Known]) -> Seen {
        let mut seen = Seen([0; 2]);
        let mut index = 0;
        while index < names.len() {
            let (word, bit) = Seen::place(names[index]);
            seen.0[word] |= bit;
            index += 1;
        }
        seen
    }

    /// All listed names but `names`.
    pub(super) const fn listed_but(names: &[Known]) -> Seen {
        let out = Seen::of(names);
        let mut seen = Seen::of(VARIANTS);
        seen.0[0] &= !out.0[0];
        seen.0[1] &= !out.0[1];
        seen
    }

    /// The word that holds the bit of `name`, and that bit.
    #[inline]
    const fn place(name: Known) -> (usize, u64) {
        let name = name as usize;
        (name / 64 % 2, 1 << (name % 64))
    }

    /// Notes `name`; answers whether it was there before.
    #[inline]
    pub(super) fn insert(&mut self, name: Known) -> bool {
        let (word, bit) = Seen::place(name);
        let was = self.0[word] & bit != 0;
        self.0[word] |= bit;
        was
    }

    #[inline]
    pub(super) fn has(&self, name: Known) -> bool {
        let (word, bit) = Seen::place(name);
        self.0[word] & bit != 0
    }
}

const _: () = assert!(
    (Known::Other as usize) < 128 && NAMES.len() == Known::XForwardedOther as usize,
    "every name has its bit in `Seen`, and its place in `NAMES`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_recognised_in_any_case() {
        for (name, variant) in NAMES.iter().zip(VARIANTS) {
            assert_eq!(Known::of(name.as_bytes()), *variant);
            assert_eq!(Known::of(name.to_ascii_uppercase().as_bytes()), *variant);
            assert_eq!(variant.name(), *name);
        }
    }

    #[test]
    fn near_misses_are_not_recognised() {
        for (name, variant) in NAMES.iter().zip(VARIANTS) {
            for position in 0..name.len() {
                let mut near = name.as_bytes().to_vec();
                near[position] = if near[position] == b'!' { b'#' } else { b'!' };
                assert_ne!(Known::of(&near), *variant, "{name} at {position}");
                near.remove(position);
                assert_ne!(Known::of(&near), *variant, "{name} without {position}");
            }
        }
    }

    #[test]
    fn families_go_by_prefix() {
        assert_eq!(
            Known::of(b"X-Forwarded-Client-Cert"),
            Known::XForwardedOther
        );
        assert_eq!(Known::of(b"Proxy-Status"), Known::ProxyOther);
        assert_eq!(Known::of(b"Mcp-Param-Region"), Known::McpOther);
        assert_eq!(Known::of(b"X-Forwarded"), Known::Other);
        assert_eq!(Known::of(b""), Known::Other);
    }
}
