//! The way out through a proxy.

use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sluice::worker::io::IoChoice;

use super::origin::{Origin, field, read_head, reply};
use super::scene::{Plan, Scene};

on_every_driver!(
    calls_keys_and_tokens_go_through_the_proxy,
    what_is_named_goes_around_it,
    a_proxy_that_does_not_let_through_is_an_upstream_that_cannot_be_reached,
);

/// What the proxy knows the gateway by.
const PASSWORD: &str = "s3cret-of-the-proxy";
/// `gw` and that, as RFC 7617 writes them.
const SHOWN: &str = "Basic Z3c6czNjcmV0LW9mLXRoZS1wcm94eQ==";

/// A proxy: it remembers what it was asked for, says `answer`, and then moves bytes.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn answering(answer: &'static str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heads = Arc::clone(&heads);
                // What goes wrong here is seen by the caller.
                std::thread::spawn(move || drop(serve(stream, answer, &heads)));
            }
        });
        Proxy { address, asked }
    }

    /// What it was asked for, whole heads.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked for the way to that port.
    fn tunnels_to(&self, port: u16) -> usize {
        let line = format!("CONNECT localhost:{port} HTTP/1.1\r\n");
        let asked = self.asked();
        asked.iter().filter(|head| head.starts_with(&line)).count()
    }

    /// The section of the configuration.
    fn section(&self, more: &str) -> String {
        let address = self.address;
        format!(
            "proxies:\n  out: {{ url: \"http://{address}\", user: gw, password: file:proxy.password{more} }}\n"
        )
    }
}

fn serve(stream: TcpStream, answer: &str, heads: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut near = BufReader::new(stream.try_clone()?);
    let head = read_head(&mut near)?.unwrap_or_default();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap().push(head);
    (&stream).write_all(answer.as_bytes())?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    let port = target.rsplit_once(':').map_or("", |(_, port)| port);
    let far = TcpStream::connect(("127.0.0.1", port.parse().map_err(io::Error::other)?))?;
    let (mut from_far, mut to_far) = (far.try_clone()?, far);
    let mut to_near = stream;
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_far, &mut to_near);
        to_near.shutdown(std::net::Shutdown::Both)
    });
    to_far.write_all(near.fill_buf()?)?;
    let held = near.buffer().len();
    near.consume(held);
    let _ = io::copy(&mut near, &mut to_far);
    to_far.shutdown(std::net::Shutdown::Both)
}

/// A scene before an upstream under TLS that a proxy is the way to.
fn scene(io: IoChoice, origin: &Origin, upstream: String, sections: &str) -> Scene {
    let plan = Plan {
        upstream,
        connection: ", proxy: out, limits: { connect_time: 1s }",
        further: sections,
        files: vec![("proxy.password", PASSWORD.to_owned())],
        ..Plan::new(io, origin)
    };
    plan.start()
}

fn upstream() -> Origin {
    let config = super::tls::server(&rustls::version::TLS13);
    Origin::secure(config, |_| reply("200 OK", "there"))
}

fn calls_keys_and_tokens_go_through_the_proxy(io: IoChoice) {
    let origin = upstream();
    let proxy = Proxy::answering("HTTP/1.1 200 Connection established\r\n\r\n");
    let sections = proxy.section("") + "proxy: out\n";
    let scene = scene(io, &origin, origin.url(), &sections);
    scene.await_ready();
    for _ in 0..3 {
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "there");
    }
    assert_eq!(proxy.tunnels_to(origin.address.port()), 1, "it is kept");
    let asked = proxy.asked();
    assert!(asked.len() > 1, "keys and tokens come that way: {asked:?}");
    for head in &asked {
        assert_eq!(field(head, "proxy-authorization"), Some(SHOWN), "{head}");
        assert_eq!(field(head, "authorization"), None);
        let target = head.split(' ').nth(1);
        assert_eq!(field(head, "host"), target, "{head}");
    }
    for request in origin.requests() {
        assert_eq!(request.field("proxy-authorization"), None);
    }
    let log = format!("{:?}", scene.access_log(3));
    assert!(!log.contains(PASSWORD) && !log.contains("Z3c6"), "{log}");
}

fn what_is_named_goes_around_it(io: IoChoice) {
    let origin = upstream();
    let proxy = Proxy::answering("HTTP/1.1 200 OK\r\n\r\n");
    let sections = proxy.section(", no_proxy: [127.0.0.0/8, .localhost]") + "proxy: out\n";
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{}", origin.address.port());
        let scene = scene(io, &origin, url, &sections);
        scene.await_ready();
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "there");
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

fn a_proxy_that_does_not_let_through_is_an_upstream_that_cannot_be_reached(io: IoChoice) {
    for (answer, status, detail) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            502,
            "the proxy answers 407",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nwelcome", 502, "more than it should"),
        ("SSH-2.0-x\r\n\r\n", 502, "answer is malformed"),
        (
            "HTTP/1.1 100 Continue\r\n\r\n",
            502,
            "the proxy answers 100",
        ),
        ("", 502, "end of file"),
    ] {
        let origin = upstream();
        let proxy = Proxy::answering(answer);
        let scene = scene(io, &origin, origin.url(), &proxy.section(""));
        scene.await_ready();
        let mut caller = scene.caller();
        let refused = caller.ask(scene.get("/"));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (status, "upstream_unreachable")
        );
        let log = scene.access_log(1);
        let why = log[0]["detail"].as_str().unwrap();
        assert!(why.contains(detail), "{answer}: {why}");
        assert_eq!(
            origin.requests().len(),
            0,
            "nothing of the call came through"
        );
        assert!(!caller.ends_within(Duration::from_millis(50)), "it goes on");
    }
}
