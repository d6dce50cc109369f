//! Streams that are open while another configuration comes.

use std::time::Duration;

use super::scene::{Listener, Part, Scene, call, hushed, server, ticking};

/// Whoever may listen, and not call.
const LISTEN: &[&str] = &["allow: tools/call nothing"];

#[test]
fn connections_come_and_go_and_a_stream_of_another_goes_on() {
    let (stream, new) = (ticking(), server("new"));
    let kept = Part::mcp("kept", &stream, LISTEN);
    let added = Part::mcp("added", &new, &["allow: tools/call *"]);
    let mut scene = Scene::start(std::slice::from_ref(&kept));
    let mut listener = Listener::open(scene.address, "kept");
    assert_eq!(call(scene.address, "added", "a").status, 404);
    for _ in 0..3 {
        // Before the other one: every place changes.
        scene.reload(&[added.clone(), kept.clone()]);
        let reply = call(scene.address, "added", "a");
        assert!(reply.text().contains("new"), "{}", reply.text());
        listener.hears_on(3);
        scene.reload(std::slice::from_ref(&kept));
        assert_eq!(call(scene.address, "added", "a").status, 404);
        listener.hears_on(3);
    }
    // It has met the housekeeping of the core under the last of them, too.
    listener.hears_on(15);
    assert_eq!(stream.connections(), 1, "one stream all along");
}

#[test]
fn a_stream_that_loses_its_right_is_cut_and_others_go_on() {
    let (one, other, quiet) = (ticking(), ticking(), hushed());
    let kept = Part::mcp("kept", &one, LISTEN);
    let lost = Part::mcp("lost", &other, LISTEN);
    let silent = Part::mcp("silent", &quiet, LISTEN);
    let mut scene = Scene::start(&[lost.clone(), silent.clone(), kept.clone()]);
    let mut goes_on = Listener::open(scene.address, "kept");
    let mut loses = Listener::open(scene.address, "lost");
    // One that waits for a server with nothing to say has to notice, too.
    let mut waits = Listener::open(scene.address, "silent");
    let denied = |part: &Part| Part {
        rules: vec!["deny: \"*\""],
        ..part.clone()
    };
    scene.reload(&[denied(&lost), denied(&silent), kept.clone()]);
    assert!(loses.is_cut_after() < Duration::from_secs(2));
    assert!(waits.is_cut_after() < Duration::from_secs(2));
    goes_on.hears_on(3);
    // One whose connection is gone has no right either.
    let mut waits = {
        scene.reload(&[silent.clone(), kept.clone()]);
        Listener::open(scene.address, "silent")
    };
    scene.reload(std::slice::from_ref(&kept));
    assert!(waits.is_cut_after() < Duration::from_secs(2));
    goes_on.hears_on(3);
    assert!(scene.access_log().contains("superseded"));
}
