//! The messages on their way to one HTTP response: a bounded log with one reader.
//!
//! The log outlives its reader, so that a caller who lost the connection goes on where it broke off
//! (revisions with sessions, Resumability and Redelivery). One who reads again displaces the
//! former: a broken connection is noticed late, and must not keep its caller out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::base::limits::{STDIO_STREAM_BYTES, STDIO_STREAM_EVENTS};

/// One stream of messages.
pub(super) struct Stream {
    /// Its number within its session; part of the ids of its events.
    pub number: u64,
    log: Mutex<Log>,
    /// Something came, the stream is over, or another reader took over.
    came: Notify,
    /// Something was read, or nobody reads any more.
    went: Notify,
}

struct Log {
    events: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the oldest event in the log. Numbers start at 1; 0 is the priming event.
    first: u64,
    /// The number of the event that is read next.
    position: u64,
    /// Counts readers: only the latest reads.
    readers: u64,
    is_read: bool,
    /// Responses that are still to come before the stream is over; none for a stream that no
    /// request opened.
    awaited: Option<usize>,
    end: Option<End>,
}

/// How a stream is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// All has been said.
    Done,
    /// What was to come is lost.
    Cut,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A message, with its number, and whether it ends the stream.
    Event {
        number: u64,
        text: Bytes,
        is_last: bool,
    },
    /// Nothing more comes.
    End(End),
}

impl Stream {
    /// A stream that is over after so many responses; without a number, when its session is.
    pub fn new(number: u64, awaited: Option<usize>) -> Arc<Stream> {
        Arc::new(Stream {
            number,
            log: Mutex::new(Log {
                events: VecDeque::new(),
                bytes: 0,
                first: 1,
                position: 1,
                readers: 0,
                is_read: false,
                awaited,
                end: None,
            }),
            came: Notify::new(),
            went: Notify::new(),
        })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message. What nobody reads is kept within the bounds, the latest longest.
    pub fn push(&self, text: Bytes) {
        self.log().add(text);
        self.came.notify_waiters();
    }

    /// Adds a response; the last one that is awaited ends the stream.
    pub fn respond(&self, text: Bytes) {
        let mut log = self.log();
        log.add(text);
        log.awaited = log.awaited.map(|awaited| awaited.saturating_sub(1));
        if log.awaited == Some(0) {
            log.end.get_or_insert(End::Done);
        }
        drop(log);
        self.came.notify_waiters();
    }

    /// Ends it.
    pub fn end(&self, end: End) {
        self.log().end.get_or_insert(end);
        self.came.notify_waiters();
        self.went.notify_waiters();
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.log().end.is_some()
    }

    /// Whether somebody reads it.
    pub fn is_read(&self) -> bool {
        self.log().is_read
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.log().bytes
    }

    /// Whether its reader is so far behind that something would be lost.
    pub fn is_full(&self) -> bool {
        let log = self.log();
        log.is_read && log.end.is_none() && log.unread_is_over_bounds()
    }

    /// Waits until its reader has caught up, or there is none.
    pub async fn has_room(&self) {
        loop {
            let went = self.went.notified();
            let mut went = std::pin::pin!(went);
            went.as_mut().enable();
            if !self.is_full() {
                return;
            }
            went.await;
        }
    }

    /// Reads on where the last reader stopped.
    pub fn read(self: &Arc<Self>) -> StreamReader {
        self.read_from(None)
    }

    /// Reads from the event after the given one, as far as the log still has it.
    pub fn resume(self: &Arc<Self>, after: u64) -> StreamReader {
        self.read_from(Some(after.saturating_add(1)))
    }

    fn read_from(self: &Arc<Self>, position: Option<u64>) -> StreamReader {
        let mut log = self.log();
        log.readers += 1;
        log.is_read = true;
        let end = log.first + log.events.len() as u64;
        log.position = position.unwrap_or(log.position).clamp(log.first, end);
        let turn = log.readers;
        drop(log);
        self.came.notify_waiters();
        StreamReader {
            stream: self.clone(),
            turn,
        }
    }
}

impl Log {
    fn add(&mut self, text: Bytes) {
        if self.end.is_some() {
            return;
        }
        self.bytes += text.len();
        self.events.push_back(text);
        while self.is_over_bounds() && !(self.is_read && self.position <= self.first) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.len();
            self.first += 1;
            self.position = self.position.max(self.first);
        }
    }

    fn is_over_bounds(&self) -> bool {
        let is_over = self.bytes > STDIO_STREAM_BYTES || self.events.len() > STDIO_STREAM_EVENTS;
        is_over && self.events.len() > 1
    }

    fn unread_is_over_bounds(&self) -> bool {
        let read = (self.position - self.first) as usize;
        let unread = self.events.len().saturating_sub(read);
        let bytes: usize = self.events.iter().skip(read).map(Bytes::len).sum();
        unread >= STDIO_STREAM_EVENTS || bytes >= STDIO_STREAM_BYTES
    }
}

/// Reads a stream; dropped when the connection it reads for is gone.
pub(super) struct StreamReader {
    stream: Arc<Stream>,
    turn: u64,
}

impl StreamReader {
    /// The stream it reads.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The number of the event that it reads next.
    pub fn position(&self) -> u64 {
        self.stream.log().position
    }

    /// What comes next. Dropping it half-way loses nothing.
    pub async fn next(&mut self) -> Read {
        loop {
            let came = self.stream.came.notified();
            let mut came = std::pin::pin!(came);
            came.as_mut().enable();
            if let Some(found) = self.look() {
                self.stream.went.notify_waiters();
                return found;
            }
            came.await;
        }
    }

    fn look(&self) -> Option<Read> {
        let mut log = self.stream.log();
        if log.readers != self.turn {
            return Some(Read::End(End::Done));
        }
        if log.end == Some(End::Cut) {
            return Some(Read::End(End::Cut));
        }
        let at = log.position - log.first;
        let Some(text) = log.events.get(at as usize).cloned() else {
            return log.end.map(Read::End);
        };
        let number = log.position;
        log.position += 1;
        let is_last = log.end.is_some() && at as usize + 1 == log.events.len();
        Some(Read::Event {
            number,
            text,
            is_last,
        })
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        let mut log = self.stream.log();
        if log.readers == self.turn {
            log.is_read = false;
        }
        drop(log);
        self.stream.went.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn texts(reader: &mut StreamReader) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        while let Some(Read::Event { number, text, .. }) = reader.next().now_or_never() {
            all.push((number, String::from_utf8_lossy(&text).into_owned()));
        }
        all
    }

    #[test]
    fn it_is_over_with_the_last_response() {
        let stream = Stream::new(1, Some(2));
        let mut reader = stream.read();
        assert_eq!(reader.next().now_or_never(), None);
        stream.push("a".into());
        stream.respond("b".into());
        assert!(!stream.is_over());
        stream.respond("c".into());
        stream.push("late".into());
        assert_eq!(texts(&mut reader).len(), 3);
        assert_eq!(reader.next().now_or_never(), Some(Read::End(End::Done)));
    }

    #[test]
    fn who_comes_back_reads_on_and_displaces() {
        let stream = Stream::new(1, None);
        stream.push("a".into());
        let mut first = stream.read();
        assert_eq!(texts(&mut first), [(1, "a".to_owned())]);
        stream.push("b".into());
        stream.push("c".into());
        let mut second = stream.resume(1);
        assert_eq!(first.next().now_or_never(), Some(Read::End(End::Done)));
        drop(first);
        assert!(stream.is_read(), "the displaced one's end changes nothing");
        assert_eq!(texts(&mut second).first(), Some(&(2, "b".to_owned())));
        drop(second);
        let mut third = stream.resume(0);
        assert_eq!(texts(&mut third).len(), 3, "all of it, again");
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_a_slow_reader_is_seen() {
        let stream = Stream::new(1, None);
        for n in 0..2 * STDIO_STREAM_EVENTS {
            assert!(!stream.is_full());
            stream.push(n.to_string().into());
        }
        let mut reader = stream.read();
        assert!(stream.is_full());
        assert!(stream.has_room().now_or_never().is_none());
        let got = texts(&mut reader);
        assert_eq!(got.len(), STDIO_STREAM_EVENTS);
        assert_eq!(got[0].0, 1 + STDIO_STREAM_EVENTS as u64);
        assert!(stream.has_room().now_or_never().is_some());
        drop(reader);
        stream.push(Bytes::from(vec![0; 2 * STDIO_STREAM_BYTES]));
        assert_eq!(
            stream.bytes(),
            2 * STDIO_STREAM_BYTES,
            "one message always fits"
        );
    }
}
