//! Faults at every byte, on both sides, over real sockets.
//!
//! One exchange with everything that can break (a chunked body up, a chunked reply down, both
//! connections kept) is broken at each of its bytes in each way a peer can break it. After each
//! fault the gateway serves the next call; the caller has seen no whole reply that is not the right
//! one; the upstream has seen whole requests or resets; and all that was released is recorded.

#[allow(dead_code, reason = "shared with the wire tests")]
#[path = "../wire/caller.rs"]
mod caller;
#[allow(dead_code, reason = "shared with the tests of the control plane")]
#[path = "../control/issuer.rs"]
mod issuer;
mod ledger;
#[allow(dead_code, reason = "shared with the wire tests")]
#[path = "../wire/origin.rs"]
mod origin;
#[allow(dead_code, reason = "shared with the wire tests")]
#[path = "../wire/scene.rs"]
mod scene;
mod upstream;

use std::io::{ErrorKind, Read as _};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use caller::Caller;
use ledger::{Ledger, Seen};
use scene::{Plan, Scene};
use sluice::worker::io::IoChoice;
use upstream::{BODY, Upstream, WHOLE};

/// How a peer breaks an exchange off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The connection is reset.
    Reset,
    /// It is closed, as a process that ends would.
    Close,
    /// Only what is said ends; the peer still listens.
    HalfClose,
    /// Nothing more comes.
    Stall,
}

/// Exchanges that are broken at one time.
const AT_ONCE: usize = 24;

/// Short, so that a stall is soon over; long enough that nothing else takes that long.
const LIMITS: &str = "head_time: 400ms, body_idle_time: 400ms, keep_alive_time: 400ms, \
                      first_byte_time: 400ms, reply_idle_time: 400ms, write_idle_time: 2s";

fn start(upstream: &Upstream) -> Scene {
    let plan = Plan {
        limits: LIMITS,
        ..Plan::new(IoChoice::Tokio, &upstream.origin)
    };
    plan.ready()
}

/// A whole request with a chunked body.
fn request(scene: &Scene, path: &str) -> String {
    let head = scene.head("POST", path);
    let (first, second) = BODY.split_at(4);
    format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    )
}

/// Runs `each` on every case, many at a time.
fn each<T: Sync>(cases: &[T], each: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
                    each(case);
                }
            });
        }
    });
}

/// Another caller's call, which passes whatever else is going on.
fn control(scene: &Scene, ledger: &Ledger, path: &str) {
    let reply = scene.caller().ask(request(scene, path));
    assert_eq!((reply.status, reply.text()), (200, WHOLE), "{path}");
    ledger.saw(path, Seen::Whole(reply));
}

/// What a caller has got when it can get nothing more.
fn drained(mut caller: Caller) -> Seen {
    let mut bytes = Vec::new();
    match caller.wire.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset) => {}
        Err(error) => panic!("the gateway left a caller hanging: {error}"),
    }
    Seen::of(&bytes)
}

#[test]
fn a_caller_that_breaks_off_at_any_byte() {
    let upstream = Upstream::start();
    let scene = start(&upstream);
    let ledger = Ledger::default();
    let length = request(&scene, "/caller/Reset/0000").len();
    let cases: Vec<(Fault, usize)> = [Fault::Reset, Fault::HalfClose, Fault::Stall]
        .into_iter()
        .flat_map(|fault| (0..length).map(move |at| (fault, at)))
        .collect();
    each(&cases, |(fault, at)| {
        let path = format!("/caller/{fault:?}/{at:04}");
        let request = request(&scene, &path);
        let mut caller = scene.caller();
        caller.send(&request[..*at]);
        let seen = match fault {
            Fault::Reset => {
                // Not before the gateway has read what there is, or it would never know of it.
                std::thread::sleep(Duration::from_millis(2));
                let socket = socket2::SockRef::from(caller.wire.get_ref().socket());
                socket.set_linger(Some(Duration::ZERO)).unwrap();
                Seen::Nothing
            }
            Fault::HalfClose => {
                let socket = caller.wire.get_ref().socket();
                socket.shutdown(Shutdown::Write).unwrap();
                drained(caller)
            }
            _ => drained(caller),
        };
        assert!(
            !matches!(&seen, Seen::Whole(reply) if reply.status < 400),
            "{path}: a reply to half a request: {seen:?}"
        );
        ledger.saw(&path, seen);
        control(&scene, &ledger, &format!("/control{path}"));
    });
    upstream.check();
    ledger.check(&scene.stop());
}

#[test]
fn an_upstream_that_breaks_off_at_any_byte() {
    let upstream = Upstream::start();
    let scene = start(&upstream);
    let ledger = Ledger::default();
    let cases: Vec<(Fault, usize)> = [Fault::Reset, Fault::Close, Fault::HalfClose, Fault::Stall]
        .into_iter()
        .flat_map(|fault| (0..upstream::reply().len()).map(move |at| (fault, at)))
        .collect();
    each(&cases, |(fault, at)| {
        let path = format!("/upstream/{fault:?}/{at}");
        let mut caller = scene.caller();
        caller.send(request(&scene, &path));
        let seen = drained(caller);
        match &seen {
            Seen::Whole(reply) => assert!(
                matches!(reply.status, 502 | 504),
                "{path}: half a reply became whole: {reply:?}"
            ),
            Seen::Part(..) => {}
            Seen::Nothing => assert_ne!(*at, 0, "{path}: no answer though none had begun"),
        }
        ledger.saw(&path, seen);
        control(&scene, &ledger, &format!("/control{path}"));
    });
    // With the reply whole, the caller has it; the connection that is then no good is not used.
    for fault in [Fault::Close, Fault::HalfClose, Fault::Stall] {
        let path = format!("/upstream/{fault:?}/{}", upstream::reply().len());
        control(&scene, &ledger, &path);
        std::thread::sleep(Duration::from_millis(50));
        control(&scene, &ledger, &format!("/control{path}"));
    }
    upstream.check();
    ledger.check(&scene.stop());
}
