//! Connections that switch to another protocol.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use sluice::record::Outcome;
use sluice::record::verify::{Trust, Verdict};
use sluice::recorder::read::{Filter, recordings, sessions};
use sluice::recorder::show::show;
use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::issuer::CLIENT;
use super::origin::{Conn, Origin, PATIENCE, field, read_head, reply};
use super::revoke::revoke;
use super::scene::{LEAF, Plan, Recorded, Scene, eventually, now, token};

on_every_driver!(
    bytes_pass_both_ways_over_tls_and_without,
    either_side_may_end_first,
    much_passes_both_ways_at_once,
    an_upstream_that_dies_is_no_clean_end,
    an_upstream_that_takes_no_more_is_no_clean_end,
    a_caller_that_dies_takes_its_upstream_with_it,
    it_counts_as_a_call_as_long_as_it_lasts,
    silence_for_too_long_ends_it,
    it_ends_with_the_callers_token,
    it_ends_with_the_right_to_it,
    it_ends_when_its_caller_is_revoked,
    it_ends_with_the_recording,
    a_drain_waits_for_it_and_cuts_it_off,
    what_is_not_allowed_is_not_asked_for,
);

/// The example of RFC 6455, section 1.3, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const SWITCHES: &str = ", upgrades: [websocket]";

/// An upstream that switches, and has `talk` do the rest.
fn switching(
    tls: bool,
    talk: impl Fn(&mut Conn) -> io::Result<()> + Send + Sync + 'static,
) -> Origin {
    let config = tls.then(|| LEAF.server().unwrap());
    Origin::talking(config, move |mut conn| {
        let Some(head) = conn.head()? else {
            return Ok(());
        };
        assert_eq!(field(&head, "connection"), Some("Upgrade"), "{head}");
        assert_eq!(field(&head, "upgrade"), Some("websocket"), "{head}");
        assert_eq!(field(&head, "sec-websocket-key"), Some(KEY), "{head}");
        // What comes first of the new protocol may come with the head.
        conn.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n\r\nwelcome"
        ))?;
        talk(&mut conn)
    })
}

/// Sends back what comes, to its end.
fn echo(conn: &mut Conn) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match conn.wire.read(&mut buffer)? {
            0 => {
                conn.send("bye")?;
                return conn.wire.get_mut().finish();
            }
            count => conn.send(&buffer[..count])?,
        }
    }
}

fn start(io: IoChoice, origin: &Origin, limits: &str) -> Scene {
    let plan = Plan {
        connection: SWITCHES,
        limits,
        ..Plan::new(io, origin)
    };
    plan.ready()
}

fn opening(scene: &Scene) -> String {
    format!(
        "{}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n\r\n",
        scene.head("GET", "/socket")
    )
}

/// Switches, with `early` behind the request; all up to the upstream's welcome is read.
fn open(scene: &Scene, mut caller: Caller, early: &str) -> Caller {
    caller.send(opening(scene) + early);
    let head = read_head(&mut caller.wire).unwrap().unwrap();
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    assert_eq!(field(&head, "sec-websocket-accept"), Some(ACCEPT), "{head}");
    assert_eq!(field(&head, "upgrade"), Some("websocket"), "{head}");
    assert_eq!(field(&head, "connection"), Some("Upgrade"), "{head}");
    hears(&mut caller, "welcome");
    caller
}

fn hears(caller: &mut Caller, want: &str) {
    let mut got = vec![0; want.len()];
    caller.wire.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), want);
}

/// The connection ends, not cleanly, within `time`.
fn is_cut(caller: &mut Caller, time: Duration) {
    let begun = Instant::now();
    let mut rest = Vec::new();
    let end = caller.wire.read_to_end(&mut rest);
    assert!(end.is_err(), "a clean end");
    assert!(begun.elapsed() < time, "{:?}", begun.elapsed());
}

fn ended(scene: &Scene, outcome: &str) -> serde_json::Value {
    let log = scene.access_log(1).remove(0);
    assert_eq!(
        (&log["status"], &log["outcome"]),
        (&101.into(), &outcome.into()),
        "{log}"
    );
    assert_eq!(scene.metric("sluice_upgrades_total"), 1);
    assert_eq!(scene.metric("sluice_upgrades_open"), 0);
    log
}

fn bytes_pass_both_ways_over_tls_and_without(io: IoChoice) {
    for (tls, secure) in [(false, false), (true, false), (false, true), (true, true)] {
        let origin = switching(tls, echo);
        let scene = start(io, &origin, "");
        let caller = match secure {
            true => scene.secure_caller(),
            false => scene.caller(),
        };
        let mut caller = open(&scene, caller, "early\0");
        hears(&mut caller, "early\0");
        assert_eq!(scene.metric("sluice_upgrades_open"), 1);
        for number in 0..20 {
            let said = format!("\x01message {number}");
            caller.send(&said);
            hears(&mut caller, &said);
        }
        caller.wire.get_mut().finish().unwrap();
        hears(&mut caller, "bye");
        assert!(caller.ends_within(Duration::from_secs(5)));
        let log = ended(&scene, "complete");
        let passed = 6
            + (0..20)
                .map(|it| format!("\x01message {it}").len())
                .sum::<usize>();
        assert_eq!(log["bytes_in"], passed);
        assert_eq!(log["bytes_out"], "welcome".len() + passed + "bye".len());
        assert_eq!(origin.connections(), 1);
        holds(&scene.stop(), passed);
    }
}

/// The recording verifies, and has all that passed.
fn holds(recorded: &Recorded, passed: usize) {
    let (up, down) = recorded.bodies();
    assert_eq!(up.len(), passed);
    assert_eq!(down, [&b"welcome"[..], &up, b"bye"].concat());
    let (sessions, _) = sessions(&recorded.recordings, &Filter::default()).unwrap();
    let mut shown = Vec::new();
    assert!(show(&recorded.recordings, sessions[0].id, &mut shown).unwrap());
    let shown = String::from_utf8(shown).unwrap();
    for want in [
        "upgrade: websocket",
        "101 Switching Protocols",
        "not text",
        "complete: status 101",
    ] {
        assert!(shown.contains(want), "{want}: {shown}");
    }
}

fn either_side_may_end_first(io: IoChoice) {
    // The caller, and the upstream goes on for long; then the upstream, and the caller does.
    let origin = switching(false, |conn| {
        let mut all = Vec::new();
        conn.wire.read_to_end(&mut all)?;
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(50));
            conn.send(&all)?;
        }
        Ok(())
    });
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    caller.send("all of it");
    caller
        .wire
        .get_ref()
        .socket()
        .shutdown(Shutdown::Write)
        .unwrap();
    hears(&mut caller, &"all of it".repeat(5));
    assert!(caller.ends_within(Duration::from_secs(5)));
    ended(&scene, "complete");

    let (done, is_done) = std::sync::mpsc::channel();
    let done = std::sync::Mutex::new(done);
    let origin = switching(false, move |conn| {
        conn.wire.get_ref().socket().shutdown(Shutdown::Write)?;
        let mut all = Vec::new();
        conn.wire.read_to_end(&mut all)?;
        done.lock().unwrap().send(all).map_err(io::Error::other)
    });
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    assert!(caller.ends_within(Duration::from_secs(5)));
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(50));
        caller.send("still here");
    }
    drop(caller);
    let all = is_done.recv_timeout(PATIENCE).unwrap();
    assert_eq!(all, b"still here".repeat(5));
    ended(&scene, "complete");
}

/// More than all buffers on the way hold.
const MUCH: usize = 24 << 20;

fn pattern(at: usize) -> u8 {
    ((at / 1000) ^ at) as u8
}

/// Reads and sends `MUCH` at once, and takes its time with reading.
fn exchange_much(reads: &mut impl io::Read, mut writes: TcpStream) {
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let all: Vec<u8> = (0..MUCH).map(pattern).collect();
            writes.write_all(&all).unwrap();
            writes.shutdown(Shutdown::Write).unwrap();
        });
        let (mut piece, mut at) = (vec![0; 1 << 20], 0);
        loop {
            let count = reads.read(&mut piece).unwrap();
            if count == 0 {
                break;
            }
            for (index, byte) in piece[..count].iter().enumerate() {
                assert_eq!(*byte, pattern(at + index), "at {}", at + index);
            }
            at += count;
            if at < MUCH / 4 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        assert_eq!(at, MUCH);
    });
}

fn much_passes_both_ways_at_once(io: IoChoice) {
    let origin = switching(false, |conn| {
        let writes = conn.wire.get_ref().socket().try_clone()?;
        exchange_much(&mut conn.wire, writes);
        Ok(())
    });
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    let writes = caller.wire.get_ref().socket().try_clone().unwrap();
    exchange_much(&mut caller.wire, writes);
    let log = ended(&scene, "complete");
    assert_eq!(
        (&log["bytes_in"], &log["bytes_out"]),
        (&MUCH.into(), &(MUCH + 7).into())
    );
}

fn resets(socket: &TcpStream) {
    socket2::SockRef::from(socket)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

fn an_upstream_that_dies_is_no_clean_end(io: IoChoice) {
    let origin = switching(false, |conn| {
        conn.wire.read_exact(&mut [0; 4])?;
        resets(conn.wire.get_ref().socket());
        Ok(())
    });
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    caller.send("die!");
    is_cut(&mut caller, Duration::from_secs(5));
    ended(&scene, "upstream_truncated");

    // Under TLS an end without TLS's own is none.
    let origin = switching(true, |conn| {
        conn.wire.read_exact(&mut [0; 4])?;
        conn.wire.get_ref().socket().shutdown(Shutdown::Both)
    });
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    caller.send("die!");
    is_cut(&mut caller, Duration::from_secs(5));
    ended(&scene, "upstream_truncated");
}

/// It has reset the connection, which only sending there tells as long as the caller takes nothing of
/// what it had said before; that still comes, and is no clean end.
fn an_upstream_that_takes_no_more_is_no_clean_end(io: IoChoice) {
    let origin = switching(false, |conn| {
        conn.wire.read_exact(&mut [0; 4])?;
        let socket = conn.wire.get_ref().socket();
        resets(socket);
        socket.set_write_timeout(Some(Duration::from_millis(100)))?;
        // As much as all buffers on the way hold.
        while conn.send([7; 64 << 10]).is_ok() {}
        Ok(())
    });
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    caller.send("more");
    std::thread::sleep(Duration::from_millis(500));
    caller.send("and more");
    std::thread::sleep(Duration::from_millis(100));
    let mut said = Vec::new();
    assert!(caller.wire.read_to_end(&mut said).is_err(), "a clean end");
    assert!(said.len() > 64 << 10 && said.iter().all(|byte| *byte == 7));
    ended(&scene, "upstream_truncated");
}

fn it_counts_as_a_call_as_long_as_it_lasts(io: IoChoice) {
    let origin = switching(false, echo);
    let plan = Plan {
        connection: ", upgrades: [websocket], limits: { calls: 1, waiting: 0 }",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    for _ in 0..2 {
        let mut caller = open(&scene, scene.caller(), "");
        let refused = scene.caller().ask(opening(&scene));
        let code = refused.code();
        assert_eq!((refused.status, code.as_str()), (503, "upstream_busy"));
        caller.wire.get_mut().finish().unwrap();
        hears(&mut caller, "bye");
        assert!(caller.ends_within(Duration::from_secs(5)));
        eventually("its place is free", || {
            !(scene.metrics()).contains("state=\"under_way\"} 1")
        });
    }
}

fn a_caller_that_dies_takes_its_upstream_with_it(io: IoChoice) {
    let (end, ends) = std::sync::mpsc::channel();
    let end = std::sync::Mutex::new(end);
    let origin = switching(false, move |conn| {
        let ended = conn.wire.read_to_end(&mut Vec::new());
        end.lock().unwrap().send(ended).map_err(io::Error::other)
    });
    let scene = start(io, &origin, "");
    let caller = open(&scene, scene.caller(), "");
    resets(caller.wire.get_ref().socket());
    drop(caller);
    let ended_so = ends.recv_timeout(PATIENCE).unwrap();
    assert!(ended_so.is_err(), "a clean end");
    ended(&scene, "caller_gone");
}

fn silence_for_too_long_ends_it(io: IoChoice) {
    let origin = switching(false, echo);
    let scene = start(io, &origin, "upgraded_idle_time: 400ms");
    let mut caller = open(&scene, scene.caller(), "");
    let begun = Instant::now();
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(200));
        caller.send("x");
        hears(&mut caller, "x");
    }
    assert!(begun.elapsed() > Duration::from_millis(700));
    is_cut(&mut caller, Duration::from_secs(5));
    ended(&scene, "upgrade_idle");
}

fn it_ends_with_the_callers_token(io: IoChoice) {
    let origin = switching(false, echo);
    let mut scene = start(io, &origin, "clock_skew: 1ms");
    // Tokens live for ten minutes, of which these are the last seconds.
    scene.token = token(now() - 597);
    let mut caller = open(&scene, scene.caller(), "early");
    hears(&mut caller, "early");
    is_cut(&mut caller, Duration::from_secs(6));
    ended(&scene, "invalid_token");
}

fn it_ends_with_the_right_to_it(io: IoChoice) {
    for (from, to) in [
        ("upgrades: [websocket]", "upgrades: []"),
        ("allow: GET /**", "allow: GET /else/**"),
    ] {
        let origin = switching(false, echo);
        let mut scene = start(io, &origin, "");
        let mut caller = open(&scene, scene.caller(), "");
        // Other rules that allow it, too, change nothing.
        scene.edit(
            "upgrades: [websocket]",
            "upgrades: [websocket], retry: false",
        );
        scene.reload().unwrap();
        std::thread::sleep(Duration::from_millis(1200));
        caller.send("still");
        hears(&mut caller, "still");
        scene.edit(from, to);
        scene.reload().unwrap();
        is_cut(&mut caller, Duration::from_secs(3));
        ended(&scene, "superseded");
    }
}

fn it_ends_when_its_caller_is_revoked(io: IoChoice) {
    let origin = switching(false, echo);
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    revoke(scene.data(), &["client", CLIENT]);
    is_cut(&mut caller, Duration::from_secs(5));
    ended(&scene, "revoked");
}

fn it_ends_with_the_recording(io: IoChoice) {
    let origin = switching(false, echo);
    let scene = start(io, &origin, "");
    let mut caller = open(&scene, scene.caller(), "");
    // The next segment cannot be made: its directory has another name by then.
    for recording in recordings(scene.data()).unwrap() {
        std::fs::rename(recording.path(), recording.path().with_extension("away")).unwrap();
    }
    let mut noise = 1u64;
    let mut next = || {
        noise = (noise.wrapping_mul(6_364_136_223_846_793_005)).wrapping_add(1);
        (noise >> 33) as u8
    };
    let piece: Vec<u8> = (0..100_000).map(|_| next()).collect();
    let mut passed = 0;
    let mut got = vec![0; piece.len()];
    while caller.try_send(&piece).is_ok() && caller.wire.read_exact(&mut got).is_ok() {
        passed += 1;
        assert!(passed < 200, "nothing failed");
    }
    let log = scene.access_log(1).remove(0);
    assert_eq!(
        (&log["status"], &log["outcome"]),
        (&101.into(), &"recorder_unable".into())
    );
    scene.abandon();
}

fn a_drain_waits_for_it_and_cuts_it_off(io: IoChoice) {
    let origin = switching(false, echo);
    let plan = Plan {
        connection: SWITCHES,
        drain_time: "700ms",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = open(&scene, scene.caller(), "");
    let stopping = std::thread::spawn(move || scene.stop());
    std::thread::sleep(Duration::from_millis(200));
    caller.send("still");
    hears(&mut caller, "still");
    is_cut(&mut caller, Duration::from_secs(5));
    let left = stopping.join().unwrap();
    let (sessions, _) = sessions(&left.recordings, &Filter::default()).unwrap();
    let end = sessions[0].exchanges[0].end.unwrap();
    assert_eq!((end.end.outcome, end.end.status), (Outcome::Drained, 101));
    let report = left.recordings[0].verify(Trust::FirstSeen, None).unwrap();
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
}

fn what_is_not_allowed_is_not_asked_for(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "no"));
    let scene = Scene::start(io, &origin);
    let refused = scene.caller().ask(opening(&scene));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (501, "upgrade_refused")
    );
    assert!(origin.requests().is_empty());
    let scene = start(io, &origin, "");
    let h2c = opening(&scene).replace("Upgrade: websocket", "Upgrade: h2c");
    let refused = scene.caller().ask(h2c);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (501, "upgrade_refused")
    );
    // An upstream that does not switch answers as ever, and its connection serves on.
    for _ in 0..2 {
        let mut caller = scene.caller();
        let answer = caller.ask(opening(&scene));
        assert_eq!((answer.status, answer.text()), (200, "no"));
        assert!(caller.ends_within(Duration::from_secs(5)));
    }
    assert_eq!((origin.requests().len(), origin.connections()), (2, 1));
}
