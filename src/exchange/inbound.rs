//! From the first byte of a request to leave for it to go upstream.

use std::sync::Arc;

use super::Core;
use super::account::Account;
use super::forward::{self, RequestHalf};
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
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one turn of the pump; a box would allocate"
)]
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
    Forward(Forwarding),
    /// It may not. [`Inbound::into_account`] is still to be closed with [`Account::refuse`].
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

impl Phase {
    /// Returns what was lent.
    fn give_back(self, core: &mut Core) {
        let (head, judged) = match self {
            Phase::Head(scanner) => return core.recycle(scanner.into_spare()),
            Phase::Judging { head, .. } => (head, None),
            Phase::Admitted { head, judged, .. } | Phase::Ready { head, judged, .. } => {
                (head, Some(judged))
            }
            Phase::Broken => return,
        };
        core.recycle(head.into_spare());
        if let Some(judged) = judged {
            judged.give_back(core);
        }
    }
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
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made; a box would allocate"
)]
pub(super) enum Turn {
    /// The next phase can be judged at once.
    On(Phase),
    /// The phase stays until something has come.
    Wait(Phase, Step),
    /// Nothing more happens; what the phase holds goes back.
    Refuse(Phase, Refusal),
    /// The call goes upstream.
    Forward(Forwarding),
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
        let bytes = caller.filled();
        loop {
            let turn = match std::mem::replace(&mut self.phase, Phase::Broken) {
                Phase::Head(scanner) => self.read_head(scanner, bytes, core, now),
                Phase::Judging { head, asked } => Judge {
                    bytes,
                    last,
                    secure,
                    core,
                    account: &mut self.account,
                    now,
                    until: self.until,
                }
                .judge(head, asked),
                Phase::Admitted {
                    head,
                    judged,
                    pending,
                } => self.settle(head, judged, pending, core, now),
                Phase::Ready {
                    head,
                    judged,
                    receipt,
                } => self.forward(head, judged, receipt, bytes, core, now),
                Phase::Broken => Turn::Refuse(Phase::Broken, Refusal::Overloaded),
            };
            match turn {
                Turn::On(phase) => self.phase = phase,
                Turn::Wait(phase, step) => {
                    self.phase = phase;
                    return step;
                }
                Turn::Refuse(phase, refusal) => {
                    phase.give_back(core);
                    return Step::Refuse(refusal);
                }
                Turn::Forward(forwarding) => return Step::Forward(forwarding),
            }
        }
    }

    /// What the head says about the connection, once it is whole.
    #[must_use]
    pub fn envelope(&self) -> Option<Envelope> {
        self.envelope
    }

    /// Nothing more is asked of it: returns what was lent, and what is told of the exchange in the
    /// end.
    #[must_use]
    pub fn into_account(self, core: &mut Core) -> Account {
        self.phase.give_back(core);
        self.account
    }

    fn read_head(
        &mut self,
        mut scanner: RequestScanner,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Turn {
        match scanner.scan(bytes) {
            Err(why) => Turn::Refuse(Phase::Head(scanner), Refusal::Head(why)),
            Ok(Some(head)) => {
                self.until = now.mono.after(core.rules.load().limits.wait_time);
                self.envelope = Some(Envelope {
                    head_bytes: head.len(),
                    has_body: has_body(&head),
                    head_only: head.method(bytes) == "HEAD",
                    keep_alive: head.keep_alive(),
                });
                self.account.begin(now);
                Turn::On(Phase::Judging { head, asked: None })
            }
            Ok(None) if now.mono >= self.until => {
                Turn::Refuse(Phase::Head(scanner), Refusal::HeadTimeout)
            }
            Ok(None) => Turn::Wait(Phase::Head(scanner), Step::NeedBytes(self.until)),
        }
    }

    /// The door to the upstream opens once the recording has the call, as safely as its class asks.
    fn settle(
        &mut self,
        head: RequestHead,
        judged: Judged,
        pending: Pending<Permit>,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        match core.writer.settle(pending) {
            Settle::Ready(receipt) => {
                self.account.receipt(now);
                Turn::On(Phase::Ready {
                    head,
                    judged,
                    receipt,
                })
            }
            Settle::NotYet(pending) if now.mono < self.until => Turn::Wait(
                Phase::Admitted {
                    head,
                    judged,
                    pending,
                },
                Step::NeedSync(self.until),
            ),
            Settle::NotYet(_) | Settle::Dead => {
                judged.give_back(core);
                Turn::Refuse(
                    Phase::Judging { head, asked: None },
                    Refusal::RecorderUnable,
                )
            }
        }
    }

    /// The last look before the call goes upstream, and what it needs there.
    fn forward(
        &mut self,
        head: RequestHead,
        mut judged: Judged,
        receipt: Receipt<Permit>,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Turn {
        let slot = judged.connection.credential;
        let credential = slot.and_then(|slot| judged.rules.credentials.current(slot, now.mono));
        let stands = core.still_stands(receipt.what(), now);
        let ready = |head, judged, receipt| Phase::Ready {
            head,
            judged,
            receipt,
        };
        match (stands, slot, &credential) {
            (Err(refusal), ..) => return Turn::Refuse(ready(head, judged, receipt), refusal),
            (Ok(()), Some(slot), None) => {
                let phase = ready(head, judged, receipt);
                return if now.mono < self.until {
                    Turn::Wait(phase, Step::NeedToken(slot, self.until))
                } else {
                    Turn::Refuse(phase, Refusal::CredentialUnavailable)
                };
            }
            _ => {}
        }
        if head.expects_continue() && has_body(&head) && !self.proceed_sent {
            self.proceed_sent = true;
            let proceed = Step::Proceed(Fixed::proceed());
            return Turn::Wait(ready(head, judged, receipt), proceed);
        }
        let shown = credential.as_deref();
        let Ok(text) = forward::head(&head, bytes, &judged, shown, core) else {
            let phase = ready(head, judged, receipt);
            return Turn::Refuse(phase, Refusal::CredentialUnavailable);
        };
        let forwarding = Forwarding {
            connection: Arc::clone(&judged.connection),
            request: RequestHalf::new(receipt, text, &head, bytes, &judged, core, now),
            reply: ReplyHalf::new(head.method(bytes) == "HEAD", &mut judged, core, now),
            credential,
        };
        core.recycle(head.into_spare());
        judged.give_back(core);
        Turn::Forward(forwarding)
    }
}

/// True when bytes of a body follow the head.
fn has_body(head: &RequestHead) -> bool {
    !matches!(head.body(), BodyLength::None | BodyLength::Length(0))
}
