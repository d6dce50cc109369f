//! Writes heads and chunk size lines: the only place where text becomes protocol.

use super::bytes::{TOKEN, all, all_visible, find_control};
use super::fields::FieldRef;
use super::framing::BodyLength;
use super::known::{Known, Seen};

/// The end of a line, and of a chunk's data.
pub const CRLF: &[u8] = b"\r\n";
/// Ends a chunked body, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Names that may be copied without being judged again: all that are listed, but for framing.
const COPIED: Seen = Seen::listed_but(&[Known::ContentLength, Known::TransferEncoding]);

/// What must not be written. The head is taken back as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// Not a token.
    #[error("invalid method")]
    Method,
    /// Empty, or not visible ASCII.
    #[error("invalid request target")]
    Target,
    /// Not 100 to 599.
    #[error("invalid status")]
    Status,
    /// A control byte in the reason phrase.
    #[error("invalid reason phrase")]
    Reason,
    /// Not a token.
    #[error("invalid field name")]
    Name,
    /// A control byte other than a tab, or white space around it.
    #[error("invalid field value")]
    Value,
    /// `Content-Length` and `Transfer-Encoding` are written by [`HeadWriter::body`], once.
    #[error("body framing written as a field, or twice")]
    Framing,
}

/// Writes one head at the end of a text. Until [`HeadWriter::finish`] nothing of it is there:
/// dropped earlier, or after an error, it is taken back.
#[must_use]
pub struct HeadWriter<'v> {
    out: &'v mut Vec<u8>,
    start: usize,
    framed: bool,
    state: Writing,
}

#[derive(Clone, Copy)]
enum Writing {
    Open,
    Refused(WriteError),
    Finished,
}

impl<'v> HeadWriter<'v> {
    /// Starts a request head.
    pub fn request(
        out: &'v mut Vec<u8>,
        method: &str,
        target: &[u8],
    ) -> Result<HeadWriter<'v>, WriteError> {
        if !all(method.as_bytes(), TOKEN) {
            return Err(WriteError::Method);
        }
        if !all_visible(target) {
            return Err(WriteError::Target);
        }
        let writer = HeadWriter::at_end(out);
        for part in [method.as_bytes(), b" ", target, b" HTTP/1.1\r\n"] {
            writer.out.extend_from_slice(part);
        }
        Ok(writer)
    }

    /// Starts a response head.
    pub fn response(
        out: &'v mut Vec<u8>,
        status: u16,
        reason: &[u8],
    ) -> Result<HeadWriter<'v>, WriteError> {
        if !(100..=599).contains(&status) {
            return Err(WriteError::Status);
        }
        if find_control(reason, 0) < reason.len() {
            return Err(WriteError::Reason);
        }
        let writer = HeadWriter::at_end(out);
        writer.out.extend_from_slice(b"HTTP/1.1 ");
        decimal(writer.out, u64::from(status));
        for part in [b" ", reason, CRLF] {
            writer.out.extend_from_slice(part);
        }
        Ok(writer)
    }

    fn at_end(out: &'v mut Vec<u8>) -> HeadWriter<'v> {
        HeadWriter {
            start: out.len(),
            out,
            framed: false,
            state: Writing::Open,
        }
    }

    /// Adds a field.
    pub fn field(&mut self, name: &str, value: &[u8]) -> Result<&mut Self, WriteError> {
        let name = name.as_bytes();
        if !all(name, TOKEN) {
            return Err(self.refuse(WriteError::Name));
        }
        if matches!(
            Known::of(name),
            Known::ContentLength | Known::TransferEncoding
        ) {
            return Err(self.refuse(WriteError::Framing));
        }
        if find_control(value, 0) < value.len() || is_padded(value) {
            return Err(self.refuse(WriteError::Value));
        }
        for part in [name, b": ", value, CRLF] {
            self.out.extend_from_slice(part);
        }
        Ok(self)
    }

    /// Adds a field of a head that was read. One with a listed name, written as most are, needs no
    /// second look at its name.
    pub fn copy(&mut self, field: &FieldRef<'_>) -> Result<&mut Self, WriteError> {
        let line = match field.line() {
            Some(line) if COPIED.has(field.known) => line,
            _ => return self.field(field.text(), field.value),
        };
        if find_control(line, 0) < line.len() || is_padded(field.value) {
            return Err(self.refuse(WriteError::Value));
        }
        self.out.reserve(line.len() + CRLF.len());
        for part in [line, CRLF] {
            self.out.extend_from_slice(part);
        }
        Ok(self)
    }

    /// Adds the field that says how the body is delimited; none for [`BodyLength::None`] and
    /// [`BodyLength::UntilClose`].
    pub fn body(&mut self, length: BodyLength) -> Result<&mut Self, WriteError> {
        if std::mem::replace(&mut self.framed, true) {
            return Err(self.refuse(WriteError::Framing));
        }
        match length {
            BodyLength::None | BodyLength::UntilClose => {}
            BodyLength::Length(length) => {
                self.out.extend_from_slice(b"Content-Length: ");
                decimal(self.out, length);
                self.out.extend_from_slice(CRLF);
            }
            BodyLength::Chunked => {
                let field = b"Transfer-Encoding: chunked\r\n";
                self.out.extend_from_slice(field);
            }
        }
        Ok(self)
    }

    /// Ends the head with its blank line and answers how many bytes it has; after a refusal,
    /// that refusal again.
    pub fn finish(mut self) -> Result<usize, WriteError> {
        if let Writing::Refused(error) = self.state {
            return Err(error);
        }
        self.state = Writing::Finished;
        self.out.extend_from_slice(CRLF);
        Ok(self.out.len() - self.start)
    }

    fn refuse(&mut self, error: WriteError) -> WriteError {
        self.state = Writing::Refused(error);
        error
    }
}

/// White space around a value is not part of it.
fn is_padded(value: &[u8]) -> bool {
    let padded = |edge: Option<&u8>| matches!(edge, Some(b' ' | b'\t'));
    padded(value.first()) || padded(value.last())
}

impl Drop for HeadWriter<'_> {
    fn drop(&mut self) {
        if !matches!(self.state, Writing::Finished) {
            self.out.truncate(self.start);
        }
    }
}

/// A chunk's size line, canonical: lower-case hexadecimal without leading zeros.
#[derive(Clone, Copy)]
pub struct SizeLine {
    text: [u8; SizeLine::MAX],
    start: u8,
}

impl SizeLine {
    /// Sixteen digits and CR LF.
    const MAX: usize = 18;

    /// The size line of a chunk of `size` bytes. A chunk of 0 bytes would end the body, so there
    /// is none: that is [`LAST_CHUNK`].
    #[must_use]
    pub fn new(size: std::num::NonZeroU64) -> SizeLine {
        let mut text = [b'\r'; SizeLine::MAX];
        text[SizeLine::MAX - 1] = b'\n';
        let mut start = SizeLine::MAX - CRLF.len();
        let mut rest = size.get();
        while rest > 0 {
            start -= 1;
            text[start] = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        SizeLine {
            text,
            start: start as u8,
        }
    }

    /// The line, CR LF included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[usize::from(self.start)..]
    }
}

/// Appends `data` as one chunk; nothing for no data, which would end the body.
pub fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    if let Some(size) = std::num::NonZeroU64::new(data.len() as u64) {
        for part in [SizeLine::new(size).as_bytes(), data, CRLF] {
            out.extend_from_slice(part);
        }
    }
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [b'0'; 20];
    let mut start = text.len();
    loop {
        start -= 1;
        text[start] += (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_a_request() -> Result<(), WriteError> {
        let mut out = b"before".to_vec();
        let mut head = HeadWriter::request(&mut out, "POST", b"/a?b")?;
        head.field("Host", b"example")?
            .body(BodyLength::Length(u64::MAX))?;
        assert_eq!(head.finish(), Ok(out.len() - 6));
        let want = "beforePOST /a?b HTTP/1.1\r\nHost: example\r\n\
                    Content-Length: 18446744073709551615\r\n\r\n";
        assert_eq!(out, want.as_bytes());
        Ok(())
    }

    #[test]
    fn writes_a_response() -> Result<(), WriteError> {
        let mut out = Vec::new();
        let mut head = HeadWriter::response(&mut out, 204, b"")?;
        head.body(BodyLength::None)?;
        head.finish()?;
        HeadWriter::response(&mut out, 200, b"OK")?
            .body(BodyLength::Chunked)?
            .field("empty", b"")?;
        assert_eq!(
            out, b"HTTP/1.1 204 \r\n\r\n",
            "what is not finished is not there"
        );
        Ok(())
    }

    #[test]
    fn a_refused_field_takes_the_head_back() -> Result<(), WriteError> {
        let bad: [(&str, &[u8], WriteError); 10] = [
            ("a", b"x\r\nb: c", WriteError::Value),
            ("a", b"x\n", WriteError::Value),
            ("a", b"x\0", WriteError::Value),
            ("a", b"\x7f", WriteError::Value),
            ("a", b" x", WriteError::Value),
            ("a", b"x\t", WriteError::Value),
            ("", b"x", WriteError::Name),
            ("a:", b"x", WriteError::Name),
            ("a b", b"x", WriteError::Name),
            ("transfer-ENCODING", b"gzip", WriteError::Framing),
        ];
        for (name, value, error) in bad {
            let mut out = b"kept".to_vec();
            let mut head = HeadWriter::response(&mut out, 200, b"OK")?;
            assert_eq!(head.field(name, value).err(), Some(error), "{name}");
            assert_eq!(head.finish(), Err(error));
            assert_eq!(out, b"kept");
        }
        Ok(())
    }

    #[test]
    fn a_bad_start_line_writes_nothing() {
        let mut out = Vec::new();
        for method in ["", "GET /", "G\r\n"] {
            assert!(HeadWriter::request(&mut out, method, b"/").is_err());
        }
        for target in [&b""[..], b"/ b", b"/\r\n", b"/\xff"] {
            assert!(HeadWriter::request(&mut out, "GET", target).is_err());
        }
        assert!(HeadWriter::response(&mut out, 99, b"").is_err());
        assert!(HeadWriter::response(&mut out, 600, b"").is_err());
        assert!(HeadWriter::response(&mut out, 200, b"a\nb").is_err());
        assert!(out.is_empty());
    }

    #[test]
    fn a_body_is_framed_once() -> Result<(), WriteError> {
        let mut out = Vec::new();
        let mut head = HeadWriter::response(&mut out, 200, b"OK")?;
        head.body(BodyLength::Chunked)?;
        let again = head.body(BodyLength::Length(1)).err();
        assert_eq!(again, Some(WriteError::Framing));
        Ok(())
    }

    #[test]
    fn size_lines_are_canonical() {
        for size in [1, 15, 16, 255, 256, 65536, u64::MAX] {
            let line = std::num::NonZeroU64::new(size).map(SizeLine::new);
            let text = line.as_ref().map(SizeLine::as_bytes);
            assert_eq!(text, Some(format!("{size:x}\r\n").as_bytes()));
        }
        let mut out = Vec::new();
        chunk(&mut out, b"hello");
        chunk(&mut out, b"");
        assert_eq!(out, b"5\r\nhello\r\n");
    }
}
