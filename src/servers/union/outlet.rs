//! A stream of events to a caller of the session era, who may lose it and take it up again.
//!
//! Events wait here until they are taken, and the last ones stay for a caller that comes back with
//! `Last-Event-ID`. When too much waits, the source is no longer read; when nobody comes for a
//! while, the stream is over. Losing the connection cancels nothing (2025-11-25, transports).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::circle::lock;
use super::sse;
use crate::base::limits::{
    UNION_PULSE_TIME, UNION_REPLAY_BYTES, UNION_REPLAY_EVENTS, UNION_RESUME_TIME,
    UNION_STREAM_BYTES,
};

/// A comment: keeps the way open and shows whether anybody is still there.
pub(super) const PULSE: Bytes = Bytes::from_static(b":\n\n");

/// See the module.
pub(super) struct Outlet {
    /// Its number within the session: the first part of its events' ids.
    pub(super) number: u64,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    events: VecDeque<(u64, Bytes)>,
    bytes: usize,
    /// The next event's number, and that of the next one to be taken.
    next: u64,
    taken: u64,
    /// Bytes that were not taken yet.
    waiting: usize,
    /// Who reads: whoever came last.
    reader: u64,
    /// Since when nobody reads.
    alone: Option<Instant>,
    ended: bool,
}

impl Outlet {
    pub(super) fn new(number: u64) -> Outlet {
        let state = State {
            events: VecDeque::new(),
            bytes: 0,
            next: 1,
            taken: 1,
            waiting: 0,
            reader: 0,
            alone: Some(Instant::now()),
            ended: false,
        };
        Outlet {
            number,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// An event with an id and no data: the caller can come back before anything happened.
    pub(super) fn prime(&self) {
        self.add(None, b"");
    }

    /// Adds an event; waits while too much waits. False once the stream is over.
    pub(super) async fn push(&self, name: Option<&str>, data: &[u8]) -> bool {
        loop {
            let changed = self.changed.notified();
            {
                let state = lock(&self.state);
                if state.ended {
                    return false;
                }
                if state.waiting < UNION_STREAM_BYTES {
                    break;
                }
            }
            if timeout(UNION_RESUME_TIME, changed).await.is_err() && self.is_abandoned() {
                self.end();
            }
        }
        self.add(name, data);
        true
    }

    /// Adds an event if there is room; for what is worth nothing later.
    pub(super) fn offer(&self, data: &[u8]) {
        let state = lock(&self.state);
        let room = !state.ended && state.waiting < UNION_STREAM_BYTES;
        drop(state);
        if room {
            self.add(None, data);
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_waiters();
    }

    /// True when nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.state).ended
    }

    /// True when somebody reads.
    pub(super) fn is_read(&self) -> bool {
        lock(&self.state).alone.is_none()
    }

    /// True when nobody has read for so long that nobody will.
    pub(super) fn is_abandoned(&self) -> bool {
        let alone = lock(&self.state).alone;
        alone.is_some_and(|since| since.elapsed() >= UNION_RESUME_TIME)
    }

    /// The stream as a body: from what was not taken yet, or from after an event. `None` when that
    /// event is no longer here. Whoever read before reads no more.
    pub(super) fn read(self: &Arc<Outlet>, after: Option<u64>) -> Option<Body> {
        let mut state = lock(&self.state);
        if let Some(after) = after {
            let first = state
                .events
                .front()
                .map_or(state.next, |(number, _)| *number);
            if after >= state.next || after + 1 < first {
                return None;
            }
            state.taken = after + 1;
            let waiting = state.events.iter().filter(|(number, _)| *number > after);
            state.waiting = waiting.map(|(_, text)| text.len()).sum();
        }
        state.reader += 1;
        state.alone = None;
        let reading = Reading {
            outlet: self.clone(),
            reader: state.reader,
        };
        drop(state);
        self.changed.notify_waiters();
        let events = futures_util::stream::unfold(reading, |reading| async {
            let text = reading.next().await?;
            Some((Ok::<_, std::convert::Infallible>(text), reading))
        });
        Some(Body::from_stream(events))
    }

    fn add(&self, name: Option<&str>, data: &[u8]) {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        let id = format!("{}.{number}", self.number);
        let text = Bytes::from(sse::written(Some(&id), name, data));
        state.bytes += text.len();
        state.waiting += text.len();
        state.events.push_back((number, text));
        while let Some((oldest, text)) = state.events.front() {
            let spare =
                state.events.len() > UNION_REPLAY_EVENTS || state.bytes > UNION_REPLAY_BYTES;
            if *oldest >= state.taken || !spare {
                break;
            }
            state.bytes -= text.len();
            state.events.pop_front();
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

/// One reader of a stream. Dropped with the connection it reads for.
struct Reading {
    outlet: Arc<Outlet>,
    reader: u64,
}

impl Reading {
    async fn next(&self) -> Option<Bytes> {
        loop {
            let changed = self.outlet.changed.notified();
            {
                let mut state = lock(&self.outlet.state);
                if state.reader != self.reader {
                    return None;
                }
                let taken = state.taken;
                let event = state.events.iter().find(|(number, _)| *number >= taken);
                if let Some((number, text)) = event.cloned() {
                    state.taken = number + 1;
                    state.waiting = state.waiting.saturating_sub(text.len());
                    drop(state);
                    self.outlet.changed.notify_waiters();
                    return Some(text);
                }
                if state.ended {
                    return None;
                }
            }
            if timeout(UNION_PULSE_TIME, changed).await.is_err() {
                return Some(PULSE);
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = lock(&self.outlet.state);
        if state.reader == self.reader {
            state.alone = Some(Instant::now());
        }
    }
}

/// A stream's number and an event's, out of an id of ours.
pub(super) fn event_id(text: &str) -> Option<(u64, u64)> {
    let (stream, event) = text.split_once('.')?;
    Some((stream.parse().ok()?, event.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    async fn taken(body: Body, count: usize) -> Vec<String> {
        let stream = body.into_data_stream().take(count);
        let texts = stream.map(|text| String::from_utf8(text.expect("text").to_vec()));
        texts.map(|text| text.expect("UTF-8")).collect().await
    }

    #[tokio::test]
    async fn a_caller_that_comes_back_misses_nothing() {
        let outlet = Arc::new(Outlet::new(3));
        for data in ["a", "b", "c"] {
            assert!(outlet.push(None, data.as_bytes()).await);
        }
        let first = taken(outlet.read(None).expect("here"), 2).await;
        assert_eq!(first, ["id: 3.1\ndata: a\n\n", "id: 3.2\ndata: b\n\n"]);
        assert!(!outlet.is_read());
        outlet.end();
        let again = taken(outlet.read(Some(1)).expect("here"), 9).await;
        assert_eq!(again, ["id: 3.2\ndata: b\n\n", "id: 3.3\ndata: c\n\n"]);
        assert!(outlet.read(Some(4)).is_none(), "never was");
        assert!(!outlet.push(None, b"d").await, "over");
    }

    #[tokio::test]
    async fn only_the_last_reader_reads() {
        let outlet = Arc::new(Outlet::new(0));
        let old = outlet.read(None).expect("here");
        let new = outlet.read(None).expect("here");
        outlet.push(None, b"x").await;
        assert_eq!(taken(old, 9).await, Vec::<String>::new());
        assert!(outlet.is_read());
        assert_eq!(taken(new, 1).await.len(), 1);
    }

    #[tokio::test]
    async fn a_source_waits_for_a_slow_caller_and_replay_is_bounded() {
        let outlet = Arc::new(Outlet::new(1));
        let data = vec![b'x'; UNION_STREAM_BYTES];
        assert!(outlet.push(None, &data).await);
        let push = outlet.push(None, b"late");
        let waited = timeout(std::time::Duration::from_millis(20), push).await;
        assert!(waited.is_err(), "it must wait");
        assert_eq!(taken(outlet.read(None).expect("here"), 1).await.len(), 1);
        for _ in 0..3 * UNION_REPLAY_EVENTS {
            outlet.push(None, b"y").await;
            taken(outlet.read(None).expect("here"), 1).await;
        }
        let kept = lock(&outlet.state).events.len();
        assert!(kept <= UNION_REPLAY_EVENTS + 1, "{kept}");
        assert!(outlet.read(Some(1)).is_none(), "too long ago");
    }

    #[test]
    fn ids_are_two_numbers() {
        assert_eq!(event_id("3.17"), Some((3, 17)));
        assert_eq!(event_id("3"), None);
        assert_eq!(event_id("a.b"), None);
    }
}
