//! Many connections, many handshakes, and little memory: turned away early, counted, and over when
//! they are.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sluice::worker::io::IoChoice;

use super::caller::{Caller, Reply};
use super::origin::Origin;
use super::scene::{Scene, client, eventually};

on_every_driver!(
    one_address_cannot_have_all_places,
    a_listener_has_so_many_places,
    handshakes_have_a_pace,
    a_handshake_has_its_time,
    nothing_new_begins_where_memory_is_short,
);

/// A caller from another address of this machine.
fn from(address: [u8; 4], to: SocketAddr) -> Caller {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    Caller::on(socket.into())
}

fn is_turned_away(told: &Reply) -> bool {
    (told.status, told.code().as_str()) == (503, "overloaded")
}

fn one_address_cannot_have_all_places(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "connections_per_address: 3");
    let mut held: Vec<_> = (0..3).map(|_| scene.caller()).collect();
    for caller in &mut held {
        assert_eq!(caller.ask(scene.get("/")).status, 200);
    }
    for _ in 0..5 {
        let told = scene.caller().reply();
        assert!(is_turned_away(&told), "{told:?}");
        assert!(told.field("retry-after").is_some());
    }
    let mut other = from([127, 0, 0, 9], scene.address);
    assert_eq!(other.ask(scene.get("/")).status, 200);
    // Another listener has places of its own.
    assert_eq!(scene.secure_caller().ask(scene.get("/")).status, 200);
    let metrics = scene.metrics();
    assert!(
        metrics.contains("sluice_turned_away_address_total 5\n"),
        "{metrics}"
    );
    held.pop();
    eventually("a place", || {
        let mut caller = scene.caller();
        let _ = caller.try_send(scene.get("/"));
        caller.try_reply(false).is_ok_and(|told| told.status == 200)
    });
}

fn a_listener_has_so_many_places(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "connections_per_listener: 4");
    let mut held: Vec<_> = (1..5)
        .map(|last| from([127, 0, 0, last], scene.address))
        .collect();
    for caller in &mut held {
        assert_eq!(caller.ask(scene.get("/")).status, 200);
    }
    for last in 5..9 {
        assert!(is_turned_away(
            &from([127, 0, 0, last], scene.address).reply()
        ));
    }
    assert!(
        scene
            .metrics()
            .contains("sluice_turned_away_full_total 4\n")
    );
    assert_eq!(scene.secure_caller().ask(scene.get("/")).status, 200);
}

fn handshakes_have_a_pace(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "handshakes_per_worker: 3");
    let begun = Instant::now();
    let mut got_in = 0;
    for _ in 0..12 {
        let name = "localhost".try_into().unwrap();
        let mut session = rustls::ClientConnection::new(client(), name).unwrap();
        let mut socket = TcpStream::connect(scene.secure).unwrap();
        while session.is_handshaking() && session.complete_io(&mut socket).is_ok() {}
        got_in += u64::from(!session.is_handshaking());
    }
    let most = 3 + 3 * (begun.elapsed().as_secs() + 1);
    assert!((3..=most.min(11)).contains(&got_in), "{got_in} of 12");
    let count = format!("sluice_turned_away_rate_total {}\n", 12 - got_in);
    assert!(scene.metrics().contains(&count), "{count}");
    assert_eq!(
        scene.caller().ask(scene.get("/")).status,
        200,
        "without TLS"
    );
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(scene.secure_caller().ask(scene.get("/")).status, 200);
}

fn a_handshake_has_its_time(io: IoChoice) {
    let origin = Origin::echoing();
    let scene = Scene::limited(io, &origin, "handshake_time: 300ms, head_time: 20s");
    // Silent, and in the middle of its hello.
    for begins in [&b""[..], &[22, 3, 1, 1, 0, 1, 0]] {
        let mut socket = TcpStream::connect(scene.secure).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        std::io::Write::write_all(&mut socket, begins).unwrap();
        let asked = Instant::now();
        let end = socket.read(&mut [0; 64]);
        assert!(matches!(end, Ok(0)), "{end:?}");
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
    assert!(scene.metrics().contains("sluice_handshakes_late_total 2\n"));
}

fn nothing_new_begins_where_memory_is_short(io: IoChoice) {
    let origin = Origin::echoing();
    let mut scene = Scene::limited(io, &origin, "memory_bytes: 1024GiB");
    let mut there = scene.caller();
    assert_eq!(there.ask(scene.get("/")).status, 200);
    scene.edit("memory_bytes: 1024GiB", "memory_bytes: 16MiB");
    assert!(scene.reload().unwrap().limits);
    let told = there.ask(scene.get("/"));
    assert!(is_turned_away(&told), "{told:?}");
    assert_eq!(told.field("connection"), Some("close"));
    assert!(is_turned_away(&scene.caller().reply()));
    assert_eq!(scene.readiness(), 200, "the operator's door is open");
    let metrics = scene.metrics();
    assert!(
        metrics.contains("sluice_turned_away_memory_total 2\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("sluice_memory_limit_bytes 16777216\n"),
        "{metrics}"
    );
    scene.edit("memory_bytes: 16MiB", "memory_bytes: 1024GiB");
    scene.reload().unwrap();
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    assert_eq!(origin.requests().len(), 2);
}
