//! The states of an exchange before its call goes upstream, and what the judgement found.

use std::sync::Arc;

use super::Core;
use super::dialogue::Dialogue;
use super::errand::Errand;
use super::patience::Patience;
use super::refusal::Refusal;
use super::rules::{Connection, Rules};
use super::step::Step;
use super::upgrade::Upgrade;
use crate::auth::KeyWanted;
use crate::http::RequestScanner;
use crate::policy::Permit;
use crate::record::{Pending, Receipt};

/// The states before forwarding. The bytes of the head stay in the caller's buffer throughout; what
/// was read of them stands beside, for states are moved often.
pub(super) enum Phase {
    /// The head is arriving.
    Head(RequestScanner),
    /// The head is whole. This was missing before, and has been asked for.
    Judging(Sought),
    /// The head may go on, and what is judged next is the body, which is arriving.
    Gathering { bound: u64, patience: Patience },
    /// The call is in the ring; in the durable class it waits for the disk.
    Admitted {
        judged: Judged,
        pending: Pending<Permit>,
    },
    /// Recorded. Only the upstream's credential may be missing.
    Ready {
        judged: Judged,
        receipt: Receipt<Permit>,
    },
    /// Taken out while being judged, and left so by every refusal.
    Broken,
}

/// What was missing for a judgement, and has been asked for: it is asked for once.
#[derive(Default)]
pub(super) struct Sought {
    /// A signing key.
    pub key: Option<KeyWanted>,
    /// The caller's groups.
    pub groups: bool,
}

impl Sought {
    pub(super) fn key(self, wanted: &KeyWanted) -> Sought {
        let key = Some(wanted.clone());
        Sought { key, ..self }
    }

    pub(super) fn groups(self) -> Sought {
        let groups = true;
        Sought { groups, ..self }
    }
}

/// How a phase ended, unless the call goes upstream.
pub(super) enum Turn {
    /// The next phase can be judged at once.
    On(Phase),
    /// The phase stays until something has come.
    Wait(Phase, Step),
    /// Nothing more happens; what the phase holds goes back.
    Refuse(Phase, Refusal),
}

/// What the judgement found, besides the permit.
pub(super) struct Judged {
    /// The snapshot it was judged under.
    pub rules: Arc<Rules>,
    /// Where the call goes.
    pub connection: Arc<Connection>,
    /// Canonical path and query, without the route's prefix and the upstream's base path.
    pub target: String,
    /// Bytes of `target` before the query.
    pub path_len: usize,
    /// The gateway's own address of the connection, for links: `https://host/prefix`.
    pub link_base: String,
    /// Its host chose the connection, and not its path alone.
    pub by_host: bool,
    /// The protocol that the request asks for, which the connection allows.
    pub upgrade: Option<Box<Upgrade>>,
    /// Of a connection of protocol `mcp`, once its call was judged.
    pub dialogue: Option<Box<Dialogue>>,
    /// Of a batch of Microsoft Graph, once its calls were judged.
    pub errand: Option<Box<Errand>>,
}

impl Phase {
    /// Returns what was lent.
    pub(super) fn give_back(self, core: &mut Core) {
        match self {
            Phase::Head(scanner) => core.recycle(scanner.into_spare()),
            Phase::Admitted { judged, .. } | Phase::Ready { judged, .. } => judged.give_back(core),
            Phase::Judging(_) | Phase::Gathering { .. } | Phase::Broken => {}
        }
    }
}

impl Judged {
    /// The path that policy sees.
    pub(super) fn path(&self) -> &str {
        self.target.get(..self.path_len).unwrap_or_default()
    }

    /// The query with its question mark; empty when there is none.
    pub(super) fn query(&self) -> &str {
        self.target.get(self.path_len..).unwrap_or_default()
    }

    /// Returns the lent texts.
    pub(super) fn give_back(self, core: &mut Core) {
        core.pool.give_back_string(self.target);
        core.pool.give_back_string(self.link_base);
    }
}
