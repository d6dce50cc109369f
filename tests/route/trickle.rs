//! Bodies that come slowly, by a clock that the test holds.

use std::time::Duration;

use sluice::base::limits::{BODY_IDLE_TIME, BODY_RATE, Limits};
use sluice::exchange::Refusal;
use sluice::policy::Effect;
use sluice::record::Class;

use super::check;
use super::drive::{Caller, Drive, Origin, Turn, Wait};
use super::replies::request;
use super::rig::{Rig, Shape};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
const SECOND: Duration = Duration::from_secs(1);

fn shape(mcp: bool, rate: u64) -> Shape {
    let lines = match mcp {
        true => vec![(Effect::Allow, "tools/call *")],
        false => Shape::default().lines,
    };
    Shape {
        mcp,
        lines,
        limits: Limits {
            body_rate: rate,
            ..Limits::default()
        },
        ..Shape::default()
    }
}

fn head(mcp: bool, framing: &str) -> String {
    let fields = match mcp {
        true => "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n",
        false => "",
    };
    request("POST", "/a", &format!("{fields}{framing}\r\n"))
}

/// What became of a body that came in these pieces, one every so often, and how long it took.
struct Came {
    refusal: Option<Refusal>,
    took: Duration,
    upstream: Vec<u8>,
}

fn drip(shape: Shape, head: String, every: Duration, pieces: &[&[u8]]) -> Came {
    let mut rig = Rig::new(shape);
    let mut caller = Caller::new(head, 0);
    let mut drive = Drive::new(&mut rig, Origin::new(OK), 0);
    let begun = rig.now.mono;
    let mut pieces = pieces.iter();
    let mut next = begun.after(every);
    for _ in 0..100_000 {
        let until = match drive.turn(&mut rig, &mut caller) {
            Turn::Over => {
                rig.assert_clean();
                return Came {
                    refusal: drive.end.refusal,
                    took: rig.now.mono.since(begun),
                    upstream: drive.end.to_upstream,
                };
            }
            Turn::Moved => continue,
            Turn::Waits(waits) => waits.into_iter().find_map(|wait| match wait {
                Wait::Caller(until) => Some(until),
                _ => None,
            }),
        };
        // The caller is not waited for any longer than it may be.
        match until {
            Some(until) if next <= until => {
                rig.pass_until(next);
                next = next.after(every);
                let piece = pieces.next().copied().unwrap_or_default();
                caller.bytes.extend_from_slice(piece);
            }
            Some(until) => rig.pass_until(until),
            None => {}
        }
    }
    panic!("it does not end");
}

#[test]
fn a_byte_now_and_then_is_too_slow() {
    for mcp in [false, true] {
        let pieces = [&b"a"[..]; 900];
        let came = drip(
            shape(mcp, BODY_RATE),
            head(mcp, "Content-Length: 900"),
            29 * SECOND,
            &pieces,
        );
        let is_it = matches!(came.refusal, Some(Refusal::BodyTooSlow(BODY_RATE)));
        assert!(is_it, "mcp {mcp}: {:?}", came.refusal);
        assert!(came.took >= BODY_IDLE_TIME && came.took < 32 * SECOND);
    }
}

#[test]
fn who_keeps_to_the_rate_in_pieces_comes_through() {
    let piece = vec![b'a'; 2_900];
    let pieces = [&piece[..]; 30];
    let framing = format!("Content-Length: {}", 30 * 2_900);
    let came = drip(
        shape(false, BODY_RATE),
        head(false, &framing),
        29 * SECOND,
        &pieces,
    );
    assert!(came.refusal.is_none(), "{:?}", came.refusal);
    assert_eq!(check::request(&came.upstream).body.len(), 30 * 2_900);
    assert_eq!(came.took, 30 * 29 * SECOND);
}

#[test]
fn who_was_fast_at_first_cannot_be_slow_for_long() {
    let first = vec![b'a'; 50_000];
    let pieces: Vec<&[u8]> = [&first[..]].into_iter().chain([&b"a"[..]; 900]).collect();
    let came = drip(
        shape(false, BODY_RATE),
        head(false, "Content-Length: 50900"),
        10 * SECOND,
        &pieces,
    );
    assert!(matches!(came.refusal, Some(Refusal::BodyTooSlow(_))));
    assert!(came.took < 45 * SECOND, "{:?}", came.took);
}

#[test]
fn without_a_rate_a_body_takes_its_time() {
    let pieces = [&b"a"[..]; 100];
    let came = drip(
        shape(false, 0),
        head(false, "Content-Length: 100"),
        29 * SECOND,
        &pieces,
    );
    assert!(came.refusal.is_none(), "{:?}", came.refusal);
    // Idle it may not be all the same.
    let came = drip(
        shape(false, 0),
        head(false, "Content-Length: 100"),
        31 * SECOND,
        &pieces,
    );
    assert!(matches!(came.refusal, Some(Refusal::BodyTimeout)));
}

#[test]
fn framing_is_no_body() {
    // A chunk's size with an extension that never ends, a byte a second.
    let pieces = [&b"5"[..], b";"].into_iter().chain([&b"x"[..]; 200]);
    let pieces: Vec<&[u8]> = pieces.collect();
    for mcp in [false, true] {
        let came = drip(
            shape(mcp, 0),
            head(mcp, "Transfer-Encoding: chunked"),
            SECOND,
            &pieces,
        );
        let is_it = matches!(came.refusal, Some(Refusal::BodyTimeout));
        assert!(is_it, "mcp {mcp}: {:?}", came.refusal);
        assert_eq!(came.took, BODY_IDLE_TIME);
    }
}

#[test]
fn what_the_disk_takes_is_not_the_callers() {
    let mut rig = Rig::new(Shape {
        class: Class::Durable,
        ..shape(false, BODY_RATE)
    });
    let mut caller = Caller::new(head(false, "Content-Length: 600") + "aaaaa", 0);
    let mut drive = Drive::new(&mut rig, Origin::new(OK), 0);
    let begun = rig.now.mono;
    for _ in 0..100_000 {
        match drive.turn(&mut rig, &mut caller) {
            Turn::Over => break,
            Turn::Moved => {}
            Turn::Waits(waits) if waits.iter().any(|wait| matches!(wait, Wait::Sync(_))) => {
                rig.pass(9 * SECOND);
                rig.sync();
            }
            Turn::Waits(_) => caller.bytes.extend_from_slice(b"aaaaa"),
        }
    }
    assert!(drive.end.refusal.is_none(), "{:?}", drive.end.refusal);
    assert_eq!(check::request(&drive.end.to_upstream).body.len(), 600);
    // Five bytes in nine seconds, of which none was the caller's.
    assert!(rig.now.mono.since(begun) > 1_000 * SECOND);
}
