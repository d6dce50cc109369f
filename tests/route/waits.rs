//! What is waited for, for how long, and what ends a wait.

use std::time::Duration;

use sluice::base::limits::{BODY_IDLE_TIME, Limits};
use sluice::base::secret::Secret;
use sluice::exchange::Refusal;
use sluice::record::{Class, Outcome, State};

use super::check;
use super::drive::{After, Caller, Drive, End, Origin, Turn, Wait};
use super::replies::request;
use super::rig::{Rig, Shape};
use super::signer::{FIRST, SECOND, START, good, keys};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

fn durable() -> Rig {
    Rig::new(Shape {
        class: Class::Durable,
        ..Shape::default()
    })
}

fn run(rig: &mut Rig, text: &str, on_wait: impl FnMut(&mut Rig, &[Wait]) -> bool) -> End {
    let mut caller = Caller::new(text, 0);
    let end = Drive::new(rig, Origin::new(OK), 0).run(rig, &mut caller, on_wait);
    rig.sync();
    rig.assert_clean();
    end
}

#[test]
fn nothing_goes_upstream_before_it_is_on_disk() {
    let mut rig = durable();
    let text = request("POST", "/a", "Content-Length: 4\r\n") + "body";
    let mut caller = Caller::new(text, 0);
    let mut drive = Drive::new(&mut rig, Origin::new(OK), 0);
    let (mut syncs, mut before) = (0, 0);
    loop {
        match drive.turn(&mut rig, &mut caller) {
            Turn::Over => break,
            Turn::Moved => {}
            Turn::Waits(waits) if waits.iter().any(|wait| matches!(wait, Wait::Sync(_))) => {
                // Not on disk: whatever else happens, nothing more goes upstream.
                before = drive.end.to_upstream.len();
                rig.drain();
                let _ = drive.turn(&mut rig, &mut caller);
                assert_eq!(drive.end.to_upstream.len(), before);
                rig.sync();
                syncs += 1;
            }
            Turn::Waits(_) => {}
        }
    }
    assert_eq!(syncs, 2, "the head, and the body");
    assert!(drive.end.to_upstream.len() > before);
    assert_eq!(check::request(&drive.end.to_upstream).body, b"body");
}

#[test]
fn the_caller_does_not_answer_for_a_slow_way_upstream() {
    let mut rig = Rig::new(Shape::default());
    let text = request("POST", "/a", "Content-Length: 8\r\n");
    let mut connected = None;
    // An upstream that takes longer to reach than a body may be idle; and then none comes.
    let end = run(&mut rig, &text, |rig, waits| {
        if matches!(waits, [Wait::Connect]) && connected.is_none() {
            rig.pass_until(rig.now.mono.after(2 * BODY_IDLE_TIME));
            connected = Some(rig.now.mono);
            return true;
        }
        false
    });
    assert!(
        matches!(end.refusal, Some(Refusal::BodyTimeout)),
        "{:?}",
        end.refusal
    );
    assert!(!end.to_upstream.is_empty(), "the head went");
    let waited = rig.now.mono.since(connected.expect("a way upstream"));
    assert!(waited >= BODY_IDLE_TIME, "{waited:?}");
}

#[test]
fn a_slow_caller_does_not_use_up_the_time_for_the_disk() {
    let mut rig = durable();
    let text = request("POST", "/a", "Content-Length: 8\r\n") + "half";
    let mut caller = Caller::new(text, 0);
    let drive = Drive::new(&mut rig, Origin::new(OK), 0);
    // The rest never comes: that alone ends it.
    let end = drive.run(&mut rig, &mut caller, |rig, waits| {
        if waits.iter().any(|wait| matches!(wait, Wait::Sync(_))) {
            rig.sync();
            return true;
        }
        matches!(waits, [Wait::Connect])
    });
    assert!(
        matches!(end.refusal, Some(Refusal::BodyTimeout)),
        "{:?}",
        end.refusal
    );

    let mut rig = durable();
    let mut caller = Caller::new(request("POST", "/a", "Content-Length: 8\r\n") + "half", 0);
    let mut drive = Drive::new(&mut rig, Origin::new(OK), 0);
    let mut paused = false;
    for _ in 0..1000 {
        match drive.turn(&mut rig, &mut caller) {
            Turn::Over => break,
            Turn::Moved => {}
            Turn::Waits(waits) if waits.iter().any(|wait| matches!(wait, Wait::Sync(_))) => {
                // The disk is slow as well, though within its own time.
                rig.pass(Duration::from_secs(5));
                let _ = drive.turn(&mut rig, &mut caller);
                rig.sync();
            }
            Turn::Waits(waits) if waits.iter().any(|wait| matches!(wait, Wait::Caller(_))) => {
                // Longer than any wait for the recording may be.
                rig.pass(Duration::from_secs(20));
                assert!(!std::mem::replace(&mut paused, true), "once");
                caller.bytes.extend_from_slice(b"more");
            }
            Turn::Waits(_) => {}
        }
    }
    assert!(paused);
    assert!(drive.end.refusal.is_none(), "{:?}", drive.end.refusal);
    assert_eq!(check::request(&drive.end.to_upstream).body, b"halfmore");
}

#[test]
fn room_is_waited_for_from_when_it_is_missing() {
    let mut rig = Rig::new(Shape::default());
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 900000\r\n\r\n{}",
        "x".repeat(900_000)
    );
    rig.draining = false;
    let mut caller = Caller::new(request("GET", "/a", ""), 0);
    let drive = Drive::new(&mut rig, Origin::new(reply), 0);
    let mut waited = 0;
    let end = drive.run(&mut rig, &mut caller, |rig, waits| {
        if waits.iter().any(|wait| matches!(wait, Wait::Room(_))) {
            // Each time the recorder comes just before it is too late.
            rig.pass(Limits::default().wait_time - Duration::from_millis(1));
            rig.drain();
            waited += 1;
            return true;
        }
        matches!(waits, [Wait::Connect])
    });
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    assert!(waited > 0, "the ring was full");
    assert_eq!(check::reply(&end.to_caller).body.len(), 900_000);
    rig.drain();
    assert_eq!(rig.reply_of("/a").1.len(), 900_000);
    rig.assert_clean();
}

#[test]
fn a_recorder_that_dies_with_a_full_ring_is_not_waited_for() {
    for state in [State::Closed, State::Latched] {
        let mut rig = Rig::new(Shape::default());
        let body = "x".repeat(600_000);
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n{body}");
        rig.draining = false;
        let mut caller = Caller::new(request("GET", "/a", ""), 0);
        let begun = rig.now.mono;
        let drive = Drive::new(&mut rig, Origin::new(reply), 0);
        let end = drive.run(&mut rig, &mut caller, |rig, waits| {
            if waits.iter().any(|wait| matches!(wait, Wait::Room(_))) {
                rig.health.publish(state);
            }
            true
        });
        assert!(matches!(end.refusal, Some(Refusal::RecorderUnable)));
        assert_eq!(rig.now.mono, begun, "at once");
        assert_eq!(end.after, After::Abort);
        let got = check::reply(&end.to_caller);
        assert!(!got.whole);
        rig.drain();
        assert_eq!(
            rig.reply_of("/a").1,
            got.body,
            "what was released is recorded"
        );
        assert!(
            rig.end_of("/a").is_none(),
            "the missing end says that nobody knows"
        );
        rig.assert_clean();
    }
}

#[test]
fn a_key_that_comes_is_used_and_one_that_does_not_refuses() {
    let token = SECOND.token("reader", START + 60);
    let text = request("GET", "/a", "").replace(good(), &token);
    let mut rig = Rig::new(Shape::default());
    let end = run(&mut rig, &text, |rig, waits| {
        if let [Wait::Key(wanted)] = waits {
            assert_eq!((&**wanted.issuer(), wanted.kid()), ("test", "second"));
            let now = rig.now.mono;
            rig.keys
                .publish(&rig.issuer, keys(&[&FIRST, &SECOND]), now)
                .expect("published");
        }
        true
    });
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    assert_eq!(
        end.waits
            .iter()
            .filter(|it| matches!(it, Wait::Key(_)))
            .count(),
        1
    );

    let mut rig = Rig::new(Shape::default());
    let end = run(&mut rig, &text, |_, _| true);
    assert!(matches!(end.refusal, Some(Refusal::Token(_))));
    assert_eq!(
        end.waits
            .iter()
            .filter(|it| matches!(it, Wait::Key(_)))
            .count(),
        1
    );
}

#[test]
fn an_upstream_token_that_comes_in_time_is_used() {
    let mut rig = Rig::new(Shape::default());
    let past = Some(rig.now.mono);
    rig.credentials
        .publish(0, "authorization", Secret::new(b"old".to_vec()), past);
    let end = run(&mut rig, &request("GET", "/a", ""), |rig, waits| {
        if let [Wait::Token(until)] = waits {
            assert_eq!(until.since(rig.now.mono), Limits::default().wait_time);
            rig.credentials
                .publish(0, "authorization", Secret::new(b"new".to_vec()), None);
        }
        true
    });
    assert_eq!(
        check::request(&end.to_upstream).field("authorization"),
        Some("new")
    );
}

#[test]
fn rules_that_change_while_room_is_awaited_are_the_ones_that_judge() {
    let mut rig = Rig::with_ring(Shape::default(), 64 * 1024);
    rig.draining = false;
    let text = request(
        "GET",
        "/later/a",
        &format!("User-Agent: {}\r\n", "u".repeat(20_000)),
    );
    // Fill the ring with exchanges of the same kind, each ended at once.
    loop {
        let mut caller = Caller::new(text.clone(), 0);
        let mut drive = Drive::new(&mut rig, Origin::new(OK), 0);
        let mut full = false;
        for _ in 0..4 {
            if let Turn::Waits(waits) = drive.turn(&mut rig, &mut caller) {
                full |= matches!(waits[..], [Wait::Room(_)]);
            }
        }
        drive.hang_up(&mut rig);
        if full {
            break;
        }
    }
    let end = run(&mut rig, &text, |rig, waits| {
        if let [Wait::Room(_)] = waits {
            rig.reload(|shape| {
                shape
                    .lines
                    .push((sluice::policy::Effect::Deny, "* /later/**"));
            });
            rig.drain();
        }
        true
    });
    assert!(
        matches!(end.refusal, Some(Refusal::Denied(_))),
        "{:?}",
        end.refusal
    );
    assert!(end.to_upstream.is_empty());
    assert_eq!(end.after, After::KeepAlive);
}

#[test]
fn timings_follow_the_clock() {
    let mut rig = durable();
    let end = run(&mut rig, &request("GET", "/a", ""), |rig, waits| {
        rig.pass(Duration::from_millis(10));
        if matches!(waits, [Wait::Sync(_)]) {
            rig.sync();
        }
        true
    });
    assert!(end.refusal.is_none());
    let told = rig.end_of("/a").expect("an end").end;
    assert_eq!(told.outcome, Outcome::Complete);
    let times = told.timings;
    assert_eq!(times.receipt, 10_000_000, "until the disk had it");
    assert_eq!(times.sent, 20_000_000, "connecting took as long");
    assert!(times.replied >= times.sent && times.ended >= times.replied);
}

const GROUP: &str = "5f0e1d2c-3b4a-4958-8675-6453f2e1d0c9";

/// A request of somebody whose token leaves the groups out.
fn of_many_groups() -> String {
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"first"}"#;
    let claims = format!(
        r#"{{"iss":"https://issuer.example","aud":"api://sluice","sub":"alice","exp":{},"roles":["reader"],
            "_claim_names":{{"groups":"src1"}},
            "_claim_sources":{{"src1":{{"endpoint":"https://evil.example/groups"}}}}}}"#,
        START + 3600
    );
    let token = FIRST.sign(header.as_bytes(), claims.as_bytes());
    request("GET", "/a", "").replace(good(), &token)
}

fn asked_for_groups(end: &End) -> usize {
    let waits = end.waits.iter();
    waits.filter(|wait| matches!(wait, Wait::Groups(_))).count()
}

#[test]
fn groups_that_a_token_leaves_out_are_asked_for_once() {
    let for_group = || {
        Rig::new(Shape {
            groups: vec![GROUP.into()],
            ..Shape::default()
        })
    };
    // Said, and then known of that token for as long as it is remembered.
    let mut rig = for_group();
    let text = of_many_groups();
    let upper = GROUP.to_uppercase();
    let end = run(&mut rig, &text, |_, waits| {
        if let [Wait::Groups(wanted)] = waits {
            assert_eq!(wanted.principal().object(), "alice");
            wanted.say([upper.as_str()]);
        }
        true
    });
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    assert_eq!(asked_for_groups(&end), 1);
    let end = run(&mut rig, &text, |_, _| true);
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    assert_eq!(asked_for_groups(&end), 0);

    // Others than the policy's, none at all, what is no list of ids, or no answer: refused.
    for said in [
        vec!["5f0e1d2c-3b4a-4958-8675-6453f2e1d0ca"],
        vec![],
        vec!["admins"],
        vec![GROUP, "x"],
    ] {
        let mut rig = for_group();
        let end = run(&mut rig, &of_many_groups(), |_, waits| {
            if let [Wait::Groups(wanted)] = waits {
                wanted.say(said.iter().copied());
            }
            true
        });
        assert!(matches!(end.refusal, Some(Refusal::Denied(_))), "{said:?}");
        assert_eq!(asked_for_groups(&end), 1, "{said:?}");
    }
    let mut rig = for_group();
    let end = run(&mut rig, &of_many_groups(), |_, _| true);
    assert!(matches!(end.refusal, Some(Refusal::Denied(_))));
    assert_eq!(asked_for_groups(&end), 1);

    // Nobody goes by them: nobody asks.
    let mut rig = Rig::new(Shape::default());
    let end = run(&mut rig, &of_many_groups(), |_, _| true);
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    assert_eq!(asked_for_groups(&end), 0);
}
