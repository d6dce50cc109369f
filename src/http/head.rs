//! Judged heads: ranges into the bytes that were scanned, with what framing and routing need.

use crate::base::limits::CONNECTION_OPTIONS;

use super::bytes::trim;
use super::error::HeadError;
use super::framing::BodyLength;
use super::known::{Known, Seen};

/// A range of a head, from the head's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Span {
    start: u16,
    length: u16,
}

impl Span {
    /// `HeadLimits` keeps heads below 64 KiB; a range beyond that would be cut to an empty one.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Span {
        let length = end.saturating_sub(start);
        match (u16::try_from(start), u16::try_from(length)) {
            (Ok(start), Ok(length)) => Span { start, length },
            _ => Span::default(),
        }
    }

    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        bytes
            .get(start..start + usize::from(self.length))
            .unwrap_or_default()
    }

    /// The text of a range that was judged to be ASCII; empty over other bytes than those.
    #[inline]
    pub(super) fn text(self, bytes: &[u8]) -> &str {
        std::str::from_utf8(self.of(bytes)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
    known: Known,
    hop_by_hop: bool,
}

/// The room that a head's fields take, kept for the next head so that none is allocated twice.
#[derive(Default, Debug)]
pub struct Spare(Vec<Field>);

/// The fields of a head, in the order in which they came.
#[derive(Default)]
pub(super) struct Fields {
    list: Vec<Field>,
    seen: Seen,
}

impl Fields {
    pub(super) fn reusing(mut spare: Spare) -> Fields {
        spare.0.clear();
        Fields {
            list: spare.0,
            seen: Seen::default(),
        }
    }

    pub(super) fn into_spare(self) -> Spare {
        Spare(self.list)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Answers whether a field of that name was there before.
    #[inline]
    pub(super) fn push(&mut self, name: Span, value: Span, known: Known) -> bool {
        if self.list.capacity() == 0 {
            self.list.reserve(32);
        }
        self.list.push(Field {
            name,
            value,
            known,
            hop_by_hop: known.is_hop_by_hop(),
        });
        self.seen.insert(known)
    }

    #[inline]
    pub(super) fn has(&self, known: Known) -> bool {
        self.seen.has(known)
    }

    pub(super) fn values<'b>(
        &self,
        bytes: &'b [u8],
        known: Known,
    ) -> impl Iterator<Item = &'b [u8]> {
        let list = if self.has(known) { &self.list[..] } else { &[] };
        list.iter()
            .filter(move |field| field.known == known)
            .map(|field| field.value.of(bytes))
    }

    fn named<'b>(&self, bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
        let known = Known::of(name.as_bytes());
        if known.name_is_listed() {
            return self.values(bytes, known).next();
        }
        let same = |field: &&Field| {
            field.known == known && field.name.of(bytes).eq_ignore_ascii_case(name.as_bytes())
        };
        let found = self.list.iter().find(same);
        found.map(|field| field.value.of(bytes))
    }

    /// Marks every field called `name` as meant for this hop only.
    pub(super) fn mark_hop_by_hop(&mut self, bytes: &[u8], name: &[u8]) {
        for field in &mut self.list {
            if field.name.of(bytes).eq_ignore_ascii_case(name) {
                field.hop_by_hop = true;
            }
        }
    }

    fn iter<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = FieldRef<'b>> {
        self.list.iter().map(move |field| FieldRef {
            name: field.name.text(bytes),
            value: field.value.of(bytes),
            known: field.known,
            hop_by_hop: field.hop_by_hop,
        })
    }
}

/// One field of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldRef<'b> {
    /// The name as it was sent.
    pub name: &'b str,
    /// The value without the white space around it: no control byte but tabs.
    pub value: &'b [u8],
    /// The name as the gateway knows it.
    pub known: Known,
    /// Meant for this hop only, by its nature or because `Connection` lists it.
    pub hop_by_hop: bool,
}

/// What `Connection` says.
#[derive(Clone, Copy, Default)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
}

impl Options {
    /// Reads every `Connection` field and marks the fields that it lists.
    pub(super) fn read(fields: &mut Fields, bytes: &[u8]) -> Result<Options, HeadError> {
        let mut options = Options::default();
        if !fields.has(Known::Connection) {
            return Ok(options);
        }
        let mut count = 0;
        for index in 0..fields.list.len() {
            if fields.list[index].known != Known::Connection {
                continue;
            }
            let value = fields.list[index].value.of(bytes);
            if value.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
                continue;
            }
            for option in value.split(|byte| *byte == b',').map(trim) {
                count += 1;
                if count > CONNECTION_OPTIONS {
                    return Err(HeadError::Connection);
                }
                options.read_one(option, fields, bytes)?;
            }
        }
        Ok(options)
    }

    fn read_one(
        &mut self,
        option: &[u8],
        fields: &mut Fields,
        bytes: &[u8],
    ) -> Result<(), HeadError> {
        if option.is_empty() {
            return Ok(()); // RFC 9110, section 5.6.1.2: a recipient skips empty elements.
        }
        if !super::bytes::all(option, super::bytes::TOKEN) {
            return Err(HeadError::Connection);
        }
        if Known::of(option).is_for_all_hops() {
            return Err(HeadError::ConnectionLists);
        }
        self.close |= option.eq_ignore_ascii_case(b"close");
        self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        fields.mark_hop_by_hop(bytes, option);
        Ok(())
    }
}

/// A request head that was judged well formed. The accessors take the bytes it was scanned from.
pub struct RequestHead {
    pub(super) length: usize,
    pub(super) method: Span,
    pub(super) target: Span,
    /// The path and query of the target; none when an absolute target has no path.
    pub(super) origin: Option<Span>,
    pub(super) host: Span,
    pub(super) fields: Fields,
    pub(super) body: BodyLength,
    pub(super) close: bool,
    pub(super) expects_continue: bool,
}

impl RequestHead {
    /// The method: a token, in the case in which it was sent.
    #[must_use]
    pub fn method<'b>(&self, bytes: &'b [u8]) -> &'b str {
        self.method.text(bytes)
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

            /// Name as sent and trimmed value of every field, in order.
            pub fn fields<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = (&'b str, &'b [u8])> {
                self.fields.iter(bytes).map(|field| (field.name, field.value))
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
