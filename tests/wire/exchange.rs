//! What passes, in every form it may have.

use sluice::worker::io::IoChoice;

use super::origin::{Origin, reply};
use super::scene::Scene;

on_every_driver!(a_get_passes_every_door);

fn a_get_passes_every_door(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", request.target()));
    let scene = Scene::start(io, &origin);
    let reply = scene.caller().ask(scene.get("/hello?a=1"));
    assert_eq!((reply.status, reply.text()), (200, "/hello?a=1"));
}
