//! A caller's session with a process, in the revisions that have sessions.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::process::Process;
use super::stream::{End, Stream};
use crate::base::limits::{
    STDIO_LISTENERS, STDIO_REPLAY_BYTES, STDIO_REPLAY_STREAMS, STDIO_SUBSCRIPTIONS,
};
use crate::servers::Principal;

/// One session.
pub(super) struct Session {
    /// What the caller shows: random, and nothing without the principal.
    pub id: String,
    /// Whose it is.
    pub principal: Principal,
    /// What it talks to.
    pub process: Arc<Process>,
    state: Mutex<State>,
}

struct State {
    next: u64,
    streams: BTreeMap<u64, Arc<Stream>>,
    /// Those that no request opened, the latest last.
    listening: Vec<Arc<Stream>>,
    /// Resources whose changes it wants to hear of.
    subscriptions: HashSet<Box<str>>,
    used: Instant,
    /// The revision has priming events.
    primes: bool,
    is_over: bool,
}

impl Session {
    /// A session that is open.
    pub fn new(id: String, principal: Principal, process: Arc<Process>) -> Arc<Session> {
        let listening = Stream::new(0, None);
        Arc::new(Session {
            id,
            principal,
            process,
            state: Mutex::new(State {
                next: 1,
                streams: BTreeMap::from([(0, listening.clone())]),
                listening: vec![listening],
                subscriptions: HashSet::new(),
                used: Instant::now(),
                primes: false,
                is_over: false,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the revision that was settled on.
    pub fn settle(&self, revision: &str) {
        // Revisions are dates: their order is that of their text.
        self.state().primes = revision >= "2025-11-25";
    }

    /// Whether event streams begin with an event that only carries an id.
    pub fn primes(&self) -> bool {
        self.state().primes
    }

    /// Somebody uses it.
    pub fn touch(&self) {
        self.state().used = Instant::now();
    }

    /// When it was last used: now, while a stream of it is read.
    pub fn used(&self) -> Instant {
        let state = self.state();
        let is_read = state.streams.values().any(|stream| stream.is_read());
        if is_read { Instant::now() } else { state.used }
    }

    /// A stream for the answer to so many requests.
    pub fn open_stream(&self, awaited: usize) -> Arc<Stream> {
        let mut state = self.state();
        state.trim();
        state.add(Some(awaited))
    }

    /// Forgets a stream that nobody can ask for again.
    pub fn close_stream(&self, stream: &Stream) {
        self.state().streams.remove(&stream.number);
    }

    /// The stream of that number, if it is still known.
    pub fn stream(&self, number: u64) -> Option<Arc<Stream>> {
        self.state().streams.get(&number).cloned()
    }

    /// The stream for a caller who listens: one that nobody reads, else a new one.
    pub fn listen(&self) -> Arc<Stream> {
        let mut state = self.state();
        let unread = (state.listening.iter().rev()).find(|stream| !stream.is_read());
        if let Some(stream) = unread {
            return stream.clone();
        }
        let stream = state.add(None);
        state.listening.push(stream.clone());
        if state.listening.len() > STDIO_LISTENERS {
            let oldest = state.listening.remove(0);
            state.streams.remove(&oldest.number);
            oldest.end(End::Done);
        }
        stream
    }

    /// Where a message goes that belongs to no request: one stream only, the latest that is read.
    pub fn listener(&self) -> Option<Arc<Stream>> {
        let state = self.state();
        let read = state.listening.iter().rev().find(|stream| stream.is_read());
        read.or(state.listening.last()).cloned()
    }

    /// Whether somebody listens.
    pub fn is_listening(&self) -> bool {
        self.state().listening.iter().any(|stream| stream.is_read())
    }

    /// Remembers whether it wants to hear of a resource.
    pub fn subscribe(&self, uri: &str, wants: bool) {
        let subscriptions = &mut self.state().subscriptions;
        if !wants {
            subscriptions.remove(uri);
        } else if subscriptions.len() < STDIO_SUBSCRIPTIONS {
            subscriptions.insert(uri.into());
        }
    }

    /// Whether it wants to hear of a resource.
    pub fn wants(&self, uri: &str) -> bool {
        self.state().subscriptions.contains(uri)
    }

    /// Ends it and all its streams.
    pub fn end(&self, end: End) {
        let mut state = self.state();
        state.is_over = true;
        state.listening.clear();
        for stream in std::mem::take(&mut state.streams).into_values() {
            stream.end(end);
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.state().is_over
    }
}

impl State {
    fn add(&mut self, awaited: Option<usize>) -> Arc<Stream> {
        let stream = Stream::new(self.next, awaited);
        self.next += 1;
        self.streams.insert(stream.number, stream.clone());
        stream
    }

    /// Forgets streams that are over, the oldest first, until the rest is within the bounds.
    fn trim(&mut self) {
        let over: Vec<_> = (self.streams.values())
            .filter(|stream| stream.is_over() && !stream.is_read())
            .map(|stream| (stream.number, stream.bytes()))
            .collect();
        let mut count = over.len();
        let mut bytes: usize = over.iter().map(|(_, bytes)| bytes).sum();
        for (number, size) in over {
            if count < STDIO_REPLAY_STREAMS && bytes <= STDIO_REPLAY_BYTES {
                return;
            }
            self.streams.remove(&number);
            count -= 1;
            bytes -= size;
        }
    }
}
