//! Kept connections that the upstream ended just as they were used again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use rustls::ServerConfig;
use sluice::worker::io::IoChoice;

use super::origin::{Conn, Origin, reply};
use super::scene::{Plan, Scene};

on_every_driver!(
    a_safe_request_goes_once_more,
    a_safe_request_goes_once_more_under_tls,
    what_may_have_had_an_effect_goes_once,
    a_reply_that_has_begun_is_not_asked_for_again,
    a_fresh_connection_that_fails_is_not_replaced,
    retry_can_be_turned_off,
);

/// How a connection ends that was asked once too often.
type Ending = fn(&mut Conn) -> io::Result<()>;

/// The request is read, and nothing said to it.
fn silently(conn: &mut Conn) -> io::Result<()> {
    let head = conn.head()?.unwrap_or_default();
    conn.body(&head).map(drop)
}

/// The request is there and not read, so that the kernel resets.
fn by_reset(_: &mut Conn) -> io::Result<()> {
    Ok(())
}

/// A reply begins.
fn half_way(conn: &mut Conn) -> io::Result<()> {
    silently(conn)?;
    conn.send("HTTP/1.1 200 O")
}

/// Each connection answers one request; the first of them then ends as `ending` says when it gets
/// another, the others go on.
fn ending(tls: Option<Arc<ServerConfig>>, ending: Ending) -> (Origin, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let (counter, first) = (Arc::clone(&seen), AtomicUsize::new(0));
    let origin = Origin::talking(tls, move |mut conn| {
        let is_first = first.fetch_add(1, SeqCst) == 0;
        while let Some(head) = conn.head()? {
            conn.body(&head)?;
            counter.fetch_add(1, SeqCst);
            conn.send(reply("200 OK", "there"))?;
            if is_first {
                // Only seen: what is read cannot make the kernel reset any more.
                return match conn.wire.get_ref().socket().peek(&mut [0])? {
                    0 => Ok(()),
                    _ => ending(&mut conn),
                };
            }
        }
        Ok(())
    });
    (origin, seen)
}

fn a_safe_request_goes_once_more(io: IoChoice) {
    for end in [silently as Ending, by_reset] {
        let (origin, seen) = ending(None, end);
        let scene = Scene::start(io, &origin);
        let mut caller = scene.caller();
        for _ in 0..3 {
            let answer = caller.ask(scene.get("/"));
            assert_eq!((answer.status, answer.text()), (200, "there"));
        }
        assert_eq!((origin.connections(), seen.load(SeqCst)), (2, 3));
        assert_eq!(scene.metric("sluice_upstream_stale_total"), 1);
        assert_eq!(scene.metric("sluice_upstream_retries_total"), 1);
        let log = scene.access_log(3);
        assert!(log.iter().all(|line| line["outcome"] == "complete"));
    }
}

fn a_safe_request_goes_once_more_under_tls(io: IoChoice) {
    let (origin, seen) = ending(Some(super::tls::server(&rustls::version::TLS13)), silently);
    let scene = Scene::start(io, &origin);
    let mut caller = scene.caller();
    for _ in 0..3 {
        assert_eq!(caller.ask(scene.get("/")).text(), "there");
    }
    assert_eq!((origin.connections(), seen.load(SeqCst)), (2, 3));
}

fn what_may_have_had_an_effect_goes_once(io: IoChoice) {
    let (origin, seen) = ending(None, silently);
    let scene = Scene::start(io, &origin);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    let refused = scene.caller().ask(scene.post("/", "spend"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (502, "upstream_unreachable")
    );
    assert_eq!((origin.connections(), seen.load(SeqCst)), (1, 1));
    assert_eq!(scene.metric("sluice_upstream_stale_total"), 1);
    assert_eq!(scene.metric("sluice_upstream_retries_total"), 0);
}

fn a_reply_that_has_begun_is_not_asked_for_again(io: IoChoice) {
    let (origin, seen) = ending(None, half_way);
    let scene = Scene::start(io, &origin);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 502);
    assert_eq!((origin.connections(), seen.load(SeqCst)), (1, 1));
}

fn a_fresh_connection_that_fails_is_not_replaced(io: IoChoice) {
    let origin = Origin::talking(None, |mut conn| silently(&mut conn));
    let scene = Scene::start(io, &origin);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 502);
    assert_eq!(origin.connections(), 1);
    assert_eq!(scene.metric("sluice_upstream_stale_total"), 0);
}

fn retry_can_be_turned_off(io: IoChoice) {
    let (origin, seen) = ending(None, silently);
    let plan = Plan {
        connection: ", retry: false",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 502);
    assert_eq!((origin.connections(), seen.load(SeqCst)), (1, 1));
}
