//! The issuer: away at the start, rolling its keys over, and asked no more than needed.

use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::issuer::{Behaviour, LocalIssuer};
use super::origin::{Origin, reply};
use super::scene::{Plan, Scene, issuer, now, stop_issuer};

on_every_driver!(
    an_issuer_that_is_down_at_the_start_holds_nothing_up,
    a_key_that_rolls_over_in_the_middle_is_fetched_once,
);

fn scene(io: IoChoice, origin: &Origin, issuer: &LocalIssuer) -> Scene {
    let plan = Plan {
        issuer,
        limits: "wait_time: 500ms",
        ..Plan::new(io, origin)
    };
    plan.start()
}

fn an_issuer_that_is_down_at_the_start_holds_nothing_up(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    issuer.behave(Behaviour::Status(503));
    let scene = scene(io, &origin, &issuer);
    assert_eq!(scene.readiness(), 503);
    let mut caller = scene.caller();
    let refused = caller.ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "keys_unavailable")
    );
    assert!(refused.field("retry-after").is_some());
    assert!(origin.requests().is_empty());

    issuer.behave(Behaviour::Good);
    scene.await_ready();
    assert_eq!(caller.ask(scene.get("/")).status, 200);

    // Gone again: what is known goes on serving.
    let token = scene.token.clone();
    stop_issuer(issuer);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    assert_eq!(scene.token, token);
}

fn a_key_that_rolls_over_in_the_middle_is_fetched_once(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    let mut scene = scene(io, &origin, &issuer);
    scene.await_ready();
    let mut caller = scene.caller();
    assert_eq!(caller.ask(scene.get("/")).status, 200);
    let before = issuer.key_sets_asked();

    issuer.rotate("second");
    scene.token = issuer.token("second", now());
    let request = scene.get("/");
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let mut caller = scene.caller();
            caller.send(&request);
            caller
        })
        .collect();
    for mut caller in callers {
        assert_eq!(caller.reply().status, 200);
    }
    assert_eq!(
        issuer.key_sets_asked(),
        before + 1,
        "one refresh for all of them"
    );

    let asked = issuer.key_sets_asked();
    scene.token = issuer.token("nobody's", now());
    let begun = Instant::now();
    for _ in 0..20 {
        let refused = caller.ask(scene.get("/"));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (401, "invalid_token")
        );
    }
    assert!(
        issuer.key_sets_asked() <= asked + 1,
        "a name that nobody knows is asked for once"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}
