//! From the upstream's bytes to bytes for the caller: decoded, masked, recorded, released.

mod batch;
mod body;
mod challenge;
mod downward;
mod endpoint;
mod head;
mod hearing;
mod judged;
mod links;
mod session;
mod speech;
mod step;
mod waits;

use std::net::SocketAddr;
use std::sync::Arc;

use self::body::{BodyStep, ReplyBody};
pub use self::challenge::Challenge;
pub use self::downward::Downward;
use self::head::HeadParts;
use self::step::{Pause, released};
pub use self::step::{ReplyEnd, ReplyStep, ToCaller};
use self::waits::Waits;
use super::account::Account;
use super::dialogue::Dialogue;
use super::errand::Errand;
use super::forward::{Aside, Return, masked_room};
use super::phase::Judged;
use super::refusal::Refusal;
use super::rules::Connection;
use super::upgrade::Upgrade;
use super::{Core, Room};
use crate::base::buffers::Buffer;
use crate::base::clock::Now;
use crate::base::credential::Credential;
use crate::http::{ResponseHead, ResponseScanner};

/// The upstream-to-caller direction of an exchange.
pub struct ReplyHalf {
    stage: Stage,
    /// The reply head as the caller gets it.
    text: Vec<u8>,
    scratch: Vec<u8>,
    body: ReplyBody,
    connection: Arc<Connection>,
    link_base: String,
    head_only: bool,
    close: bool,
    interim: u32,
    waits: Waits,
    reusable: bool,
    /// Of MCP, until the body begins.
    dialogue: Option<Box<Dialogue>>,
    /// Of a batch of Microsoft Graph, until the body begins.
    errand: Option<Box<Errand>>,
    /// What the gateway shows upstream.
    credential: Option<Arc<Credential>>,
    /// What the caller's token has to satisfy before the upstream takes what was got for it.
    challenge: Option<Box<str>>,
    /// Which of its addresses the upstream was reached at.
    address: Option<SocketAddr>,
    outlives_caller: bool,
    /// The protocol that was asked for.
    upgrade: Option<Box<Upgrade>>,
}

enum Stage {
    /// The upstream's head is arriving.
    Head(ResponseScanner),
    /// It is whole, and not in the recording yet; its bytes are still in the upstream's buffer.
    Opening(ResponseHead),
    /// The body follows.
    Body,
    Broken,
}

impl ReplyHalf {
    pub(super) fn new(
        head_only: bool,
        judged: &mut Judged,
        credential: Option<Arc<Credential>>,
        core: &mut Core,
        now: Now,
    ) -> ReplyHalf {
        let dialogue = judged.dialogue.take();
        ReplyHalf {
            outlives_caller: dialogue.as_ref().is_some_and(|it| it.outlives_caller()),
            credential,
            challenge: None,
            dialogue,
            errand: judged.errand.take(),
            address: None,
            stage: Stage::Head(core.response_scanner()),
            text: core.pool.lend_text(),
            scratch: core.pool.lend_text(),
            body: ReplyBody::none(),
            connection: Arc::clone(&judged.connection),
            link_base: std::mem::take(&mut judged.link_base),
            head_only,
            close: false,
            interim: 0,
            waits: Waits::new(&judged.connection.limits, now),
            reusable: false,
            upgrade: judged.upgrade.take(),
        }
    }

    /// Nothing more of the request goes upstream: from now on the upstream owes a reply. `whole`
    /// says that all of the request is there; else the rest of it is never read.
    pub fn request_over(&mut self, whole: bool, now: Now) {
        self.waits.owed = true;
        self.waits.since = now.mono;
        self.close |= !whole;
        if !whole {
            // Whoever switches all the same has not read what it was asked for.
            self.upgrade = None;
        }
    }

    /// The request goes upstream once more, by a fresh connection: nothing of a reply has come.
    pub fn begin_again(&mut self) {
        self.waits.owed = false;
        self.close = false;
    }

    /// The request goes upstream once more with another credential: the reply that refused the one
    /// before counts for nothing.
    pub fn begin_renewed(&mut self, credential: &Arc<Credential>, core: &mut Core) {
        self.begin_again();
        self.credential = Some(Arc::clone(credential));
        self.stage = Stage::Head(core.response_scanner());
    }

    /// The upstream was reached at this address.
    pub fn connected(&mut self, address: SocketAddr) {
        self.address = Some(address);
    }

    /// Whether the reply is read to its end also when nobody listens any more.
    #[must_use]
    pub fn outlives_caller(&self) -> bool {
        self.outlives_caller
    }

    /// Whether it has become an event stream, which may last for as long as it likes.
    #[must_use]
    pub fn streams(&self) -> bool {
        matches!(self.stage, Stage::Body) && self.waits.endless && !self.body.over
    }

    /// What the gateway has to say to the upstream beside this exchange, after [`ReplyHalf::next`].
    ///
    /// # Errors
    /// When it cannot be said: then the exchange cannot go on.
    pub fn take_aside(
        &mut self,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Option<Aside>, Refusal> {
        let speech = self.body.speech.as_mut();
        let owed = speech.and_then(|it| Some((it.take_owed()?, it.hearing()?)));
        let Some((owed, hearing)) = owed else {
            return Ok(None);
        };
        let back = Return {
            connection: &self.connection,
            dialogue: hearing.dialogue(),
            credential: self.credential.as_ref(),
            address: self.address,
            path: hearing.path(),
            until: now.mono.after(self.connection.limits.wait_time),
        };
        back.aside(owed, account, core, now).map(Some)
    }

    /// The connection to the caller ends with this reply.
    pub fn close_after(&mut self) {
        self.close = true;
    }

    /// Whether the caller was told that the connection ends.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.close
    }

    /// Goes on as far as the upstream's bytes (all there will be, when `eof`) and the recording allow.
    pub fn next<'a>(
        &'a mut self,
        upstream: &'a mut Buffer,
        eof: bool,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> ReplyStep<'a> {
        if let Err(refusal) = self.lasts(account, core, now) {
            return ReplyStep::Refuse(refusal);
        }
        let head = match self.open(upstream, eof, core, now) {
            Ok(head) => head,
            Err(pause) => return pause.into(),
        };
        let ReplyHalf {
            stage,
            text,
            scratch,
            body,
            connection,
            link_base,
            close,
            waits,
            reusable,
            dialogue,
            address,
            challenge,
            upgrade,
            ..
        } = self;
        let (mut opened, mut status) = (None, None);
        if let Some(head) = head {
            let parts = HeadParts {
                head: &head,
                bytes: upstream.filled(),
                connection,
                link_base,
                dialogue: body.dialogue().or(dialogue.as_deref()),
                address: *address,
                challenge: challenge.as_deref(),
                upgrade: upgrade.as_deref(),
                framing: body.framing,
                close: *close,
            };
            let recorded = parts.record(text, scratch, account, core, now);
            status = Some(head.status());
            upstream.consume(head.len());
            core.recycle(head.into_spare());
            match recorded {
                Ok(recorded) => opened = Some(recorded),
                Err(refusal) => return ReplyStep::Refuse(refusal),
            }
            *stage = Stage::Body;
            waits.begin_body(account.expires(), now);
        }
        let step = body.next(upstream, eof, waits, account, core, now);
        if let BodyStep::Idle(Pause::NeedBytes(_)) = step {
            account.wait(core);
        }
        if let BodyStep::Idle(Pause::Refuse(refusal)) = step {
            // For good; and while the head is not sent, the caller can still be answered.
            *stage = Stage::Broken;
            return ReplyStep::Refuse(refusal);
        }
        if let Some(status) = status {
            account.replied(status, now);
        }
        released(step, opened, *reusable && !eof)
    }

    /// Whether the call may still go on: under the rules in force, and an event stream no longer than
    /// what its caller has shown.
    fn lasts(&self, account: &mut Account, core: &mut Core, now: Now) -> Result<(), Refusal> {
        if matches!(self.stage, Stage::Body) && self.body.over {
            // The caller has all of it.
            return Ok(());
        }
        account.may_go_on(core, now)?;
        match self.waits.endless {
            true => account.is_in_time(now),
            false => Ok(()),
        }
    }

    /// The pump has sent what [`ReplyHalf::next`] gave it last.
    pub fn sent(&mut self, upstream: &mut Buffer, now: Now) {
        self.waits.since = now.mono;
        self.body.sent(upstream);
    }

    /// Returns what was lent: nothing more is asked of it.
    pub fn close(&mut self, core: &mut Core) {
        self.release_texts(core);
        match std::mem::replace(&mut self.stage, Stage::Broken) {
            Stage::Head(scanner) => core.recycle(scanner.into_spare()),
            Stage::Opening(head) => core.recycle(head.into_spare()),
            Stage::Body | Stage::Broken => {}
        }
        if let Some(stream) = self.body.stream.take() {
            core.give_back_stream(stream);
        }
        if let Some(speech) = self.body.speech.take() {
            speech.close(core);
        }
    }

    /// Returns the texts, which nothing needs once the head is sent: the body may last for days.
    fn release_texts(&mut self, core: &mut Core) {
        for text in [&mut self.text, &mut self.scratch] {
            core.pool.give_back_text(std::mem::take(text));
        }
        let link_base = std::mem::take(&mut self.link_base);
        core.pool.give_back_string(link_base);
    }

    /// Reads the head. `Ok(Some)` when it is whole and its reply can begin, `Ok(None)` when it has.
    fn open(
        &mut self,
        upstream: &mut Buffer,
        eof: bool,
        core: &mut Core,
        now: Now,
    ) -> Result<Option<ResponseHead>, Pause> {
        loop {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Broken) {
                Stage::Body => {
                    self.stage = Stage::Body;
                    self.release_texts(core);
                    return Ok(None);
                }
                Stage::Broken => {
                    return Err(Pause::Refuse(Refusal::UpstreamMalformed("refused before")));
                }
                Stage::Head(mut scanner) => match scanner.scan(upstream.filled()) {
                    Ok(Some(head)) => self.judge_head(head, upstream, core, now)?,
                    Ok(None) => return Err(self.await_head(scanner, eof, core, now)),
                    Err(_) => {
                        core.recycle(scanner.into_spare());
                        let why = Refusal::UpstreamMalformed("malformed head");
                        return Err(Pause::Refuse(why));
                    }
                },
                Stage::Opening(head) => {
                    let until = self.waits.room();
                    let pause = match core.room(masked_room(head.len()), until, now) {
                        Room::Wait => {
                            self.stage = Stage::Opening(head);
                            return Err(Pause::NeedRoom(until));
                        }
                        Room::Never => Refusal::RecorderUnable,
                        Room::There => match self.plan(&head, upstream.filled(), core) {
                            Ok(()) => return Ok(Some(head)),
                            Err(refusal) => refusal,
                        },
                    };
                    core.recycle(head.into_spare());
                    return Err(Pause::Refuse(pause));
                }
            };
        }
    }

    /// The upstream owes more of its head, once it has the request.
    fn await_head(
        &mut self,
        scanner: ResponseScanner,
        eof: bool,
        core: &mut Core,
        now: Now,
    ) -> Pause {
        let until = self.waits.first_byte();
        if !eof && now.mono < until {
            self.stage = Stage::Head(scanner);
            return Pause::NeedBytes(until);
        }
        core.recycle(scanner.into_spare());
        Pause::Refuse(if eof {
            Refusal::UpstreamUnreachable
        } else {
            Refusal::UpstreamTimeout
        })
    }
}
