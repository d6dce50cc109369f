//! An exchange under way, and what it is told when nothing more can be recorded of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::ids::{ExchangeId, SessionId};
use crate::record::frame;
use crate::record::payload::{Class, END_BYTES};

/// Why nothing was recorded, so that nothing may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// The ring is full; wait on [`Writer::link`](super::Writer::link) until [`Writer::room_for`](super::Writer::room_for) these bytes.
    #[error("the recording's ring is full")]
    Full {
        /// Bytes of room that are needed.
        need: usize,
    },
    /// More than a ring can ever take at once.
    #[error("too large to be recorded at once")]
    TooLarge,
    /// The disk is nearly full: no new sessions.
    #[error("the recording's disk is nearly full")]
    LowSpace,
    /// The recorder is shut down, or gone.
    #[error("the recorder is closed")]
    Closed,
    /// A write or sync failed, and nothing is recorded any more.
    #[error("the recording failed")]
    Latched,
}

/// Not recorded: what was handed over comes back with the reason.
#[must_use]
#[derive(Debug)]
pub struct Unrecorded<T> {
    /// What was handed over.
    pub what: T,
    /// Why it is not in the recording.
    pub why: RecordError,
}

/// An exchange that is being recorded, from its admission to [`Writer::end`](super::Writer::end).
///
/// Holds room in the ring for the end frame. Dropped without an end, its outcome is unknown and the
/// recording shows it so.
#[must_use]
#[derive(Debug)]
pub struct ExchangeLog {
    pub(super) session: SessionId,
    pub(super) exchange: ExchangeId,
    pub(super) class: Class,
    pub(super) sequence: u64,
    pub(super) request_bytes: u64,
    pub(super) reply_bytes: u64,
    pub(super) hits: u64,
    pub(super) _room: Room,
}

impl ExchangeLog {
    /// The exchange's name.
    #[must_use]
    pub fn exchange(&self) -> ExchangeId {
        self.exchange
    }

    /// The session it belongs to.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Reply bytes released so far.
    #[must_use]
    pub fn reply_bytes(&self) -> u64 {
        self.reply_bytes
    }
}

pub(super) const END_ROOM: usize = frame::ring_bytes(END_BYTES);

/// Room kept in a ring for one end frame, given back on drop.
#[derive(Debug)]
pub(super) struct Room(Arc<AtomicUsize>);

impl Room {
    pub(super) fn keep(reserved: &Arc<AtomicUsize>) -> Room {
        reserved.fetch_add(END_ROOM, Ordering::Relaxed);
        Room(Arc::clone(reserved))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.fetch_sub(END_ROOM, Ordering::Relaxed);
    }
}
