//! Lines out of a pipe, none longer than a bound.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::base::limits::BUFFER_BYTES;

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// No line break came within the bound.
    #[error("a line of more than {0} bytes")]
    TooLong(usize),
    /// The pipe broke.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What becomes of a line that is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overlong {
    /// It is an error.
    Refused,
    /// Its beginning counts, the rest is skipped.
    Cut,
}

/// Reads lines. Dropping [`Lines::next`] half-way loses nothing.
pub(super) struct Lines<R> {
    pipe: R,
    buffer: BytesMut,
    /// Bytes of the buffer that are known to hold no line break.
    searched: usize,
    bound: usize,
    overlong: Overlong,
    /// The rest of a line that was cut is being skipped.
    is_skipping: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `bound` bytes.
    pub fn new(pipe: R, bound: usize, overlong: Overlong) -> Lines<R> {
        Lines {
            pipe,
            buffer: BytesMut::new(),
            searched: 0,
            bound,
            overlong,
            is_skipping: false,
        }
    }

    /// The next line, without its end; nothing once the pipe is closed. Bytes after the last line
    /// break are a line too.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LineError> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', unsearched) {
                let line = self.take(self.searched + found);
                self.buffer.advance(1);
                if std::mem::take(&mut self.is_skipping) {
                    continue;
                }
                return self.within_bound(line).map(Some);
            }
            self.searched = self.buffer.len();
            if self.searched > self.bound {
                match self.overlong {
                    Overlong::Refused => return Err(LineError::TooLong(self.bound)),
                    Overlong::Cut if self.is_skipping => drop(self.take(self.searched)),
                    Overlong::Cut => {
                        self.is_skipping = true;
                        let line = self.take(self.bound);
                        return Ok(Some(line));
                    }
                }
            }
            self.buffer.reserve(BUFFER_BYTES);
            if self.pipe.read_buf(&mut self.buffer).await? == 0 {
                let rest = self.take(self.buffer.len());
                let is_line = !rest.is_empty() && !self.is_skipping;
                return Ok(is_line.then_some(rest));
            }
        }
    }

    /// A line that came whole: what becomes of one that is too long does not depend on how it came.
    fn within_bound(&self, mut line: Bytes) -> Result<Bytes, LineError> {
        match self.overlong {
            Overlong::Refused if line.len() > self.bound => Err(LineError::TooLong(self.bound)),
            Overlong::Refused => Ok(line),
            Overlong::Cut => {
                line.truncate(self.bound);
                Ok(line)
            }
        }
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.searched = 0;
        self.buffer.split_to(length).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    /// The lines of `text`, which comes in pieces of `step` bytes.
    async fn lines(text: &[u8], step: usize, bound: usize, overlong: Overlong) -> Vec<String> {
        let (mut write, read) = tokio::io::duplex(16);
        let mut lines = Lines::new(read, bound, overlong);
        let all = async move {
            let mut all = Vec::new();
            loop {
                match lines.next().await {
                    Ok(Some(line)) => all.push(String::from_utf8_lossy(&line).into_owned()),
                    Ok(None) => return all,
                    Err(error) => {
                        all.push(error.to_string());
                        return all;
                    }
                }
            }
        };
        let feed = async move {
            for piece in text.chunks(step) {
                if write.write_all(piece).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(all, feed).0
    }

    #[tokio::test]
    async fn every_split_gives_the_same_lines() {
        for step in 1..12 {
            let got = lines(b"one\n\ntwo\r\nrest", step, 5, Overlong::Refused).await;
            assert_eq!(got, ["one", "", "two\r", "rest"], "{step}");
        }
    }

    #[tokio::test]
    async fn a_line_is_cut_however_it_comes() {
        for step in 1..12 {
            let got = lines(b"123456789\nnext\n", step, 4, Overlong::Cut).await;
            assert_eq!(got, ["1234", "next"], "{step}");
        }
    }

    #[tokio::test]
    async fn a_flood_without_a_line_break_is_refused_or_cut() {
        let flood = [vec![b'x'; 200_000], b"\nafter\n".to_vec()].concat();
        for step in [1_000, 200_007] {
            let got = lines(&flood, step, 6, Overlong::Refused).await;
            assert_eq!(got, ["a line of more than 6 bytes"]);
            let got = lines(&flood, step, 6, Overlong::Cut).await;
            assert_eq!(got, ["xxxxxx", "after"]);
        }
    }
}
