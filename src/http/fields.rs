//! The fields of a head: where each stands, what it is called, whether it goes further than one hop.

use crate::base::limits::CONNECTION_OPTIONS;

use super::bytes::trim;
use super::error::HeadError;
use super::known::{Known, Seen};

/// A range of a head, from the head's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// `HeadLimits` keeps heads below 64 KiB; a range beyond that would be cut to an empty one.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Span {
        match u16::try_from(end) {
            Ok(end) if start <= usize::from(end) => Span {
                start: start as u16,
                end,
            },
            _ => Span::default(),
        }
    }

    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        let range = usize::from(self.start)..usize::from(self.end);
        bytes.get(range).unwrap_or_default()
    }

    /// From the start of this range to the end of `other`, which follows it.
    #[inline]
    fn to(self, other: Span) -> Span {
        Span {
            start: self.start,
            end: other.end,
        }
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
    /// `Connection` lists it.
    listed: bool,
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

    /// Makes room for the fields of most heads at once.
    #[inline]
    pub(super) fn prepare(&mut self) {
        if self.list.capacity() == 0 {
            self.list.reserve(32);
        }
    }

    /// Answers whether a field of that name was there before.
    #[inline]
    pub(super) fn push(&mut self, name: Span, value: Span, known: Known) -> bool {
        self.list.push(Field {
            name,
            value,
            known,
            listed: false,
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

    pub(super) fn named<'b>(&self, bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
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

    /// Whether `Connection` lists the field that `known` names.
    pub(super) fn is_listed(&self, known: Known) -> bool {
        let mut list = self.list.iter();
        self.has(known) && list.any(|field| field.known == known && field.listed)
    }

    /// Marks every field called `name` as meant for this hop only.
    pub(super) fn mark_hop_by_hop(&mut self, bytes: &[u8], name: &[u8]) {
        for field in &mut self.list {
            if field.name.of(bytes).eq_ignore_ascii_case(name) {
                field.listed = true;
            }
        }
    }

    pub(super) fn iter<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = FieldRef<'b>> {
        self.list.iter().map(move |field| FieldRef {
            name: field.name.of(bytes),
            value: field.value.of(bytes),
            known: field.known,
            hop_by_hop: field.listed || field.known.is_hop_by_hop(),
            line: field.name.to(field.value).of(bytes),
        })
    }
}

/// One field of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldRef<'b> {
    /// The name as it was sent: a token.
    pub name: &'b [u8],
    /// The value without the white space around it: no control byte but tabs.
    pub value: &'b [u8],
    /// The name as the gateway knows it.
    pub known: Known,
    /// Meant for this hop only, by its nature or because `Connection` lists it.
    pub hop_by_hop: bool,
    /// From the name's first byte to the value's last one.
    line: &'b [u8],
}

impl<'b> FieldRef<'b> {
    /// A field of no head.
    #[must_use]
    pub fn new(name: &'b str, value: &'b [u8]) -> FieldRef<'b> {
        let known = Known::of(name.as_bytes());
        FieldRef {
            name: name.as_bytes(),
            value,
            known,
            hop_by_hop: known.is_hop_by_hop(),
            line: b"",
        }
    }

    /// Whether it is called `name`, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The name as text.
    #[must_use]
    pub fn text(&self) -> &'b str {
        std::str::from_utf8(self.name).unwrap_or_default()
    }

    /// The line as it stands in its head, where that is just name, colon, space and value: it can be
    /// copied at once.
    #[must_use]
    pub fn line(&self) -> Option<&'b [u8]> {
        let between = self.line.get(self.name.len()..)?.starts_with(b": ");
        let length = self.name.len() + 2 + self.value.len();
        (between && self.line.len() == length).then_some(self.line)
    }
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
