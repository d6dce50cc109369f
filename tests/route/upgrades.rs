//! A request asks for another protocol, and what becomes of its connection.

use std::time::Duration;

use sluice::base::limits::Limits;
use sluice::exchange::Refusal;
use sluice::policy::Effect;
use sluice::record::{Class, Outcome, State};

use super::check;
use super::drive::{After, Caller, Drive, End, Origin, Turn, Wait};
use super::rig::{CREDENTIAL, Hiding, Rig, Shape, What};
use super::signer::{FIRST, START, good};

/// The example of RFC 6455, section 1.3, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn shape() -> Shape {
    Shape {
        upgrades: vec!["websocket", "chat/1"],
        ..Shape::default()
    }
}

/// A request for `protocol`, and the fields that go with it.
fn asking(protocol: &str, more: &str) -> String {
    let token = good();
    format!(
        "GET /up/a HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer {token}\r\n\
         Connection: keep-alive, Upgrade\r\nUpgrade: {protocol}\r\n{more}\r\n"
    )
}

fn opening() -> String {
    asking("websocket", &format!("Sec-WebSocket-Key: {KEY}\r\n"))
}

/// A 101 with these fields beside.
fn switching(protocol: &str, more: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n{more}\r\n"
    )
}

fn switched() -> String {
    switching("WebSocket", &format!("Sec-WebSocket-Accept: {ACCEPT}\r\n"))
}

fn run(rig: &mut Rig, caller: &mut Caller, origin: Origin, seed: u64) -> End {
    let drive = Drive::new(rig, origin, seed).watching("/a");
    let end = drive.run(rig, caller, |rig, waits| {
        rig.sync();
        waits.iter().any(|wait| matches!(wait, Wait::Sync(_)))
    });
    rig.assert_clean();
    end
}

/// The refusal that one request meets, or its end.
fn met(shape: Shape, request: &str, reply: &str) -> (End, Option<&'static str>) {
    let mut rig = Rig::new(shape);
    let mut caller = Caller::new(request, 0);
    let end = run(&mut rig, &mut caller, Origin::new(reply), 0);
    let code = end.refusal.as_ref().map(Refusal::code);
    (end, code)
}

#[test]
fn what_passes_is_what_is_recorded_at_every_split() {
    let more = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nCookie: a=b\r\n\
                X-Unlisted: no\r\n";
    let request = asking(
        "h2c, websocket",
        &format!("Sec-WebSocket-Key: {KEY}\r\n{more}"),
    );
    let (up, down) = (
        b"\x81\x85\x01\x02\x03\x04first".repeat(50),
        b"\x81\x02hi\0".repeat(70),
    );
    let head = switched()
        .replace("101 S", "101 Odd S")
        .replace("\r\n\r\n", "\r\nSet-Cookie: a=b\r\n\r\n");
    let reply = [
        "HTTP/1.1 103 Early Hints\r\n\r\n".as_bytes(),
        head.as_bytes(),
        &down,
    ]
    .concat();
    for class in [Class::Buffered, Class::Durable] {
        for seed in 0..200 {
            let mut rig = Rig::new(Shape { class, ..shape() });
            let mut caller = Caller::new([request.as_bytes(), &up].concat(), seed);
            caller.ends = true;
            let end = run(&mut rig, &mut caller, Origin::ending(&*reply), seed);
            assert!(end.refusal.is_none(), "{:?}", end.refusal);
            assert_eq!((end.after, end.upstream_reusable), (After::Close, false));
            assert_eq!(
                end.waits
                    .iter()
                    .filter(|it| matches!(it, Wait::Room(_)))
                    .count(),
                0
            );

            let asked = check::released(&end.to_upstream);
            let said = String::from_utf8(asked.head).unwrap();
            let credential = std::str::from_utf8(CREDENTIAL).unwrap();
            assert!(
                said.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"),
                "{said}"
            );
            assert!(
                said.contains(&format!("Sec-WebSocket-Key: {KEY}\r\n")),
                "{said}"
            );
            assert!(said.contains("Sec-WebSocket-Protocol: chat\r\n"), "{said}");
            assert!(
                said.to_ascii_lowercase()
                    .contains(&format!("authorization: {credential}\r\n").to_ascii_lowercase())
            );
            assert!(!said.contains("h2c") && !said.contains(good()), "{said}");
            assert!(
                !said.contains("Cookie") && !said.contains("X-Unlisted"),
                "{said}"
            );
            assert_eq!(asked.body, up);

            let got = check::released(&end.to_caller);
            let said = String::from_utf8(got.head.clone()).unwrap();
            assert!(
                said.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
                "{said}"
            );
            assert!(
                said.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"),
                "{said}"
            );
            assert!(
                said.contains(ACCEPT) && !said.contains("Set-Cookie"),
                "{said}"
            );
            assert!(!said.contains("close"), "{said}");
            assert_eq!(got.body, down);

            assert_eq!(rig.reply_of("/a"), (got.head, down.clone()));
            let sent: Vec<u8> = (rig.of("/a").into_iter())
                .filter_map(|what| match what {
                    What::Sent(bytes) => Some(bytes),
                    _ => None,
                })
                .flatten()
                .collect();
            assert_eq!(sent, up);
            let told = rig.end_of("/a").unwrap();
            assert_eq!(
                (told.end.outcome, told.end.status),
                (Outcome::Complete, 101)
            );
            let bytes = (up.len() as u64, down.len() as u64);
            assert_eq!((told.request_bytes, told.reply_bytes), bytes);
            let entry = rig.last_entry().unwrap();
            assert_eq!((entry.status, entry.outcome), (101, "complete"));
            assert_eq!((entry.bytes_in, entry.bytes_out), bytes);
        }
    }
}

#[test]
fn what_is_asked_for_is_in_the_recording_and_what_offers_it_is_not() {
    let mut rig = Rig::new(shape());
    let more = format!("Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: bearer.s3cret\r\n");
    let mut caller = Caller::new(asking("websocket", &more), 0);
    caller.ends = true;
    run(&mut rig, &mut caller, Origin::ending(switched()), 0);
    let headers = rig.of("/a").into_iter().find_map(|what| match what {
        What::Request { headers, .. } => Some(headers),
        _ => None,
    });
    let headers = headers.unwrap();
    assert!(headers.contains("upgrade: websocket\r\n"), "{headers}");
    assert!(!headers.contains("s3cret"), "{headers}");
}

#[test]
fn nothing_of_the_new_protocol_goes_before_the_upstream_has_switched() {
    let mut rig = Rig::new(shape());
    let mut caller = Caller::new(opening() + "early", 0);
    let mut drive = Drive::new(&mut rig, Origin::new(""), 0);
    loop {
        match drive.turn(&mut rig, &mut caller) {
            Turn::Over => panic!("it waits for an answer"),
            Turn::Moved => {}
            Turn::Waits(waits) if waits == [Wait::Connect] => {}
            Turn::Waits(_) => break,
        }
    }
    assert!(drive.end.to_upstream.ends_with(b"\r\n\r\n"));
    assert_eq!(caller.left(), b"early");
    drive.hang_up(&mut rig);
}

#[test]
fn a_101_that_does_not_answer_is_refused() {
    let accept = format!("Sec-WebSocket-Accept: {ACCEPT}\r\n");
    let shown = |more: &str| format!("{accept}{more}");
    let good = switched();
    for reply in [
        switching("websocket", ""),
        switching("websocket", &shown(&accept)),
        switching("websocket", &accept.replace("s3p", "S3p")),
        switching("chat/1", &accept),
        switching("websocket, chat/1", &accept),
        switching("websocket", &shown("Upgrade: websocket\r\n")),
        good.replace("Upgrade: WebSocket\r\n", ""),
        good.replace("Connection: Upgrade\r\n", ""),
        good.replace("Connection: Upgrade\r\n", "Connection: keep-alive\r\n"),
        good.replace("Connection: Upgrade\r\n", "Connection: Upgrade, close\r\n"),
        good.replace("HTTP/1.1", "HTTP/1.0"),
        switching("websocket", &shown("Content-Length: 5\r\n")) + "hello",
        switching("websocket", &shown("Transfer-Encoding: chunked\r\n")),
    ] {
        let (end, code) = met(shape(), &opening(), &reply);
        assert_eq!(code, Some("upstream_malformed"), "{reply}");
        assert_eq!(check::reply(&end.to_caller).status(), 502, "{reply}");
        assert_eq!(end.after, After::Close);
    }
    // It has not even read the request.
    let mut rig = Rig::new(shape());
    let early = Origin {
        takes: 20,
        ..Origin::new(good)
    };
    let end = run(&mut rig, &mut Caller::new(opening(), 0), early, 3);
    let code = end.refusal.map(|refusal| refusal.code());
    assert!(matches!(code, Some("upstream_malformed")), "{code:?}");
}

#[test]
fn any_other_answer_is_a_reply_as_ever() {
    for (reply, status) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno",
            200,
        ),
        (
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: x\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
            426,
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            403,
        ),
    ] {
        let mut rig = Rig::new(shape());
        let mut caller = Caller::new(opening() + "GET /up/b HTTP/1.1\r\n", 0);
        let end = run(&mut rig, &mut caller, Origin::new(reply), 0);
        assert!(end.refusal.is_none(), "{:?}", end.refusal);
        let got = check::reply(&end.to_caller);
        assert_eq!(got.status(), status);
        // What the caller has sent behind its head was not meant as HTTP.
        assert_eq!(
            (end.after, got.field("connection")),
            (After::Close, Some("close"))
        );
        assert_eq!(got.field("upgrade"), None);
        assert!(end.upstream_reusable);
    }
}

#[test]
fn only_what_the_connection_allows_is_asked_for() {
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let masked = Shape {
        hiding: Hiding::All,
        ..shape()
    };
    for (shape, request, code) in [
        (Shape::default(), opening(), "upgrade_refused"),
        (masked, opening(), "upgrade_refused"),
        (shape(), asking("h2c", ""), "upgrade_refused"),
        (shape(), asking("chat/2", ""), "upgrade_refused"),
        (shape(), asking("chat", ""), "upgrade_refused"),
        (shape(), asking(",", ""), "upgrade_refused"),
        (
            shape(),
            opening().replace("keep-alive, Upgrade", "keep-alive"),
            "upgrade_refused",
        ),
        (shape(), asking("websocket", ""), "bad_request"),
        (shape(), asking("websocket", &key.repeat(2)), "bad_request"),
        (
            shape(),
            asking("websocket", "Sec-WebSocket-Key: AAAA\r\n"),
            "bad_request",
        ),
        (shape(), opening().replacen("GET", "POST", 1), "bad_request"),
        (
            shape(),
            asking("websocket", &format!("{key}Content-Length: 1\r\n")) + "x",
            "bad_request",
        ),
        (
            shape(),
            opening().replace("/up/a", "/up/secret/a"),
            "denied",
        ),
        (
            shape(),
            opening().replace("/up/a", "/elsewhere"),
            "no_route",
        ),
        (
            shape(),
            opening().replacen("HTTP/1.1", "HTTP/1.0", 1),
            "version",
        ),
    ] {
        let (end, met) = met(shape, &request, &switched());
        assert_eq!(met, Some(code), "{request}");
        assert!(end.to_upstream.is_empty(), "{request}");
        assert_eq!(end.after, After::Close, "{request}");
    }
    // Of several that it offers, the first that may be had; and links are no masks.
    let linked = Shape {
        hiding: Hiding::Links,
        ..shape()
    };
    let mut rig = Rig::new(linked);
    let mut caller = Caller::new(asking("mqtt, Chat/1, websocket", ""), 0);
    caller.ends = true;
    let end = run(
        &mut rig,
        &mut caller,
        Origin::ending(switching("chat/1", "")),
        0,
    );
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    let said = String::from_utf8_lossy(&end.to_upstream).into_owned();
    assert!(said.contains("\r\nUpgrade: chat/1\r\n"), "{said}");
}

/// A connection that was switched, and until then has met no wait but for bytes.
fn talking(rig: &mut Rig, request: &str) -> (Drive, Caller) {
    let mut caller = Caller::new(request, 0);
    let mut drive = Drive::new(rig, Origin::new(switched() + "hello"), 0);
    while !drive.end.to_caller.ends_with(b"hello") {
        assert!(
            !matches!(drive.turn(rig, &mut caller), Turn::Over),
            "{:?}",
            drive.end
        );
    }
    (drive, caller)
}

/// Goes on until it waits, or ends.
fn settle(drive: &mut Drive, rig: &mut Rig, caller: &mut Caller) -> Option<Vec<Wait>> {
    loop {
        match drive.turn(rig, caller) {
            Turn::Moved => {}
            Turn::Waits(waits) => return Some(waits),
            Turn::Over => return None,
        }
    }
}

/// How a connection ended that was switched: by an abort, with this code and outcome.
fn cut(rig: &mut Rig, drive: &Drive, code: &str, outcome: Outcome) {
    let refusal = drive.end.refusal.as_ref().expect("refused");
    assert_eq!((refusal.code(), drive.end.after), (code, After::Abort));
    rig.sync();
    let told = rig.end_of("/a").expect("an end");
    assert_eq!((told.end.outcome, told.end.status), (outcome, 101));
    let entry = rig.last_entry().expect("an entry");
    assert_eq!((entry.status, entry.outcome), (101, code));
    rig.assert_clean();
}

#[test]
fn nothing_either_way_for_too_long_ends_it() {
    let idle = Limits::default().upgraded_idle_time;
    let mut rig = Rig::new(shape());
    let (mut drive, mut caller) = talking(&mut rig, &opening());
    // UpgradeIdle: a byte of either side is enough to go on.
    for goes_up in [true, false, true, false] {
        rig.pass(idle - Duration::from_secs(1));
        let waits = settle(&mut drive, &mut rig, &mut caller).expect("it waits");
        assert_eq!(waits.len(), 2, "{waits:?}");
        match goes_up {
            true => caller.bytes.extend_from_slice(b"x"),
            false => drive.says(b"x"),
        }
        settle(&mut drive, &mut rig, &mut caller).expect("it goes on");
    }
    assert_eq!(drive.sent_behind_the_head(), b"xx");
    assert!(drive.end.to_caller.ends_with(b"helloxx"));
    rig.pass(idle);
    assert!(settle(&mut drive, &mut rig, &mut caller).is_none());
    cut(&mut rig, &drive, "upgrade_idle", Outcome::Refused);
}

#[test]
fn it_ends_with_the_callers_token() {
    let limits = Limits {
        upgraded_idle_time: Duration::from_secs(86_400),
        ..Limits::default()
    };
    let mut rig = Rig::new(Shape { limits, ..shape() });
    let token = FIRST.token("reader", START + 100);
    let (mut drive, mut caller) = talking(&mut rig, &opening().replace(good(), &token));
    rig.pass(Duration::from_secs(98));
    let waits = settle(&mut drive, &mut rig, &mut caller).expect("it waits");
    rig.pass(Duration::from_secs(1));
    assert!(settle(&mut drive, &mut rig, &mut caller).is_some());
    let Some(Wait::Caller(until) | Wait::Upstream(until)) = waits.first() else {
        panic!("{waits:?}");
    };
    rig.pass_until(*until);
    assert!(settle(&mut drive, &mut rig, &mut caller).is_none());
    cut(&mut rig, &drive, "invalid_token", Outcome::Refused);
}

#[test]
fn other_rules_cut_what_they_do_not_allow() {
    type Change = fn(&mut Shape);
    let denies: Change = |shape| shape.lines = vec![(Effect::Deny, "* /**")];
    let switches_no_more: Change = |shape| shape.upgrades = vec!["chat/1"];
    let hides: Change = |shape| shape.hiding = Hiding::All;
    let else_only: Change = |shape| shape.upgrades = vec!["other", "websocket"];
    for (change, goes_on) in [
        (denies, false),
        (switches_no_more, false),
        (hides, false),
        (else_only, true),
    ] {
        let mut rig = Rig::new(shape());
        let (mut drive, mut caller) = talking(&mut rig, &opening());
        rig.reload(change);
        caller.bytes.extend_from_slice(b"more");
        let waits = settle(&mut drive, &mut rig, &mut caller);
        assert_eq!(waits.is_some(), goes_on);
        if goes_on {
            assert_eq!(drive.sent_behind_the_head(), b"more");
            drive.hang_up(&mut rig);
        } else {
            assert!(drive.sent_behind_the_head().is_empty());
            cut(&mut rig, &drive, "superseded", Outcome::Refused);
        }
    }
}

/// A change while the upstream is still asked counts, too.
#[test]
fn a_right_that_is_lost_before_the_101_is_lost_after_it() {
    let mut rig = Rig::new(shape());
    let mut caller = Caller::new(opening() + "early", 0);
    let mut drive = Drive::new(&mut rig, Origin::new(switched()), 0);
    while drive.end.to_upstream.is_empty() {
        let _ = drive.turn(&mut rig, &mut caller);
    }
    rig.reload(|shape| shape.upgrades.clear());
    assert!(settle(&mut drive, &mut rig, &mut caller).is_none());
    assert!(drive.sent_behind_the_head().is_empty());
    cut(&mut rig, &drive, "superseded", Outcome::Refused);
}

#[test]
fn what_cannot_be_recorded_does_not_pass() {
    for state in [State::Closed, State::Latched] {
        for goes_up in [true, false] {
            let mut rig = Rig::new(shape());
            let (mut drive, mut caller) = talking(&mut rig, &opening());
            rig.draining = false;
            match goes_up {
                true => caller.bytes.extend_from_slice(&[7; 600_000]),
                false => drive.says(&[7; 600_000]),
            }
            let waits = settle(&mut drive, &mut rig, &mut caller).expect("it waits for room");
            assert!(
                waits.iter().any(|wait| matches!(wait, Wait::Room(_))),
                "{waits:?}"
            );
            rig.health.publish(state);
            assert!(settle(&mut drive, &mut rig, &mut caller).is_none());
            let refusal = drive.end.refusal.as_ref().expect("refused");
            assert_eq!(
                (refusal.code(), drive.end.after),
                ("recorder_unable", After::Abort)
            );
            rig.drain();
            let got = check::released(&drive.end.to_caller).body;
            assert_eq!(rig.reply_of("/a").1, got, "what was released is recorded");
            assert!(rig.vouches_for("/a", drive.sent_behind_the_head().len()));
            assert!(got.len() + drive.sent_behind_the_head().len() < 600_000);
            assert!(
                rig.end_of("/a").is_none(),
                "the missing end says that nobody knows"
            );
        }
    }
}

#[test]
fn what_is_durable_waits_for_the_disk() {
    let mut rig = Rig::new(Shape {
        class: Class::Durable,
        ..shape()
    });
    let mut caller = Caller::new(opening(), 0);
    let mut drive = Drive::new(&mut rig, Origin::new(switched()), 0);
    loop {
        let waits = settle(&mut drive, &mut rig, &mut caller).expect("it waits");
        rig.sync();
        if waits
            .iter()
            .all(|wait| matches!(wait, Wait::Caller(_) | Wait::Upstream(_)))
        {
            break;
        }
    }
    caller.bytes.extend_from_slice(b"kept");
    let waits = settle(&mut drive, &mut rig, &mut caller).expect("it waits");
    assert!(
        waits.iter().any(|wait| matches!(wait, Wait::Sync(_))),
        "{waits:?}"
    );
    assert!(drive.sent_behind_the_head().is_empty());
    rig.sync();
    settle(&mut drive, &mut rig, &mut caller).expect("it goes on");
    assert_eq!(drive.sent_behind_the_head(), b"kept");
    drive.hang_up(&mut rig);
    rig.assert_clean();
}
