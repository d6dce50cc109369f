//! Peers that take their time, and those that go away.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::origin::{Origin, PATIENCE, reply};
use super::scene::Scene;

on_every_driver!(
    a_slow_head_gets_408_and_a_slow_body_too,
    a_body_that_trickles_gets_408_and_one_that_is_held_back_does_not,
    an_idle_connection_is_closed,
    a_caller_that_does_not_read_ends,
    a_slow_reader_gets_everything,
    a_reader_below_the_rate_ends,
    an_upstream_that_does_not_answer_gets_504,
    an_upstream_that_does_not_read_gets_504,
    a_caller_that_goes_takes_its_exchange_with_it,
    connections_beyond_the_limit_are_turned_away,
);

fn a_slow_head_gets_408_and_a_slow_body_too(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "head_time: 300ms, body_idle_time: 300ms");
    let mut caller = scene.caller();
    let begun = Instant::now();
    let late = caller.ask(scene.head("GET", "/"));
    assert_eq!((late.status, late.code().as_str()), (408, "head_timeout"));
    assert!(begun.elapsed() >= Duration::from_millis(290));
    assert!(caller.ends_within(Duration::from_secs(5)));

    for rest in [
        "Content-Length: 10\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ] {
        let mut caller = scene.caller();
        let late = caller.ask(format!("{}{rest}", scene.head("POST", "/")));
        assert_eq!((late.status, late.code().as_str()), (408, "body_timeout"));
        assert!(caller.ends_within(Duration::from_secs(5)));
    }
    assert!(origin.requests().is_empty(), "no half request became whole");
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
}

fn a_body_that_trickles_gets_408_and_one_that_is_held_back_does_not(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| {
        while let Some(head) = conn.head()? {
            if head.starts_with("POST /late") {
                // Takes nothing for longer than the caller may be silent.
                std::thread::sleep(Duration::from_millis(1500));
            }
            let body = conn.body(&head)?;
            conn.send(reply("200 OK", body.len().to_string()))?;
        }
        Ok(())
    });
    let scene = Scene::limited(io, &origin, "body_idle_time: 500ms, body_rate: 64KiB");
    let mut caller = scene.caller();
    let mut writer = caller.wire.get_ref().socket().try_clone().unwrap();
    let head = format!("{}Content-Length: 1000000\r\n\r\n", scene.head("POST", "/"));
    let begun = Instant::now();
    let trickle = std::thread::spawn(move || {
        let _ = writer.write_all(head.as_bytes());
        // Never silent, and far below the rate.
        while writer.write_all(b"x").is_ok() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let late = caller.reply();
    assert_eq!((late.status, late.code().as_str()), (408, "body_timeout"));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(caller.ends_within(Duration::from_secs(5)));
    trickle.join().unwrap();
    let log = scene.access_log(1);
    let detail = "the body came slower than 65536 bytes in a second";
    assert_eq!(log[0]["detail"], detail);

    // All of it is here or under way; that it does not move is not the caller's doing.
    let mut caller = scene.caller();
    let mut writer = caller.wire.get_ref().socket().try_clone().unwrap();
    let head = format!(
        "{}Content-Length: {MUCH}\r\n\r\n",
        scene.head("POST", "/late")
    );
    let sender = std::thread::spawn(move || {
        writer.write_all(head.as_bytes()).unwrap();
        writer.write_all(&vec![b'x'; MUCH]).unwrap();
    });
    let reply = caller.reply();
    assert_eq!(
        (reply.status, reply.text()),
        (200, MUCH.to_string().as_str())
    );
    sender.join().unwrap();
}

fn an_idle_connection_is_closed(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "keep_alive_time: 300ms");
    let mut fresh = scene.caller();
    let mut used = scene.caller();
    assert_eq!(used.ask(scene.get("/")).status, 200);
    assert!(used.ends_within(Duration::from_secs(5)));
    assert!(fresh.ends_within(Duration::from_secs(5)));
}

/// A body that no socket buffer holds.
const MUCH: usize = 64 << 20;

fn much() -> Origin {
    Origin::talking(None, |mut conn| {
        while conn.head()?.is_some() {
            conn.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {MUCH}\r\n\r\n"
            ))?;
            let piece = vec![b'x'; 1 << 20];
            for _ in 0..MUCH / piece.len() {
                conn.send(&piece)?;
            }
        }
        Ok(())
    })
}

fn a_caller_that_does_not_read_ends(io: IoChoice) {
    let origin = much();
    let scene = Scene::limited(io, &origin, "write_idle_time: 300ms");
    let mut caller = scene.caller();
    caller.send(scene.get("/"));
    let log = scene.access_log(1);
    assert_eq!(log[0]["outcome"], "caller_gone", "{log:?}");
    let mut got = Vec::new();
    let end = caller.wire.read_to_end(&mut got);
    assert!(end.is_err(), "a clean end after {} bytes", got.len());
    assert!(got.len() < MUCH);
}

/// A caller that has asked for `/`, and whose socket holds little.
fn takes_little(scene: &Scene) -> Caller {
    let mut caller = scene.caller();
    socket2::SockRef::from(caller.wire.get_ref().socket())
        .set_recv_buffer_size(64 << 10)
        .unwrap();
    caller.send(scene.get("/"));
    caller
}

fn a_slow_reader_gets_everything(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", vec![b'x'; 4 << 20]));
    let scene = Scene::limited(io, &origin, "write_idle_time: 500ms");
    let mut caller = takes_little(&scene);
    // Longer than the limit in all, never that long without taking a byte.
    let mut got = 0;
    let mut piece = vec![0; 256 << 10];
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        got += caller.wire.get_mut().read(&mut piece).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    while got < 4 << 20 {
        match caller.wire.get_mut().read(&mut piece).unwrap() {
            0 => panic!("cut off after {got} bytes"),
            count => got += count,
        }
    }
}

/// Reads 64 KiB ten times a second, until it has all or is cut off; what it got.
fn read_slowly(scene: &Scene) -> usize {
    let mut caller = takes_little(scene);
    let mut got = 0;
    let mut piece = vec![0; 64 << 10];
    let begun = Instant::now();
    while let Ok(count @ 1..) = caller.wire.get_mut().read(&mut piece) {
        got += count;
        // Of what is under way in the end, all is read.
        if begun.elapsed() < Duration::from_secs(4) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    got
}

fn a_reader_below_the_rate_ends(io: IoChoice) {
    let origin = much();
    let fast = Scene::limited(io, &origin, "write_idle_time: 1s, read_rate: 64MiB");
    assert!(read_slowly(&fast) < MUCH);
    assert_eq!(fast.access_log(1)[0]["outcome"], "caller_gone");
    let patient = Scene::limited(
        io,
        &origin,
        "write_idle_time: 1s, read_rate: 1KiB, keep_alive_time: 300ms",
    );
    assert!(read_slowly(&patient) > MUCH, "head and body");
}

fn an_upstream_that_does_not_answer_gets_504(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| {
        let head = conn.head()?.unwrap_or_default();
        if head.starts_with("GET /half") {
            conn.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhalf",
            )?;
        }
        let mut rest = Vec::new();
        conn.wire.read_to_end(&mut rest)?;
        Ok(())
    });
    let scene = Scene::limited(
        io,
        &origin,
        "first_byte_time: 300ms, reply_idle_time: 300ms",
    );
    let late = scene.caller().ask(scene.get("/"));
    assert_eq!(
        (late.status, late.code().as_str()),
        (504, "upstream_timeout")
    );
    let mut caller = scene.caller();
    caller.send(scene.get("/half"));
    let cut = caller.try_reply(false);
    assert!(cut.is_err(), "a clean end with half a body: {cut:?}");
}

fn an_upstream_that_does_not_read_gets_504(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| {
        conn.head()?;
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    });
    let scene = Scene::limited(io, &origin, "write_idle_time: 500ms");
    let mut caller = scene.caller();
    let mut writer = caller.wire.get_ref().socket().try_clone().unwrap();
    let head = format!("{}Content-Length: {MUCH}\r\n\r\n", scene.head("POST", "/"));
    let sender = std::thread::spawn(move || {
        let _ = writer.write_all(head.as_bytes());
        let _ = writer.write_all(&vec![b'x'; MUCH]);
    });
    let late = caller.reply();
    assert_eq!(
        (late.status, late.code().as_str()),
        (504, "upstream_timeout")
    );
    drop(caller);
    sender.join().unwrap();
}

fn a_caller_that_goes_takes_its_exchange_with_it(io: IoChoice) {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let origin = Origin::talking(None, move |mut conn| {
        conn.head()?;
        let mut rest = Vec::new();
        let end = conn.wire.read_to_end(&mut rest);
        tell.lock()
            .unwrap()
            .send(end.map_err(|error| error.kind()))
            .unwrap();
        Ok(())
    });
    let scene = Scene::limited(io, &origin, "");
    // Gone altogether, half-way through the body, or with its request whole but nobody listening.
    for request in [
        scene.get("/"),
        format!("{}Content-Length: 10\r\n\r\nhalf", scene.head("POST", "/")),
    ] {
        let mut caller = scene.caller();
        caller.send(request);
        std::thread::sleep(Duration::from_millis(100));
        caller
            .wire
            .get_ref()
            .socket()
            .shutdown(Shutdown::Both)
            .unwrap();
        let end = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(
            end,
            Err(std::io::ErrorKind::ConnectionReset),
            "the upstream can tell"
        );
    }
    let log = scene.access_log(2);
    assert!(
        log.iter().all(|line| line["outcome"] == "caller_gone"),
        "{log:?}"
    );
}

fn connections_beyond_the_limit_are_turned_away(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "connections_per_worker: 4");
    let mut held: Vec<_> = (0..4).map(|_| scene.caller()).collect();
    for caller in &mut held {
        assert_eq!(caller.ask(scene.get("/")).status, 200);
    }
    for _ in 0..20 {
        let turned_away = scene.caller().reply();
        assert_eq!(
            (turned_away.status, turned_away.code().as_str()),
            (503, "overloaded")
        );
    }
    assert_eq!(held[0].ask(scene.get("/")).status, 200);
    held.pop();
    let until = Instant::now() + Duration::from_secs(5);
    while scene.caller().try_send(scene.get("/")).is_err() {
        assert!(Instant::now() < until);
    }
}
