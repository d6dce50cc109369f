//! Exchanges by operation list: callers and upstreams that send anything, a recorder that lags,
//! stops or fails, rules, keys and credentials that change. What holds is checked at every step and,
//! against the recording, in the end (`world/ended.rs`).

mod ended;
mod said;

use std::time::Duration;

use sluice::base::secret::Secret;
use sluice::exchange::Refusal;
use sluice::policy::Effect;
use sluice::record::{Class, State};

use self::ended::Ended;
use crate::check;
use crate::drive::{After, Caller, Drive, Origin, Turn};
use crate::ops::Ops;
use crate::rig::{CREDENTIAL, Hiding, Rig, Shape};
use crate::signer;

/// Exchanges at once, and operations in one list.
const EXCHANGES: usize = 4;
const OPERATIONS: usize = 200;
/// Small enough that a few bodies fill it.
const RING: usize = 192 * 1024;

const CLASSES: [Class; 2] = [Class::Buffered, Class::Durable];
const HIDINGS: [Hiding; 3] = [Hiding::Nothing, Hiding::Links, Hiding::All];
/// What connections may switch to.
const UPGRADES: [&str; 1] = ["chat"];
const RULES: [&[(Effect, &str)]; 2] = [
    &[
        (Effect::Allow, "* /**"),
        (Effect::Deny, "* /secret/**"),
        (Effect::Approve, "* /careful/**"),
    ],
    &[(Effect::Deny, "* /**")],
];
const MCP_RULES: [&[(Effect, &str)]; 2] = [
    &[
        (Effect::Allow, "tools/call search_*"),
        (Effect::Allow, "resources/read file:///docs/*"),
        (Effect::Deny, "tools/call delete_*"),
    ],
    &[(Effect::Deny, "tools/call *")],
];

/// One core, what is on its way through it, and what has ended.
struct World {
    rig: Rig,
    going: Vec<Going>,
    begun: usize,
    ended: Vec<Ended>,
    /// The recorder takes and writes what it is given.
    sound: bool,
    /// Whether bodies of replies pass as they are, under each configuration from the first.
    plain: Vec<bool>,
}

/// An exchange on its way, and what it was begun with.
struct Going {
    caller: Caller,
    drive: Drive,
    reply: Vec<u8>,
    head_only: bool,
}

/// Plays an operation list to its end.
pub fn play(bytes: &[u8]) {
    let mut ops = Ops(bytes);
    let mut world = World::new(&mut ops);
    for _ in 0..OPERATIONS {
        if ops.is_empty() {
            break;
        }
        world.operate(&mut ops);
    }
    while let Some(going) = world.going.pop() {
        world.hang_up(going);
    }
    world.judge();
}

impl World {
    fn new(ops: &mut Ops<'_>) -> World {
        let choice = ops.byte();
        let mcp = choice & 32 != 0;
        let mut shape = Shape {
            hiding: HIDINGS[usize::from(choice % 3)],
            class: CLASSES[usize::from(choice / 3 % 2)],
            forward_all: choice & 64 != 0,
            mcp,
            upgrades: UPGRADES.to_vec(),
            ..Shape::default()
        };
        shape.lines = lines(mcp, 0);
        let mut rig = Rig::with_ring(shape, RING);
        rig.draining = choice & 128 != 0;
        World {
            plain: vec![passes_plain(&rig.shape)],
            rig,
            going: Vec::new(),
            begun: 0,
            ended: Vec::new(),
            sound: true,
        }
    }

    fn operate(&mut self, ops: &mut Ops<'_>) {
        let op = ops.byte();
        match op % 16 {
            0 if self.going.len() < EXCHANGES => {
                let going = self.begin(ops);
                self.going.push(going);
            }
            1 => self.rig.drain(),
            2 => self.rig.sync(),
            3 => self
                .rig
                .pass(Duration::from_millis(u64::from(ops.byte()) * 200)),
            4 => self.reload(ops),
            5 => self.publish_keys(ops),
            6 => self.publish_credential(ops),
            7 => self.fail(op),
            8 => self.rig.draining = !self.rig.draining,
            9 if !self.going.is_empty() => {
                let at = usize::from(op) % self.going.len();
                let going = self.going.swap_remove(at);
                self.hang_up(going);
            }
            10 if !self.going.is_empty() => {
                let at = usize::from(op) % self.going.len();
                self.going[at].caller.bytes.extend_from_slice(ops.bytes());
            }
            11 if !self.going.is_empty() => {
                let at = usize::from(op) % self.going.len();
                self.going[at].caller.ends = true;
            }
            _ => self.turns(op, ops),
        }
        let told = self.rig.access.try_iter().count();
        assert_eq!(told, 0, "nothing is told that has not ended");
    }

    /// A caller's new connection.
    fn begin(&mut self, ops: &mut Ops<'_>) -> Going {
        let path = format!("/a{}", self.begun);
        let request = said::request(&self.rig.shape, &path, ops);
        let is_watched = !self.rig.shape.mcp && said::asks_for(&path, &request);
        let mut caller = Caller::new(request, ops.byte().into());
        let choice = ops.byte();
        caller.ends = choice & 1 != 0;
        caller.secure = choice & 2 == 0;
        if choice & 4 != 0 {
            let another = said::request(&self.rig.shape, &format!("{path}/b"), ops);
            caller.bytes.extend_from_slice(&another);
        }
        let mut going = self.next(caller, ops);
        if is_watched {
            going.drive = going.drive.watching(&path);
        }
        going
    }

    /// The next exchange on a caller's connection.
    fn next(&mut self, caller: Caller, ops: &mut Ops<'_>) -> Going {
        self.begun += 1;
        let reply = said::reply(&self.rig.shape, ops);
        let flags = ops.byte();
        let origin = Origin {
            ends: flags & 1 != 0,
            early: flags & 2 != 0,
            takes: if flags & 4 != 0 {
                usize::from(ops.byte())
            } else {
                usize::MAX
            },
            refuses: (flags & 24 == 24).then_some(Refusal::UpstreamUnreachable),
            resets: flags & 32 != 0,
            pauses: usize::from(flags >> 6) * 40,
            ..Origin::new(reply.clone())
        };
        let seed = u64::from(ops.byte());
        Going {
            head_only: caller.left().trim_ascii_start().starts_with(b"HEAD "),
            caller,
            drive: Drive::new(&mut self.rig, origin, seed),
            reply,
        }
    }

    fn turns(&mut self, op: u8, ops: &mut Ops<'_>) {
        for _ in 0..op {
            if self.going.is_empty() {
                return;
            }
            let at = usize::from(op) % self.going.len();
            let going = &mut self.going[at];
            match going.drive.turn(&mut self.rig, &mut going.caller) {
                Turn::Moved => {}
                Turn::Waits(_) => return,
                Turn::Over => {
                    let going = self.going.swap_remove(at);
                    return self.over(going, ops);
                }
            }
        }
    }

    /// An exchange ended by itself; its caller may have sent another request already.
    fn over(&mut self, mut going: Going, ops: &mut Ops<'_>) {
        let kept = going.drive.end.after == After::KeepAlive;
        let caller = std::mem::replace(&mut going.caller, Caller::new(Vec::new(), 0));
        self.account(going);
        if kept && !caller.left().is_empty() {
            let next = self.next(caller, ops);
            self.going.push(next);
        }
    }

    fn hang_up(&mut self, mut going: Going) {
        going.drive.hang_up(&mut self.rig);
        self.account(going);
    }

    /// An exchange is over: it is told once, and what it did is kept until the recording is read.
    fn account(&mut self, going: Going) {
        let mut told = self.rig.access.try_iter();
        let entry = told.next().expect("an exchange is told");
        assert!(told.next().is_none(), "and told once");
        drop(told);
        let token = signer::good().as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(token.len()).any(|one| one == token);
        let end = going.drive.end;
        // After a switch callers say what they like.
        let said = match end.to_caller.starts_with(b"HTTP/1.1 101 ") {
            true => &check::released(&end.to_upstream).head,
            false => &end.to_upstream,
        };
        assert!(!holds(said), "the caller's token went upstream");
        assert!(!holds(&end.to_caller), "and back");
        if let Some(exchange) = entry.exchange {
            self.ended.push(Ended {
                exchange,
                end,
                reply: going.reply,
                head_only: going.head_only,
                sound: self.sound,
            });
        } else {
            assert!(end.to_upstream.is_empty(), "nothing goes unrecorded");
            assert!(!end.connected);
        }
    }

    fn reload(&mut self, ops: &mut Ops<'_>) {
        let choice = ops.byte();
        self.rig.reload(|shape| match choice % 5 {
            0 => shape.lines = lines(shape.mcp, usize::from(choice / 5 % 2)),
            1 => shape.class = CLASSES[usize::from(choice / 5 % 2)],
            2 => shape.hiding = HIDINGS[usize::from(choice / 5 % 3)],
            3 => shape.credential = choice & 64 != 0,
            _ => shape.upgrades = UPGRADES[usize::from(choice & 64 != 0)..].to_vec(),
        });
        self.plain.push(passes_plain(&self.rig.shape));
    }

    fn publish_keys(&mut self, ops: &mut Ops<'_>) {
        let keys = match ops.byte() % 3 {
            0 => signer::keys(&[&signer::SECOND]),
            1 => signer::keys(&[&signer::FIRST]),
            _ => signer::keys(&[&signer::FIRST, &signer::SECOND]),
        };
        let (issuer, now) = (&self.rig.issuer, self.rig.now.mono);
        let _ = self.rig.keys.publish(issuer, keys, now);
    }

    /// The upstream's token comes, for a while: it may run out before another does.
    fn publish_credential(&mut self, ops: &mut Ops<'_>) {
        let time = Duration::from_millis(u64::from(ops.byte()) * 100);
        let expires = self.rig.now.mono.after(time);
        let value = Secret::new(CREDENTIAL.to_vec());
        (self.rig.credentials).publish(0, "authorization", value, Some(expires));
    }

    /// The disk is full, or fails, or the recorder is gone. What it was given before, it has.
    fn fail(&mut self, op: u8) {
        match op / 16 {
            13 => self.rig.health.publish(State::Latched),
            14 => {
                self.rig.drain();
                self.rig.intake = None;
            }
            _ => return self.rig.health.publish(State::LowSpace),
        }
        self.sound = false;
    }

    /// Everything is over: the recording says what happened, and nothing is kept.
    fn judge(mut self) {
        self.rig.drain();
        for ended in &self.ended {
            ended.agrees(&self.rig.told, &self.plain);
        }
        let admitted = self.ended.len();
        assert!(admitted <= self.begun);
        self.rig.assert_clean();
    }
}

fn passes_plain(shape: &Shape) -> bool {
    shape.hiding == Hiding::Nothing && !shape.mcp
}

fn lines(mcp: bool, which: usize) -> Vec<(Effect, &'static str)> {
    let rules = if mcp { MCP_RULES } else { RULES };
    rules[which].to_vec()
}
