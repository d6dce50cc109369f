//! What the access log says of a request: plain data of fixed size, so that telling the log costs a
//! core one copy and no allocation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::clock::Wall;
use super::ids::ExchangeId;

/// A text kept in place; what does not fit is cut at a character and marked.
#[derive(Clone, Copy)]
pub struct Short<const N: usize> {
    bytes: [u8; N],
    len: u16,
    cut: bool,
}

impl<const N: usize> Short<N> {
    /// A copy of as much of `text` as fits.
    #[must_use]
    pub fn new(text: &str) -> Short<N> {
        let mut len = text.len().min(N).min(usize::from(u16::MAX));
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let mut bytes = [0; N];
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        Short {
            bytes,
            len: len as u16,
            cut: len < text.len(),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    /// Whether there was more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

/// One request, as the access log shows it. Paths come here masked, and without their query.
#[derive(Clone, Copy)]
pub struct AccessEntry {
    /// When its head was complete.
    pub at: Wall,
    /// Where the caller's connection came from.
    pub peer: Option<SocketAddr>,
    /// Its name in the recording, when it has one.
    pub exchange: Option<ExchangeId>,
    /// Index of its connection, once known.
    pub connection: Option<u16>,
    /// Its method.
    pub method: Short<16>,
    /// Of MCP: the JSON-RPC method.
    pub rpc: Short<48>,
    /// Of MCP: what the method was about, such as the tool's name.
    pub tool: Short<96>,
    /// Of MCP: a digest of the session's id.
    pub session: Short<16>,
    /// Of MCP: items of lists that were taken out.
    pub hidden: u32,
    /// Its path, masked.
    pub path: Short<256>,
    /// The principal, once proven.
    pub principal: Short<160>,
    /// The policy and rule that decided.
    pub rule: Short<96>,
    /// The status that the caller got; 0 when none was sent.
    pub status: u16,
    /// How it ended, or why it was refused.
    pub outcome: &'static str,
    /// What only the operator is told, such as which check of a token failed.
    pub detail: Short<128>,
    /// From head to end.
    pub took: Duration,
    /// Body bytes from the caller.
    pub bytes_in: u64,
    /// Body bytes to the caller.
    pub bytes_out: u64,
}

/// A worker's end of the access log. Never waits: what does not fit is counted and dropped.
#[derive(Clone)]
pub struct AccessSender {
    entries: Option<Sender<AccessEntry>>,
    dropped: Arc<AtomicU64>,
}

impl AccessSender {
    /// A log of at most `bound` entries that wait to be written.
    #[must_use]
    pub fn new(bound: usize) -> (AccessSender, Receiver<AccessEntry>) {
        let (entries, receiver) = bounded(bound);
        let sender = AccessSender {
            entries: Some(entries),
            dropped: Arc::default(),
        };
        (sender, receiver)
    }

    /// A log that is switched off.
    #[must_use]
    pub fn off() -> AccessSender {
        AccessSender {
            entries: None,
            dropped: Arc::default(),
        }
    }

    /// Tells the log.
    pub fn tell(&self, entry: &AccessEntry) {
        if let Some(entries) = &self.entries
            && entries.try_send(*entry).is_err()
        {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Entries that did not fit.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}
