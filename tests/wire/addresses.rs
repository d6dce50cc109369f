//! Upstreams at several addresses, some of which fail; and upstreams that are full, or down.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::origin::{Origin, reply};
use super::scene::{Plan, Scene};

on_every_driver!(
    calls_are_spread_and_go_where_fewer_are,
    an_address_that_takes_no_connection_costs_nobody_a_call,
    an_address_that_says_nothing_leaves_time_for_another,
    a_circuit_opens_and_closes_again,
    a_connection_has_times_of_its_own,
    as_many_calls_as_may_be_and_a_queue,
    addresses_are_checked_beside_calls,
);

/// A scene before several hosts, with more lines in the connection.
fn scene(io: IoChoice, addresses: &[SocketAddr], connection: &str) -> Scene {
    let origin = Origin::answering(|_| Vec::new());
    let urls: Vec<_> = addresses
        .iter()
        .map(|address| format!("\"http://{address}\""))
        .collect();
    let plan = Plan {
        upstream: format!("[{}]", urls.join(", ")),
        connection,
        ..Plan::new(io, &origin)
    };
    plan.ready()
}

/// A bell that calls can be made to wait for.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    news: Condvar,
    waiting: AtomicUsize,
}

impl Bell {
    fn wait(&self) {
        self.waiting.fetch_add(1, SeqCst);
        let rung = self.rung.lock().unwrap();
        let patience = Duration::from_secs(20);
        let waited = self.news.wait_timeout_while(rung, patience, |rung| !*rung);
        drop(waited.unwrap());
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.news.notify_all();
    }

    /// Until so many wait.
    fn await_waiting(&self, count: usize) {
        soon(|| self.waiting.load(SeqCst) >= count);
    }
}

fn soon(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "it never comes to it");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Answers `there`; at `/slow`, once the bell has rung.
fn slow(bell: &Arc<Bell>) -> Origin {
    let bell = Arc::clone(bell);
    Origin::answering(move |request| {
        if request.target() == "/slow" {
            bell.wait();
        }
        reply("200 OK", "there")
    })
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn calls_are_spread_and_go_where_fewer_are(io: IoChoice) {
    let bell = Arc::new(Bell::default());
    let origins = [slow(&bell), slow(&bell)];
    let scene = scene(io, &origins.each_ref().map(|origin| origin.address), "");
    let mut caller = scene.caller();
    for _ in 0..40 {
        assert_eq!(caller.ask(scene.get("/")).text(), "there");
    }
    let counts = || origins.each_ref().map(|origin| origin.requests().len());
    assert!(counts().iter().all(|count| *count > 0), "{:?}", counts());
    // Both have the first one's name.
    let name = origins[0].address.to_string();
    for request in origins.iter().flat_map(Origin::requests) {
        assert_eq!(request.field("host"), Some(&*name));
    }
    // While a call is under way at one of them, the others go to the other.
    let before = counts();
    let mut held = scene.caller();
    held.send(scene.get("/slow"));
    bell.await_waiting(1);
    for _ in 0..20 {
        assert_eq!(caller.ask(scene.get("/")).text(), "there");
    }
    let after = counts();
    let more = [after[0] - before[0], after[1] - before[1]];
    assert!(more == [20, 0] || more == [0, 20], "{more:?}");
    bell.ring();
    assert_eq!(held.reply().text(), "there");
}

fn an_address_that_takes_no_connection_costs_nobody_a_call(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "there"));
    let ejection = ", ejection: { failures: 3, pause: 60s }";
    let scene = scene(io, &[nobody(), origin.address], ejection);
    let mut caller = scene.caller();
    for _ in 0..60 {
        let answer = caller.ask(scene.post("/", "once"));
        assert_eq!((answer.status, answer.text()), (200, "there"));
    }
    assert_eq!(origin.requests().len(), 60);
    // It is tried three times, and then passed over.
    assert_eq!(scene.metric("sluice_upstream_connect_failures_total"), 3);
    assert_eq!(scene.metric("sluice_upstream_ejections_total"), 1);
}

fn an_address_that_says_nothing_leaves_time_for_another(io: IoChoice) {
    // Its queue is full, so that the kernel answers no further SYN.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    full.bind(&any.into()).unwrap();
    full.listen(0).unwrap();
    let silent = full.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(silent).unwrap();
    let origin = Origin::answering(|_| reply("200 OK", "there"));
    let more = ", limits: { connect_time: 400ms }, ejection: { failures: 1, pause: 60s }";
    let scene = scene(io, &[silent, origin.address], more);
    for _ in 0..20 {
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "there");
    }
    assert_eq!(scene.metric("sluice_upstream_ejections_total"), 1);
}

fn a_circuit_opens_and_closes_again(io: IoChoice) {
    let works = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&works);
    let origin = Origin::talking(None, move |mut conn| {
        while let Some(head) = conn.head()? {
            conn.body(&head)?;
            if !answers.load(SeqCst) {
                return Ok(());
            }
            conn.send(reply("200 OK", "there"))?;
        }
        Ok(())
    });
    let circuit = ", circuit: { failures: 3, pause: 1500ms, longest: 1500ms }";
    let scene = scene(io, &[origin.address], circuit);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let refused = scene.caller().ask(scene.get("/"));
        statuses.push(refused.status);
        if refused.status == 503 {
            assert_eq!(refused.code(), "upstream_down");
            let wait = refused.field("retry-after").unwrap();
            assert!(matches!(wait, "1" | "2"), "{wait}");
        }
    }
    assert_eq!(statuses, [502, 502, 502, 503, 503]);
    assert_eq!(origin.connections(), 3, "nothing goes there");
    assert_eq!(scene.metric("sluice_upstream_circuits_opened_total"), 1);
    let refusals = r#"sluice_refusals_total{reason="upstream_down"}"#;
    assert_eq!(scene.metric(refusals), 2);
    // After the pause one call tries, and in vain.
    std::thread::sleep(Duration::from_millis(1600));
    assert_eq!(scene.caller().ask(scene.get("/")).status, 502);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 503);
    works.store(true, SeqCst);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 503);
    std::thread::sleep(Duration::from_millis(1600));
    for _ in 0..5 {
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "there");
    }
}

fn a_connection_has_times_of_its_own(io: IoChoice) {
    let bell = Arc::new(Bell::default());
    let origin = slow(&bell);
    let limits = ", limits: { first_byte_time: 200ms, upstream_idle_time: 50ms }";
    let scene = scene(io, &[origin.address], limits);
    let late = scene.caller().ask(scene.get("/slow"));
    assert_eq!(
        (late.status, late.code().as_str()),
        (504, "upstream_timeout")
    );
    bell.ring();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "there");
    }
    assert_eq!(origin.connections(), 4, "none is kept so long");
}

fn as_many_calls_as_may_be_and_a_queue(io: IoChoice) {
    let bell = Arc::new(Bell::default());
    let origin = slow(&bell);
    let limits = ", limits: { calls: 1, waiting: 1, waiting_time: 500ms }";
    let scene = scene(io, &[origin.address], limits);
    let [mut first, mut second, mut third] = [scene.caller(), scene.caller(), scene.caller()];
    let state = |state: &str| {
        let labels = format!(r#"{{connection="up",state="{state}"}}"#);
        scene.metric(&format!("sluice_upstream_calls{labels}"))
    };
    first.send(scene.get("/slow"));
    bell.await_waiting(1);
    second.send(scene.get("/"));
    soon(|| state("waiting") == 1);
    // One is under way and one waits: there is no place for a third.
    let refused = third.ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "upstream_busy")
    );
    assert_eq!(refused.field("retry-after"), Some("1"));
    // Who waits too long is refused as well, and was never sent.
    let refused = second.reply();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "upstream_busy")
    );
    assert_eq!((state("under_way"), state("waiting")), (1, 0));
    assert_eq!(origin.requests().len(), 0);
    // Who waits and gets its turn is served; its connection goes on after a refusal.
    second.send(scene.get("/next"));
    soon(|| state("waiting") == 1);
    bell.ring();
    assert_eq!(first.reply().text(), "there");
    assert_eq!(second.reply().text(), "there");
    assert_eq!(third.ask(scene.get("/")).text(), "there");
    let asked: Vec<_> = origin
        .requests()
        .iter()
        .map(|request| request.target().to_owned())
        .collect();
    assert_eq!(asked, ["/slow", "/next", "/"]);
    soon(|| (state("under_way"), state("waiting")) == (0, 0));
}

fn addresses_are_checked_beside_calls(io: IoChoice) {
    let sick = Arc::new(AtomicBool::new(true));
    let is_sick = Arc::clone(&sick);
    let one = Origin::answering(move |request| match request.target() {
        "/healthz" if is_sick.load(SeqCst) => reply("503 Service Unavailable", ""),
        _ => reply("200 OK", "one"),
    });
    let other = Origin::answering(|_| reply("200 OK", "other"));
    let health = ", health: { path: /healthz, every: 100ms }";
    let scene = scene(io, &[one.address, other.address], health);
    let addresses = |state: &str| {
        let labels = format!(r#"{{connection="up",state="{state}"}}"#);
        scene.metric(&format!("sluice_upstream_addresses{labels}"))
    };
    soon(|| (addresses("good"), addresses("bad")) == (1, 1));
    let mut caller = scene.caller();
    for _ in 0..20 {
        assert_eq!(caller.ask(scene.get("/")).text(), "other");
    }
    let good = r#"sluice_control_good{what="check",name="up"}"#;
    assert_eq!(scene.metric(good), 0);
    assert_eq!(scene.readiness(), 200, "the gateway is well");
    sick.store(false, SeqCst);
    soon(|| addresses("good") == 2);
    let mut seen: Vec<_> = (0..40)
        .map(|_| caller.ask(scene.get("/")).text().to_owned())
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, ["one", "other"]);
    // There is nothing of a call in a check, and no credential.
    let checks = one.requests();
    let check = checks.iter().find(|it| it.target() == "/healthz").unwrap();
    assert_eq!(check.field("authorization"), None);
    assert_eq!(check.field("host"), Some(&*one.address.to_string()));
}
