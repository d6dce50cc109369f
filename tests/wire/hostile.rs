//! Callers that mean harm, beside those of `slow` and `crowd`: what they cost, and whom.

use std::io::Write as _;
use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::origin::{Origin, chunked, reply};
use super::scene::{Plan, Scene};

on_every_driver!(
    a_head_that_drips_ends_in_time,
    chunks_of_one_byte_pass_both_ways_and_cost_no_more_than_they_are,
    a_chunk_line_has_its_bound_however_it_comes,
    a_flood_without_tokens_leaves_others_their_turn,
);

fn ok() -> Origin {
    Origin::answering(|request| reply("200 OK", request.body.clone()))
}

fn a_head_that_drips_ends_in_time(io: IoChoice) {
    let origin = ok();
    let scene = Scene::limited(io, &origin, "head_time: 600ms");
    let mut caller = scene.caller();
    let begun = Instant::now();
    // Never silent for long, never done.
    let told = loop {
        if caller.try_send("a").is_err() || begun.elapsed() > Duration::from_secs(10) {
            break None;
        }
        let socket = caller.wire.get_ref().socket();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        if let Ok(told) = caller.try_reply(false) {
            break Some(told);
        }
    };
    let told = told.expect("an answer");
    assert_eq!((told.status, told.code().as_str()), (408, "head_timeout"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

fn chunks_of_one_byte_pass_both_ways_and_cost_no_more_than_they_are(io: IoChoice) {
    const COUNT: usize = 20_000;
    let origin = Origin::answering(|request| {
        let head =
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
        [&head[..], &chunked(&request.body, 1)].concat()
    });
    let scene = Scene::limited(io, &origin, "");
    let mut caller = scene.caller();
    let head = scene.head("POST", "/");
    let extension = "e".repeat(200);
    let mut request = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..COUNT {
        write!(request, "1;{extension}\r\nx\r\n").unwrap();
    }
    request.extend(b"0\r\n\r\n");
    let mut writer = caller.wire.get_ref().socket().try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(&request));
    let told = caller.reply();
    sender.join().unwrap().unwrap();
    assert_eq!((told.status, told.body.len()), (200, COUNT));
    assert_eq!(origin.requests()[0].body.len(), COUNT);
    assert_eq!(caller.ask(scene.get("/")).status, 200);
    let log = scene.access_log(2);
    assert_eq!(log[0]["bytes_in"], COUNT);
}

fn a_chunk_line_has_its_bound_however_it_comes(io: IoChoice) {
    let origin = ok();
    let scene = Scene::limited(io, &origin, "");
    let head = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n",
        scene.head("POST", "/")
    );
    for line in [
        format!("1;{}", "e".repeat(400)),
        "0".repeat(400),
        format!("1{}", " ".repeat(400)),
    ] {
        let mut caller = scene.caller();
        caller.send(&head);
        // It is refused before its line ends.
        for piece in line.as_bytes().chunks(100) {
            let _ = caller.try_send(piece);
            std::thread::sleep(Duration::from_millis(5));
        }
        let told = caller.reply();
        assert_eq!((told.status, told.code().as_str()), (400, "bad_body"));
    }
}

fn a_flood_without_tokens_leaves_others_their_turn(io: IoChoice) {
    let origin = ok();
    let scene = Scene::limited(io, &origin, "");
    let address = scene.address;
    let until = Instant::now() + Duration::from_secs(2);
    let flooding: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut caller = super::caller::Caller::plain(address);
                let request = "GET /up/ HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50);
                let mut refused = 0_u64;
                while Instant::now() < until {
                    caller.send(&request);
                    for _ in 0..50 {
                        assert_eq!(caller.reply().status, 401);
                        refused += 1;
                    }
                }
                refused
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    let mut caller = scene.caller();
    while Instant::now() < until {
        let asked = Instant::now();
        assert_eq!(caller.ask(scene.get("/")).status, 200);
        slowest = slowest.max(asked.elapsed());
    }
    let refused: u64 = flooding.into_iter().map(|it| it.join().unwrap()).sum();
    assert!(refused > 200, "{refused} are no flood");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// Bodies that are judged whole are held whole: many at once, none of them ended.
#[test]
fn what_is_gathered_stays_below_the_ceiling() {
    const CEILING: u64 = 256 << 20;
    let origin = ok();
    let mut plan = Plan::new(IoChoice::Tokio, &origin);
    plan.limits = "memory_bytes: 256MiB, request_body_bytes: 64MiB";
    plan.connection = ", message_bytes: 64MiB";
    plan.rules = "      - { allow: PUT /**, when: has(body.a) }\n";
    let process = plan.spawn();
    let scene = &process.scene;
    let piece = vec![b'x'; 1 << 20];
    let mut callers: Vec<_> = (0..24).map(|_| scene.caller()).collect();
    for caller in &mut callers {
        let head = scene.head("PUT", "/");
        caller.send(format!(
            "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{{\"a\":\"",
            60 << 20
        ));
    }
    let mut most = 0;
    for _ in 0..32 {
        for caller in &mut callers {
            let _ = caller.try_send(&piece);
        }
        most = most.max(process.resident());
    }
    assert!(
        most < 2 * CEILING,
        "{most} bytes of 24 bodies that would be 1440 MiB"
    );
    assert!(most > CEILING / 2, "{most} bytes: nothing was gathered");
    drop(callers);
    super::scene::eventually("memory is there again", || {
        let mut caller = scene.caller();
        let _ = caller.try_send(scene.get("/"));
        caller.try_reply(false).is_ok_and(|told| told.status == 200)
    });
}
