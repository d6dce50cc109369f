//! Upstreams that fail, in every way an upstream can.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

use sluice::worker::io::IoChoice;

use super::origin::{Origin, reply};
use super::scene::{Plan, SECRET, Scene};

on_every_driver!(
    an_upstream_that_cannot_be_reached_gets_502,
    an_upstream_that_takes_no_connection_gets_504,
    a_malformed_reply_gets_502,
    a_truncated_reply_is_never_a_clean_end,
    a_reply_that_cannot_be_read_is_withheld,
    a_dirty_connection_is_not_used_again,
    the_upstreams_refusal_of_the_credential_is_not_the_callers,
    each_side_sees_its_own_credential_only,
    via_is_added_and_circles_are_refused,
);

fn an_upstream_that_cannot_be_reached_gets_502(io: IoChoice) {
    let origin = Origin::answering(|_| Vec::new());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let plan = Plan {
        upstream: format!("http://127.0.0.1:{}", closed.port()),
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let refused = scene.caller().ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (502, "upstream_unreachable")
    );
    let log = scene.access_log(1);
    let why = log[0]["detail"].as_str().unwrap();
    assert!(why.contains("Connection refused"), "{why}");
}

fn an_upstream_that_takes_no_connection_gets_504(io: IoChoice) {
    let origin = Origin::answering(|_| Vec::new());
    // Its queue is full, so that the kernel answers no further SYN.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(
        &"127.0.0.1:0"
            .parse::<std::net::SocketAddr>()
            .unwrap()
            .into(),
    )
    .unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(address).unwrap();
    let plan = Plan {
        upstream: format!("http://{address}"),
        limits: "connect_time: 300ms",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let late = scene.caller().ask(scene.get("/"));
    assert_eq!(
        (late.status, late.code().as_str()),
        (504, "upstream_timeout")
    );
}

/// Says `raw` to each request, whatever it is, and closes.
fn saying(raw: &'static [u8]) -> Origin {
    Origin::talking(None, move |mut conn| {
        conn.head()?;
        conn.send(raw)
    })
}

fn a_malformed_reply_gets_502(io: IoChoice) {
    let cases: [(&[u8], &str); 8] = [
        (b"hello\r\n\r\n", "upstream_malformed"),
        (
            b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "upstream_malformed",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "upstream_malformed",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "upstream_malformed",
        ),
        (
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "upstream_malformed",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "upstream_malformed",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "upstream_unreachable"),
        (b"", "upstream_unreachable"),
    ];
    for (raw, code) in cases {
        let scene = Scene::start(io, &saying(raw));
        let mut caller = scene.caller();
        let refused = caller.ask(scene.get("/"));
        let shown = String::from_utf8_lossy(raw);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (502, code),
            "{shown}"
        );
        assert!(caller.ends_within(Duration::from_secs(5)));
    }
}

fn a_truncated_reply_is_never_a_clean_end(io: IoChoice) {
    let cases: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ];
    for raw in cases {
        let scene = Scene::start(io, &saying(raw));
        let mut caller = scene.caller();
        caller.send(scene.get("/"));
        let mut got = Vec::new();
        let end = caller.wire.read_to_end(&mut got);
        let got = String::from_utf8_lossy(&got);
        // A reset may swallow what was sent; what must not come is the end of a whole reply.
        assert!(end.is_err() || !got.ends_with("0\r\n\r\n"), "{got}");
        assert!(!got.contains("Content-Length: 4"), "{got}");
        let log = scene.access_log(1);
        assert_ne!(log[0]["outcome"], "complete", "{got}");
    }
}

fn a_reply_that_cannot_be_read_is_withheld(io: IoChoice) {
    let origin = saying(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"a\":nonsens",
    );
    let scene = Scene::start(io, &origin);
    let refused = scene.caller().ask(scene.get("/"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (502, "reply_withheld")
    );
}

fn a_dirty_connection_is_not_used_again(io: IoChoice) {
    // Each way an upstream leaves a connection that looks idle and is not.
    let cases: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
    ];
    for raw in cases {
        let origin = Origin::talking(None, move |mut conn| {
            conn.head()?;
            conn.send(raw)?;
            let mut rest = Vec::new();
            conn.wire.read_to_end(&mut rest)?;
            assert!(rest.is_empty(), "a second request came");
            Ok(())
        });
        let scene = Scene::start(io, &origin);
        let mut caller = scene.caller();
        for _ in 0..3 {
            assert_eq!(caller.ask(scene.get("/")).text(), "ok");
        }
        assert_eq!(origin.connections(), 3, "{}", String::from_utf8_lossy(raw));
    }
    // Bytes that come while it is idle.
    let origin = Origin::talking(None, move |mut conn| {
        while conn.head()?.is_some() {
            conn.send(reply("200 OK", "ok"))?;
            std::thread::sleep(Duration::from_millis(50));
            conn.send(reply("200 OK", "not asked for"))?;
        }
        Ok(())
    });
    let scene = Scene::start(io, &origin);
    for _ in 0..3 {
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "ok");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(origin.connections(), 3);
}

fn the_upstreams_refusal_of_the_credential_is_not_the_callers(io: IoChoice) {
    for status in ["401 Unauthorized", "407 Proxy Authentication Required"] {
        let origin = Origin::answering(move |_| reply(status, "whose?"));
        let scene = Scene::start(io, &origin);
        let refused = scene.caller().ask(scene.get("/"));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (502, "upstream_unauthorized")
        );
    }
}

fn each_side_sees_its_own_credential_only(io: IoChoice) {
    let origin = Origin::answering(|request| {
        let mut answer = reply("200 OK", "seen");
        let fields = format!("Set-Cookie: a=b\r\nX-Shown: {}\r\n", request.head.len());
        answer.splice(17..17, fields.into_bytes());
        answer
    });
    let scene = Scene::start(io, &origin);
    let request = format!(
        "{}Cookie: c=d\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
        scene.head("GET", "/")
    );
    let mut heads = Vec::new();
    let mut caller = scene.caller();
    for _ in 0..3 {
        heads.push(caller.ask(&request).head);
    }
    for request in origin.requests() {
        let shown = request.field("authorization").unwrap();
        assert!(shown.starts_with("Bearer upstream-token-"), "{shown}");
        assert!(
            !request.head.contains(&scene.token),
            "the caller's token went upstream"
        );
        assert_eq!(request.field("cookie"), None);
        assert_eq!(request.field("x-forwarded-for"), None);
    }
    let first = origin.requests()[0]
        .field("authorization")
        .map(str::to_owned);
    for request in origin.requests() {
        assert_eq!(
            request.field("authorization"),
            first.as_deref(),
            "the token is kept"
        );
    }
    let log = format!("{:?}", scene.access_log(3));
    for text in heads.iter().chain([&log]) {
        assert!(!text.contains("upstream-token"), "{text}");
        assert!(
            !text.contains(SECRET) && !text.contains("Set-Cookie"),
            "{text}"
        );
    }
}

fn via_is_added_and_circles_are_refused(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "there"));
    let plan = Plan {
        further: "via: edge-1",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let mut caller = scene.caller();
    let via = |value: &str| format!("{}Via: {value}\r\n\r\n", scene.head("GET", "/"));
    assert_eq!(caller.ask(via("1.1 p.example")).status, 200);
    let refused = caller.ask(via("1.1 p.example, 1.1 edge-1"));
    assert_eq!((refused.status, refused.code().as_str()), (508, "loop"));
    assert_eq!(caller.ask(scene.get("/")).status, 200);
    let seen: Vec<_> = (origin.requests().iter())
        .map(|request| {
            let lines = request.head.lines();
            let via = lines.filter_map(|line| line.strip_prefix("Via: "));
            via.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        seen,
        [vec!["1.1 p.example", "1.1 edge-1"], vec!["1.1 edge-1"]]
    );
    // Gateways without a name each make one up.
    let other = Scene::start(io, &origin);
    assert_eq!(other.caller().ask(other.get("/")).status, 200);
    let head = origin.requests()[2].head.clone();
    assert!(head.contains("Via: 1.1 sluice-"), "{head}");
}
