//! From the first byte of a request to leave for it to go upstream.

use std::sync::Arc;

use super::Core;
use super::account::Account;
use super::credential::{self, Shown};
use super::forward::{self, RequestHalf};
use super::judge::{Judge, Stop};
use super::patience::Patience;
use super::phase::{Judged, Phase, Sought, Turn};
use super::received::Received;
use super::refusal::{Fixed, Refusal};
use super::reply::ReplyHalf;
use super::step::{Envelope, Forwarding, Step, Way};
use crate::auth::LastBearer;
use crate::base::buffers::Buffer;
use crate::base::clock::{Mono, Now};
use crate::base::credential::Credential;
use crate::http::{BodyLength, RequestHead, RequestScanner};
use crate::policy::Permit;
use crate::record::{Pending, Receipt, Settle};

/// The exchange until its call goes upstream.
pub struct Inbound {
    phase: Phase,
    /// The head, once it is whole, and what is held of the body.
    received: Option<Received>,
    until: Mono,
    proceed_sent: bool,
    envelope: Option<Envelope>,
    /// What is told of the exchange in the end.
    pub account: Box<Account>,
}

impl Inbound {
    /// A fresh exchange whose head must be whole by `until`.
    #[must_use]
    pub fn new(core: &mut Core, now: Now, until: Mono) -> Inbound {
        Inbound {
            phase: Phase::Head(core.request_scanner()),
            received: None,
            until,
            proceed_sent: false,
            envelope: None,
            account: core.account(now),
        }
    }

    /// Goes on as far as the caller's bytes and the core's state allow.
    ///
    /// `last` is the connection's last bearer token; `way` says how the caller came.
    ///
    /// # Errors
    /// What is needed before the call may go upstream, or what becomes of it instead.
    pub fn advance(
        &mut self,
        caller: &mut Buffer,
        last: &mut LastBearer,
        way: Way,
        core: &mut Core,
        now: Now,
    ) -> Result<Forwarding, Step> {
        loop {
            let turn = match std::mem::replace(&mut self.phase, Phase::Broken) {
                Phase::Head(scanner) => self.read_head(scanner, caller.filled(), core, now),
                Phase::Judging(asked) => self.judge(asked, caller, last, way, core, now),
                Phase::Gathering { bound, patience } => {
                    self.gather(bound, patience, caller, core, now)
                }
                Phase::Admitted { judged, pending } => self.settle(judged, pending, core, now),
                Phase::Ready { judged, receipt } => {
                    return self.forward(judged, receipt, caller.filled(), core, now);
                }
                Phase::Broken => Turn::Refuse(Phase::Broken, Refusal::Overloaded),
            };
            match turn {
                Turn::On(phase) => self.phase = phase,
                Turn::Wait(phase, step) => {
                    self.phase = phase;
                    return Err(step);
                }
                Turn::Refuse(phase, refusal) => {
                    phase.give_back(core);
                    return Err(Step::Refuse(refusal));
                }
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
    pub fn into_account(self, core: &mut Core) -> Box<Account> {
        self.phase.give_back(core);
        if let Some(received) = self.received {
            received.give_back(core);
        }
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
            // What has begun may need more of it.
            Ok(Some(_)) if core.is_short() => {
                Turn::Refuse(Phase::Head(scanner), Refusal::Overloaded)
            }
            Ok(Some(head)) => {
                self.until = now.mono.after(core.rules.load().limits.wait_time);
                self.envelope = Some(Envelope {
                    head_bytes: head.len(),
                    has_body: has_body(&head),
                    head_only: head.method(bytes) == "HEAD",
                    // What follows an `Upgrade` may be of another protocol.
                    keep_alive: head.keep_alive() && !head.upgrade(),
                });
                self.account.begin(now);
                self.received = Some(Received::new(head));
                Turn::On(Phase::Judging(Sought::default()))
            }
            Ok(None) if now.mono >= self.until => {
                Turn::Refuse(Phase::Head(scanner), Refusal::HeadTimeout)
            }
            Ok(None) => Turn::Wait(Phase::Head(scanner), Step::NeedBytes(self.until)),
        }
    }

    fn judge(
        &mut self,
        asked: Sought,
        caller: &mut Buffer,
        last: &mut LastBearer,
        way: Way,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        let Some(received) = &self.received else {
            return Turn::Refuse(Phase::Broken, Refusal::Overloaded);
        };
        let mut heard = None;
        let judged = Judge {
            bytes: received.bytes(caller.filled()),
            body: received.body(),
            heard: &mut heard,
            last,
            way,
            core,
            account: &mut self.account,
            now,
            until: self.until,
        }
        .judge(&received.head, &asked);
        let stop = match (self.hold(heard, caller, core), judged) {
            (Ok(()), Ok((judged, pending))) => {
                return Turn::On(Phase::Admitted { judged, pending });
            }
            (Ok(()), Err(stop)) => stop,
            (Err(refusal), judged) => {
                if let Ok((judged, _)) = judged {
                    judged.give_back(core);
                }
                refusal.into()
            }
        };
        let until = self.until;
        match stop {
            Stop::NeedBody(bound) => Turn::On(Phase::Gathering {
                bound,
                patience: self.account.patience(core, now),
            }),
            Stop::NeedKey(wanted) => {
                let phase = Phase::Judging(asked.key(&wanted));
                Turn::Wait(phase, Step::NeedKey(wanted, until))
            }
            Stop::NeedGroups(wanted) => {
                let phase = Phase::Judging(asked.groups());
                Turn::Wait(phase, Step::NeedGroups(wanted, until))
            }
            Stop::NeedRoom => Turn::Wait(Phase::Judging(asked), Step::NeedRoom(until)),
            Stop::Answer(answer) => Turn::Wait(Phase::Judging(asked), Step::Answer(answer)),
            Stop::Refused(refusal) => Turn::Refuse(Phase::Broken, refusal),
        }
    }

    /// Holds the body that was judged where it stood, to its bound: the same bytes, which are still
    /// there.
    fn hold(
        &mut self,
        heard: Option<u64>,
        caller: &mut Buffer,
        core: &mut Core,
    ) -> Result<(), Refusal> {
        let Some(bound) = heard else { return Ok(()) };
        match self.take_in(bound, &mut 0, caller, core)? {
            true => Ok(()),
            false => Err(Refusal::BodyTimeout),
        }
    }

    /// Takes in what has come of the body; true once it is whole.
    fn take_in(
        &mut self,
        bound: u64,
        came: &mut usize,
        caller: &mut Buffer,
        core: &mut Core,
    ) -> Result<bool, Refusal> {
        let received = self.received.as_mut().ok_or(Refusal::Overloaded)?;
        received.hold(caller, core);
        let gathered = received.gather(caller, bound, came);
        if let Some(envelope) = &mut self.envelope {
            envelope.head_bytes = 0;
            envelope.has_body = !matches!(gathered, Ok(true));
        }
        gathered
    }

    /// Waits for the body that the call stands in.
    fn gather(
        &mut self,
        bound: u64,
        mut patience: Patience,
        caller: &mut Buffer,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        let mut came = 0;
        let gathered = self.take_in(bound, &mut came, caller, core);
        if came > 0 {
            patience.came(came, now);
        }
        let wait_time = core.rules.load().limits.wait_time;
        let until = patience.until();
        let waiting = Phase::Gathering { bound, patience };
        match gathered {
            Err(refusal) => Turn::Refuse(waiting, refusal),
            Ok(true) => {
                self.until = now.mono.after(wait_time);
                Turn::On(Phase::Judging(Sought::default()))
            }
            Ok(false) if core.is_short() => Turn::Refuse(waiting, Refusal::Overloaded),
            Ok(false) if now.mono >= until => Turn::Refuse(waiting, patience.lost(now)),
            Ok(false) if self.is_awaited() => {
                self.proceed_sent = true;
                Turn::Wait(waiting, Step::Proceed(Fixed::proceed()))
            }
            Ok(false) => Turn::Wait(waiting, Step::NeedBytes(until)),
        }
    }

    /// The caller sends its body only when it is told to, and was not told yet.
    fn is_awaited(&self) -> bool {
        let received = self.received.as_ref();
        !self.proceed_sent && received.is_some_and(|it| it.head.expects_continue())
    }

    /// The door to the upstream opens once the recording has the call, as safely as its class asks.
    fn settle(
        &mut self,
        judged: Judged,
        pending: Pending<Permit>,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        match core.writer.settle(pending) {
            Settle::Ready(receipt) => {
                self.account.receipt(now);
                Turn::On(Phase::Ready { judged, receipt })
            }
            Settle::NotYet(pending) if now.mono < self.until => Turn::Wait(
                Phase::Admitted { judged, pending },
                Step::NeedSync(self.until),
            ),
            Settle::NotYet(_) | Settle::Dead => {
                judged.give_back(core);
                Turn::Refuse(Phase::Broken, Refusal::RecorderUnable)
            }
        }
    }

    /// The last look before the call goes upstream, and what it needs there.
    fn forward(
        &mut self,
        judged: Judged,
        receipt: Receipt<Permit>,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Result<Forwarding, Step> {
        let Some(received) = &self.received else {
            return Err(Step::Refuse(Refusal::Overloaded));
        };
        let identity = receipt.what().identity();
        let looked = credential::look(&judged, identity, received, bytes, now.mono);
        let is_body_to_come = received.body().is_none() && has_body(&received.head);
        let stands = core.still_stands(receipt.what(), &mut self.account, now);
        let is_latest = judged.rules.generation == core.rules.load().generation;
        let shown = match stands {
            Ok(()) => looked.shown(is_latest, self.until, now.mono),
            Err(refusal) => Shown::Refused(refusal),
        };
        let credential = match shown {
            Shown::Goes(credential) => credential,
            Shown::Waits(step) => {
                self.phase = Phase::Ready { judged, receipt };
                return Err(step);
            }
            Shown::Refused(why) => {
                judged.give_back(core);
                return Err(Step::Refuse(why));
            }
        };
        if is_body_to_come && self.is_awaited() {
            self.proceed_sent = true;
            self.phase = Phase::Ready { judged, receipt };
            return Err(Step::Proceed(Fixed::proceed()));
        }
        self.depart(judged, receipt, credential, bytes, core, now)
    }

    /// The two directions of a call that goes upstream.
    fn depart(
        &mut self,
        mut judged: Judged,
        receipt: Receipt<Permit>,
        credential: Option<Arc<Credential>>,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Result<Forwarding, Step> {
        let Some(received) = &mut self.received else {
            return Err(Step::Refuse(Refusal::Overloaded));
        };
        let dialogue = judged.dialogue.as_mut();
        let address = dialogue
            .as_ref()
            .and_then(|it| it.session.as_ref()?.address);
        let judged_body = judged
            .errand
            .as_mut()
            .map(|it| std::mem::take(&mut it.body));
        if let Some(body) = dialogue.and_then(|it| it.edited.take()).or(judged_body) {
            received.replace_body(body, core);
        }
        let (shown, span) = (credential.as_deref(), self.account.span());
        let Ok(text) = forward::head(received, bytes, &judged, shown, span, core) else {
            judged.give_back(core);
            return Err(Step::Refuse(Refusal::CredentialUnavailable));
        };
        let head_only = received.head.method(received.bytes(bytes)) == "HEAD";
        let forwarding = Forwarding {
            connection: Arc::clone(&judged.connection),
            request: RequestHalf::new(receipt, text, received, bytes, &judged, core, now),
            reply: ReplyHalf::new(head_only, &mut judged, credential.clone(), core, now),
            credential,
            address,
        };
        judged.give_back(core);
        Ok(forwarding)
    }
}

/// True when bytes of a body follow the head.
fn has_body(head: &RequestHead) -> bool {
    !matches!(head.body(), BodyLength::None | BodyLength::Length(0))
}
