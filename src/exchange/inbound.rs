//! From the first byte of a request to leave for it to go upstream.

use std::sync::Arc;

use super::Core;
use super::account::Account;
use super::forward::RequestHalf;
use super::judge::Judge;
use super::refusal::{Fixed, Refusal};
use super::reply::ReplyHalf;
use super::rules::{Connection, Rules};
use crate::auth::{KeyWanted, LastBearer};
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::base::credential::Credential;
use crate::http::{BodyLength, RequestHead, RequestScanner};
use crate::policy::Permit;
use crate::record::{Pending, Receipt, Settle};

/// What the exchange needs before it can go on, or what becomes of it.
#[must_use]
pub enum Step {
    /// More bytes from the caller. Until then the connection may wait at most so long.
    NeedBytes(Mono),
    /// A signing key that is not in the key sets; ask the control plane once, then advance again.
    NeedKey(KeyWanted, Mono),
    /// Room in the recording ring.
    NeedRoom(Mono),
    /// The recording on disk.
    NeedSync(Mono),
    /// The upstream token for this slot, which the control plane has not acquired yet.
    NeedToken(usize, Mono),
    /// Send this, then advance again.
    Proceed(Fixed),
    /// The call may go upstream.
    Forward(Box<Forwarding>),
    /// It may not. The account is still to be closed with [`Account::refuse`].
    Refuse(Refusal),
}

/// A call on its way: the two directions, and what is told of it in the end.
pub struct Forwarding {
    /// Where it goes.
    pub connection: Arc<Connection>,
    /// What it shows there; upstream connections are pooled by it.
    pub credential: Option<Arc<Credential>>,
    /// Caller to upstream.
    pub request: RequestHalf,
    /// Upstream to caller.
    pub reply: ReplyHalf,
}

/// The states before forwarding. The bytes of the head stay in the caller's buffer throughout.
pub(super) enum Phase {
    /// The head is arriving.
    Head(RequestScanner),
    /// The head is whole. `asked` is a missing key that was asked for.
    Judging {
        head: RequestHead,
        asked: Option<KeyWanted>,
    },
    /// The call is in the ring; in the durable class it waits for the disk.
    Admitted {
        head: RequestHead,
        judged: Judged,
        pending: Pending<Permit>,
    },
    /// Recorded. Only the upstream's credential may be missing.
    Ready {
        head: RequestHead,
        judged: Judged,
        receipt: Receipt<Permit>,
    },
    /// Taken out while being judged, and left so by every refusal.
    Broken,
}

/// What the judgement found, besides the permit.
pub(super) struct Judged {
    /// The snapshot it was judged under.
    pub rules: Arc<Rules>,
    /// Where the call goes.
    pub connection: Arc<Connection>,
    /// Canonical path and query, without the route's prefix and the upstream's base path.
    pub target: Vec<u8>,
    /// Bytes of `target` before the query.
    pub path_len: usize,
    /// The gateway's own address of the connection, for links: `https://host/prefix`.
    pub link_base: Vec<u8>,
}

impl Judged {
    /// The path that policy sees.
    pub(super) fn path(&self) -> &str {
        // Canonical paths are ASCII; an impossible failure matches no rule.
        std::str::from_utf8(&self.target[..self.path_len]).unwrap_or_default()
    }

    /// The query with its question mark; empty when there is none.
    pub(super) fn query(&self) -> &[u8] {
        &self.target[self.path_len..]
    }

    /// Returns the lent texts.
    pub(super) fn give_back(self, core: &mut Core) {
        core.pool.give_back_text(self.target);
        core.pool.give_back_text(self.link_base);
    }
}

/// The exchange until its call goes upstream.
pub struct Inbound {
    phase: Phase,
    until: Mono,
    proceed_sent: bool,
    envelope: Option<Envelope>,
    /// What is told of the exchange in the end.
    pub account: Account,
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

/// How a phase ended.
pub(super) enum Turn {
    On(Phase),
    Wait(Phase, Step),
    Leave(Step),
}

impl Inbound {
    /// A fresh exchange whose head must be whole by `until`.
    #[must_use]
    pub fn new(core: &mut Core, now: Now, until: Mono) -> Inbound {
        Inbound {
            phase: Phase::Head(core.request_scanner()),
            until,
            proceed_sent: false,
            envelope: None,
            account: Account::open(now),
        }
    }

    /// Goes on as far as the caller's bytes and the core's state allow.
    ///
    /// `last` is the connection's last bearer token; `secure` says whether the caller came by TLS.
    pub fn advance(
        &mut self,
        caller: &Buffer,
        last: &mut LastBearer,
        secure: bool,
        core: &mut Core,
        now: Now,
    ) -> Step {
        loop {
            let turn = match std::mem::replace(&mut self.phase, Phase::Broken) {
                Phase::Head(scanner) => self.read_head(scanner, caller, core, now),
                Phase::Judging { head, asked } => {
                    let (account, until) = (&mut self.account, self.until);
                    let bytes = caller.filled();
                    Judge {
                        bytes,
                        last,
                        secure,
                        core,
                        account,
                        now,
                        until,
                    }
                    .judge(head, asked)
                }
                Phase::Admitted {
                    head,
                    judged,
                    pending,
                } => self.settle(head, judged, pending, core, now),
                Phase::Ready {
                    head,
                    judged,
                    receipt,
                } => self.forward(head, judged, receipt, caller.filled(), core, now),
                Phase::Broken => Turn::Leave(Step::Refuse(Refusal::Overloaded)),
            };
            match turn {
                Turn::On(phase) => self.phase = phase,
                Turn::Wait(phase, step) => {
                    self.phase = phase;
                    return step;
                }
                Turn::Leave(step) => return step,
            }
        }
    }

    /// What the head says about the connection, once it is whole.
    #[must_use]
    pub fn envelope(&self) -> Option<Envelope> {
        self.envelope
    }

    fn read_head(
        &mut self,
        mut scanner: RequestScanner,
        caller: &Buffer,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        match scanner.scan(caller.filled()) {
            Err(why) => Turn::Leave(Step::Refuse(Refusal::Head(why))),
            Ok(Some(head)) => {
                self.until = now.mono.after(core.rules.load().limits.wait_time);
                self.envelope = Some(Envelope {
                    head_bytes: head.len(),
                    has_body: !matches!(head.body(), BodyLength::None | BodyLength::Length(0)),
                    head_only: head.method(caller.filled()) == "HEAD",
                    keep_alive: head.keep_alive(),
                });
                self.account.begin(now);
                Turn::On(Phase::Judging { head, asked: None })
            }
            Ok(None) if now.mono >= self.until => Turn::Leave(Step::Refuse(Refusal::HeadTimeout)),
            Ok(None) => Turn::Wait(Phase::Head(scanner), Step::NeedBytes(self.until)),
        }
    }

    fn settle(
        &mut self,
        head: RequestHead,
        judged: Judged,
        pending: Pending<Permit>,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        match core.writer.settle(pending) {
            Settle::Ready(receipt) => Turn::On(Phase::Ready {
                head,
                judged,
                receipt,
            }),
            Settle::NotYet(_) if now.mono >= self.until => {
                Turn::Leave(Step::Refuse(Refusal::RecorderUnable))
            }
            Settle::NotYet(pending) => Turn::Wait(
                Phase::Admitted {
                    head,
                    judged,
                    pending,
                },
                Step::NeedSync(self.until),
            ),
            Settle::Dead => Turn::Leave(Step::Refuse(Refusal::RecorderUnable)),
        }
    }

    fn forward(
        &mut self,
        head: RequestHead,
        mut judged: Judged,
        receipt: Receipt<Permit>,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Turn {
        self.account.receipt(now);
        if let Err(refusal) = still_stands(receipt.what(), core, now) {
            return Turn::Leave(Step::Refuse(refusal));
        }
        let credential = match judged.connection.credential {
            None => None,
            Some(slot) => match judged.rules.credentials.current(slot, now.mono) {
                Some(credential) => Some(credential),
                None if now.mono >= self.until => {
                    return Turn::Leave(Step::Refuse(Refusal::CredentialUnavailable));
                }
                None => {
                    let phase = Phase::Ready {
                        head,
                        judged,
                        receipt,
                    };
                    return Turn::Wait(phase, Step::NeedToken(slot, self.until));
                }
            },
        };
        if head.expects_continue() && head.body() != BodyLength::None && !self.proceed_sent {
            self.proceed_sent = true;
            return Turn::Wait(
                Phase::Ready {
                    head,
                    judged,
                    receipt,
                },
                Step::Proceed(Fixed::proceed()),
            );
        }
        let request = match RequestHalf::new(
            receipt,
            &head,
            bytes,
            &judged,
            credential.as_deref(),
            core,
            now,
        ) {
            Ok(request) => request,
            Err(refusal) => return Turn::Leave(Step::Refuse(refusal)),
        };
        let head_only = self.envelope.is_some_and(|envelope| envelope.head_only);
        let reply = ReplyHalf::new(head_only, &mut judged, core, now);
        let connection = Arc::clone(&judged.connection);
        core.recycle(head.into_spare());
        judged.give_back(core);
        Turn::Leave(Step::Forward(Box::new(Forwarding {
            connection,
            credential,
            request,
            reply,
        })))
    }
}

/// After every wait: configuration, keys and token are still those that the permit was given under.
fn still_stands(permit: &Permit, core: &mut Core, now: Now) -> Result<(), Refusal> {
    if permit.generation() != core.rules.load().generation {
        return Err(Refusal::Superseded);
    }
    core.authenticator
        .check_again(permit.identity(), now)
        .map_err(Refusal::Token)
}
