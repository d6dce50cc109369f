//! No recording, no call; and what is recorded is what passed.

use std::time::{Duration, Instant};

use sluice::record::Outcome;
use sluice::recorder::read::{Filter, recordings, sessions};
use sluice::worker::io::IoChoice;

use super::origin::{Origin, chunked, reply};
use super::scene::Plan;

on_every_driver!(
    what_passes_is_in_the_recording,
    a_disk_that_is_nearly_full_takes_no_new_session,
    a_disk_that_fails_ends_recording_and_calls_with_it,
);

fn what_passes_is_in_the_recording(io: IoChoice) {
    let origin = Origin::answering(|request| match request.target() {
        "/chunked" => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
            [head.as_bytes(), &chunked(&request.body, 9)].concat()
        }
        _ => reply("200 OK", &request.body),
    });
    let plan = Plan {
        class: "durable",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = scene.caller();
    let mut sent = Vec::new();
    for (number, path) in ["/chunked", "/plain", "/chunked"].iter().enumerate() {
        let body = format!("body number {number}").repeat(100);
        assert_eq!(caller.ask(scene.post(path, &body)).text(), body);
        sent.push(body);
    }
    assert_eq!(caller.ask(scene.get("/secret/x")).status, 403);
    let recorded = scene.stop();
    let (up, down) = recorded.bodies();
    assert_eq!(String::from_utf8(up).unwrap(), sent.concat());
    assert_eq!(String::from_utf8(down).unwrap(), sent.concat());
    let (sessions, _) = sessions(&recorded.recordings, &Filter::default()).unwrap();
    let outcomes: Vec<_> = sessions[0]
        .exchanges
        .iter()
        .map(|exchange| exchange.end.map(|end| (end.end.outcome, end.end.status)))
        .collect();
    let complete = Some((Outcome::Complete, 200));
    assert_eq!(
        outcomes,
        [complete, complete, complete, Some((Outcome::Refused, 403))]
    );
}

fn a_disk_that_is_nearly_full_takes_no_new_session(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", ""));
    let plan = Plan {
        reserve: "1000000GiB",
        ..Plan::new(io, &origin)
    };
    let scene = plan.start();
    let until = Instant::now() + Duration::from_secs(10);
    while !["nearly full", "\"keys\":1"]
        .iter()
        .all(|part| scene.readyz().text().contains(part))
    {
        assert!(Instant::now() < until);
    }
    let mut caller = scene.caller();
    let refused = caller.ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "recorder_unable")
    );
    assert_eq!(
        caller.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status,
        404,
        "refusals need no disk"
    );
    assert!(origin.requests().is_empty());
}

fn a_disk_that_fails_ends_recording_and_calls_with_it(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", &request.body));
    let plan = Plan {
        class: "durable",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = scene.caller();
    assert_eq!(caller.ask(scene.post("/", "x")).status, 200);
    // The next segment cannot be made: its directory has another name by then.
    for recording in recordings(scene.data()).unwrap() {
        std::fs::rename(recording.path(), recording.path().with_extension("away")).unwrap();
    }
    let mut noise = 1u64;
    let mut body = || -> String {
        let mut letter = || {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'!' + (noise >> 33) as u8 % 90)
        };
        (0..200_000).map(|_| letter()).collect()
    };
    let mut passed = 1;
    let refused = loop {
        let mut caller = scene.caller();
        if caller.try_send(scene.post("/", &body())).is_err() {
            continue;
        }
        match caller.try_reply(false) {
            Ok(reply) if reply.status == 200 => passed += 1,
            Ok(reply) => break reply,
            Err(_) => {} // Cut off in the middle.
        }
        assert!(passed < 50, "nothing failed");
    };
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "recorder_unable")
    );
    let reached = origin.requests().len();
    for _ in 0..3 {
        let refused = scene.caller().ask(scene.get("/"));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (503, "recorder_unable")
        );
    }
    assert_eq!(
        origin.requests().len(),
        reached,
        "no call without its record"
    );
    assert_eq!(scene.readiness(), 503);
    scene.abandon();
}
