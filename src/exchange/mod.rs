//! Floor 5: one request and its reply as a state machine, with no I/O, no await and no clock.
//!
//! ```text
//!           whole head             token, rule, room              as safe as its class asks
//!   Head ──────────────▶ Judging ────────────────────▶ Admitted ────────────────────▶ Ready
//!    │ NeedBytes           │ NeedKey, NeedRoom           │ NeedSync                    │ NeedToken,
//!    │                     │ (each wait starts the       │                             │ Proceed
//!    │                     │  judgement again)           │                             ▼
//!    ▼                     ▼                             ▼                         Forwarding
//!   any doubt: Refuse, and the state stays Broken: it refuses for ever         ┌───────┴───────┐
//!                                                                         RequestHalf      ReplyHalf
//!
//!   RequestHalf  Ready ─▶ Leaving ─▶ Gone: its head, which still has to stand when it leaves
//!                  └◀ Recording ◀ Again, once, when Leaving or all is over: the connection had
//!                                 ended, or what the call showed was not taken
//!                Body ─▶ Gathered ─▶ Settling ─▶ Sending ─▶ Body … Done: its body, the first piece
//!                NeedBytes  NeedRoom   NeedSync             of which leaves with the head
//!   ReplyHalf    Head (again after each interim one) ─▶ Opening ─▶ Body … Done
//!                 NeedBytes                             NeedRoom    NeedBytes, NeedRoom
//! ```
//!
//! A request that asks for another protocol (`upgrade`), and an upstream that switches to it, leave
//! this graph: Done is followed by the two directions of `switched`.
//!
//! [`inbound`] reads the head, proves who calls, decides and admits the call to the recording;
//! [`forward`] turns a receipt into bytes for the upstream; [`reply`] turns the upstream's bytes into
//! bytes for the caller, through mask and recording. [`refusal`] is the one place where a doubt
//! becomes an answer, [`metadata`] what is told to who has no token yet, [`account`] what the end frame and the access log say, [`rules`] the snapshot
//! of the configuration.
//!
//! The pump (`worker::pump`) calls in, an exchange never calls out: it answers with what it needs
//! and until when.

pub mod account;
mod cors;
mod credential;
mod dialogue;
mod errand;
pub mod fields;
pub mod forward;
pub mod inbound;
mod judge;
pub mod metadata;
mod offer;
mod patience;
mod phase;
mod received;
pub mod refusal;
pub mod reply;
pub mod rules;
mod step;
mod switched;
mod upgrade;
mod via;
mod whence;

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use crate::auth::Authenticator;
use crate::base::buffers::Pool;
use crate::base::clock::{Mono, Now};
use crate::base::counters::Event;
use crate::base::memory::Memory;
use crate::base::trace::SpanIds;
use crate::http::{HeadLimits, RequestScanner, ResponseScanner, Spare};
use crate::mask::{self, ContentKind, Masks};
use crate::mcp;
use crate::policy::Permit;
use crate::record::{self, State};

pub use account::{Account, Journal};
pub use cors::{Cors, CorsSpec, Crossing};
pub use forward::{Aside, AsideStep, RequestHalf, RequestStep, ToUpstream, Upward};
pub use inbound::Inbound;
pub use offer::Offer;
pub use refusal::{EdgeRefusal, Fixed, GraphRefusal, McpRefusal, Published, Refusal};
pub use reply::{Challenge, Downward, ReplyEnd, ReplyHalf, ReplyStep, ToCaller};
pub use rules::Rules;
pub use step::{Envelope, Forwarding, Step, Way};
pub use switched::{Life, Switched};
pub use via::Via;
pub use whence::{Arrival, Hops};

/// What the exchanges of one core share. Never shared between cores.
pub struct Core {
    /// The configuration in force.
    pub rules: Cache<Arc<ArcSwap<Rules>>, Arc<Rules>>,
    /// Judges tokens.
    pub authenticator: Authenticator,
    /// This core's end of its recording ring.
    pub writer: record::Writer,
    /// Names sessions.
    pub sessions: record::Sessions,
    /// Where finished exchanges are told.
    pub journal: Journal,
    /// Names the gateway's part of traces.
    span_ids: SpanIds,
    /// Buffers lent while bytes are in flight.
    pub pool: Pool,
    /// How much memory there is.
    pub memory: Arc<Memory>,
    /// Reads what callers say to MCP servers.
    reader: mcp::Reader,
    /// Reads what they say, and what is left of it.
    answers: mcp::Answers,
    rewriter: mcp::Rewriter,
    /// Rooms of parsed heads, lent like buffers.
    spares: Vec<Spare>,
    spares_lent: usize,
    /// Mask streams that are not in use.
    #[expect(clippy::vec_box, reason = "they are lent as boxes, and large")]
    streams: Vec<Box<mask::Stream>>,
    streams_lent: usize,
    /// Accounts that are closed, to be opened anew.
    #[expect(clippy::vec_box, reason = "they are lent as boxes, and large")]
    accounts: Vec<Box<Account>>,
}

/// Whether the recording takes what comes next.
enum Room {
    There,
    /// Not now.
    Wait,
    /// Not in time, or not any more.
    Never,
}

impl Core {
    /// A core's own state over what it shares with the others.
    #[must_use]
    pub fn new(
        rules: &Arc<ArcSwap<Rules>>,
        authenticator: Authenticator,
        writer: record::Writer,
        sessions: record::Sessions,
        journal: Journal,
    ) -> Core {
        Core {
            rules: Cache::new(Arc::clone(rules)),
            authenticator,
            writer,
            sessions,
            journal,
            span_ids: SpanIds::new(),
            pool: Pool::default(),
            memory: Arc::default(),
            reader: mcp::Reader::new(),
            answers: mcp::Answers::new(),
            rewriter: mcp::Rewriter::new(),
            spares: Vec::new(),
            spares_lent: 0,
            streams: Vec::new(),
            streams_lent: 0,
            accounts: Vec::new(),
        }
    }

    /// Things lent to exchanges and not given back: none when no exchange is under way.
    #[must_use]
    pub fn lent(&self) -> usize {
        self.pool.texts_lent() + self.spares_lent + self.streams_lent
    }

    /// Whether memory is short: nothing new begins then, and no body is waited for that is held whole.
    fn is_short(&self) -> bool {
        let is_short = self.memory.is_short();
        if is_short {
            self.journal.count(Event::TurnedAwayMemory, 1);
        }
        is_short
    }

    /// Whether the recording has room for `need` bytes; who needs them can wait until `until`.
    fn room(&self, need: usize, until: Mono, now: Now) -> Room {
        if self.writer.room_for(need) {
            return Room::There;
        }
        match self.writer.link().health().state() {
            State::Running | State::LowSpace if now.mono < until => Room::Wait,
            _ => Room::Never,
        }
    }

    /// After every wait: keys and token are still those that a permit was given under, and the rules
    /// are, or allow the call as well.
    fn still_stands(
        &mut self,
        permit: &Permit,
        account: &mut Account,
        now: Now,
    ) -> Result<(), Refusal> {
        account.may_go_on(self, now)?;
        self.authenticator
            .check_again(permit.identity(), now)
            .map_err(Refusal::Token)
    }

    fn request_scanner(&mut self) -> RequestScanner {
        self.spares_lent += 1;
        let mut scanner = RequestScanner::new(HeadLimits::default());
        if let Some(spare) = self.spares.pop() {
            scanner.recycle(spare);
        }
        scanner
    }

    fn response_scanner(&mut self) -> ResponseScanner {
        self.spares_lent += 1;
        let mut scanner = ResponseScanner::new(HeadLimits::default());
        if let Some(spare) = self.spares.pop() {
            scanner.recycle(spare);
        }
        scanner
    }

    fn recycle(&mut self, spare: Spare) {
        self.spares_lent = self.spares_lent.saturating_sub(1);
        if self.spares.len() < KEPT {
            self.spares.push(spare);
        }
    }

    fn stream(
        &mut self,
        masks: &Arc<Masks>,
        kind: ContentKind,
        link_base: &str,
    ) -> Box<mask::Stream> {
        self.streams_lent += 1;
        match self.streams.pop() {
            Some(mut stream) => {
                stream.reset(Arc::clone(masks), kind, link_base);
                stream
            }
            None => Box::new(mask::Stream::new(Arc::clone(masks), kind, link_base)),
        }
    }

    /// Opens an account for the next exchange of a caller's connection.
    #[must_use]
    pub fn account(&mut self, now: Now) -> Box<Account> {
        let mut account = self.accounts.pop().unwrap_or_default();
        account.begin(now);
        account
    }

    fn give_back_account(&mut self, mut account: Box<Account>) {
        if self.accounts.len() < KEPT {
            account.clear();
            self.accounts.push(account);
        }
    }

    fn give_back_stream(&mut self, stream: Box<mask::Stream>) {
        self.streams_lent = self.streams_lent.saturating_sub(1);
        if self.streams.len() < KEPT {
            self.streams.push(stream);
        }
    }
}

/// Of each kind of lent thing, what is kept for the next exchange.
const KEPT: usize = 64;
