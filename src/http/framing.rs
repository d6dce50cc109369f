//! Where a body ends: one decoder over the four ways to delimit it (RFC 9112, section 6.3).

use super::chunked::Chunks;

/// How a body is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyLength {
    /// There is none.
    None,
    /// So many bytes, by `Content-Length`.
    Length(u64),
    /// By the chunked coding.
    Chunked,
    /// All until the connection ends: replies only.
    UntilClose,
}

/// Why a body is refused. Its connection is not used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// RFC 9112, section 7.1: the size is not hexadecimal, or not ended by CR LF.
    #[error("malformed chunk size line")]
    SizeLine,
    /// RFC 9112, section 7.1: more than a `u64` counts, in one chunk or in all.
    #[error("chunk size overflow")]
    SizeOverflow,
    /// RFC 9112, section 7.1.1: extensions included.
    #[error("chunk size line too long")]
    SizeLineTooLong,
    /// RFC 9112, section 7.1: chunk data is not followed by CR LF.
    #[error("chunk data not ended by CR LF")]
    ChunkEnd,
    /// RFC 9112, section 7.1.2: not field lines.
    #[error("malformed trailer section")]
    Trailer,
    /// RFC 9112, section 7.1.2.
    #[error("trailer section too long")]
    TrailerTooLong,
    /// RFC 9112, section 8: the connection ended before the body did.
    #[error("body cut off")]
    Truncated,
    /// An earlier call ended before its verdict.
    #[error("decoder left unjudged")]
    Poisoned,
}

/// The next piece of a body. Each consumes bytes from the front of the input; nothing beyond the
/// body's end is ever consumed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Content.
    Data(Data),
    /// Framing without content, to be dropped.
    Framing {
        /// Bytes of it.
        consumed: usize,
        /// The end of a chunk's data is among it: whoever mirrors chunks owes a CR LF now.
        closes: bool,
    },
    /// The body is over; bytes after it belong to something else. Comes again when asked again.
    End {
        /// Bytes of the last chunk and the trailer section; 0 without the chunked coding.
        consumed: usize,
    },
    /// The input was empty and the body is not over.
    NeedMore,
}

/// Content, as it came.
///
/// To keep an upstream's chunks as they are, forward for each piece: `bytes[..consumed]` where
/// `verbatim`; else a size line of our own where `opens`, `bytes[range]`, and CR LF where
/// `closes`. To frame anew, forward `bytes[range]` only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data {
    /// Where the content stands in the input; never empty.
    pub range: std::ops::Range<usize>,
    /// Bytes of the input this piece takes, from its front.
    pub consumed: usize,
    /// The chunk's size, when this piece starts a chunk.
    pub opens: Option<u64>,
    /// The CR LF after the chunk's data is part of this piece.
    pub closes: bool,
    /// What is consumed is exactly a canonical size line (when it opens a chunk), content and CR
    /// LF (when it closes one): one slice that can be forwarded as it is.
    pub verbatim: bool,
}

/// All content that one input held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gathered {
    /// Where it stands in the input now; empty when there was none.
    pub content: std::ops::Range<usize>,
    /// Bytes of the input it was taken from, framing included.
    pub consumed: usize,
    /// The body is over.
    pub done: bool,
}

/// What a body held that is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Noted {
    /// Chunk extensions.
    pub extensions: bool,
    /// Trailer fields.
    pub trailers: bool,
}

/// Takes the content out of a body, piece by piece, without waiting for more than a byte.
pub struct BodyDecoder {
    state: State,
    noted: Noted,
    content: u64,
}

enum State {
    Left(u64),
    Chunks(Chunks),
    UntilClose,
    Done,
    Broken(BodyError),
}

impl BodyDecoder {
    /// A decoder at the first byte after a head.
    #[must_use]
    pub fn new(length: BodyLength) -> BodyDecoder {
        let state = match length {
            BodyLength::None | BodyLength::Length(0) => State::Done,
            BodyLength::Length(length) => State::Left(length),
            BodyLength::Chunked => State::Chunks(Chunks::default()),
            BodyLength::UntilClose => State::UntilClose,
        };
        BodyDecoder {
            state,
            noted: Noted::default(),
            content: 0,
        }
    }

    /// The next piece of `bytes`, which start where the last piece ended. Consumes at least one
    /// byte while there is one and the body is not over.
    #[inline]
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Piece, BodyError> {
        let state = std::mem::replace(&mut self.state, State::Broken(BodyError::Poisoned));
        let verdict = self.step(state, bytes);
        match verdict {
            Ok((piece, state)) => {
                self.state = state;
                Ok(piece)
            }
            Err(error) => {
                self.state = State::Broken(error);
                Err(error)
            }
        }
    }

    #[inline]
    fn step(&mut self, state: State, bytes: &[u8]) -> Result<(Piece, State), BodyError> {
        match state {
            State::Broken(error) => Err(error),
            State::Done => Ok((Piece::End { consumed: 0 }, State::Done)),
            state if bytes.is_empty() => Ok((Piece::NeedMore, state)),
            State::Left(left) => {
                let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let left = left - count as u64;
                let state = if left == 0 {
                    State::Done
                } else {
                    State::Left(left)
                };
                Ok((self.plain(count)?, state))
            }
            State::UntilClose => Ok((self.plain(bytes.len())?, State::UntilClose)),
            State::Chunks(mut chunks) => {
                let piece = chunks.decode(bytes, &mut self.noted)?;
                if let Piece::Data(data) = &piece {
                    self.count(data.range.len())?;
                }
                let over = matches!(piece, Piece::End { .. });
                let state = if over {
                    State::Done
                } else {
                    State::Chunks(chunks)
                };
                Ok((piece, state))
            }
        }
    }

    /// Takes the content out of `bytes` at once: pieces that framing separates are moved together,
    /// so what one read brought is one slice.
    ///
    /// # Errors
    /// When the framing is broken.
    pub fn gather(&mut self, bytes: &mut [u8]) -> Result<Gathered, BodyError> {
        let mut content = 0..0;
        let mut consumed = 0;
        loop {
            match self.decode(&bytes[consumed..])? {
                Piece::Data(data) => {
                    let piece = consumed + data.range.start..consumed + data.range.end;
                    consumed += data.consumed;
                    if content.is_empty() {
                        content = piece;
                    } else {
                        let end = content.end + piece.len();
                        bytes.copy_within(piece, content.end);
                        content.end = end;
                    }
                }
                Piece::Framing {
                    consumed: framing, ..
                } => consumed += framing,
                Piece::End { consumed: framing } => {
                    consumed += framing;
                    return Ok(Gathered {
                        content,
                        consumed,
                        done: true,
                    });
                }
                Piece::NeedMore => {
                    return Ok(Gathered {
                        content,
                        consumed,
                        done: false,
                    });
                }
            }
        }
    }

    fn plain(&mut self, count: usize) -> Result<Piece, BodyError> {
        self.count(count)?;
        Ok(Piece::Data(Data {
            range: 0..count,
            consumed: count,
            opens: None,
            closes: false,
            verbatim: true,
        }))
    }

    fn count(&mut self, count: usize) -> Result<(), BodyError> {
        let sum = self.content.checked_add(count as u64);
        self.content = sum.ok_or(BodyError::SizeOverflow)?;
        Ok(())
    }

    /// True when the body is over and was whole.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Bytes of content so far.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        self.content
    }

    /// What was dropped so far.
    #[must_use]
    pub fn noted(&self) -> Noted {
        self.noted
    }

    /// The connection ended: an error unless the body was whole by then.
    pub fn on_eof(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Broken(error) => Err(error),
            State::Left(_) | State::Chunks(_) => {
                self.state = State::Broken(BodyError::Truncated);
                Err(BodyError::Truncated)
            }
        }
    }
}
