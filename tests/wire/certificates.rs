//! What a TLS listener shows: certificates by name, and others while it runs.

use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use sluice::worker::io::IoChoice;

use super::certified::{Asking, Authority, Leaf, request, showing};
use super::origin::Origin;
use super::scene::{Plan, Scene};

on_every_driver!(
    the_name_asked_for_chooses_the_certificate,
    certificates_change_and_no_connection_is_dropped,
    a_bad_certificate_keeps_the_one_before_and_is_told,
    a_host_that_tls_was_not_asked_for_gets_421,
);

/// A gateway that shows one certificate, and another beside it.
fn showing_two<'p>(io: IoChoice, origin: &Origin, first: &Leaf, second: &Leaf) -> Plan<'p> {
    let mut plan = showing(io, origin, first);
    plan.tls = ", certificates: [{ cert: file:second.crt, key: file:second.key }]";
    plan.files.extend([
        ("second.crt", second.certificate.clone()),
        ("second.key", second.key.clone()),
    ]);
    plan
}

fn the_name_asked_for_chooses_the_certificate(io: IoChoice) {
    let (authority, origin) = (Authority::new(), Origin::echoing());
    let first = authority.leaf(&["first.example"]);
    let second = authority.leaf(&["second.example", "*.wild.example"]);
    let plan = showing_two(io, &origin, &first, &second);
    let scene = plan.ready();
    let client = authority.client(None);
    for (name, leaf) in [
        ("first.example", &first),
        ("second.example", &second),
        ("SECOND.example", &second),
        ("a.wild.example", &second),
    ] {
        let mut caller = Asking::connect(scene.secure, &client, name);
        assert!(caller.was_shown(leaf), "{name}");
        assert_eq!(caller.ask(&request(&scene, name)).status, 200, "{name}");
    }
    // Whoever asks for a name that nobody has is shown the first, and may judge it.
    let session = ClientConnection::new(client, "other.example".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(scene.secure).unwrap());
    let refused = loop {
        match stream.conn.complete_io(&mut stream.sock) {
            Ok(_) => assert!(stream.conn.is_handshaking()),
            Err(why) => break why.to_string(),
        }
    };
    assert!(refused.contains("first.example"), "{refused}");
}

fn certificates_change_and_no_connection_is_dropped(io: IoChoice) {
    let authority = Authority::new();
    let (old, new) = (
        authority.leaf(&["gateway.example"]),
        authority.leaf(&["gateway.example"]),
    );
    let (go_on, goes_on) = channel::<()>();
    let goes_on = Mutex::new(goes_on);
    let origin = Origin::talking(None, move |mut conn| {
        while let Some(head) = conn.head()? {
            conn.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nhalf",
            )?;
            if head.starts_with("GET /slow") {
                let _ = goes_on.lock().unwrap().recv();
            }
            conn.send("half")?;
        }
        Ok(())
    });
    let mut scene = showing(io, &origin, &old).ready();
    let client = authority.client(None);
    let connect = |scene: &Scene| Asking::connect(scene.secure, &client, "gateway.example");
    let (mut idle, mut busy) = (connect(&scene), connect(&scene));
    assert_eq!(idle.ask(&request(&scene, "gateway.example")).status, 200);
    busy.send(&request(&scene, "gateway.example").replacen("/up/", "/up/slow", 1));

    scene.rewrite("tls.crt", &new.certificate);
    scene.rewrite("tls.key", &new.key);
    assert_eq!(scene.reload().unwrap().certificates.len(), 1);
    go_on.send(()).unwrap();
    assert_eq!(busy.reply().text(), "halfhalf", "what was under way");
    assert!(idle.was_shown(&old));
    assert_eq!(idle.ask(&request(&scene, "gateway.example")).status, 200);
    // Whoever was there before comes back with a ticket; others are shown the new one.
    assert_eq!(connect(&scene).kind(), Some(HandshakeKind::Resumed));
    let mut fresh = Asking::connect(scene.secure, &authority.client(None), "gateway.example");
    assert!(fresh.was_shown(&new));
    assert_eq!(fresh.ask(&request(&scene, "gateway.example")).status, 200);
}

fn a_bad_certificate_keeps_the_one_before_and_is_told(io: IoChoice) {
    let (authority, origin) = (Authority::new(), Origin::echoing());
    let good = authority.leaf(&["gateway.example"]);
    let other = authority.leaf(&["gateway.example"]);
    let late = authority.leaf_until(&["gateway.example"], 2020);
    let mut scene = showing(io, &origin, &good).ready();
    for (certificate, key, why) in [
        (
            other.certificate.as_str(),
            good.key.as_str(),
            "do not work together",
        ),
        ("nonsense", &good.key, "no PEM certificate"),
        (&late.certificate, &late.key, "expired"),
    ] {
        scene.rewrite("tls.crt", certificate);
        scene.rewrite("tls.key", key);
        let refused = scene.reload().unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        let told = scene.readyz();
        assert_eq!(told.status, 200);
        assert!(told.text().contains(why), "{}", told.text());
        let caller = Asking::connect(scene.secure, &authority.client(None), "gateway.example");
        assert!(caller.was_shown(&good), "{why}");
    }
    scene.rewrite("tls.crt", &other.certificate);
    scene.rewrite("tls.key", &other.key);
    scene.reload().unwrap();
    let caller = Asking::connect(scene.secure, &authority.client(None), "gateway.example");
    assert!(caller.was_shown(&other));
}

fn a_host_that_tls_was_not_asked_for_gets_421(io: IoChoice) {
    let (authority, origin) = (Authority::new(), Origin::echoing());
    let first = authority.leaf(&["first.example", "127.0.0.2"]);
    let second = authority.leaf(&["second.example"]);
    let plan = showing_two(io, &origin, &first, &second);
    let scene = plan.ready();
    let port = scene.secure.port();
    let with_port = format!("first.example:{port}");
    let address = format!("127.0.0.2:{port}");
    let mut nameless = ClientConfig::clone(&authority.client(None));
    nameless.enable_sni = false;
    let (named, nameless) = (authority.client(None), Arc::new(nameless));
    for (client, name, host, status) in [
        (&named, "first.example", "first.example", 200),
        (&named, "first.example", "FIRST.example", 200),
        (&named, "first.example", with_port.as_str(), 200),
        (&named, "first.example", "second.example", 421),
        (&named, "first.example", &address, 421),
        (&named, "second.example", "second.example", 200),
        (&named, "second.example", "first.example", 421),
        // Who asks for no name goes by the certificate that it was shown.
        (&nameless, "first.example", "first.example", 200),
        (&nameless, "127.0.0.2", &address, 200),
        (&nameless, "first.example", "second.example", 421),
        (&nameless, "first.example", "127.0.0.1", 421),
        (&nameless, "first.example", "[::1]", 421),
    ] {
        let mut caller = Asking::connect(scene.secure, client, name);
        let told = caller.ask(&request(&scene, host));
        assert_eq!(told.status, status, "{name} and {host}");
        if status == 421 {
            assert_eq!(told.code(), "misdirected");
            let right = caller.ask(&request(&scene, name));
            assert_eq!(right.status, 200, "the connection goes on");
        }
    }
    // Nobody gets around it by naming the host in the target.
    let mut caller = Asking::connect(scene.secure, &named, "first.example");
    let elsewhere =
        request(&scene, "second.example").replacen("GET /up/", "GET https://second.example/up/", 1);
    assert_eq!(caller.ask(&elsewhere).status, 421);
}

#[test]
fn the_process_notices_other_certificates_by_itself() {
    let (authority, origin) = (Authority::new(), Origin::echoing());
    let (old, new) = (
        authority.leaf(&["gateway.example"]),
        authority.leaf(&["gateway.example"]),
    );
    let process = showing(IoChoice::Tokio, &origin, &old).spawn();
    let scene = &process.scene;
    let shown = |leaf| {
        let caller = Asking::connect(scene.secure, &authority.client(None), "gateway.example");
        caller.was_shown(leaf)
    };
    assert!(shown(&old));
    scene.rewrite("tls.crt", &new.certificate);
    scene.rewrite("tls.key", &new.key);
    let until = Instant::now() + Duration::from_secs(15);
    while !shown(&new) {
        assert!(Instant::now() < until, "it never noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
}
