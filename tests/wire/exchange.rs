//! What passes, in every form it may have.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::origin::{Origin, Request, chunked, read_head, reply};
use super::scene::Scene;

on_every_driver!(
    a_get_passes_every_door,
    a_body_goes_up_in_chunks_and_comes_down_in_every_framing,
    replies_without_a_body_leave_the_connection_in_step,
    many_requests_share_one_connection_upstream,
    pipelined_requests_are_answered_in_order,
    expect_continue_is_answered_after_the_decision,
    large_bodies_flow_both_ways_at_once,
    an_event_is_not_held_back,
    a_reply_may_come_before_the_request_is_whole,
    callers_are_told_when_a_connection_ends,
);

fn a_get_passes_every_door(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", request.target()));
    let scene = Scene::start(io, &origin);
    let reply = scene.caller().ask(scene.get("/hello?a=1"));
    assert_eq!((reply.status, reply.text()), (200, "/hello?a=1"));
}

/// Sends the request's body back, framed as the path says.
fn echo(request: &Request) -> Vec<u8> {
    let body = &request.body;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    match request.target() {
        "/chunked" => [
            format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes(),
            chunked(body, 7),
        ]
        .concat(),
        "/length" => reply("200 OK", body),
        other => panic!("{other}"),
    }
}

fn a_body_goes_up_in_chunks_and_comes_down_in_every_framing(io: IoChoice) {
    let origin = Origin::answering(echo);
    let scene = Scene::start(io, &origin);
    let body: Vec<u8> = (0..100_000u32).map(|at| b'a' + (at % 23) as u8).collect();
    let mut caller = scene.caller();
    for path in ["/chunked", "/length"] {
        caller.send(format!(
            "{}Transfer-Encoding: chunked\r\n\r\n",
            scene.head("POST", path)
        ));
        let reply = caller.ask(chunked(&body, 1000));
        assert_eq!((reply.status, &reply.body), (200, &body), "{path}");
    }
    for request in origin.requests() {
        assert_eq!(request.field("transfer-encoding"), Some("chunked"));
        assert_eq!(request.body, body);
    }
    let until_close = Origin::talking(None, |mut conn| {
        conn.head()?;
        conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end")
    });
    let scene = Scene::start(io, &until_close);
    let mut caller = scene.caller();
    for _ in 0..2 {
        let reply = caller.ask(scene.get("/"));
        assert_eq!((reply.status, reply.text()), (200, "to the end"));
        assert_eq!(reply.field("transfer-encoding"), Some("chunked"));
    }
}

fn replies_without_a_body_leave_the_connection_in_step(io: IoChoice) {
    let origin = Origin::answering(|request| match request.target() {
        "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n".to_vec(),
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n".to_vec(),
        _ => reply("200 OK", "next"),
    });
    let scene = Scene::start(io, &origin);
    let mut caller = scene.caller();
    caller.send(format!("{}\r\n", scene.head("HEAD", "/head")));
    assert_eq!(caller.try_reply(true).unwrap().status, 200);
    assert_eq!(caller.ask(scene.get("/204")).status, 204);
    let unchanged = caller.ask(scene.get("/304"));
    assert_eq!(
        (unchanged.status, unchanged.field("etag")),
        (304, Some("\"a\""))
    );
    assert_eq!(caller.ask(scene.get("/")).text(), "next");
    assert_eq!(origin.connections(), 1);
}

fn many_requests_share_one_connection_upstream(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", request.target()));
    let scene = Scene::start(io, &origin);
    let mut caller = scene.caller();
    for number in 0..200 {
        let path = format!("/{number}");
        assert_eq!(caller.ask(scene.get(&path)).text(), path);
    }
    assert_eq!(origin.connections(), 1);
}

fn pipelined_requests_are_answered_in_order(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", request.target()));
    let scene = Scene::start(io, &origin);
    let paths: Vec<String> = (0..50).map(|number| format!("/{number}")).collect();
    let requests: String = paths
        .iter()
        .map(|path| match path.ends_with('3') {
            true => scene.post(path, "a body between them"),
            false => scene.get(path),
        })
        .collect();
    let mut caller = scene.caller();
    caller.send(requests);
    for path in &paths {
        assert_eq!(caller.reply().text(), path);
    }
}

fn expect_continue_is_answered_after_the_decision(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", &request.body));
    let scene = Scene::start(io, &origin);
    let expecting = |path: &str| {
        let head = scene.head("POST", path);
        format!("{head}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    };
    let mut caller = scene.caller();
    caller.send(expecting("/"));
    assert_eq!(caller.try_reply(true).unwrap().status, 100);
    assert_eq!(caller.ask("body").text(), "body");
    caller.send(expecting("/held/"));
    assert_eq!(caller.reply().status, 403);
    assert!(
        caller.ends_within(Duration::from_secs(5)),
        "the body was not asked for"
    );
}

fn large_bodies_flow_both_ways_at_once(io: IoChoice) {
    const SIZE: usize = 10 << 20;
    // Sends back what it reads as it reads it, so that both directions are full at once.
    let origin = Origin::talking(None, |mut conn| {
        conn.head()?;
        conn.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {SIZE}\r\n\r\n"
        ))?;
        let mut buffer = vec![0; 256 << 10];
        let mut left = SIZE;
        while left > 0 {
            let count = conn.wire.read(&mut buffer)?;
            conn.send(&buffer[..count])?;
            left -= count;
        }
        Ok(())
    });
    let scene = Scene::start(io, &origin);
    let body: Vec<u8> = (0..SIZE).map(|at| (at / 1000) as u8).collect();
    let mut caller = scene.caller();
    let mut writer = caller.wire.get_ref().socket().try_clone().unwrap();
    let head = format!("{}Content-Length: {SIZE}\r\n\r\n", scene.head("POST", "/"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(head.as_bytes()).unwrap();
            writer.write_all(&body).unwrap();
        });
        let reply = caller.reply();
        assert_eq!(reply.status, 200);
        assert!(reply.body == body, "the body came back changed");
    });
}

fn an_event_is_not_held_back(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| {
        conn.head()?;
        conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            let event = format!("data: {:?}\n\n", Instant::now());
            conn.send(format!("{:x}\r\n{event}\r\n", event.len()))?;
            // The next event comes only once the caller has seen this one.
            let mut seen = [0];
            conn.wire.read_exact(&mut seen)?;
        }
    });
    let scene = Scene::start(io, &origin);
    let mut caller = scene.caller();
    let head = scene.head("POST", "/");
    caller.send(format!("{head}Content-Length: 5\r\n\r\n"));
    let head = read_head(&mut caller.wire).unwrap().unwrap();
    assert!(head.contains("200 OK"), "{head}");
    for _ in 0..5 {
        let mut event = [0; 8];
        caller.wire.read_exact(&mut event).unwrap();
        // The rest of the chunk arrives with it or soon after.
        let mut rest = Vec::new();
        while !rest.ends_with(b"\n\n\r\n") {
            let mut byte = [0];
            caller.wire.read_exact(&mut byte).unwrap();
            rest.push(byte[0]);
        }
        caller.send("x");
    }
}

fn a_reply_may_come_before_the_request_is_whole(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| {
        conn.head()?;
        conn.send(reply("413 Content Too Large", "no more"))?;
        // A clean end would let the gateway keep a connection that is half-way through a request.
        let mut rest = Vec::new();
        conn.wire.read_to_end(&mut rest)?;
        Ok(())
    });
    let scene = Scene::start(io, &origin);
    let mut caller = scene.caller();
    let head = scene.head("POST", "/");
    caller.send(format!("{head}Content-Length: 1000\r\n\r\nonly so much"));
    let refused = caller.reply();
    assert_eq!((refused.status, refused.text()), (413, "no more"));
    assert!(caller.ends_within(Duration::from_secs(5)));
    let again = scene.caller().ask(scene.post("/", "x"));
    assert_eq!((again.status, origin.connections()), (413, 2));
}

fn callers_are_told_when_a_connection_ends(io: IoChoice) {
    let origin = Origin::answering(|request| reply("200 OK", request.target()));
    let plan = super::scene::Plan {
        limits: "requests_per_connection: 3",
        ..super::scene::Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = scene.caller();
    for _ in 0..2 {
        assert_eq!(caller.ask(scene.get("/")).field("connection"), None);
    }
    assert_eq!(
        caller.ask(scene.get("/")).field("connection"),
        Some("close")
    );
    assert!(caller.ends_within(Duration::from_secs(5)));
    let closing = format!("{}Connection: close\r\n\r\n", scene.head("GET", "/"));
    let mut caller = scene.caller();
    assert_eq!(caller.ask(closing).field("connection"), Some("close"));
    assert!(caller.ends_within(Duration::from_secs(5)));
}
