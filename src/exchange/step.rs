//! What an exchange answers the pump with until its call goes upstream.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Core;
use super::forward::RequestHalf;
use super::refusal::{Fixed, Published, Refusal};
use super::reply::{Challenge, ReplyHalf};
use super::rules::Connection;
use crate::auth::{GroupsWanted, KeyWanted};
use crate::base::clock::Mono;
use crate::base::credential::{Credential, CredentialWanted};

/// How a caller came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Over a listener without TLS.
    Plain,
    /// Over TLS.
    Secure,
    /// From a server of the gateway's own.
    Inner,
}

/// What the exchange needs before its call can go upstream, or what becomes of it instead.
#[must_use]
pub enum Step {
    /// More bytes from the caller. Until then the connection may wait at most so long.
    NeedBytes(Mono),
    /// A signing key that is not in the key sets; ask the control plane once, then advance again.
    NeedKey(KeyWanted, Mono),
    /// The groups of a proven caller, which its token leaves out; ask the control plane once, then
    /// advance again.
    NeedGroups(GroupsWanted, Mono),
    /// Room in the recording ring.
    NeedRoom(Mono),
    /// The recording on disk.
    NeedSync(Mono),
    /// What is shown upstream, which the control plane has not acquired yet.
    NeedToken(CredentialWanted, Mono),
    /// Send this, then advance again.
    Proceed(Fixed),
    /// The gateway answers by itself: send this, and close the account with
    /// [`super::Account::answered`].
    Answer(Published),
    /// The caller's own token has to satisfy more: send [`Challenge::answer`], and close the account.
    Challenge(Challenge),
    /// The call may not go upstream. [`super::Inbound::into_account`] is still to be closed with
    /// [`super::Account::refuse`].
    Refuse(Refusal),
}

/// A call on its way: the two directions, and what is told of it in the end.
pub struct Forwarding {
    /// Where it goes.
    pub connection: Arc<Connection>,
    /// What it shows there; upstream connections are pooled by it.
    pub credential: Option<Arc<Credential>>,
    /// The one address of the upstream that it must go to, where a session lives there.
    pub address: Option<SocketAddr>,
    /// Caller to upstream.
    pub request: RequestHalf,
    /// Upstream to caller.
    pub reply: ReplyHalf,
}

impl Forwarding {
    /// Returns what both directions were lent: nothing more is asked of them.
    pub fn close(&mut self, core: &mut Core) {
        self.request.close(core);
        self.reply.close(core);
    }
}

/// What a whole head says about the connection it came by.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Bytes of the head, still in the caller's buffer.
    pub head_bytes: usize,
    /// A body follows.
    pub has_body: bool,
    /// The reply has no body (RFC 9110, section 9.3.2).
    pub head_only: bool,
    /// The caller would like to send another request.
    pub keep_alive: bool,
}
