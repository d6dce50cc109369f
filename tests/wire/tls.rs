//! TLS on both sides.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sluice::cli::demo::pki::Authority;
use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::origin::{Origin, reply};
use super::scene::{AUTHORITY, LEAF, Scene};

on_every_driver!(
    tls_on_both_sides_in_both_versions,
    an_unknown_authority_upstream_gets_502,
    plain_http_on_the_tls_port_is_told_so,
    large_bodies_pass_through_tls_both_ways,
    tls_that_is_cut_off_is_no_end,
    http_2_is_refused_clearly,
);

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn client(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(AUTHORITY.pem().as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

pub fn server(version: &'static SupportedProtocolVersion) -> Arc<rustls::ServerConfig> {
    let chain = CertificateDer::from_pem_slice(LEAF.certificate_pem.as_bytes()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(LEAF.key_pem.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    Arc::new(config)
}

fn tls_on_both_sides_in_both_versions(io: IoChoice) {
    for version in [&TLS12, &TLS13] {
        // An upstream that sends tickets, as most do: they must not make a connection look dirty.
        let origin = Origin::secure(server(version), |request| reply("200 OK", &request.body));
        let scene = Scene::start(io, &origin);
        let mut caller = Caller::secure(scene.secure, client(version));
        for body in ["a", "b", "c"] {
            assert_eq!(caller.ask(scene.post("/", body)).text(), body);
        }
        assert_eq!(origin.connections(), 1, "{version:?}");
    }
}

fn an_unknown_authority_upstream_gets_502(io: IoChoice) {
    let stranger = Authority::generate()
        .unwrap()
        .leaf("somebody else")
        .unwrap();
    let origin = Origin::secure(stranger.server().unwrap(), |_| reply("200 OK", "trust me"));
    let scene = Scene::start(io, &origin);
    let refused = scene.caller().ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (502, "upstream_unreachable")
    );
    assert!(origin.requests().is_empty(), "nothing was said to it");
    let log = scene.access_log(1);
    let why = log[0]["detail"].as_str().unwrap();
    assert!(why.contains("certificate"), "{why}");
}

fn plain_http_on_the_tls_port_is_told_so(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", ""));
    let scene = Scene::start(io, &origin);
    let mut caller = Caller::plain(scene.secure);
    let refused = caller.ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "plain_text")
    );
    assert!(caller.ends_within(Duration::from_secs(5)));
    assert!(origin.requests().is_empty());
    assert_eq!(scene.secure_caller().ask(scene.get("/")).status, 200);
}

fn large_bodies_pass_through_tls_both_ways(io: IoChoice) {
    const SIZE: usize = 4 << 20;
    let origin = Origin::secure(LEAF.server().unwrap(), |request| {
        reply("200 OK", &request.body)
    });
    let scene = Scene::start(io, &origin);
    let body: Vec<u8> = (0..SIZE).map(|at| b'a' + (at % 25) as u8).collect();
    let mut caller = scene.secure_caller();
    let head = format!("{}Content-Length: {SIZE}\r\n\r\n", scene.head("POST", "/"));
    caller.send(head).send(&body);
    assert!(caller.reply().body == body, "the body came back changed");
}

fn tls_that_is_cut_off_is_no_end(io: IoChoice) {
    // Without a length only the end of TLS ends the body, and it does not come.
    let origin = Origin::talking(Some(LEAF.server().unwrap()), |mut conn| {
        if conn.head()?.is_some_and(|head| head.starts_with("POST")) {
            return conn.wire.read_to_end(&mut Vec::new()).map(|_| ());
        }
        conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it?")?;
        conn.wire
            .get_mut()
            .socket()
            .shutdown(std::net::Shutdown::Both)
    });
    let scene = Scene::start(io, &origin);
    let mut caller = scene.secure_caller();
    caller.send(scene.get("/"));
    let cut = caller.try_reply(false);
    assert!(cut.is_err(), "a clean end: {cut:?}");
    assert_eq!(scene.access_log(1)[0]["outcome"], "upstream_truncated");

    // And a caller's own: half a request is none.
    let mut caller = scene.secure_caller();
    caller.send(format!(
        "{}Content-Length: 9\r\n\r\nhalf",
        scene.head("POST", "/")
    ));
    let mut socket = caller.wire.get_ref().socket();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = socket.flush();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert_eq!(scene.access_log(2)[1]["outcome"], "caller_gone");
}

fn http_2_is_refused_clearly(io: IoChoice) {
    const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let origin = Origin::answering(|_| reply("200 OK", "hi"));
    let scene = Scene::start(io, &origin);
    for mut caller in [scene.caller(), scene.secure_caller()] {
        let told = caller.ask(PREFACE);
        assert_eq!((told.status, told.code().as_str()), (505, "version"));
        assert!(caller.ends_within(Duration::from_secs(5)));
    }
    for (offers, is_taken) in [(&["h2"][..], false), (&["h2", "http/1.1"], true)] {
        let mut config = ClientConfig::clone(&client(&TLS13));
        config.alpn_protocols = offers.iter().map(|it| it.as_bytes().to_vec()).collect();
        let name = "localhost".try_into().unwrap();
        let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = std::net::TcpStream::connect(scene.secure).unwrap();
        let shaken = loop {
            match session.complete_io(&mut socket) {
                Ok(_) if session.is_handshaking() => {}
                Ok(_) => break Ok(()),
                Err(why) => break Err(why.to_string()),
            }
        };
        match is_taken {
            true => assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..])),
            false => assert!(shaken.unwrap_err().contains("NoApplicationProtocol")),
        }
    }
    assert!(origin.requests().is_empty());
}
