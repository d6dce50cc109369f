//! A peer that never stops takes nobody else's turn: one core serves them all.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::origin::{Origin, PATIENCE, reply};
use super::scene::{Plan, Scene};

on_every_driver!(
    a_flood_after_a_refusal_ends,
    a_flood_of_refused_requests_lets_others_through,
    a_flood_of_reply_bytes_lets_others_through,
    upstream_connections_that_nobody_uses_are_closed,
);

/// Others are served while `flood` goes on.
fn others_are_served(scene: &Scene, flood: impl Fn(&AtomicBool) + Sync) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&over));
        std::thread::sleep(Duration::from_millis(100));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(500) {
            let asked = Instant::now();
            let mut caller = scene.caller();
            assert_eq!(caller.ask(scene.get("/other")).status, 200);
            assert!(
                asked.elapsed() < Duration::from_secs(1),
                "{:?}",
                asked.elapsed()
            );
        }
        over.store(true, Relaxed);
    });
}

fn a_flood_after_a_refusal_ends(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::start(io, &origin);
    others_are_served(&scene, |over| {
        while !over.load(Relaxed) {
            let mut caller = scene.caller();
            let begun = Instant::now();
            caller.send("nonsense\r\n\r\n");
            let piece = vec![b'x'; 1 << 20];
            while caller.try_send(&piece).is_ok() {
                assert!(
                    begun.elapsed() < Duration::from_secs(5),
                    "it is read for ever"
                );
            }
        }
    });
}

fn a_flood_of_refused_requests_lets_others_through(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::start(io, &origin);
    others_are_served(&scene, |over| {
        let mut caller = scene.caller();
        let mut answers = caller.wire.get_ref().socket().try_clone().unwrap();
        let requests = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10_000);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut scrap = vec![0; 1 << 20];
                while matches!(answers.read(&mut scrap), Ok(count) if count > 0) {}
            });
            while !over.load(Relaxed) {
                caller.send(&requests);
            }
            let socket = caller.wire.get_ref().socket();
            socket.shutdown(std::net::Shutdown::Both).unwrap();
        });
    });
}

fn a_flood_of_reply_bytes_lets_others_through(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| {
        while let Some(head) = conn.head()? {
            if head.starts_with("GET /other ") {
                conn.send(reply("200 OK", ""))?;
                continue;
            }
            conn.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
            )?;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            loop {
                conn.send(&chunk)?;
            }
        }
        Ok(())
    });
    let scene = Scene::start(io, &origin);
    others_are_served(&scene, |over| {
        let mut caller = scene.caller();
        caller.send(scene.get("/"));
        let mut scrap = vec![0; 1 << 20];
        while !over.load(Relaxed) {
            assert!(caller.wire.get_mut().read(&mut scrap).unwrap() > 0);
        }
    });
}

fn upstream_connections_that_nobody_uses_are_closed(io: IoChoice) {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let origin = Origin::talking(None, move |mut conn| {
        conn.head()?;
        conn.send(reply("200 OK", ""))?;
        let end = conn.head().map(|head| head.is_none());
        tell.lock().unwrap().send(end.unwrap_or(false)).unwrap();
        Ok(())
    });
    let plan = Plan {
        limits: "upstream_idle_time: 200ms",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = scene.caller();
    assert_eq!(caller.ask(scene.get("/")).status, 200);
    let clean = told.recv_timeout(PATIENCE).unwrap();
    assert!(clean, "a whole exchange's connection ends by a reset");
    assert_eq!(caller.ask(scene.get("/")).status, 200);
    assert_eq!(origin.connections(), 2);
}
