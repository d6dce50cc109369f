//! What the access log says of a request: plain data of fixed size, so that telling the log costs a
//! core one copy and no allocation.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::clock::Wall;
use super::ids::ExchangeId;
use super::trace::Span;

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
        let mut short = Short::default();
        short.set(text);
        short
    }

    /// Puts a copy of as much of `text` as fits in the place of what was there.
    pub fn set(&mut self, text: &str) {
        let mut len = text.len().min(N).min(usize::from(u16::MAX));
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        self.bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len = len as u16;
        self.cut = len < text.len();
    }

    /// Forgets the text. Its bytes are out of reach, and stay until others take their place.
    pub fn clear(&mut self) {
        self.len = 0;
        self.cut = false;
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

impl<const N: usize> Default for Short<N> {
    fn default() -> Short<N> {
        Short {
            bytes: [0; N],
            len: 0,
            cut: false,
        }
    }
}

/// One request, as the access log shows it. Paths come here masked, and without their query.
#[derive(Clone, Copy, Default)]
pub struct AccessEntry {
    /// When its head was complete.
    pub at: Wall,
    /// Where the caller's connection came from.
    pub peer: Option<SocketAddr>,
    /// Where the request came from, by the word of a trusted proxy.
    pub source: Option<IpAddr>,
    /// Its name in the recording, when it has one.
    pub exchange: Option<ExchangeId>,
    /// Where it stands in a trace, where the gateway takes part in traces.
    pub span: Option<Span>,
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
    /// Whom the caller's certificate names: its SPIFFE id, else its SHA-256 in base64url.
    pub certificate: Short<160>,
    /// The client that showed its token, where the token names one.
    pub client: Short<64>,
    /// Whether it acts for itself, in a word.
    pub kind: &'static str,
    /// How an agent took part, in a word.
    pub agent: &'static str,
    /// What the agent was made from.
    pub blueprint: Short<40>,
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

impl AccessEntry {
    /// Forgets all of it, in place: a text is not overwritten.
    pub fn clear(&mut self) {
        // Named one by one, so that none is forgotten.
        let AccessEntry {
            at,
            peer,
            source,
            exchange,
            span,
            connection,
            method,
            rpc,
            tool,
            session,
            hidden,
            path,
            principal,
            certificate,
            client,
            kind,
            agent,
            blueprint,
            rule,
            status,
            outcome,
            detail,
            took,
            bytes_in,
            bytes_out,
        } = self;
        method.clear();
        rpc.clear();
        tool.clear();
        session.clear();
        path.clear();
        principal.clear();
        certificate.clear();
        client.clear();
        blueprint.clear();
        (*kind, *agent) = ("", "");
        rule.clear();
        detail.clear();
        (*at, *took, *outcome) = (Wall::default(), Duration::ZERO, "");
        (*peer, *source, *exchange, *connection) = (None, None, None, None);
        *span = None;
        (*hidden, *status, *bytes_in, *bytes_out) = (0, 0, 0, 0);
    }
}

/// A worker's end of the access log, and of the traces. Never waits: what does not fit is counted and
/// dropped.
#[derive(Clone)]
pub struct AccessSender {
    log: Sink,
    traces: Sink,
}

/// One of them; without a sender it is switched off.
#[derive(Clone, Default)]
struct Sink {
    entries: Option<Sender<AccessEntry>>,
    dropped: Arc<AtomicU64>,
}

impl Sink {
    fn new(bound: usize) -> (Sink, Receiver<AccessEntry>) {
        let (entries, receiver) = bounded(bound);
        let sink = Sink {
            entries: Some(entries),
            dropped: Arc::default(),
        };
        (sink, receiver)
    }

    fn tell(&self, entry: &AccessEntry) {
        if let Some(entries) = &self.entries
            && entries.try_send(*entry).is_err()
        {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

impl AccessSender {
    /// A log of at most `bound` entries that wait to be written.
    #[must_use]
    pub fn new(bound: usize) -> (AccessSender, Receiver<AccessEntry>) {
        let (log, receiver) = Sink::new(bound);
        let traces = Sink::default();
        (AccessSender { log, traces }, receiver)
    }

    /// A log that is switched off.
    #[must_use]
    pub fn off() -> AccessSender {
        AccessSender {
            log: Sink::default(),
            traces: Sink::default(),
        }
    }

    /// Has what is sampled told a second time, to the traces: at most `bound` that wait.
    pub fn trace(&mut self, bound: usize) -> Receiver<AccessEntry> {
        let (traces, receiver) = Sink::new(bound);
        self.traces = traces;
        receiver
    }

    /// Tells what ends.
    pub fn tell(&self, entry: &AccessEntry) {
        self.log.tell(entry);
        if entry.span.is_some_and(|span| span.sampled) {
            self.traces.tell(entry);
        }
    }

    /// Entries of the log that did not fit.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.log.dropped.load(Relaxed)
    }

    /// Spans that did not fit.
    #[must_use]
    pub fn dropped_spans(&self) -> u64 {
        self.traces.dropped.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters() {
        let mut text = Short::<4>::new("abcé");
        assert_eq!((text.as_str(), text.is_cut()), ("abc", true));
        text.set("é");
        assert_eq!((text.as_str(), text.is_cut()), ("é", false));
        text.clear();
        assert_eq!((text.as_str(), text.is_cut()), ("", false));
    }

    #[test]
    fn nothing_of_an_entry_is_left_in_the_next() {
        let mut entry = AccessEntry {
            at: Wall(1),
            ..AccessEntry::default()
        };
        entry.path.set("/a");
        entry.principal.set("alice");
        (entry.status, entry.outcome, entry.hidden) = (200, "complete", 3);
        entry.clear();
        assert_eq!(
            (entry.at, entry.path.as_str(), entry.principal.as_str()),
            (Wall::default(), "", "")
        );
        assert_eq!((entry.status, entry.outcome, entry.hidden), (0, "", 0));
    }
}
