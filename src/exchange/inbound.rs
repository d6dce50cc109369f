//! From the first byte of a request to leave for it to go upstream.

use std::sync::Arc;

use super::Core;
use super::account::Account;
use super::credential::{self, Shown};
use super::forward::{self, RequestHalf};
use super::judge::{Admitted, Judge, Stop};
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
    until: Mono,
    proceed_sent: bool,
    envelope: Option<Envelope>,
    /// What is told of the exchange in the end.
    pub account: Account,
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
            account: Account::open(core, now),
        }
    }

    /// Goes on as far as the caller's bytes and the core's state allow.
    ///
    /// `last` is the connection's last bearer token; `way` says how the caller came.
    pub fn advance(
        &mut self,
        caller: &mut Buffer,
        last: &mut LastBearer,
        way: Way,
        core: &mut Core,
        now: Now,
    ) -> Step {
        loop {
            let turn = match std::mem::replace(&mut self.phase, Phase::Broken) {
                Phase::Head(scanner) => self.read_head(scanner, caller.filled(), core, now),
                Phase::Judging {
                    mut received,
                    asked,
                } => {
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
                    // The same bytes, which are still where they were judged.
                    let held = heard.map_or(Ok(true), |bound| {
                        self.take_in(&mut received, bound, &mut false, caller, core)
                    });
                    self.judged(judged, held, received, asked, core, now)
                }
                Phase::Gathering {
                    received,
                    bound,
                    since,
                } => self.gather(received, bound, since, caller, core, now),
                Phase::Admitted {
                    received,
                    judged,
                    pending,
                } => self.settle(received, judged, pending, core, now),
                Phase::Ready {
                    received,
                    judged,
                    receipt,
                } => self.forward(received, judged, receipt, caller.filled(), core, now),
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
                    keep_alive: head.keep_alive(),
                });
                self.account.begin(now);
                Turn::On(Phase::judging(Received::new(head)))
            }
            Ok(None) if now.mono >= self.until => {
                Turn::Refuse(Phase::Head(scanner), Refusal::HeadTimeout)
            }
            Ok(None) => Turn::Wait(Phase::Head(scanner), Step::NeedBytes(self.until)),
        }
    }

    /// What comes of a judgement. `held` says that its body is held, if it judged one.
    fn judged(
        &self,
        judged: Result<Admitted, Stop>,
        held: Result<bool, Refusal>,
        received: Received,
        asked: Sought,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        let until = self.until;
        let again = |received, asked| Phase::Judging { received, asked };
        let held = held.and_then(|held| held.then_some(()).ok_or(Refusal::BodyTimeout));
        let stop = match (held, judged) {
            (Ok(()), Ok((judged, pending))) => {
                return Turn::On(Phase::Admitted {
                    received,
                    judged,
                    pending,
                });
            }
            (Ok(()), Err(stop)) => stop,
            (Err(refusal), judged) => {
                if let Ok((judged, _)) = judged {
                    judged.give_back(core);
                }
                refusal.into()
            }
        };
        match stop {
            Stop::NeedBody(bound) => Turn::On(Phase::Gathering {
                received,
                bound,
                since: now.mono,
            }),
            Stop::NeedKey(wanted) => {
                let phase = again(received, asked.key(&wanted));
                Turn::Wait(phase, Step::NeedKey(wanted, until))
            }
            Stop::NeedGroups(wanted) => {
                let phase = again(received, asked.groups());
                Turn::Wait(phase, Step::NeedGroups(wanted, until))
            }
            Stop::NeedRoom => Turn::Wait(again(received, asked), Step::NeedRoom(until)),
            Stop::Answer(answer) => Turn::Wait(again(received, asked), Step::Answer(answer)),
            Stop::Refused(refusal) => Turn::Refuse(again(received, asked), refusal),
        }
    }

    /// Takes in what has come of the body; true once it is whole.
    fn take_in(
        &mut self,
        received: &mut Received,
        bound: u64,
        progress: &mut bool,
        caller: &mut Buffer,
        core: &mut Core,
    ) -> Result<bool, Refusal> {
        received.hold(caller, core);
        let gathered = received.gather(caller, bound, progress);
        if let Some(envelope) = &mut self.envelope {
            envelope.head_bytes = 0;
            envelope.has_body = !matches!(gathered, Ok(true));
        }
        gathered
    }

    /// Waits for the body that the call stands in.
    fn gather(
        &mut self,
        mut received: Received,
        bound: u64,
        mut since: Mono,
        caller: &mut Buffer,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        let mut progress = false;
        let gathered = self.take_in(&mut received, bound, &mut progress, caller, core);
        if progress {
            since = now.mono;
        }
        let limits = core.rules.load().limits;
        let until = since.after(limits.body_idle_time);
        let waiting = |received| Phase::Gathering {
            received,
            bound,
            since,
        };
        match gathered {
            Err(refusal) => Turn::Refuse(waiting(received), refusal),
            Ok(true) => {
                self.until = now.mono.after(limits.wait_time);
                Turn::On(Phase::judging(received))
            }
            Ok(false) if core.is_short() => Turn::Refuse(waiting(received), Refusal::Overloaded),
            Ok(false) if now.mono >= until => Turn::Refuse(waiting(received), Refusal::BodyTimeout),
            Ok(false) if received.head.expects_continue() && !self.proceed_sent => {
                self.proceed_sent = true;
                Turn::Wait(waiting(received), Step::Proceed(Fixed::proceed()))
            }
            Ok(false) => Turn::Wait(waiting(received), Step::NeedBytes(until)),
        }
    }

    /// The door to the upstream opens once the recording has the call, as safely as its class asks.
    fn settle(
        &mut self,
        received: Received,
        judged: Judged,
        pending: Pending<Permit>,
        core: &mut Core,
        now: Now,
    ) -> Turn {
        match core.writer.settle(pending) {
            Settle::Ready(receipt) => {
                self.account.receipt(now);
                Turn::On(Phase::Ready {
                    received,
                    judged,
                    receipt,
                })
            }
            Settle::NotYet(pending) if now.mono < self.until => Turn::Wait(
                Phase::Admitted {
                    received,
                    judged,
                    pending,
                },
                Step::NeedSync(self.until),
            ),
            Settle::NotYet(_) | Settle::Dead => {
                judged.give_back(core);
                let phase = Phase::judging(received);
                Turn::Refuse(phase, Refusal::RecorderUnable)
            }
        }
    }

    /// The last look before the call goes upstream, and what it needs there.
    fn forward(
        &mut self,
        received: Received,
        judged: Judged,
        receipt: Receipt<Permit>,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Turn {
        let identity = receipt.what().identity();
        let looked = credential::look(&judged, identity, &received, bytes, now.mono);
        let stands = core.still_stands(receipt.what(), &mut self.account, now);
        let is_latest = judged.rules.generation == core.rules.load().generation;
        let ready = |received, judged, receipt| Phase::Ready {
            received,
            judged,
            receipt,
        };
        let shown = match stands {
            Ok(()) => looked.shown(is_latest, self.until, now.mono),
            Err(refusal) => Shown::Refused(refusal),
        };
        let credential = match shown {
            Shown::Goes(credential) => credential,
            Shown::Waits(step) => return Turn::Wait(ready(received, judged, receipt), step),
            Shown::Refused(why) => return Turn::Refuse(ready(received, judged, receipt), why),
        };
        let awaited = received.body().is_none() && has_body(&received.head);
        if received.head.expects_continue() && awaited && !self.proceed_sent {
            self.proceed_sent = true;
            let proceed = Step::Proceed(Fixed::proceed());
            return Turn::Wait(ready(received, judged, receipt), proceed);
        }
        self.depart(received, judged, receipt, credential, bytes, core, now)
    }

    /// The two directions of a call that goes upstream.
    #[expect(
        clippy::too_many_arguments,
        reason = "what they are made of is taken apart here"
    )]
    fn depart(
        &mut self,
        mut received: Received,
        mut judged: Judged,
        receipt: Receipt<Permit>,
        credential: Option<Arc<Credential>>,
        bytes: &[u8],
        core: &mut Core,
        now: Now,
    ) -> Turn {
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
        let Ok(text) = forward::head(&received, bytes, &judged, shown, span, core) else {
            let phase = Phase::Ready {
                received,
                judged,
                receipt,
            };
            return Turn::Refuse(phase, Refusal::CredentialUnavailable);
        };
        let forwarding = Forwarding {
            connection: Arc::clone(&judged.connection),
            request: RequestHalf::new(receipt, text, &mut received, bytes, &judged, core, now),
            reply: ReplyHalf::new(
                received.head.method(received.bytes(bytes)) == "HEAD",
                &mut judged,
                credential.clone(),
                core,
                now,
            ),
            credential,
            address,
        };
        received.give_back(core);
        judged.give_back(core);
        Turn::Forward(forwarding)
    }
}

/// True when bytes of a body follow the head.
fn has_body(head: &RequestHead) -> bool {
    !matches!(head.body(), BodyLength::None | BodyLength::Length(0))
}
