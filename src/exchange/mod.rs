//! Floor 5: one request and its reply as a state machine, with no I/O, no await and no clock.
//!
//! ```text
//!            bytes                 verified token, rule          in the recording
//!   Head ───────────▶ Judged ─────────────────────────▶ Admitted ───────────────▶ Ready
//!    │ NeedBytes        │ NeedKey, NeedRoom               │ NeedSync               │ NeedToken
//!    │                  │ (a wait starts the judgement    │                        ▼
//!    │                  │  again: rules may have changed) │                   Forwarding
//!    ▼                  ▼                                 ▼                 ┌──────┴──────┐
//!   any doubt: Refuse, and the state stays Broken: it refuses for ever   request         reply
//! ```
//!
//! [`inbound`] reads the head, proves who calls, decides and admits the call to the recording;
//! [`forward`] turns a receipt into bytes for the upstream; [`reply`] turns the upstream's bytes into
//! bytes for the caller, through mask and recording. [`refusal`] is the one place where a doubt
//! becomes an answer, [`account`] what the end frame and the access log say, [`rules`] the snapshot
//! of the configuration.
//!
//! The pump (`worker::pump`) calls in, an exchange never calls out: it answers with what it needs
//! and until when.

pub mod account;
pub mod fields;
pub mod forward;
pub mod inbound;
mod judge;
pub mod refusal;
pub mod reply;
pub mod rules;

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use crate::auth::Authenticator;
use crate::base::buffers::Pool;
use crate::http::{HeadLimits, RequestScanner, ResponseScanner, Spare};
use crate::mask::{self, ContentKind, Masks};
use crate::record;

pub use account::{Account, Journal};
pub use forward::{RequestHalf, RequestStep, ToUpstream};
pub use inbound::{Envelope, Forwarding, Inbound, Step};
pub use refusal::{Fixed, Refusal};
pub use reply::{ReplyEnd, ReplyHalf, ReplyStep, ToCaller};
pub use rules::Rules;

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
    /// Buffers lent while bytes are in flight.
    pub pool: Pool,
    /// Rooms of parsed heads, lent like buffers.
    spares: Vec<Spare>,
    /// Mask streams that are not in use.
    #[expect(clippy::vec_box, reason = "they are lent as boxes, and large")]
    streams: Vec<Box<mask::Stream>>,
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
            pool: Pool::default(),
            spares: Vec::new(),
            streams: Vec::new(),
        }
    }

    fn request_scanner(&mut self) -> RequestScanner {
        let mut scanner = RequestScanner::new(HeadLimits::default());
        if let Some(spare) = self.spares.pop() {
            scanner.recycle(spare);
        }
        scanner
    }

    fn response_scanner(&mut self) -> ResponseScanner {
        let mut scanner = ResponseScanner::new(HeadLimits::default());
        if let Some(spare) = self.spares.pop() {
            scanner.recycle(spare);
        }
        scanner
    }

    fn recycle(&mut self, spare: Spare) {
        if self.spares.len() < KEPT {
            self.spares.push(spare);
        }
    }

    fn stream(
        &mut self,
        masks: &Arc<Masks>,
        kind: ContentKind,
        link_base: &[u8],
    ) -> Box<mask::Stream> {
        // A base that is no text is none, and the stream refuses.
        let base = std::str::from_utf8(link_base).unwrap_or("\"");
        match self.streams.pop() {
            Some(mut stream) => {
                stream.reset(Arc::clone(masks), kind, base);
                stream
            }
            None => Box::new(mask::Stream::new(Arc::clone(masks), kind, base)),
        }
    }

    fn give_back_stream(&mut self, stream: Box<mask::Stream>) {
        if self.streams.len() < KEPT {
            self.streams.push(stream);
        }
    }
}

/// Of each kind of lent thing, what is kept for the next exchange.
const KEPT: usize = 64;
