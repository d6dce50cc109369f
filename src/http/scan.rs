//! The resumable head scanner: lines first, then what each line says.
//!
//! A line is judged once it is whole, and only bytes within the bounds are looked at, so that the
//! verdict depends on the bytes and never on how they were split. The search for a line's end goes
//! on where it stopped: no byte is searched twice.

use std::ops::Range;

use crate::base::limits::{HEAD_BYTES, HEAD_FIELDS, LENGTH_DIGITS, TARGET_BYTES};

use super::bytes::{all, find, find_control, is, trim, trim_end, trim_start};
use super::error::HeadError;
use super::fields::{Fields, Options, Span, Spare};
use super::framing::BodyLength;
use super::head::{RequestHead, ResponseHead};
use super::known::{Known, Seen};
use super::request::RequestSide;
use super::response::ResponseSide;

/// Bounds on a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    bytes: usize,
    pub(super) fields: usize,
    pub(super) target: usize,
}

impl HeadLimits {
    /// At most `bytes` bytes (never more than [`HEAD_BYTES`]), `fields` fields and a target of
    /// `target` bytes.
    #[must_use]
    pub fn new(bytes: usize, fields: usize, target: usize) -> HeadLimits {
        HeadLimits {
            bytes: bytes.min(HEAD_BYTES),
            fields,
            target,
        }
    }
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits::new(HEAD_BYTES, HEAD_FIELDS, TARGET_BYTES)
    }
}

macro_rules! scanner {
    ($(#[$doc:meta])* $name:ident, $side:ident, $head:ident) => {
        $(#[$doc])*
        pub struct $name(Scanner<$side>);

        impl $name {
            /// A scanner at the first byte of a head.
            #[must_use]
            pub fn new(limits: HeadLimits) -> $name {
                $name(Scanner::new(limits))
            }

            /// Judges `bytes`, which are all that arrived since the head's first byte: `None`
            /// asks for more. After a head the scanner stands before the next one; after a
            /// refusal it refuses for ever.
            pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<$head>, HeadError> {
                self.0.scan(bytes)
            }

            /// Gives the room of an earlier head's fields back, so that the next takes no new.
            pub fn recycle(&mut self, spare: Spare) {
                self.0.recycle(spare);
            }

            /// The room that was taken for fields, of a scanner that is done before its head is.
            #[must_use]
            pub fn into_spare(self) -> Spare {
                self.0.fields.into_spare()
            }

            /// True when no byte of the next head was seen: between two exchanges.
            #[must_use]
            pub fn is_idle(&self) -> bool {
                self.0.searched == 0
            }
        }
    };
}

scanner!(
    /// Scans request heads.
    RequestScanner,
    RequestSide,
    RequestHead
);
scanner!(
    /// Scans response heads, interim ones included.
    ResponseScanner,
    ResponseSide,
    ResponseHead
);

/// What differs between requests and responses. A value is a judged start line.
pub(super) trait Side: Sized {
    type Head;
    /// The class of bytes that field names are made of.
    const NAME: u8;

    /// The most bytes a start line may take, its end included.
    fn start_bytes(limits: &HeadLimits) -> usize;
    /// The reason to refuse `bytes`, a start line beyond that.
    fn start_too_long(bytes: &[u8]) -> HeadError;
    fn start(line: &[u8], limits: &HeadLimits) -> Result<Self, HeadError>;
    /// Judges a field that only this side minds.
    fn field(
        &mut self,
        known: Known,
        again: bool,
        value: Span,
        bytes: &[u8],
    ) -> Result<(), HeadError>;
    fn finish(self, gathered: Gathered, bytes: &[u8]) -> Result<Self::Head, HeadError>;
}

/// What both sides have gathered at the end of a head.
pub(super) struct Gathered {
    pub(super) length: usize,
    pub(super) fields: Fields,
    pub(super) body: Option<BodyLength>,
    pub(super) options: Options,
}

struct Scanner<S> {
    limits: HeadLimits,
    broken: Option<HeadError>,
    start: Option<S>,
    fields: Fields,
    body: Option<BodyLength>,
    /// What the plainest `Connection` says, and whether there is one that says more.
    options: Options,
    options_left: bool,
    /// Where the current line starts.
    line: usize,
    /// Up to where the search for its end has come.
    searched: usize,
}

impl<S: Side> Scanner<S> {
    fn new(limits: HeadLimits) -> Scanner<S> {
        Scanner {
            limits,
            broken: None,
            start: None,
            fields: Fields::default(),
            body: None,
            options: Options::default(),
            options_left: false,
            line: 0,
            searched: 0,
        }
    }

    fn recycle(&mut self, spare: Spare) {
        if self.fields.len() == 0 {
            self.fields = Fields::reusing(spare);
        }
    }

    fn scan(&mut self, bytes: &[u8]) -> Result<Option<S::Head>, HeadError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.broken = Some(HeadError::Poisoned);
        let verdict = self.judge(bytes);
        self.broken = verdict.as_ref().err().copied();
        verdict
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<Option<S::Head>, HeadError> {
        if self.start.is_none() {
            let bound = S::start_bytes(&self.limits).min(self.limits.bytes);
            let Some(line) = self.next_line(bytes, bound, S::start_too_long)? else {
                return Ok(None);
            };
            self.start = Some(S::start(&bytes[line], &self.limits)?);
            self.fields.prepare();
        }
        while let Some(line) = self.next_line(bytes, self.limits.bytes, |_| HeadError::TooLong)? {
            if line.is_empty() {
                return self.finish(bytes).map(Some);
            }
            self.field(bytes, line)?;
        }
        Ok(None)
    }

    /// The next whole line, without its end.
    #[inline]
    fn next_line(
        &mut self,
        bytes: &[u8],
        bound: usize,
        too_long: fn(&[u8]) -> HeadError,
    ) -> Result<Option<Range<usize>>, HeadError> {
        let window = &bytes[..bytes.len().min(bound)];
        let at = find_control(window, self.searched);
        match window.get(at..) {
            Some([b'\r', b'\n', ..]) => {
                let line = self.line..at;
                self.line = at + 2;
                self.searched = self.line;
                return Ok(Some(line));
            }
            Some([] | [b'\r']) | None => self.searched = at,
            Some([b'\r', ..]) => return Err(HeadError::BareCr),
            Some([b'\n', ..]) => return Err(HeadError::BareLf),
            Some(_) => return Err(HeadError::ControlByte),
        }
        if window.len() == bound {
            return Err(too_long(window));
        }
        Ok(None)
    }

    #[inline]
    fn field(&mut self, bytes: &[u8], line: Range<usize>) -> Result<(), HeadError> {
        if self.fields.len() >= self.limits.fields {
            return Err(HeadError::TooManyFields);
        }
        let text = &bytes[line.clone()];
        let colon = find(bytes, line.start, b':') - line.start;
        let Some((name, [_, value @ ..])) = text.split_at_checked(colon) else {
            return Err(bad_name::<S>(text));
        };
        let known = Known::of(name);
        // A listed name is a good name: only others are judged byte by byte.
        if !known.name_is_listed() && !all(name, S::NAME) {
            return Err(bad_name::<S>(text));
        }
        let span = match value {
            // Most values have one space before them, and nothing else to be cut off.
            [b' ', first, .., last] if *first > b' ' && *last > b' ' => {
                Span::new(line.start + colon + 2, line.end)
            }
            _ => {
                let value = trim_start(value);
                let value_at = line.end - value.len();
                Span::new(value_at, value_at + trim_end(value).len())
            }
        };
        let name = Span::new(line.start, line.start + colon);
        let again = self.fields.push(name, span, known);
        if JUDGED.has(known) {
            self.judge_field(bytes, known, again, span)
        } else {
            Ok(())
        }
    }

    #[inline]
    fn judge_field(
        &mut self,
        bytes: &[u8],
        known: Known,
        again: bool,
        span: Span,
    ) -> Result<(), HeadError> {
        let value = span.of(bytes);
        match known {
            Known::Connection => {
                self.options.keep_alive = value == b"keep-alive" || value == b"Keep-Alive";
                self.options_left |= !self.options.keep_alive;
                Ok(())
            }
            Known::ContentLength if again => Err(HeadError::LengthRepeated),
            Known::TransferEncoding if again => Err(HeadError::CodingRepeated),
            Known::ContentType if again => Err(HeadError::ContentTypeRepeated),
            Known::ContentLength => self.set_body(BodyLength::Length(content_length(value)?)),
            Known::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => {
                self.set_body(BodyLength::Chunked)
            }
            Known::TransferEncoding => Err(HeadError::Coding),
            _ => match &mut self.start {
                Some(start) => start.field(known, again, span, bytes),
                None => Err(HeadError::Poisoned),
            },
        }
    }

    fn set_body(&mut self, body: BodyLength) -> Result<(), HeadError> {
        match self.body.replace(body) {
            None => Ok(()),
            Some(_) => Err(HeadError::LengthAndCoding),
        }
    }

    fn finish(&mut self, bytes: &[u8]) -> Result<S::Head, HeadError> {
        let mut fields = std::mem::take(&mut self.fields);
        let mut options = std::mem::take(&mut self.options);
        if std::mem::take(&mut self.options_left) {
            options = Options::read(&mut fields, bytes)?;
        }
        let gathered = Gathered {
            length: self.line,
            fields,
            body: self.body.take(),
            options,
        };
        self.line = 0;
        self.searched = 0;
        match self.start.take() {
            Some(start) => start.finish(gathered, bytes),
            None => Err(HeadError::Poisoned),
        }
    }
}

/// The names that are judged as they come; the others are only noted.
const JUDGED: Seen = Seen::of(&[
    Known::Authorization,
    Known::Connection,
    Known::ContentLength,
    Known::ContentType,
    Known::Expect,
    Known::Host,
    Known::TransferEncoding,
]);

/// Why `line` is no field.
#[cold]
fn bad_name<S: Side>(line: &[u8]) -> HeadError {
    // Where its name stops being one.
    let end = line.iter().position(|byte| !is(*byte, S::NAME));
    let Some(end) = end.filter(|_| line.contains(&b':')) else {
        return match line.first() {
            Some(b' ' | b'\t') => HeadError::ObsFold,
            _ => HeadError::NoColon,
        };
    };
    match line[end] {
        b' ' | b'\t' if end == 0 => HeadError::ObsFold,
        b'_' => HeadError::Underscore,
        b' ' | b'\t' if trim(&line[end..]).starts_with(b":") => HeadError::SpaceBeforeColon,
        _ => HeadError::FieldName,
    }
}

fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::Length);
    }
    if value.len() > LENGTH_DIGITS {
        return Err(HeadError::LengthDigits);
    }
    let digits = value.iter().map(|digit| u64::from(digit - b'0'));
    Ok(digits.fold(0, |length, digit| length * 10 + digit))
}
