//! Where connections and requests come from, as proxies tell it who are trusted, and others who are
//! not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::origin::Origin;
use super::scene::{Plan, Scene, client};

on_every_driver!(
    a_trusted_proxy_introduces_its_connections,
    a_trusted_proxy_that_does_not_is_not_served,
    nobody_else_is_believed,
    connections_are_counted_by_whom_they_are_for,
    a_trusted_proxy_tells_where_requests_come_from,
);

const TRUSTING: &str = ", proxy_protocol: { from: [127.0.0.0/8] }";
const RULES: &str = "      - deny: GET /inner/**
        when: source.ip != '192.0.2.7'
";

fn started(io: IoChoice, origin: &Origin, door: &str, limits: &str) -> Scene {
    let plan = Plan {
        door,
        limits,
        rules: RULES,
        ..Plan::new(io, origin)
    };
    plan.ready()
}

fn v2(version: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = [0, u8::try_from(block.len()).unwrap()];
    [
        b"\r\n\r\n\0\r\nQUIT\n",
        &[version, family][..],
        &length,
        block,
    ]
    .concat()
}

const BLOCK: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 0xbb];

fn a_trusted_proxy_introduces_its_connections(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = started(io, &origin, TRUSTING, "");
    let headers = [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n".to_vec(),
        v2(0x21, 0x11, &BLOCK),
    ];
    for header in &headers {
        let mut caller = scene.caller();
        // However it comes: alone, in pieces, and with what follows it.
        caller.send(&header[..5]);
        std::thread::sleep(Duration::from_millis(30));
        caller.send(&header[5..20]);
        std::thread::sleep(Duration::from_millis(30));
        caller.send([&header[20..], scene.get("/inner/x").as_bytes()].concat());
        assert_eq!(caller.reply().status, 200);
        assert_eq!(caller.ask(scene.get("/inner/x")).status, 200, "and again");

        let mut socket = TcpStream::connect(scene.secure).unwrap();
        let name = "localhost".try_into().unwrap();
        let mut session = ClientConnection::new(client(), name).unwrap();
        let mut first = header.clone();
        session.write_tls(&mut first).unwrap();
        socket.write_all(&first).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        stream.write_all(scene.get("/inner/x").as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    // A proxy's own health check comes from the proxy.
    let mut caller = scene.caller();
    caller.send(v2(0x20, 0, &[]));
    assert_eq!(caller.ask(scene.get("/inner/x")).status, 403);
    let log = scene.access_log(7);
    let peers = log.iter().filter(|line| line["peer"] == "192.0.2.7:4711");
    assert_eq!(peers.count(), 6, "{log:?}");
    assert!(log[6]["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

fn a_trusted_proxy_that_does_not_is_not_served(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = started(io, &origin, TRUSTING, "handshake_time: 300ms");
    for begins in [
        "GET /up/x HTTP/1.1\r\n\r\n",
        "PROXY TCP4 x\r\n",
        "PROXY",
        "",
    ] {
        let mut caller = scene.caller();
        caller.send(begins);
        let told = caller.try_reply(false);
        assert!(told.is_err(), "{begins}: {told:?}");
    }
    assert!(origin.requests().is_empty());
    let metrics = scene.metrics();
    assert!(
        metrics.contains("sluice_handshakes_failed_total 2\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("sluice_handshakes_late_total 2\n"),
        "{metrics}"
    );
}

fn nobody_else_is_believed(io: IoChoice) {
    let origin = Origin::echoing();
    let door = ", proxy_protocol: { from: [192.0.2.0/24] }, forwarded: { from: [192.0.2.0/24] }";
    let scene = started(io, &origin, door, "");
    let refused = scene
        .caller()
        .ask("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n\r\n");
    assert_eq!(refused.status, 400);
    let told = scene.head("GET", "/inner/x");
    let told = scene
        .caller()
        .ask(format!("{told}X-Forwarded-For: 192.0.2.7\r\n\r\n"));
    assert_eq!(told.status, 403);
    assert_eq!(scene.caller().ask(scene.get("/x")).status, 200);
    assert!(scene.access_log(3)[1]["source"].is_null());
}

fn connections_are_counted_by_whom_they_are_for(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = started(io, &origin, TRUSTING, "connections_per_address: 2");
    let from = |ip: &str| {
        let mut caller = scene.caller();
        caller.send(format!("PROXY TCP4 {ip} 198.51.100.1 1 2\r\n"));
        caller.send(scene.get("/x"));
        let answered = caller.try_reply(false).is_ok();
        (caller, answered)
    };
    let held: Vec<(Caller, bool)> = (0..2).map(|_| from("192.0.2.7")).collect();
    assert!(held.iter().all(|(_, answered)| *answered));
    assert!(!from("192.0.2.7").1, "one too many");
    let others: Vec<_> = (1..6)
        .map(|last| from(&format!("192.0.2.1{last}")))
        .collect();
    assert!(others.iter().all(|(_, answered)| *answered));
    drop(held);
    super::scene::eventually("a place", || from("192.0.2.7").1);
}

fn a_trusted_proxy_tells_where_requests_come_from(io: IoChoice) {
    let origin = Origin::echoing();
    let door = ", forwarded: { from: [127.0.0.1, 10.0.0.0/8] }";
    let scene = started(io, &origin, door, "");
    let mut caller = scene.caller();
    for (fields, status) in [
        ("X-Forwarded-For: 192.0.2.7\r\n", 200),
        ("X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.9\r\n", 200),
        (
            "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.7\r\n",
            200,
        ),
        ("X-Forwarded-For: 192.0.2.7, 1.1.1.1\r\n", 403),
        // It is the other field that is believed.
        ("Forwarded: for=192.0.2.7\r\n", 403),
        ("", 403),
        // Where it is hidden, no condition about it holds.
        ("X-Forwarded-For: unknown\r\n", 403),
        ("X-Forwarded-For: 192.0.2.7, what\r\n", 400),
    ] {
        let told = caller.ask(format!("{}{fields}\r\n", scene.head("GET", "/inner/x")));
        assert_eq!(told.status, status, "{fields}");
        if status == 400 {
            assert_eq!(told.code(), "bad_hops");
        }
    }
    let log = scene.access_log(8);
    assert_eq!(log[1]["source"], "192.0.2.7");
    assert_eq!(log[3]["source"], "1.1.1.1");
    assert!(log[5]["source"].is_null() && log[5]["peer"].is_string());
    for request in origin.requests() {
        assert_eq!(request.field("x-forwarded-for"), None);
    }
    let door = ", forwarded: { from: [127.0.0.1], field: forwarded }";
    let scene = started(io, &origin, door, "");
    let head = scene.head("GET", "/inner/x");
    let told = scene.caller().ask(format!(
        "{head}Forwarded: for=1.1.1.1, for=192.0.2.7;proto=https\r\n\r\n"
    ));
    assert_eq!(told.status, 200);
    let _ = Arc::new(scene);
}
