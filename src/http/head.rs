//! Judged heads: ranges into the bytes that were scanned, with what framing and routing need.

use super::bytes::trim;
use super::fields::{FieldRef, Fields, Span, Spare};
use super::framing::BodyLength;
use super::known::Known;

/// A request head that was judged well formed. The accessors take the bytes it was scanned from.
#[must_use]
pub struct RequestHead {
    pub(super) length: usize,
    pub(super) method: Method,
    pub(super) target: Span,
    /// The path and query of the target; none when an absolute target has no path.
    pub(super) origin: Option<Span>,
    pub(super) host: Span,
    pub(super) fields: Fields,
    pub(super) body: BodyLength,
    pub(super) close: bool,
    pub(super) expects_continue: bool,
}

/// The method, with which a head begins.
#[derive(Clone, Copy)]
pub(super) struct Method {
    /// Where it is one that is asked for often: then nobody looks at its bytes again.
    known: Option<&'static str>,
    span: Span,
}

impl Method {
    /// The method that a request line begins with.
    pub(super) fn new(name: &[u8]) -> Method {
        let known = match name {
            b"DELETE" => Some("DELETE"),
            b"GET" => Some("GET"),
            b"HEAD" => Some("HEAD"),
            b"OPTIONS" => Some("OPTIONS"),
            b"PATCH" => Some("PATCH"),
            b"POST" => Some("POST"),
            b"PUT" => Some("PUT"),
            _ => None,
        };
        let span = Span::new(0, name.len());
        Method { known, span }
    }
}

impl RequestHead {
    /// The method: a token, in the case in which it was sent.
    #[must_use]
    pub fn method<'b>(&self, bytes: &'b [u8]) -> &'b str {
        let Method { known, span } = self.method;
        known.unwrap_or_else(|| span.text(bytes))
    }

    /// Path and query, also of an absolute target: what [`super::uri::canonical`] takes.
    #[must_use]
    pub fn target<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        self.origin.map_or(b"/", |origin| origin.of(bytes))
    }

    /// The target as it was sent, for the recording.
    #[must_use]
    pub fn target_as_sent<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        self.target.of(bytes)
    }

    /// The one `Host`: a name or address with an optional port, in the case in which it was sent.
    #[must_use]
    pub fn host<'b>(&self, bytes: &'b [u8]) -> &'b str {
        self.host.text(bytes)
    }

    /// The one `Authorization`.
    #[must_use]
    pub fn authorization<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        self.values(bytes, Known::Authorization).next()
    }

    /// How the body is delimited: never [`BodyLength::UntilClose`].
    #[must_use]
    pub fn body(&self) -> BodyLength {
        self.body
    }

    /// Whether the caller takes another exchange on this connection.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        !self.close
    }

    /// Whether the caller waits for `100 Continue` before it sends the body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Whether an `Upgrade` is asked for; such a request has no body.
    #[must_use]
    pub fn upgrade(&self) -> bool {
        self.fields.has(Known::Upgrade)
    }
}

/// A response head that was judged well formed. The accessors take the bytes it was scanned from.
#[must_use]
pub struct ResponseHead {
    pub(super) length: usize,
    pub(super) status: u16,
    pub(super) reason: Span,
    pub(super) fields: Fields,
    pub(super) announced: BodyLength,
    pub(super) close: bool,
}

impl ResponseHead {
    /// 100 to 599.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, often empty; it means nothing.
    #[must_use]
    pub fn reason<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        self.reason.of(bytes)
    }

    /// Another head follows this one: 1xx, except 101 (which is the last HTTP head).
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// How the body is delimited in an answer to `request_method` (RFC 9112, section 6.3).
    #[must_use]
    pub fn body(&self, request_method: &str) -> BodyLength {
        if request_method == "HEAD" || self.status < 200 || matches!(self.status, 204 | 304) {
            BodyLength::None
        } else {
            self.announced
        }
    }

    /// Whether the upstream lets the connection be used again; [`ResponseHead::reusable`] also
    /// asks whether the body leaves that possible.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        !self.close
    }

    /// Whether the connection can be used again after this answer to `request_method`: kept
    /// alive, delimited, and bound to nobody's authentication.
    #[must_use]
    pub fn reusable(&self, request_method: &str, bytes: &[u8]) -> bool {
        self.keep_alive()
            && self.status != 101
            && self.body(request_method) != BodyLength::UntilClose
            && !self.offers_connection_authentication(bytes)
    }

    /// Whether the upstream offers NTLM or Negotiate, which authenticate the connection and not
    /// the request. In doubt, yes: any element that starts with such a word counts.
    #[must_use]
    pub fn offers_connection_authentication(&self, bytes: &[u8]) -> bool {
        let names = [
            Known::WwwAuthenticate,
            Known::ProxyAuthenticate,
            Known::AuthenticationInfo,
        ];
        names
            .into_iter()
            .flat_map(|name| self.values(bytes, name))
            .flat_map(|value| value.split(|byte| !super::bytes::is(*byte, super::bytes::TOKEN)))
            .any(|word| {
                word.eq_ignore_ascii_case(b"ntlm") || word.eq_ignore_ascii_case(b"negotiate")
            })
    }
}

macro_rules! field_access {
    ($($head:ident),*) => {$(
        #[expect(clippy::len_without_is_empty, reason = "a head is never empty")]
        impl $head {
            /// Bytes of the head, blank line included.
            #[must_use]
            pub fn len(&self) -> usize {
                self.length
            }

            /// The value of the first field called `name`, in any case.
            #[must_use]
            pub fn field<'b>(&self, bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
                self.fields.named(bytes, name)
            }

            /// The values of every field that `known` names; free when there is none.
            pub fn values<'b>(
                &self,
                bytes: &'b [u8],
                known: Known,
            ) -> impl Iterator<Item = &'b [u8]> {
                self.fields.values(bytes, known)
            }

            /// Whether there is a field that `known` names.
            #[must_use]
            pub fn has(&self, known: Known) -> bool {
                self.fields.has(known)
            }

            /// The protocols that `Upgrade` names, in order (RFC 9110, section 7.8): none where
            /// `Connection` does not list it, as it is not meant for us then.
            pub fn protocols<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
                let listed = self.fields.is_listed(Known::Upgrade);
                let values = self.values(bytes, Known::Upgrade).filter(move |_| listed);
                let names = values.flat_map(|value| value.split(|byte| *byte == b','));
                names.map(trim).filter(|name| !name.is_empty())
            }

            /// Name as sent and trimmed value of every field, in order.
            pub fn fields<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = (&'b str, &'b [u8])> {
                self.fields.iter(bytes).map(|field| (field.text(), field.value))
            }

            /// Every field, classified, in order.
            pub fn entries<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = FieldRef<'b>> {
                self.fields.iter(bytes)
            }

            /// The room its fields took, for a scanner to use again.
            #[must_use]
            pub fn into_spare(self) -> Spare {
                self.fields.into_spare()
            }
        }
    )*};
}

field_access!(RequestHead, ResponseHead);
