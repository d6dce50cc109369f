//! One exchange, moved as `worker::pump` moves it: same calls in the same order.

// By its path, for whoever else takes this file in.
#[path = "drive/switched.rs"]
mod switched;

use sluice::auth::{GroupsWanted, KeyWanted, LastBearer};
use sluice::base::buffers::Buffer;
use sluice::base::clock::Mono;
use sluice::base::limits::BUFFER_BYTES;
use sluice::exchange::{
    Account, Envelope, Fixed, Forwarding, Inbound, Refusal, ReplyHalf, ReplyStep, RequestHalf,
    RequestStep, Step, Way,
};
use sluice::record::Outcome;

use self::switched::Talk;
use super::check;
use super::rig::Rig;

/// A small generator: the same seed makes the same choices for ever.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }

    /// How many of `len` bytes come next: often few, sometimes all. Seed 0's stream is whole.
    fn piece(&mut self, len: usize) -> usize {
        let most = [1, 3, 17, 200, len][self.below(5)];
        1 + self.below(most.min(len))
    }
}

/// A caller's connection: what it sends, and what of it has come.
pub struct Caller {
    pub buffer: Buffer,
    pub last: LastBearer,
    pub bytes: Vec<u8>,
    at: usize,
    /// The end of input follows the last byte; else the caller is silent.
    pub ends: bool,
    pub secure: bool,
    whole: bool,
    rng: Rng,
}

impl Caller {
    /// `seed` 0 brings everything at once.
    pub fn new(bytes: impl Into<Vec<u8>>, seed: u64) -> Caller {
        Caller {
            buffer: Buffer::with_capacity(BUFFER_BYTES),
            last: LastBearer::default(),
            bytes: bytes.into(),
            at: 0,
            ends: false,
            secure: true,
            whole: seed == 0,
            rng: Rng::new(seed),
        }
    }

    /// Everything that was sent and not consumed.
    pub fn left(&self) -> Vec<u8> {
        [self.buffer.filled(), &self.bytes[self.at..]].concat()
    }

    fn read(&mut self) -> Read {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return if self.ends { Read::End } else { Read::Nothing };
        }
        let count = if self.whole {
            rest.len()
        } else {
            self.rng.piece(rest.len())
        };
        let count = self.buffer.append(&rest[..count]);
        assert!(count > 0, "a read has room");
        self.at += count;
        Read::Some
    }
}

enum Read {
    Some,
    Nothing,
    End,
}

/// What the upstream does.
#[derive(Clone)]
pub struct Origin {
    pub reply: Vec<u8>,
    /// The connection ends after the reply.
    pub ends: bool,
    /// It ends by a reset, or by TLS without its end.
    pub resets: bool,
    /// It answers before it has the request.
    pub early: bool,
    /// After so many bytes it takes no more.
    pub takes: usize,
    /// After so many bytes of the reply the rest comes with a read of its own.
    pub pauses: usize,
    /// Why there is no connection to it.
    pub refuses: Option<Refusal>,
    /// So many connections to it were kept, and have ended.
    pub stale: usize,
}

impl Origin {
    pub fn new(reply: impl Into<Vec<u8>>) -> Origin {
        Origin {
            reply: reply.into(),
            ends: false,
            resets: false,
            early: false,
            takes: usize::MAX,
            pauses: 0,
            refuses: None,
            stale: 0,
        }
    }

    pub fn ending(reply: impl Into<Vec<u8>>) -> Origin {
        Origin {
            ends: true,
            ..Origin::new(reply)
        }
    }
}

/// What an exchange waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    Caller(Mono),
    Upstream(Mono),
    Key(KeyWanted),
    Groups(GroupsWanted),
    Token(Mono),
    Room(Mono),
    Sync(Mono),
    /// Connecting to the upstream: `worker::upstream` does.
    Connect,
}

impl Wait {
    fn until(&self) -> Mono {
        match self {
            Wait::Caller(until)
            | Wait::Upstream(until)
            | Wait::Token(until)
            | Wait::Room(until)
            | Wait::Sync(until) => *until,
            Wait::Key(_) | Wait::Groups(_) | Wait::Connect => Mono(0),
        }
    }
}

/// How the caller's connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    KeepAlive,
    Close,
    Abort,
}

/// How an exchange ended.
#[derive(Debug)]
pub struct End {
    pub to_caller: Vec<u8>,
    pub to_upstream: Vec<u8>,
    pub after: After,
    pub refusal: Option<Refusal>,
    pub upstream_reusable: bool,
    pub connected: bool,
    /// How much of the upstream's reply was read, and whether its end was.
    pub read: usize,
    pub read_end: bool,
    pub waits: Vec<Wait>,
    /// How often the request went upstream once more.
    pub repeated: usize,
    /// In how many pieces it left.
    pub sends: usize,
}

#[expect(clippy::large_enum_variant, reason = "one at a time")]
enum State {
    Judging(Inbound),
    Connecting(Box<(Inbound, Forwarding)>),
    Going(Box<Going>),
    Over,
}

struct Going {
    request: RequestHalf,
    reply: ReplyHalf,
    account: Box<Account>,
    envelope: Option<Envelope>,
    upstream: Buffer,
    at: usize,
    eof: bool,
    sending: Sending,
    owed: bool,
    talk: Option<Box<Talk>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    Yes,
    Whole,
    Stuck,
}

/// What one turn came to.
pub enum Turn {
    Moved,
    Waits(Vec<Wait>),
    Over,
}

/// An exchange on its way.
pub struct Drive {
    state: State,
    origin: Origin,
    rng: Rng,
    whole: bool,
    /// Recorded under this path; what is released is compared with it at every step.
    path: Option<String>,
    pub end: End,
}

impl Drive {
    pub fn new(rig: &mut Rig, origin: Origin, seed: u64) -> Drive {
        let until = rig.now.mono.after(rig.shape.limits.head_time);
        Drive {
            state: State::Judging(Inbound::new(&mut rig.core, rig.now, until)),
            origin,
            rng: Rng::new(seed ^ 0x5eed),
            whole: seed == 0,
            path: None,
            end: End {
                to_caller: Vec::new(),
                to_upstream: Vec::new(),
                after: After::Abort,
                refusal: None,
                upstream_reusable: false,
                connected: false,
                read: 0,
                read_end: false,
                waits: Vec::new(),
                repeated: 0,
                sends: 0,
            },
        }
    }

    /// Released bytes are compared with what is recorded under `path`, at every step.
    pub fn watching(mut self, path: &str) -> Drive {
        self.path = Some(path.to_owned());
        self
    }

    /// Goes on until it ends. `on_wait` is told what is waited for and may change the world; when it
    /// answers false, time passes until the first deadline.
    pub fn run(
        mut self,
        rig: &mut Rig,
        caller: &mut Caller,
        mut on_wait: impl FnMut(&mut Rig, &[Wait]) -> bool,
    ) -> End {
        for _ in 0..1_000_000 {
            match self.turn(rig, caller) {
                Turn::Moved => {}
                Turn::Over => return self.end,
                Turn::Waits(waits) => {
                    self.end.waits.extend(waits.iter().cloned());
                    if !on_wait(rig, &waits) {
                        let until = waits.iter().map(Wait::until).min().unwrap_or_default();
                        assert_ne!(until, Mono(u64::MAX), "waits for ever: {waits:?}");
                        rig.pass_until(until);
                    }
                }
            }
        }
        panic!("the exchange does not end");
    }

    /// The caller is gone: whatever the exchange was at.
    pub fn hang_up(&mut self, rig: &mut Rig) {
        let account = match std::mem::replace(&mut self.state, State::Over) {
            State::Judging(inbound) => inbound.into_account(&mut rig.core),
            State::Connecting(both) => {
                let (inbound, mut forwarding) = *both;
                forwarding.close(&mut rig.core);
                inbound.into_account(&mut rig.core)
            }
            State::Going(going) => {
                let mut going = *going;
                (self.end.read, self.end.read_end) = (going.at, going.eof);
                going.request.close(&mut rig.core);
                going.reply.close(&mut rig.core);
                going.account
            }
            State::Over => return,
        };
        account.close(Outcome::CallerGone, &mut rig.core, rig.now);
        self.end.after = After::Abort;
    }

    /// One step of one direction.
    pub fn turn(&mut self, rig: &mut Rig, caller: &mut Caller) -> Turn {
        let turn = match std::mem::replace(&mut self.state, State::Over) {
            State::Judging(inbound) => self.judge(inbound, rig, caller),
            State::Connecting(both) => self.connect(*both, rig, caller),
            State::Going(going) => self.go(going, rig, caller),
            State::Over => Turn::Over,
        };
        if rig.draining {
            rig.drain();
        }
        turn
    }

    fn judge(&mut self, mut inbound: Inbound, rig: &mut Rig, caller: &mut Caller) -> Turn {
        let way = if caller.secure {
            Way::Secure
        } else {
            Way::Plain
        };
        let (buffer, last) = (&mut caller.buffer, &mut caller.last);
        let step = match inbound.advance(buffer, last, way, &mut rig.core, rig.now) {
            Ok(forwarding) => {
                self.state = State::Connecting(Box::new((inbound, forwarding)));
                return Turn::Waits(vec![Wait::Connect]);
            }
            Err(step) => step,
        };
        let wait = match step {
            Step::NeedBytes(until) => match caller.read() {
                Read::Some => None,
                Read::Nothing => Some(Wait::Caller(until)),
                Read::End => {
                    self.state = State::Judging(inbound);
                    self.hang_up(rig);
                    return Turn::Over;
                }
            },
            Step::NeedKey(wanted, _) => Some(Wait::Key(wanted)),
            Step::NeedGroups(wanted, _) => Some(Wait::Groups(wanted)),
            Step::NeedToken(_, until) => Some(Wait::Token(until)),
            Step::NeedRoom(until) => Some(Wait::Room(until)),
            Step::NeedSync(until) => Some(Wait::Sync(until)),
            Step::Proceed(fixed) => {
                self.end.to_caller.extend_from_slice(fixed.bytes(true));
                None
            }
            Step::Challenge(mut challenge) => {
                let envelope = inbound.envelope();
                let mut account = inbound.into_account(&mut rig.core);
                let close = envelope.is_none_or(|it| it.has_body || !it.keep_alive);
                match challenge.answer(close, &mut account, &mut rig.core, rig.now) {
                    ReplyStep::Send(bytes) => {
                        for slice in bytes.slices() {
                            self.end.to_caller.extend_from_slice(slice);
                        }
                    }
                    _ => panic!("the challenge is not recorded"),
                }
                account.close(Outcome::Complete, &mut rig.core, rig.now);
                self.end.after = match close {
                    true => After::Close,
                    false => After::KeepAlive,
                };
                return Turn::Over;
            }
            Step::Answer(answer) => {
                let envelope = inbound.envelope();
                let account = inbound.into_account(&mut rig.core);
                account.answered(&answer, &mut rig.core, rig.now);
                let close = envelope.is_none_or(|it| it.has_body || !it.keep_alive);
                self.say(&answer.answer(close), envelope, close, caller);
                return Turn::Over;
            }
            Step::Refuse(refusal) => {
                let (buffer, last) = (&mut caller.buffer, &mut caller.last);
                let again = inbound.advance(buffer, last, way, &mut rig.core, rig.now);
                assert!(matches!(again, Err(Step::Refuse(_))), "refuses for ever");
                let envelope = inbound.envelope();
                let account = inbound.into_account(&mut rig.core);
                self.refuse(account, envelope, refusal, false, rig, caller);
                return Turn::Over;
            }
        };
        self.state = State::Judging(inbound);
        wait.map_or(Turn::Moved, |wait| Turn::Waits(vec![wait]))
    }

    fn connect(
        &mut self,
        (inbound, forwarding): (Inbound, Forwarding),
        rig: &mut Rig,
        caller: &mut Caller,
    ) -> Turn {
        let envelope = inbound.envelope();
        let account = inbound.into_account(&mut rig.core);
        let Forwarding {
            mut request,
            mut reply,
            ..
        } = forwarding;
        if self.origin.stale > 0 {
            request.by_kept();
        }
        if let Some(refusal) = self.origin.refuses.clone() {
            request.close(&mut rig.core);
            reply.close(&mut rig.core);
            self.refuse(account, envelope, refusal, false, rig, caller);
            return Turn::Over;
        }
        self.end.connected = true;
        if let Some(envelope) = envelope {
            caller.buffer.consume(envelope.head_bytes);
            if !envelope.keep_alive {
                reply.close_after();
            }
        }
        self.state = State::Going(Box::new(Going {
            request,
            reply,
            account,
            envelope,
            upstream: Buffer::with_capacity(BUFFER_BYTES),
            at: 0,
            eof: false,
            sending: Sending::Yes,
            owed: false,
            talk: None,
        }));
        Turn::Moved
    }

    fn go(&mut self, mut going: Box<Going>, rig: &mut Rig, caller: &mut Caller) -> Turn {
        let first = self.rng.below(2);
        let mut waits = Vec::new();
        for direction in [first, 1 - first] {
            let mut talk = going.talk.take();
            let turn = match (&mut talk, direction) {
                (None, 0) => self.send(&mut going, rig, caller),
                (None, _) => self.relay(&mut going, rig),
                (Some(talk), 0) => self.go_up(talk, &mut going, rig, caller),
                (Some(talk), _) => self.go_down(talk, &mut going, rig),
            };
            going.talk = talk.or(going.talk.take());
            match turn {
                Moved::Yes => {
                    self.state = State::Going(going);
                    return Turn::Moved;
                }
                Moved::Waits(wait) => waits.extend(wait),
                Moved::Ended(end) => {
                    self.finish(*going, end, rig, caller);
                    return Turn::Over;
                }
            }
        }
        self.state = State::Going(going);
        Turn::Waits(waits)
    }

    /// `pump::send_request`, and `pump::caller_gone` after it.
    fn send(&mut self, going: &mut Going, rig: &mut Rig, caller: &mut Caller) -> Moved {
        match going.sending {
            Sending::Stuck => return Moved::Waits(None),
            Sending::Whole if !caller.buffer.is_empty() => return Moved::Waits(None),
            Sending::Whole => {
                return match caller.read() {
                    Read::Some => Moved::Yes,
                    Read::Nothing => Moved::Waits(None),
                    Read::End => Moved::Ended(Err(Stop::Gone)),
                };
            }
            Sending::Yes => {}
        }
        let step = going.request.next(
            &mut caller.buffer,
            &mut going.account,
            &mut rig.core,
            rig.now,
        );
        match step {
            RequestStep::Send(bytes) => {
                self.end.sends += 1;
                let bytes = bytes.slices().concat();
                let room = self.origin.takes.saturating_sub(self.end.to_upstream.len());
                if room < bytes.len() {
                    self.end.to_upstream.extend_from_slice(&bytes[..room]);
                    self.compare_sent(rig);
                    going.sending = Sending::Stuck;
                    return Moved::Yes;
                }
                self.end.to_upstream.extend_from_slice(&bytes);
                self.compare_sent(rig);
                let (account, core) = (&mut going.account, &mut rig.core);
                going
                    .request
                    .sent(&mut caller.buffer, account, core, rig.now);
                Moved::Yes
            }
            RequestStep::NeedBytes(until) => match caller.read() {
                Read::Some => Moved::Yes,
                Read::Nothing => Moved::Waits(Some(Wait::Caller(until))),
                Read::End => Moved::Ended(Err(Stop::Gone)),
            },
            RequestStep::NeedRoom(until) => Moved::Waits(Some(Wait::Room(until))),
            RequestStep::NeedSync(until) => Moved::Waits(Some(Wait::Sync(until))),
            RequestStep::Done => {
                going.sending = Sending::Whole;
                Moved::Yes
            }
            RequestStep::Refuse(refusal) => {
                let (account, core) = (&mut going.account, &mut rig.core);
                let again = going
                    .request
                    .next(&mut caller.buffer, account, core, rig.now);
                assert!(matches!(again, RequestStep::Refuse(_)), "refuses for ever");
                Moved::Ended(Err(Stop::Refused(refusal)))
            }
        }
    }

    /// `pump::relay_reply`.
    fn relay(&mut self, going: &mut Going, rig: &mut Rig) -> Moved {
        if going.sending != Sending::Yes && !going.owed {
            going.owed = true;
            let whole = going.sending == Sending::Whole;
            going.reply.request_over(whole, rig.now);
        }
        let step = going.reply.next(
            &mut going.upstream,
            going.eof,
            &mut going.account,
            &mut rig.core,
            rig.now,
        );
        match step {
            ReplyStep::Send(bytes) => {
                for slice in bytes.slices() {
                    self.end.to_caller.extend_from_slice(slice);
                }
                going.reply.sent(&mut going.upstream, rig.now);
                self.compare(rig);
                Moved::Yes
            }
            ReplyStep::NeedBytes(until) => {
                let rest = &self.origin.reply[going.at..];
                if self.origin.stale > 0 && going.owed {
                    self.once_more(going, rig)
                } else if !going.owed && !self.origin.early {
                    Moved::Waits(Some(Wait::Upstream(until)))
                } else if !rest.is_empty() {
                    let most = match self.origin.pauses.checked_sub(going.at) {
                        Some(left @ 1..) => left.min(rest.len()),
                        _ => rest.len(),
                    };
                    self.read_upstream(going, most);
                    going.request.answered(&mut rig.core);
                    Moved::Yes
                } else if self.origin.resets {
                    // `pump::relay::cut_off`
                    Moved::Ended(Err(Stop::Refused(if going.account.has_replied() {
                        Refusal::UpstreamTruncated
                    } else {
                        Refusal::UpstreamUnreachable
                    })))
                } else if self.origin.ends && !going.eof {
                    going.eof = true;
                    Moved::Yes
                } else {
                    Moved::Waits(Some(Wait::Upstream(until)))
                }
            }
            ReplyStep::NeedRoom(until) => Moved::Waits(Some(Wait::Room(until))),
            ReplyStep::Done(end) => {
                let (account, core) = (&mut going.account, &mut rig.core);
                let Some(switched) = going.reply.switch(account, core, rig.now) else {
                    return Moved::Ended(Ok(end.upstream_reusable));
                };
                going.request.answered(core);
                going.talk = Some(Talk::new(switched));
                Moved::Yes
            }
            ReplyStep::Refuse(refusal) => {
                let (upstream, account) = (&mut going.upstream, &mut going.account);
                let again =
                    (going.reply).next(upstream, going.eof, account, &mut rig.core, rig.now);
                assert!(matches!(again, ReplyStep::Refuse(_)), "refuses for ever");
                Moved::Ended(Err(Stop::Refused(refusal)))
            }
        }
    }

    /// Of what the upstream has yet to say some comes, at most `most` bytes.
    fn read_upstream(&mut self, going: &mut Going, most: usize) {
        let count = match self.whole {
            true => most,
            false => self.rng.piece(most),
        };
        let rest = &self.origin.reply[going.at..];
        let count = going.upstream.append(&rest[..count]);
        assert!(count > 0, "a read has room");
        going.at += count;
    }

    /// `pump::carry`, when a kept connection has ended.
    fn once_more(&mut self, going: &mut Going, rig: &mut Rig) -> Moved {
        self.origin.stale -= 1;
        let took_nothing = self.end.to_upstream.is_empty();
        if !going.request.again(took_nothing, &mut rig.core, rig.now) {
            return Moved::Ended(Err(Stop::Refused(Refusal::UpstreamUnreachable)));
        }
        self.end.repeated += 1;
        self.end.to_upstream.clear();
        self.origin.takes = usize::MAX;
        going.reply.begin_again();
        if going.envelope.is_some_and(|it| !it.keep_alive) {
            going.reply.close_after();
        }
        (going.sending, going.owed) = (Sending::Yes, false);
        if self.origin.stale > 0 {
            going.request.by_kept();
        }
        Moved::Yes
    }

    fn finish(
        &mut self,
        mut going: Going,
        end: Result<bool, Stop>,
        rig: &mut Rig,
        caller: &mut Caller,
    ) {
        (self.end.read, self.end.read_end) = (going.at, going.eof);
        let whole = going.sending == Sending::Whole;
        let closes = going.reply.closes() || !whole;
        going.request.close(&mut rig.core);
        going.reply.close(&mut rig.core);
        let (account, core) = (going.account, &mut rig.core);
        match end {
            Ok(reusable) => {
                account.close(Outcome::Complete, core, rig.now);
                self.end.upstream_reusable = reusable && whole;
                self.end.after = if closes {
                    After::Close
                } else {
                    After::KeepAlive
                };
            }
            Err(Stop::Gone) => account.close(Outcome::CallerGone, core, rig.now),
            Err(Stop::Refused(refusal)) if account.has_replied() => {
                account.refuse(&refusal, core, rig.now);
                self.end.refusal = Some(refusal);
            }
            Err(Stop::Refused(refusal)) => {
                self.refuse(account, going.envelope, refusal, true, rig, caller);
            }
        }
    }

    /// `pump::refuse`.
    fn refuse(
        &mut self,
        account: Box<Account>,
        envelope: Option<Envelope>,
        refusal: Refusal,
        last: bool,
        rig: &mut Rig,
        caller: &mut Caller,
    ) {
        let beside = account.beside();
        account.refuse(&refusal, &mut rig.core, rig.now);
        let unread = envelope.is_none_or(|it| it.has_body || !it.keep_alive);
        let close = last || unread || refusal.loses_framing();
        let answer = refusal.answer(close).beside(&beside);
        self.say(&answer, envelope, close, caller);
        self.end.refusal = Some(refusal);
    }

    /// `pump::say`.
    fn say(
        &mut self,
        answer: &Fixed,
        envelope: Option<Envelope>,
        close: bool,
        caller: &mut Caller,
    ) {
        let head_only = envelope.is_some_and(|envelope| envelope.head_only);
        self.end
            .to_caller
            .extend_from_slice(answer.bytes(head_only));
        self.end.after = After::Close;
        if let Some(envelope) = envelope.filter(|_| !close) {
            caller.buffer.consume(envelope.head_bytes);
            self.end.after = After::KeepAlive;
        }
    }

    /// What went upstream is in the recording already, as safely as it must be.
    fn compare_sent(&self, rig: &mut Rig) {
        let Some(path) = self.path.as_ref().filter(|_| rig.draining) else {
            return;
        };
        rig.drain();
        let sent = check::released(&self.end.to_upstream);
        let vouches = rig.vouches_for(path, sent.body.len());
        assert!(vouches, "went upstream before its record");
    }

    /// What was released is in the recording already.
    fn compare(&self, rig: &mut Rig) {
        let Some(path) = self.path.as_ref().filter(|_| rig.draining) else {
            return;
        };
        rig.drain();
        let (head, body) = rig.reply_of(path);
        let released = check::released(&self.end.to_caller);
        assert!(head.starts_with(&released.head), "a head before its record");
        assert!(
            body.starts_with(&released.body),
            "bytes before their record"
        );
    }
}

enum Stop {
    Refused(Refusal),
    Gone,
}

enum Moved {
    Yes,
    Waits(Option<Wait>),
    Ended(Result<bool, Stop>),
}
