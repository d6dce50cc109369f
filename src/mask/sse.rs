//! Server-sent events: which bytes of a stream are data, and where events end.

use memchr::memchr2;

/// What a line's bytes are, as they are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the start of a line, with this many bytes of `data` seen.
    Name(u8),
    /// After `data:`, where one space may stand.
    Space,
    /// In a data line's value.
    Data,
    /// In any other line.
    Other,
}

/// What was found, in order. Offsets count from the start of the piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// Bytes of an event's data.
    Data { from: usize, to: usize },
    /// A data line ended; its line end begins at `at`.
    DataEnd { at: usize },
    /// Bytes of another line, whose text is for itself.
    Other { from: usize, to: usize },
    /// Such a line ended.
    OtherEnd { at: usize },
    /// An empty line: the event is over.
    EventEnd { at: usize },
    /// The data of an event of one line, and its end: what [`Piece::Data`], [`Piece::DataEnd`] at `to`
    /// and [`Piece::EventEnd`] would say.
    Event { from: usize, to: usize },
}

/// Splits a stream into lines and events, in whatever pieces it comes.
#[derive(Clone, Debug)]
pub(super) struct Events {
    state: State,
    /// The last byte was a carriage return, which a line feed may follow.
    after_return: bool,
}

impl Default for Events {
    fn default() -> Events {
        Events {
            state: State::Name(0),
            after_return: false,
        }
    }
}

const DATA: &[u8] = b"data";

impl Events {
    /// The next finding in `bytes` from `*at` on, which moves behind it.
    pub fn next(&mut self, bytes: &[u8], at: &mut usize) -> Option<Piece> {
        if self.state == State::Name(0)
            && !self.after_return
            && let Some(from) = value(bytes, *at)
        {
            self.state = State::Data;
            let piece = self.rest(bytes, from, at);
            if let Piece::Data { from, to } = piece
                && bytes[to..].starts_with(b"\n\n")
            {
                self.state = State::Name(0);
                *at = to + 2;
                return Some(Piece::Event { from, to });
            }
            return Some(piece);
        }
        loop {
            let byte = *bytes.get(*at)?;
            let here = *at;
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                *at += 1;
                continue;
            }
            let ends = matches!(byte, b'\r' | b'\n');
            match self.state {
                _ if ends => {
                    *at += 1;
                    self.after_return = byte == b'\r';
                    return Some(self.line_end(here));
                }
                State::Name(4) if byte == b':' => {
                    *at += 1;
                    self.state = State::Space;
                }
                State::Name(seen) if DATA.get(usize::from(seen)) == Some(&byte) => {
                    *at += 1;
                    self.state = State::Name(seen + 1);
                }
                State::Name(seen) => {
                    // `dat` of a longer name is not matched, but what follows is.
                    self.state = State::Other;
                    let from = here.saturating_sub(usize::from(seen));
                    return Some(self.rest(bytes, from.max(here), at));
                }
                State::Space => {
                    *at += usize::from(byte == b' ');
                    self.state = State::Data;
                    // Even empty data joins its line to the one before.
                    return Some(Piece::Data { from: *at, to: *at });
                }
                State::Data | State::Other => return Some(self.rest(bytes, here, at)),
            }
        }
    }

    fn rest(&mut self, bytes: &[u8], from: usize, at: &mut usize) -> Piece {
        let to = memchr2(b'\r', b'\n', &bytes[from..]).map_or(bytes.len(), |length| from + length);
        *at = to;
        if self.state == State::Data {
            Piece::Data { from, to }
        } else {
            Piece::Other { from, to }
        }
    }

    fn line_end(&mut self, at: usize) -> Piece {
        match std::mem::replace(&mut self.state, State::Name(0)) {
            State::Name(0) => Piece::EventEnd { at },
            State::Space | State::Data => Piece::DataEnd { at },
            State::Name(_) | State::Other => Piece::OtherEnd { at },
        }
    }
}

/// Where the value begins of a data line that begins at `at`, if some of it is here.
#[inline]
fn value(bytes: &[u8], at: usize) -> Option<usize> {
    let value = bytes.get(at..)?.strip_prefix(b"data:")?;
    let from = bytes.len() - value.len();
    match value.first()? {
        b'\r' | b'\n' => None,
        first => Some(from + usize::from(*first == b' ')),
    }
}
