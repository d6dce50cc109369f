//! A server's process from its start to its end: lines in, lines out.
//!
//! ```text
//!   callers ─ call, send ─► queue ─► stdin ┐
//!                                          process
//!   callers' streams ◄─ table ◄─── stdout ─┘└─ stderr ─► log
//! ```
//!
//! Both ways are bounded. The queue is bounded in bytes, and callers wait for room in it. A message
//! for a caller who does not read waits too, and the process with it, unless several principals
//! share the process: then the slow one's stream is cut.

mod greet;
mod run;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::child::Child;
use super::groups::Groups;
use super::log::Log;
use super::message::{Key, Kind, Message};
use super::session::Session;
use super::stream::{End, Stream};
use super::table::{Owner, Table};
use super::{Era, Slot, StdioServer};
use crate::base::limits::{BUFFER_BYTES, STDIO_SESSIONS, STDIO_STALL_TIME};

pub(super) use greet::Greeted;

/// One process of a server.
pub(super) struct Process {
    pub plan: Arc<StdioServer>,
    pub slot: Slot,
    pub started: Instant,
    log: Arc<Log>,
    table: Mutex<Table>,
    lines: mpsc::UnboundedSender<Line>,
    /// A permit for each byte in the queue.
    room: Arc<Semaphore>,
    /// The answer to `initialize`, which is asked once.
    greeting: tokio::sync::Mutex<Option<Message>>,
    era: OnceCell<Era>,
    used: Mutex<Instant>,
    has_spoken: AtomicBool,
    /// It was told that a client is ready, which it is told once.
    is_ready: AtomicBool,
    /// Why it ends, once it does.
    ending: watch::Sender<Option<Ending>>,
    is_gone: watch::Sender<bool>,
}

/// A line in the queue, and its room there.
struct Line {
    text: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Why a process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nobody needs it any more.
    Asked,
    /// It failed, or did what it must not.
    Fault(String),
}

/// Why a process does not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It has ended.
    #[error("the server's process ended: {0}")]
    Ended(String),
    /// Too much is open.
    #[error("the server is busy")]
    Busy,
    /// It does not read its input.
    #[error("the server takes no messages")]
    Stalled,
}

impl Process {
    /// Starts one; must be called on the runtime. `gone` is called as soon as it takes nothing more.
    pub fn start(
        plan: Arc<StdioServer>,
        slot: Slot,
        log: Arc<Log>,
        groups: &Arc<Groups>,
        gone: impl FnOnce(&Arc<Process>, &Ending) + Send + 'static,
    ) -> io::Result<Arc<Process>> {
        let (ending, _) = watch::channel(None);
        let tell = ending.clone();
        let tell = move |why| set_ending(&tell, Ending::Fault(why));
        let (child, pipes) = Child::start(&plan, groups, tell)?;
        let (lines, queue) = mpsc::unbounded_channel();
        let room = 2 * plan.message_bytes + BUFFER_BYTES;
        let process = Arc::new(Process {
            table: Mutex::new(Table::new(slot)),
            room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            plan,
            slot,
            started: Instant::now(),
            log,
            lines,
            greeting: tokio::sync::Mutex::default(),
            era: OnceCell::new(),
            used: Mutex::new(Instant::now()),
            has_spoken: AtomicBool::new(false),
            is_ready: AtomicBool::new(false),
            ending,
            is_gone: watch::channel(false).0,
        });
        tokio::spawn(process.clone().run(child, pipes, queue, gone));
        Ok(process)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks it to end; the first reason counts.
    pub fn end(&self, why: Ending) {
        set_ending(&self.ending, why);
    }

    /// Waits until nothing is left of it.
    pub async fn is_gone(&self) {
        // The sender is ours: it cannot be dropped before.
        let _ = self.is_gone.subscribe().wait_for(|is_gone| *is_gone).await;
    }

    /// Whether nothing is left of it.
    pub fn has_gone(&self) -> bool {
        *self.is_gone.borrow()
    }

    /// Whether it takes nothing more.
    pub fn is_ending(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// Whether it has ever said anything.
    pub fn has_spoken(&self) -> bool {
        self.has_spoken.load(Relaxed)
    }

    /// True for the first who asks: it may tell the process that its client is ready.
    pub fn is_first_time_ready(&self) -> bool {
        !self.is_ready.swap(true, Relaxed)
    }

    /// How many calls are open.
    pub fn open_calls(&self) -> usize {
        self.table().open_calls()
    }

    /// Since when it serves nobody; none while it does.
    pub fn unused_since(&self) -> Option<Instant> {
        let table = self.table();
        let is_used = table.open_calls() > 0 || !table.sessions().is_empty();
        (!is_used).then(|| *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody uses it.
    pub fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Adds a session.
    pub fn join(&self, session: &Arc<Session>) -> Result<(), Refused> {
        let mut table = self.table();
        if table.sessions().len() >= STDIO_SESSIONS {
            return Err(Refused::Busy);
        }
        table.join(session);
        Ok(())
    }

    /// Ends a session. What it still waits for is given up.
    pub fn leave(&self, session: &Arc<Session>) {
        let cancellations = self.table().leave(session);
        session.end(End::Done);
        cancellations.into_iter().for_each(|line| self.say(line));
        self.touch();
    }

    /// Gives up a call that nobody waits for.
    pub fn abandon(&self, key: &Key, stream: &Arc<Stream>) {
        let cancellation = self.table().abandon(key, stream);
        if let Some(line) = cancellation {
            self.say(line);
        }
    }

    /// Sends a request. What comes of it goes to `stream`: with `takes_events` more than the
    /// response. Answers with what [`Process::abandon`] takes.
    pub async fn call(
        &self,
        message: &Message,
        owner: Owner,
        stream: &Arc<Stream>,
        takes_events: bool,
    ) -> Result<Key, Refused> {
        let room = self.room_for(message.text.len()).await?;
        let mut table = self.table();
        if let Some(why) = &*self.ending.borrow() {
            return Err(why.refused());
        }
        let called = table.call(message, owner, stream, takes_events);
        let (key, text) = called.ok_or(Refused::Busy)?;
        drop(table);
        self.touch();
        let _ = self.lines.send(Line {
            text,
            _room: Some(room),
        });
        Ok(key)
    }

    /// Passes on a notification or an answer of a session, if the process is to have it.
    pub async fn pass(&self, message: &Message, session: &Arc<Session>) -> Result<(), Refused> {
        let room = self.room_for(message.text.len()).await?;
        self.touch();
        let text = match (message.kind, &message.cancels) {
            (Kind::Response { .. }, _) => {
                let is_wanted = self.table().takes_answer(message, session);
                is_wanted.then(|| message.text.clone())
            }
            (_, Some(_)) => self.table().cancel(message, session),
            _ => Some(message.text.clone()),
        };
        if let Some(text) = text {
            let _ = self.lines.send(Line {
                text,
                _room: Some(room),
            });
        }
        Ok(())
    }

    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let bytes = u32::try_from(bytes + 1).map_err(|_| Refused::Busy)?;
        match timeout(
            STDIO_STALL_TIME,
            self.room.clone().acquire_many_owned(bytes),
        )
        .await
        {
            Ok(Ok(room)) => Ok(room),
            // It is closed at the end only.
            Ok(Err(_)) => Err(self
                .ending
                .borrow()
                .as_ref()
                .map_or(Refused::Busy, Ending::refused)),
            Err(_) => Err(Refused::Stalled),
        }
    }

    /// Sends a line of our own, if there is room for it right now.
    fn say(&self, text: String) {
        let bytes = u32::try_from(text.len() + 1).unwrap_or(u32::MAX);
        if let Ok(room) = self.room.clone().try_acquire_many_owned(bytes) {
            let (text, _room) = (text.into(), Some(room));
            let _ = self.lines.send(Line { text, _room });
        }
    }
}

impl Ending {
    fn refused(&self) -> Refused {
        Refused::Ended(match self {
            Ending::Asked => "nobody used it".to_owned(),
            Ending::Fault(why) => why.clone(),
        })
    }
}

fn set_ending(ending: &watch::Sender<Option<Ending>>, why: Ending) {
    ending.send_if_modified(|known| {
        let is_first = known.is_none();
        known.get_or_insert(why);
        is_first
    });
}
