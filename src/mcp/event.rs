//! Server-sent events, one frame after the other, as the bytes that came.
//!
//! WHATWG HTML, section 9.2.6. A frame is an event with the empty line that ends it; or, between
//! events, a comment line or an empty line, which keep connections alive and wait for nothing. The
//! frames put together are the stream: identifiers, `retry`, empty data, comments and fields that
//! nobody knows pass as they are. However the stream is cut into pieces, the frames are the same.

use std::ops::Range;

use memchr::memchr2;

use super::edit::{Edits, Misplaced};

/// Cuts one stream into frames. Keeps what has not ended yet, and its memory.
pub struct Events {
    /// What was pushed and not handed out; the frame being read begins at `start`.
    bytes: Vec<u8>,
    start: usize,
    /// Where the line being read begins, and how far it was searched for its end.
    line: usize,
    searched: usize,
    frame_bytes: usize,
    at_start: bool,
    /// The line before ended in a carriage return with no line feed waited for; one that follows
    /// belongs to it and ends no line.
    after_return: bool,
    /// Whether carriage returns come with line feeds in this stream. Then the frame waits for the
    /// line feed; otherwise it does not, since nothing may ever follow.
    pairs: bool,
    ended: bool,
    broken: bool,
    reading: Reading,
    lines: Vec<Line>,
    joined: Vec<u8>,
}

/// What the lines of a frame said so far. Ranges count from the frame's first byte.
#[derive(Clone, Default, Debug)]
struct Reading {
    event: Option<Range<usize>>,
    id: Option<Range<usize>>,
    retry: Option<Range<usize>>,
    /// Any line but a comment was there.
    fields: bool,
}

/// The value of one `data` line.
#[derive(Clone, Debug)]
struct Line {
    /// Where it stands in the frame.
    raw: Range<usize>,
    /// Where it begins in the joined data.
    from: usize,
    /// The line is the name alone, with no colon that a value could follow.
    bare: bool,
}

/// One frame of a stream.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The frame as it came, its last line end included.
    pub raw: &'a [u8],
    /// The values of its `data` lines, joined by line feeds; none when it has no such line. Empty
    /// data is there, but makes no event for whoever listens.
    pub data: Option<&'a [u8]>,
    /// The last `event`.
    pub event: Option<&'a [u8]>,
    /// The last `id`; one with a zero byte is none.
    pub id: Option<&'a [u8]>,
    /// The last `retry` that is a number.
    pub retry: Option<&'a [u8]>,
    lines: &'a [Line],
}

/// A frame is longer than the stream's bound, or was in the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an event is too long")]
pub struct Overlong;

impl Events {
    /// A stream from its beginning, whose frames have at most `frame_bytes` bytes.
    #[must_use]
    pub fn new(frame_bytes: usize) -> Events {
        Events {
            bytes: Vec::new(),
            start: 0,
            line: 0,
            searched: 0,
            frame_bytes,
            at_start: true,
            after_return: false,
            pairs: true,
            ended: false,
            broken: false,
            reading: Reading::default(),
            lines: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// Takes the next piece of the stream. Ask [`Events::frame`] for its frames until there is none.
    pub fn push(&mut self, piece: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.line -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(piece);
    }

    /// No more pieces come: a frame that could only have gone on with a line feed has ended.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    /// The next frame that is whole. A frame that is too long is not handed out, nor any after it.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, Overlong> {
        if self.broken {
            return Err(Overlong);
        }
        let whole = self.read_lines();
        let end = if whole { self.line } else { self.bytes.len() };
        if end - self.start > self.frame_bytes {
            self.broken = true;
            return Err(Overlong);
        }
        if !whole {
            return Ok(None);
        }
        let start = std::mem::replace(&mut self.start, end);
        let read = std::mem::take(&mut self.reading);
        let raw = self.bytes.get(start..end).unwrap_or_default();
        let at = |range: Option<Range<usize>>| range.and_then(|range| raw.get(range));
        let data = match self.lines.as_slice() {
            [] => None,
            [one] => raw.get(one.raw.clone()),
            many => {
                self.joined.clear();
                for (index, line) in many.iter().enumerate() {
                    self.joined
                        .extend_from_slice(if index == 0 { b"" } else { b"\n" });
                    let value = raw.get(line.raw.clone()).unwrap_or_default();
                    self.joined.extend_from_slice(value);
                }
                Some(self.joined.as_slice())
            }
        };
        Ok(Some(Frame {
            raw,
            data,
            event: at(read.event),
            id: at(read.id),
            retry: at(read.retry),
            lines: &self.lines,
        }))
    }

    /// What came of a frame that has not ended. Nobody listens to half an event, and it was not
    /// judged: it must not be handed on.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Gives memory back while nothing comes, if nothing is kept in it.
    pub fn release(&mut self) {
        if self.rest().is_empty() {
            (self.start, self.line, self.searched) = (0, 0, 0);
            self.bytes = Vec::new();
            self.lines = Vec::new();
            self.joined = Vec::new();
        }
    }

    /// Reads lines until one ends the frame.
    fn read_lines(&mut self) -> bool {
        if self.start == self.line {
            self.lines.clear();
        }
        while let Some((end, next)) = self.line_end() {
            let line = self.line..end;
            self.line = next;
            self.searched = next;
            if self.read_line(line) {
                return true;
            }
        }
        false
    }

    /// Where the line being read ends, and where the next begins.
    fn line_end(&mut self) -> Option<(usize, usize)> {
        if self.after_return {
            // The line feed stays in front of the next line, and is no part of it.
            if *self.bytes.get(self.searched)? == b'\n' {
                self.line = self.searched + 1;
                self.searched = self.line;
                self.pairs = true;
            }
            self.after_return = false;
        }
        let ahead = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(length) = memchr2(b'\r', b'\n', ahead) else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + length;
        if self.bytes.get(end) == Some(&b'\n') {
            return Some((end, end + 1));
        }
        match self.bytes.get(end + 1) {
            _ if !self.pairs => self.after_return = true,
            Some(b'\n') => return Some((end, end + 2)),
            Some(_) => self.pairs = false,
            None if self.ended => {}
            None => {
                self.searched = end;
                return None;
            }
        }
        Some((end, end + 1))
    }

    /// Notes what a line says; answers whether the frame ends with it.
    fn read_line(&mut self, line: Range<usize>) -> bool {
        let mut from = line.start;
        if std::mem::take(&mut self.at_start)
            && self
                .bytes
                .get(line.clone())
                .is_some_and(|line| line.starts_with(b"\xef\xbb\xbf"))
        {
            from += 3;
        }
        let text = self.bytes.get(from..line.end).unwrap_or_default();
        if text.is_empty() {
            return true;
        }
        let (name, value) = match memchr::memchr(b':', text) {
            // Between events a comment is for itself, so that it need not wait for one.
            Some(0) => return !self.reading.fields,
            Some(colon) => {
                let space = usize::from(text.get(colon + 1) == Some(&b' '));
                (colon, colon + 1 + space)
            }
            None => (text.len(), text.len()),
        };
        let raw = from + value - self.start..line.end - self.start;
        let content = text.get(value..).unwrap_or_default();
        self.reading.fields = true;
        match text.get(..name).unwrap_or_default() {
            b"data" => {
                let last = self.lines.last();
                let from = last.map_or(0, |line| line.from + line.raw.len() + 1);
                let bare = name == text.len();
                self.lines.push(Line { raw, from, bare });
            }
            b"event" => self.reading.event = Some(raw),
            b"id" if !content.contains(&0) => self.reading.id = Some(raw),
            b"retry" if !content.is_empty() && content.iter().all(u8::is_ascii_digit) => {
                self.reading.retry = Some(raw);
            }
            _ => {}
        }
        false
    }
}

impl Frame<'_> {
    /// Writes the frame with its data changed, at the end of `out`: the same bytes but for the spans
    /// of the data that `edits` lists. What is put in must fit on a line, and a span over several
    /// lines must have nothing else between them, which would be lost with it.
    pub fn edit(&self, edits: &Edits, out: &mut Vec<u8>) -> Result<(), Misplaced> {
        let mut raw = Edits::new();
        for (span, text) in edits.iter() {
            if memchr2(b'\r', b'\n', text).is_some() {
                return Err(Misplaced);
            }
            let ((from, first), (to, last)) = (self.place(span.start)?, self.place(span.end)?);
            let lines = self.lines.get(first..=last).ok_or(Misplaced)?;
            let bare = lines.first().is_none_or(|line| line.bare);
            if bare || !lines.windows(2).all(|two| self.adjoin(&two[0], &two[1])) {
                return Err(Misplaced);
            }
            raw.push(from..to, text)?;
        }
        raw.apply(self.raw, out)
    }

    /// Where in the frame a place in the data is, and on which of its lines.
    fn place(&self, at: usize) -> Result<(usize, usize), Misplaced> {
        let after = self.lines.partition_point(|line| line.from <= at);
        let index = after.checked_sub(1).ok_or(Misplaced)?;
        let line = self.lines.get(index).ok_or(Misplaced)?;
        let place = line.raw.start + (at - line.from);
        match place > line.raw.end {
            true => Err(Misplaced),
            false => Ok((place, index)),
        }
    }

    /// Whether one line of data follows the other, with no line of another kind between them.
    fn adjoin(&self, one: &Line, next: &Line) -> bool {
        let between = self.raw.get(one.raw.end..next.raw.start);
        let between = between.unwrap_or_default();
        let name = between
            .strip_prefix(b"\r\n")
            .or_else(|| between.get(1..))
            .unwrap_or_default();
        memchr2(b'\r', b'\n', name).is_none()
    }
}
