//! Exchanges by operation list: callers and upstreams that send anything, a recorder that stops,
//! fails or lags, rules and keys that change. Whatever happens, nothing is released that is not
//! recorded, the caller's token stays behind, and nothing stays lent.

#![no_main]

#[path = "../../tests/route/check.rs"]
#[expect(dead_code, reason = "shared with tests/route, which uses all of it")]
mod check;
#[path = "../../tests/route/drive.rs"]
#[expect(dead_code, reason = "shared with tests/route, which uses all of it")]
mod drive;
#[path = "../../tests/route/rig.rs"]
#[expect(dead_code, reason = "shared with tests/route, which uses all of it")]
mod rig;
#[path = "../../tests/route/signer.rs"]
mod signer;

use std::time::Duration;

use drive::{Caller, Drive, Origin, Turn};
use libfuzzer_sys::fuzz_target;
use rig::{Hiding, Rig, Shape};
use sluice::exchange::Refusal;
use sluice::record::{Class, State};

/// Takes operations off the front of the input.
struct Ops<'a>(&'a [u8]);

impl<'a> Ops<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte()) * 4;
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

const REQUESTS: [(&str, &str); 5] = [
    ("GET", "\r\n"),
    (
        "POST",
        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n",
    ),
    ("PUT", "Transfer-Encoding: chunked\r\n\r\n"),
    (
        "PUT",
        "Expect: 100-continue\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    ("HEAD", "\r\n"),
];

const REPLIES: [&str; 5] = [
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "",
];

/// A request whose head may be good, and a reply of which the same is true.
fn begin(rig: &mut Rig, number: usize, ops: &mut Ops<'_>) -> (Caller, Drive) {
    let kind = ops.byte();
    let path = format!("/a{number}");
    let mut request = Vec::new();
    if let Some((method, rest)) = REQUESTS.get(usize::from(kind % 8)) {
        let token = signer::good();
        let head = format!(
            "{method} /up{path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\n{rest}"
        );
        request.extend_from_slice(head.as_bytes());
    }
    request.extend_from_slice(ops.bytes());
    let mut reply = Vec::new();
    reply.extend_from_slice(REPLIES[usize::from(ops.byte()) % REPLIES.len()].as_bytes());
    reply.extend_from_slice(ops.bytes());
    let flags = ops.byte();
    let origin = Origin {
        ends: flags & 1 != 0,
        early: flags & 2 != 0,
        takes: if flags & 4 != 0 {
            usize::from(ops.byte())
        } else {
            usize::MAX
        },
        refuses: (flags & 8 != 0).then_some(Refusal::UpstreamUnreachable),
        ..Origin::new(reply)
    };
    let seed = u64::from(ops.byte());
    let mut caller = Caller::new(request, seed);
    caller.ends = flags & 16 != 0;
    (caller, Drive::new(rig, origin, seed).watching(&path))
}

fn operate(rig: &mut Rig, going: &mut Vec<(Caller, Drive)>, number: usize, ops: &mut Ops<'_>) {
    let op = ops.byte();
    match op % 16 {
        0 if going.len() < 4 => going.push(begin(rig, number, ops)),
        1 => rig.drain(),
        2 => rig.sync(),
        3 => rig.pass(Duration::from_millis(u64::from(ops.byte()) * 200)),
        4 => rig.reload(|_| {}),
        5 => {
            let keys = signer::keys(&[&signer::SECOND]);
            let _ = rig.keys.publish(&rig.issuer, keys, rig.now.mono);
        }
        6 if op > 200 => rig.health.publish(State::Latched),
        7 if op > 200 => rig.intake = None,
        8 => rig.health.publish(State::LowSpace),
        9 if !going.is_empty() => {
            let at = usize::from(op) % going.len();
            going.swap_remove(at).1.hang_up(rig);
        }
        _ => turns(rig, going, op),
    }
}

fn turns(rig: &mut Rig, going: &mut Vec<(Caller, Drive)>, op: u8) {
    for _ in 0..op {
        if going.is_empty() {
            return;
        }
        let at = usize::from(op) % going.len();
        let (caller, drive) = &mut going[at];
        match drive.turn(rig, caller) {
            Turn::Moved => {}
            Turn::Waits(_) => return,
            Turn::Over => {
                let end = going.swap_remove(at).1.end;
                let token = signer::good().as_bytes();
                let holds = |bytes: &[u8]| bytes.windows(token.len()).any(|one| one == token);
                assert!(!holds(&end.to_upstream), "the caller's token went upstream");
                assert!(!holds(&end.to_caller), "and back");
                if end.refusal.is_none() && end.upstream_reusable {
                    check::request(&end.to_upstream);
                }
                return;
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut ops = Ops(bytes);
    let shape = ops.byte();
    let mut rig = Rig::with_ring(
        Shape {
            hiding: [Hiding::Nothing, Hiding::Links, Hiding::All][usize::from(shape % 3)],
            class: [Class::Buffered, Class::Durable][usize::from(shape / 3 % 2)],
            forward_all: shape & 64 != 0,
            ..Shape::default()
        },
        192 * 1024,
    );
    rig.draining = shape & 128 != 0;
    let mut going = Vec::new();
    for number in 0..200 {
        if ops.0.is_empty() {
            break;
        }
        operate(&mut rig, &mut going, number, &mut ops);
    }
    for (_, mut drive) in going {
        drive.hang_up(&mut rig);
    }
    rig.assert_clean();
});
