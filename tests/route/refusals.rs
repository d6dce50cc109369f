//! Every refusal is reached, and comes out as it should: status, connection, recording, access log,
//! and not a byte upstream.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sluice::auth::{Revocation, RevokedKind};
use sluice::base::clock::Mono;
use sluice::base::credential::{CallerTokens, Rebuff, Shelf};
use sluice::base::limits::{BUFFER_BYTES, Limits};
use sluice::base::secret::Secret;
use sluice::exchange::{Inbound, Refusal, Step, Way};
use sluice::policy::Effect;
use sluice::record::{Class, Decision, Outcome, State};

use super::check;
use super::drive::{After, Caller, Drive, End, Origin, Wait};
use super::rig::{Hiding, Rig, Shape, What};
use super::signer::{FIRST, SECOND, START, good, keys};

/// A variant that is not here does not compile; a name that no case reaches fails.
fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::PlainText => "PlainText",
        Refusal::Head(_) => "Head",
        Refusal::Target(_) => "Target",
        Refusal::HeadTimeout => "HeadTimeout",
        Refusal::Body(_) => "Body",
        // Told alike; those that trickle have cases of their own.
        Refusal::BodyTimeout | Refusal::BodyTooSlow(_) => "BodyTimeout",
        Refusal::BodyTooLarge(_) => "BodyTooLarge",
        Refusal::Upgrade => "Upgrade",
        Refusal::Trace => "Trace",
        Refusal::Loop => "Loop",
        Refusal::NoRoute => "NoRoute",
        // Listeners and routes of tests that have sockets know of these.
        Refusal::Edge(_) => "Edge",
        // They have cases of their own.
        Refusal::Mcp(_) | Refusal::Graph(_) | Refusal::Told { .. } => "Mcp",
        // Only who has switched meets it: see `upgrades`.
        Refusal::UpgradeIdle => "UpgradeIdle",
        Refusal::NoToken => "NoToken",
        Refusal::Token(_) => "Token",
        Refusal::Revoked(_) => "Revoked",
        Refusal::KeysUnavailable(_) => "KeysUnavailable",
        Refusal::Denied(_) => "Denied",
        Refusal::ApprovalNeeded(_) => "ApprovalNeeded",
        Refusal::RecorderUnable => "RecorderUnable",
        Refusal::CredentialUnavailable => "CredentialUnavailable",
        Refusal::UserNeeded => "UserNeeded",
        Refusal::BoundToken => "BoundToken",
        Refusal::NotExchanged(_) => "NotExchanged",
        Refusal::Superseded => "Superseded",
        Refusal::Overloaded => "Overloaded",
        Refusal::UpstreamBusy => "UpstreamBusy",
        Refusal::CircuitOpen(_) => "CircuitOpen",
        Refusal::UpstreamConnect(_) => "UpstreamConnect",
        Refusal::UpstreamUnreachable => "UpstreamUnreachable",
        Refusal::UpstreamTimeout => "UpstreamTimeout",
        Refusal::UpstreamTruncated => "UpstreamTruncated",
        Refusal::UpstreamMalformed(_) => "UpstreamMalformed",
        Refusal::UpstreamUnauthorized(_) => "UpstreamUnauthorized",
        Refusal::Unreadable(_) => "Unreadable",
    }
}

const NAMES: [&str; 33] = [
    "PlainText",
    "Head",
    "Target",
    "HeadTimeout",
    "Body",
    "BodyTimeout",
    "BodyTooLarge",
    "Upgrade",
    "Trace",
    "Loop",
    "NoRoute",
    "NoToken",
    "Token",
    "Revoked",
    "KeysUnavailable",
    "Denied",
    "ApprovalNeeded",
    "RecorderUnable",
    "CredentialUnavailable",
    "UserNeeded",
    "BoundToken",
    "NotExchanged",
    "Superseded",
    "Overloaded",
    "UpstreamBusy",
    "CircuitOpen",
    "UpstreamConnect",
    "UpstreamUnreachable",
    "UpstreamTimeout",
    "UpstreamTruncated",
    "UpstreamMalformed",
    "UpstreamUnauthorized",
    "Unreadable",
];

/// How a refused exchange is found in the recording.
#[derive(Debug, PartialEq, Eq)]
enum Recorded {
    /// Counted among those refused before anybody was proven.
    Counted,
    /// An exchange of its own, refused or denied before anything else.
    Refused(Decision, &'static str),
    /// An admitted exchange with this end.
    Admitted(Outcome),
    /// Admitted, and the recorder is gone: no end.
    EndMissing,
}

struct Want {
    name: &'static str,
    status: u16,
    after: After,
    recorded: Recorded,
    /// Bytes went upstream before it was known.
    upstream: bool,
}

fn get(path: &str) -> String {
    format!(
        "GET /up{path} HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer {}\r\n\r\n",
        good()
    )
}

fn post(path: &str, more: &str, body: &str) -> String {
    format!(
        "POST /up{path} HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer {}\r\n{more}\r\n{body}",
        good()
    )
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

/// Runs one exchange, checks what must hold of every refusal, and what this one should be.
fn refused(
    mut rig: Rig,
    request: &str,
    origin: Origin,
    want: &Want,
    on_wait: impl FnMut(&mut Rig, &[Wait]) -> bool,
) -> End {
    let mut caller = Caller::new(request, 0);
    let drive = Drive::new(&mut rig, origin, 0);
    let end = drive.run(&mut rig, &mut caller, on_wait);
    let refusal = end
        .refusal
        .clone()
        .unwrap_or_else(|| panic!("{}: not refused", want.name));
    assert_eq!(name(&refusal), want.name, "{refusal}");
    assert_eq!(end.after, want.after, "{}", want.name);
    assert_eq!(!end.to_upstream.is_empty(), want.upstream, "{}", want.name);
    if end.after != After::Abort {
        let reply = check::replies(&end.to_caller, false)
            .pop()
            .expect("an answer");
        assert_eq!(reply.status(), want.status, "{}", want.name);
        assert!(reply.whole);
        let closes = reply.field("connection") == Some("close");
        assert_eq!(closes, want.after == After::Close, "{}", want.name);
        let challenged = reply.field("www-authenticate").is_some();
        assert_eq!(challenged, want.status == 401);
        let text = String::from_utf8_lossy(&end.to_caller).into_owned();
        assert!(!text.contains(good()) && !text.contains("the-gateways-own"));
    }
    let entry = rig.last_entry().expect("an access entry");
    assert_eq!(entry.status, want.status, "{}", want.name);
    assert_eq!(entry.outcome, refusal.code());
    let code = refusal.code();
    let dead = rig.intake.is_none() || rig.health.state() >= State::Closed;
    if !dead {
        let counted = rig.counted();
        let is_counted = counted
            .iter()
            .any(|(reason, times)| reason == code && *times == 1);
        assert_eq!(
            is_counted,
            want.recorded == Recorded::Counted,
            "{counted:?}"
        );
    }
    rig.draining = true;
    rig.drain();
    let told: Vec<_> = rig.told.iter().map(|told| told.what.clone()).collect();
    let head = told.iter().find_map(|what| match what {
        What::Request { decision, rule, .. } => Some((*decision, rule.clone())),
        _ => None,
    });
    let ended = told.iter().find_map(|what| match what {
        What::End(end) => Some(*end),
        _ => None,
    });
    match &want.recorded {
        Recorded::Counted => assert!(head.is_none() && ended.is_none(), "{}", want.name),
        Recorded::Refused(decision, rule) => {
            assert_eq!(head, Some((*decision, (*rule).to_owned())), "{}", want.name);
            let ended = ended.expect("an end");
            assert_eq!(
                (ended.end.outcome, ended.end.status),
                (refusal.outcome(), want.status)
            );
        }
        Recorded::Admitted(outcome) => {
            assert_eq!(
                head.map(|it| it.0),
                Some(Decision::Allowed),
                "{}",
                want.name
            );
            let ended = ended.unwrap_or_else(|| panic!("{}: no end", want.name));
            assert_eq!(
                (ended.end.outcome, ended.end.status),
                (*outcome, want.status)
            );
        }
        Recorded::EndMissing => assert!(ended.is_none(), "{}", want.name),
    }
    rig.assert_clean();
    end
}

fn want(name: &'static str, status: u16, after: After, recorded: Recorded) -> Want {
    Want {
        name,
        status,
        after,
        recorded,
        upstream: false,
    }
}

fn late(_: &mut Rig, _: &[Wait]) -> bool {
    false
}

use After::{Abort, Close, KeepAlive};
use Recorded::{Admitted, Counted};

fn plain() -> Rig {
    Rig::new(Shape::default())
}

fn small_bodies() -> Rig {
    Rig::new(Shape {
        limits: Limits {
            request_body_bytes: 8,
            ..Limits::default()
        },
        ..Shape::default()
    })
}

fn masked() -> Rig {
    Rig::new(Shape {
        hiding: Hiding::All,
        ..Shape::default()
    })
}

fn durable() -> Rig {
    Rig::new(Shape {
        class: Class::Durable,
        ..Shape::default()
    })
}

#[test]
fn what_is_wrong_with_a_head() {
    let cases = [
        ("GET /up/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /up/a HTTP/1.1\nHost: a\r\n\r\n", 400),
        ("GET /up/a HTTP/1.0\r\nHost: a\r\n\r\n", 505),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (
            "GET /up/a HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n",
            417,
        ),
        (
            "POST /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
    ];
    for (request, status) in cases {
        let want = want("Head", status, Close, Counted);
        refused(plain(), request, Origin::new(OK), &want, late);
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(20_000));
    refused(
        plain(),
        &long,
        Origin::new(OK),
        &want("Head", 414, Close, Counted),
        late,
    );
    let many = format!(
        "GET /up/a HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "A: b\r\n".repeat(200)
    );
    refused(
        plain(),
        &many,
        Origin::new(OK),
        &want("Head", 431, Close, Counted),
        late,
    );
    let slow = want("HeadTimeout", 408, Close, Counted);
    refused(plain(), "GET /up/a HT", Origin::new(OK), &slow, late);
    for path in ["/%2e%2e/a", "//a", "/a%2fb", "/a;b", "/a%00"] {
        let target = want("Target", 400, Close, Counted);
        refused(plain(), &get(path), Origin::new(OK), &target, late);
    }
}

#[test]
fn what_no_connection_serves() {
    let none = "GET /elsewhere HTTP/1.1\r\nHost: gw.example\r\n\r\n";
    refused(
        plain(),
        none,
        Origin::new(OK),
        &want("NoRoute", 404, KeepAlive, Counted),
        late,
    );
    let circles = "GET /up/a HTTP/1.1\r\nHost: gw.example\r\nVia: 1.1 p, 1.1 GW-1 (x)\r\n\r\n";
    refused(
        plain(),
        circles,
        Origin::new(OK),
        &want("Loop", 508, KeepAlive, Counted),
        late,
    );
    let upgrade = "GET /up/a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
    refused(
        plain(),
        upgrade,
        Origin::new(OK),
        &want("Upgrade", 501, Close, Counted),
        late,
    );
    for method in ["TRACE", "trace"] {
        let trace = get("/a").replacen("GET", method, 1);
        refused(
            plain(),
            &trace,
            Origin::new(OK),
            &want("Trace", 501, KeepAlive, Counted),
            late,
        );
    }
}

/// What `worker::downstream` does when a caller speaks HTTP to a port for HTTPS.
#[test]
fn plain_text_is_counted() {
    let mut rig = plain();
    let refusal = Refusal::PlainText;
    assert_eq!(name(&refusal), "PlainText");
    rig.core
        .account(rig.now)
        .refuse(&refusal, &mut rig.core, rig.now);
    let answer = check::reply(refusal.answer(true).bytes(false));
    assert_eq!(
        (answer.status(), answer.field("connection")),
        (400, Some("close"))
    );
    assert_eq!(rig.counted(), [("plain_text".to_owned(), 1)]);
    assert_eq!(rig.last_entry().map(|entry| entry.status), Some(400));
}

#[test]
fn who_is_not_proven() {
    for field in [
        "",
        "Authorization: Basic YTpi\r\n",
        "Authorization: Bearer\r\n",
    ] {
        let request = format!("GET /up/a HTTP/1.1\r\nHost: a\r\n{field}\r\n");
        let want = want("NoToken", 401, KeepAlive, Counted);
        refused(plain(), &request, Origin::new(OK), &want, late);
    }
    let mut forged = good().to_owned();
    forged.replace_range(forged.len() - 4.., "AAAA");
    let old = FIRST.token("reader", START - 1);
    let unknown = SECOND.token("reader", START + 60);
    for token in ["x.y.z", &forged, &old, &unknown] {
        let request = get("/a").replace(good(), token);
        let want = want("Token", 401, KeepAlive, Counted);
        // For a key that is asked for and does not come, time does not matter.
        refused(plain(), &request, Origin::new(OK), &want, late);
    }
    // A body that nobody reads ends the connection.
    let body = post("/a", "Content-Length: 3\r\n", "abc").replace("Bearer", "Basic");
    refused(
        plain(),
        &body,
        Origin::new(OK),
        &want("NoToken", 401, Close, Counted),
        late,
    );

    let rig = plain();
    let too_old = Duration::from_secs(25 * 3600);
    let fetched = Mono(0);
    rig.keys
        .publish(&rig.issuer, keys(&[&FIRST]), fetched)
        .expect("published");
    let mut rig = rig;
    rig.now.mono = rig.now.mono.after(too_old);
    let old_keys = want("KeysUnavailable", 503, KeepAlive, Counted);
    refused(rig, &get("/a"), Origin::new(OK), &old_keys, late);
}

#[test]
fn what_policy_says() {
    let denied = |rule| {
        want(
            "Denied",
            403,
            KeepAlive,
            Recorded::Refused(Decision::Denied, rule),
        )
    };
    let end = refused(
        plain(),
        &get("/secret/a"),
        Origin::new(OK),
        &denied("p/2"),
        late,
    );
    assert!(
        String::from_utf8_lossy(&end.to_caller).contains("p/2"),
        "the rule is named"
    );
    let stranger = get("/a").replace(good(), &FIRST.token("nobody", START + 60));
    refused(plain(), &stranger, Origin::new(OK), &denied("denied"), late);
    let held = want(
        "ApprovalNeeded",
        403,
        KeepAlive,
        Recorded::Refused(Decision::Denied, "p/3"),
    );
    refused(plain(), &get("/careful/a"), Origin::new(OK), &held, late);
}

#[test]
fn what_is_wrong_with_a_body() {
    // Before the 100 that would invite it, and before anything is admitted.
    let large = post("/a", "Content-Length: 9\r\nExpect: 100-continue\r\n", "");
    let early = want(
        "BodyTooLarge",
        413,
        Close,
        Recorded::Refused(Decision::Refused, "body_too_large"),
    );
    let end = refused(small_bodies(), &large, Origin::new(OK), &early, late);
    assert_eq!(
        check::replies(&end.to_caller, false).len(),
        1,
        "no 100 before it"
    );

    // What is wrong at once keeps the head from going upstream, too.
    let here = |name, status| want(name, status, Close, Admitted(Outcome::CallerMalformed));
    let sent = |name, status| Want {
        upstream: true,
        ..here(name, status)
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let large = post("/a", chunked, "5\r\nabcde\r\n4\r\nfghi\r\n0\r\n\r\n");
    refused(
        small_bodies(),
        &large,
        Origin::new(OK),
        &here("BodyTooLarge", 413),
        late,
    );
    for body in [
        "x\r\n",
        "5\r\nabcdefg",
        "-1\r\n",
        "1\r\naXX",
        "0\r\nbad trailer\r\n\r\n",
    ] {
        let bad = post("/a", chunked, body);
        refused(plain(), &bad, Origin::new(OK), &here("Body", 400), late);
    }
    let more_than_a_buffer = format!("{BUFFER_BYTES:x}\r\n{}XX", "a".repeat(BUFFER_BYTES));
    let bad = post("/a", chunked, &more_than_a_buffer);
    refused(plain(), &bad, Origin::new(OK), &sent("Body", 400), late);
    let slow = post("/a", "Content-Length: 5\r\n", "abc");
    refused(
        plain(),
        &slow,
        Origin::new(OK),
        &sent("BodyTimeout", 408),
        late,
    );
}

#[test]
fn a_recording_that_cannot_be_written() {
    let unable = |after, recorded| want("RecorderUnable", 503, after, recorded);
    // Full, and nobody makes room.
    let mut rig = plain();
    rig.draining = false;
    let request = format!(
        "{}User-Agent: {}\r\n\r\n",
        get("/full").trim_end_matches("\r\n").to_owned() + "\r\n",
        "u".repeat(20_000)
    );
    fill(&mut rig, &request);
    let mut caller = Caller::new(request.clone(), 0);
    let drive = Drive::new(&mut rig, Origin::new(OK), 0);
    let begun = rig.now.mono;
    let end = drive.run(&mut rig, &mut caller, late);
    assert!(
        matches!(end.refusal, Some(Refusal::RecorderUnable)),
        "{:?}",
        end.refusal
    );
    assert!(end.waits.iter().any(|wait| matches!(wait, Wait::Room(_))));
    assert_eq!(rig.now.mono.since(begun), Limits::default().wait_time);
    assert!(end.to_upstream.is_empty());

    for state in [State::Closed, State::Latched] {
        let rig = plain();
        rig.health.publish(state);
        refused(
            rig,
            &get("/a"),
            Origin::new(OK),
            &unable(KeepAlive, Counted),
            late,
        );
    }
    let mut rig = plain();
    rig.intake = None;
    refused(
        rig,
        &get("/a"),
        Origin::new(OK),
        &unable(KeepAlive, Counted),
        late,
    );
    let rig = plain();
    rig.health.publish(State::LowSpace);
    refused(
        rig,
        &get("/a"),
        Origin::new(OK),
        &unable(KeepAlive, Counted),
        late,
    );

    // A disk that does not come, and one that fails meanwhile.
    let lost = Admitted(Outcome::RecorderLost);
    refused(
        durable(),
        &get("/a"),
        Origin::new(OK),
        &unable(KeepAlive, lost),
        late,
    );
    let latch = |rig: &mut Rig, waits: &[Wait]| {
        assert!(matches!(waits, [Wait::Sync(_)]));
        rig.health.publish(State::Latched);
        true
    };
    let missing = unable(KeepAlive, Recorded::EndMissing);
    refused(durable(), &get("/a"), Origin::new(OK), &missing, latch);
}

/// Exchanges of the same kind until the ring has no room for another.
fn fill(rig: &mut Rig, request: &str) {
    for _ in 0..1000 {
        let mut caller = Caller::new(request, 0);
        let mut inbound = Inbound::new(&mut rig.core, rig.now, Mono(u64::MAX));
        caller.buffer.append(request.as_bytes());
        let step = inbound.advance(
            &mut caller.buffer,
            &mut caller.last,
            Way::Secure,
            &mut rig.core,
            rig.now,
        );
        let full = matches!(step, Err(Step::NeedRoom(_)));
        if let Ok(mut forwarding) = step {
            forwarding.close(&mut rig.core);
        }
        let account = inbound.into_account(&mut rig.core);
        account.close(Outcome::CallerGone, &mut rig.core, rig.now);
        if full {
            return;
        }
    }
    panic!("the ring never fills");
}

#[test]
fn what_changes_while_it_waits() {
    let empty = || {
        let rig = plain();
        let ended = Some(Mono(1));
        rig.credentials
            .publish(0, "authorization", Secret::new(b"old".to_vec()), ended);
        rig
    };
    let refused_so = |name, status| want(name, status, KeepAlive, Admitted(Outcome::Refused));
    let none = refused_so("CredentialUnavailable", 503);
    refused(empty(), &get("/a"), Origin::new(OK), &none, late);
    let unwritable = plain();
    let bad = Secret::new(b"two\r\nlines".to_vec());
    unwritable
        .credentials
        .publish(0, "authorization", bad, None);
    refused(unwritable, &get("/a"), Origin::new(OK), &none, late);

    // What is got for each caller: not for applications, and not for every token.
    let per_caller = || {
        let mut rig = plain();
        let tokens = Arc::new(CallerTokens::new(["https://id.example", "gateway", "all"]));
        let shelf = Shelf::PerCaller(Arc::clone(&tokens));
        rig.credentials = Arc::new([shelf].into_iter().collect());
        rig.reload(|_| ());
        (rig, tokens)
    };
    let application = FIRST.token_of("agent", "reader", START + 3600);
    let request = get("/a").replace(good(), &application);
    let user = refused_so("UserNeeded", 403);
    refused(per_caller().0, &request, Origin::new(OK), &user, late);
    // And for nobody whose token only its holder may show.
    let (key, url) = (SECOND.thumbprint(), "https://gw.example/up/a");
    let bound = FIRST.token_with(&format!(r#""cnf":{{"jkt":"{key}"}}"#));
    let proof = SECOND.proof(&bound, ("GET", url), START, "a");
    let request = get("/a").replace(
        &format!("Bearer {}", good()),
        &format!("DPoP {bound}\r\nDPoP: {proof}"),
    );
    let holder = refused_so("BoundToken", 403);
    refused(per_caller().0, &request, Origin::new(OK), &holder, late);
    let rebuff = Rebuff {
        why: "status 400: invalid_grant (50013)".into(),
        is_callers: true,
        claims: None,
    };
    let (rig, tokens) = per_caller();
    tokens.refuse(tokens.key(good().as_bytes()), rebuff.clone(), rig.now.mono);
    let exchanged = refused_so("NotExchanged", 403);
    refused(rig, &get("/a"), Origin::new(OK), &exchanged, late);
    let (rig, tokens) = per_caller();
    let down = Rebuff {
        is_callers: false,
        ..rebuff
    };
    tokens.refuse(tokens.key(good().as_bytes()), down, rig.now.mono);
    refused(rig, &get("/a"), Origin::new(OK), &none, late);
    refused(per_caller().0, &get("/a"), Origin::new(OK), &none, late);

    // Rules that allow the call as well let it go on.
    let forbid = |shape: &mut Shape| shape.lines.push((Effect::Deny, "* /a"));
    let superseded = refused_so("Superseded", 503);
    let reload = |rig: &mut Rig, waits: &[Wait]| {
        assert!(matches!(waits, [Wait::Sync(_) | Wait::Token(_)]));
        rig.reload(forbid);
        rig.sync();
        rig.credentials
            .publish(0, "authorization", Secret::new(b"new".to_vec()), None);
        true
    };
    refused(empty(), &get("/a"), Origin::new(OK), &superseded, reload);
    refused(durable(), &get("/a"), Origin::new(OK), &superseded, reload);
    // Connecting upstream is a wait too, and the last before the head goes there.
    let connect = Want {
        after: Close,
        ..refused_so("Superseded", 503)
    };
    let on_connect = |rig: &mut Rig, waits: &[Wait]| {
        if waits == [Wait::Connect] {
            rig.reload(forbid);
        }
        true
    };
    refused(plain(), &get("/a"), Origin::new(OK), &connect, on_connect);
    // A token that ends while the call waits, and a key that is withdrawn.
    let ended = refused_so("Token", 401);
    let expire = |rig: &mut Rig, _: &[Wait]| {
        rig.pass(Duration::from_secs(5));
        rig.sync();
        true
    };
    let short = get("/a").replace(good(), &FIRST.token("reader", START + 3));
    refused(durable(), &short, Origin::new(OK), &ended, expire);
    let roll = |rig: &mut Rig, _: &[Wait]| {
        let now = rig.now.mono;
        rig.keys
            .publish(&rig.issuer, keys(&[&SECOND]), now)
            .expect("published");
        rig.sync();
        true
    };
    refused(durable(), &get("/a"), Origin::new(OK), &ended, roll);
}

#[test]
fn what_an_operator_revokes() {
    let revoke = |rig: &Rig, before| {
        let revocation = Revocation {
            id: 3,
            kind: RevokedKind::Client,
            name: "agent".into(),
            issuer: None,
            before,
            until: None,
        };
        rig.keys.revoke([revocation].into_iter().collect());
    };
    let revoked = |recorded| want("Revoked", 401, KeepAlive, recorded);
    for (before, challenge) in [
        (None, "error=\"invalid_token\""),
        (Some(START), "error=\"insufficient_claims\", claims=\""),
    ] {
        let rig = plain();
        revoke(&rig, before);
        let refused_at_once = revoked(Recorded::Refused(Decision::Refused, "revoked"));
        let end = refused(rig, &get("/a"), Origin::new(OK), &refused_at_once, late);
        let text = String::from_utf8_lossy(&end.to_caller).into_owned();
        assert!(text.contains(challenge), "{text}");
    }
    // While the call waits for the disk, and in the moment before its head goes upstream.
    let on_sync = |rig: &mut Rig, _: &[Wait]| {
        revoke(rig, None);
        rig.sync();
        true
    };
    let waiting = revoked(Admitted(Outcome::Revoked));
    refused(durable(), &get("/a"), Origin::new(OK), &waiting, on_sync);
    let on_connect = |rig: &mut Rig, waits: &[Wait]| {
        if waits == [Wait::Connect] {
            revoke(rig, None);
        }
        true
    };
    let connecting = Want {
        after: Close,
        ..revoked(Admitted(Outcome::Revoked))
    };
    refused(
        plain(),
        &get("/a"),
        Origin::new(OK),
        &connecting,
        on_connect,
    );
}

#[test]
fn what_is_not_sent_to_an_upstream_that_is_full_or_down() {
    let wait = Duration::from_millis(2100);
    for (name, refusal, retry) in [
        ("UpstreamBusy", Refusal::UpstreamBusy, "Retry-After: 1\r\n"),
        (
            "CircuitOpen",
            Refusal::CircuitOpen(wait),
            "Retry-After: 3\r\n",
        ),
    ] {
        let origin = Origin {
            refuses: Some(refusal),
            ..Origin::new("")
        };
        let want = want(name, 503, KeepAlive, Admitted(Outcome::Refused));
        let end = refused(plain(), &get("/a"), origin, &want, late);
        let text = String::from_utf8_lossy(&end.to_caller).into_owned();
        assert!(text.contains(retry), "{text}");
    }
}

#[test]
fn what_the_upstream_does_wrong() {
    let wrong = |name, status, outcome| Want {
        upstream: true,
        ..want(name, status, Close, Admitted(outcome))
    };
    let down = Origin {
        refuses: Some(Refusal::UpstreamConnect("Connection refused".into())),
        ..Origin::new("")
    };
    let unreachable = want(
        "UpstreamConnect",
        502,
        KeepAlive,
        Admitted(Outcome::UpstreamRefused),
    );
    refused(plain(), &get("/a"), down, &unreachable, late);
    let unreachable = wrong("UpstreamUnreachable", 502, Outcome::UpstreamRefused);
    for cut in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        refused(plain(), &get("/a"), Origin::ending(cut), &unreachable, late);
    }
    let slow = wrong("UpstreamTimeout", 504, Outcome::UpstreamTimeout);
    refused(plain(), &get("/a"), Origin::new("HTTP/1.1 2"), &slow, late);
    // An upstream that takes half of the request and says nothing is not waited for for ever.
    let stuck = Origin {
        takes: 20,
        ..Origin::new("")
    };
    refused(plain(), &get("/a"), stuck, &slow, late);

    let malformed = wrong("UpstreamMalformed", 502, Outcome::UpstreamMalformed);
    for head in [
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "garbage that is no head at all\r\n\r\n",
    ] {
        refused(plain(), &get("/a"), Origin::new(head), &malformed, late);
    }
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9) + OK;
    refused(plain(), &get("/a"), Origin::new(flood), &malformed, late);

    let unauthorized = wrong("UpstreamUnauthorized", 502, Outcome::UpstreamRefused);
    for status in ["401 Unauthorized", "407 Proxy Authentication Required"] {
        let head =
            format!("HTTP/1.1 {status}\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n");
        refused(plain(), &get("/a"), Origin::new(head), &unauthorized, late);
    }
    let unreadable = wrong("Unreadable", 502, Outcome::Unreadable);
    for kind in [
        "Content-Type: image/png\r\n",
        "",
        "Content-Type: text/plain; charset=utf-16\r\n",
        "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n",
        "Content-Type: text/plain\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{kind}Content-Length: 2\r\n\r\nhi");
        refused(masked(), &get("/a"), Origin::new(head), &unreadable, late);
    }
}

#[test]
fn what_goes_wrong_after_the_head() {
    let late_cut = |name, outcome| Want {
        upstream: true,
        ..want(name, 200, Abort, Admitted(outcome))
    };
    let cut = late_cut("UpstreamTruncated", Outcome::UpstreamTruncated);
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
    ] {
        let end = refused(plain(), &get("/a"), Origin::ending(reply), &cut, late);
        assert!(!check::reply(&end.to_caller).whole, "never a clean end");
    }
    let slow = late_cut("UpstreamTimeout", Outcome::UpstreamTimeout);
    let reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab";
    refused(plain(), &get("/a"), Origin::new(reply), &slow, late);

    // What is wrong comes after the head went out, or with the head, and then the caller is told.
    let nonsense = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nnonsense\r\n";
    let json =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{nope";
    for (rig, name, outcome, reply) in [
        (
            plain as fn() -> Rig,
            "UpstreamMalformed",
            Outcome::UpstreamMalformed,
            nonsense,
        ),
        (masked, "Unreadable", Outcome::Unreadable, json),
    ] {
        let answered = Want {
            upstream: true,
            ..want(name, 502, Close, Admitted(outcome))
        };
        refused(rig(), &get("/a"), Origin::new(reply), &answered, late);
        let head = reply.find("\r\n\r\n").map_or(0, |at| at + 4);
        let pausing = Origin {
            pauses: head,
            ..Origin::new(reply)
        };
        let end = refused(rig(), &get("/a"), pausing, &late_cut(name, outcome), late);
        assert!(!check::reply(&end.to_caller).whole, "never a clean end");
    }
}

#[test]
fn a_refused_exchange_refuses_for_ever() {
    let mut rig = plain();
    let mut caller = Caller::new("", 0);
    caller.buffer.append(b"nonsense\r\n\r\n");
    let mut inbound = Inbound::new(&mut rig.core, rig.now, Mono(u64::MAX));
    for want in ["Head", "Overloaded"] {
        let step = inbound.advance(
            &mut caller.buffer,
            &mut caller.last,
            Way::Secure,
            &mut rig.core,
            rig.now,
        );
        let Err(Step::Refuse(refusal)) = step else {
            panic!("refused");
        };
        assert_eq!(name(&refusal), want);
    }
    drop(inbound.into_account(&mut rig.core));
    rig.assert_clean();
}

/// The names that the tests above expect, read from their text: a variant that the match above
/// knows and no case reaches is found here.
#[test]
fn every_refusal_has_a_case() {
    let text = include_str!("refusals.rs");
    let cases = &text[text.find("fn what_is_wrong_with_a_head").expect("cases")..];
    let quoted: BTreeSet<_> = cases.split('"').collect();
    for name in NAMES {
        assert!(quoted.contains(name), "{name}");
    }
    for code in Refusal::CODES {
        assert!(!code.is_empty());
    }
}
