//! What the caller gets of what the upstream sends.

use std::time::Duration;

use sluice::base::limits::Limits;
use sluice::exchange::Refusal;
use sluice::record::Outcome;

use super::check;
use super::drive::{After, Caller, Drive, End, Origin};
use super::rig::{Hiding, Rig, Shape};
use super::signer::good;

pub fn request(method: &str, path: &str, more: &str) -> String {
    format!(
        "{method} /up{path} HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer {}\r\n{more}\r\n",
        good()
    )
}

/// One exchange to its end; waits that nobody ends run into their deadlines.
pub fn exchange(rig: &mut Rig, request: &str, origin: Origin, seed: u64) -> End {
    let mut caller = Caller::new(request, seed);
    let drive = Drive::new(rig, origin, seed).watching("/a");
    drive.run(rig, &mut caller, |_, _| false)
}

fn get(origin: Origin) -> (Rig, End) {
    let mut rig = Rig::new(Shape::default());
    let end = exchange(&mut rig, &request("GET", "/a", ""), origin, 0);
    rig.assert_clean();
    (rig, end)
}

#[test]
fn every_framing_comes_out_right() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    for (reply, chunked, ends, reusable) in [
        (
            format!("{head}Content-Length: 5\r\n\r\nhello"),
            false,
            false,
            true,
        ),
        (
            format!("{head}Content-Length: 0\r\n\r\n"),
            false,
            false,
            true,
        ),
        (
            format!(
                "{head}Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\nT: u\r\n\r\n"
            ),
            true,
            false,
            true,
        ),
        (format!("{head}\r\nhello"), true, true, false),
        (
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello".into(),
            true,
            true,
            false,
        ),
        (
            format!("{head}Connection: close\r\nContent-Length: 5\r\n\r\nhello"),
            false,
            true,
            false,
        ),
        // Bytes after the end belong to nobody.
        (
            format!("{head}Content-Length: 5\r\n\r\nhelloHTTP/1.1"),
            false,
            false,
            false,
        ),
        (
            format!("{head}WWW-Authenticate: NTLM\r\nContent-Length: 5\r\n\r\nhello"),
            false,
            false,
            false,
        ),
    ] {
        let origin = if ends {
            Origin::ending(reply.clone())
        } else {
            Origin::new(reply.clone())
        };
        let (rig, end) = get(origin);
        let got = check::reply(&end.to_caller);
        assert!(got.whole, "{reply}");
        assert_eq!(got.chunked, chunked, "{reply}");
        let want: &[u8] = if reply.contains("hello") || chunked {
            b"hello"
        } else {
            b""
        };
        assert_eq!(got.body, want, "{reply}");
        assert_eq!(end.upstream_reusable, reusable, "{reply}");
        assert_eq!(end.after, After::KeepAlive);
        let told = rig.end_of("/a").expect("an end");
        assert_eq!(
            (told.end.outcome, told.end.status),
            (Outcome::Complete, 200)
        );
        assert_eq!(told.reply_bytes, got.body.len() as u64);
    }
}

#[test]
fn replies_without_a_body() {
    for (method, reply, length) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n",
            Some("17"),
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            None,
        ),
        ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 9\r\n\r\n",
            None,
        ),
        (
            "DELETE",
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
            Some("0"),
        ),
    ] {
        for hiding in [Hiding::Nothing, Hiding::Links, Hiding::All] {
            let mut rig = Rig::new(Shape {
                hiding,
                ..Shape::default()
            });
            let end = exchange(&mut rig, &request(method, "/a", ""), Origin::new(reply), 0);
            assert!(end.refusal.is_none(), "{reply} {hiding:?}");
            let got = check::replies(&end.to_caller, true).pop().expect("a reply");
            // With masks nobody knows how long the body that HEAD asks about would be.
            let length = length.filter(|it| hiding != Hiding::All || *it == "0");
            assert_eq!(got.field("content-length"), length, "{reply} {hiding:?}");
            assert_eq!(got.field("transfer-encoding"), None);
            assert_eq!(end.after, After::KeepAlive);
            rig.assert_clean();
        }
    }
}

#[test]
fn interim_replies_are_dropped() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(8);
    let reply = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let (_, end) = get(Origin::new(reply));
    assert_eq!(check::reply(&end.to_caller).body, b"hi");
}

#[test]
fn a_cut_at_any_byte_is_never_a_clean_end() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ] {
        for hiding in [Hiding::Nothing, Hiding::All] {
            for cut in 0..reply.len() {
                for seed in [0, cut as u64 + 1] {
                    let mut rig = Rig::new(Shape {
                        hiding,
                        ..Shape::default()
                    });
                    let origin = Origin::ending(&reply[..cut]);
                    let end = exchange(&mut rig, &request("GET", "/a", ""), origin, seed);
                    let refusal = end.refusal.as_ref().expect("refused");
                    assert!(!end.upstream_reusable);
                    let got = check::reply(&end.to_caller);
                    if end.after == After::Abort {
                        assert!(!got.whole, "cut at {cut}");
                        assert!(matches!(refusal, Refusal::UpstreamTruncated), "{refusal}");
                    } else {
                        assert_eq!(got.status(), 502);
                        let cut_early = matches!(refusal, Refusal::UpstreamUnreachable);
                        let cut_late = matches!(refusal, Refusal::UpstreamTruncated);
                        assert!(cut_early || cut_late, "{refusal}");
                    }
                    rig.assert_clean();
                }
            }
        }
    }
}

#[test]
fn listed_fields_pass_and_links_come_back_to_the_gateway() {
    let reply = "HTTP/1.1 201 Made Up\r\nServer: secret-host\r\nSet-Cookie: a=b\r\n\
        Location: https://up.example/base/things/1?x\r\nX-Told: yes\r\nX-Untold: no\r\n\
        Connection: etag\r\nETag: \"hop\"\r\nContent-Length: 0\r\n\r\n";
    let (_, end) = get(Origin::new(reply.replace("Connection: etag\r\n", "")));
    let got = check::reply(&end.to_caller);
    assert_eq!(got.start, "HTTP/1.1 201 Created", "the status's own phrase");
    assert_eq!(
        got.field("location"),
        Some("https://gw.example/up/things/1?x")
    );
    assert_eq!(got.field("x-told"), Some("yes"));
    assert_eq!(got.field("etag"), Some("\"hop\""));
    for name in ["server", "set-cookie", "x-untold"] {
        assert_eq!(got.field(name), None, "{name}");
    }
    let hop = reply.replace("Connection: etag", "Connection: x-told");
    let (_, end) = get(Origin::new(hop));
    assert_eq!(
        check::reply(&end.to_caller).field("x-told"),
        None,
        "meant for us only"
    );

    for (location, want) in [
        ("/base/things", "https://gw.example/up/things"),
        ("/other", "/other"),
        (
            "https://up.example.evil/base",
            "https://up.example.evil/base",
        ),
        (
            "https://elsewhere.example/base",
            "https://elsewhere.example/base",
        ),
    ] {
        let reply =
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let (_, end) = get(Origin::new(reply));
        assert_eq!(check::reply(&end.to_caller).field("location"), Some(want));
    }
}

#[test]
fn an_early_answer_ends_the_connection() {
    let mut rig = Rig::new(Shape::default());
    let request = request("POST", "/a", "Content-Length: 9\r\n");
    let origin = Origin {
        early: true,
        ..Origin::new("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
    };
    // The body never comes; the reply must not wait for it.
    let end = exchange(&mut rig, &request, origin, 0);
    let got = check::reply(&end.to_caller);
    assert_eq!(
        (got.status(), got.field("connection")),
        (413, Some("close"))
    );
    assert_eq!(end.after, After::Close);
    assert!(!end.upstream_reusable);
    rig.assert_clean();

    // An upstream that answers and takes no more of the request.
    let mut rig = Rig::new(Shape::default());
    let origin = Origin {
        takes: 30,
        ..Origin::new("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    };
    let end = exchange(
        &mut rig,
        &super::replies::request("GET", "/a", ""),
        origin,
        0,
    );
    let got = check::reply(&end.to_caller);
    assert_eq!(
        (got.status(), got.field("connection")),
        (403, Some("close"))
    );
    assert!(!end.upstream_reusable);
    rig.assert_clean();
}

#[test]
fn an_event_stream_may_be_silent() {
    let mut rig = Rig::new(Shape::default());
    let reply = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n";
    let mut caller = Caller::new(request("GET", "/a", ""), 0);
    let mut drive = Drive::new(&mut rig, Origin::new(reply), 0);
    for _ in 0..100 {
        drive.turn(&mut rig, &mut caller);
    }
    rig.pass(Duration::from_secs(3600) - Limits::default().wait_time);
    for _ in 0..10 {
        drive.turn(&mut rig, &mut caller);
    }
    let got = check::reply(&drive.end.to_caller);
    assert_eq!(
        (got.body.as_slice(), got.whole),
        (&b"data: a\n\n"[..], false)
    );
    drive.hang_up(&mut rig);
    assert_eq!(
        rig.end_of("/a").map(|it| it.end.outcome),
        None,
        "not drained yet"
    );
    rig.drain();
    assert_eq!(
        rig.end_of("/a").map(|it| it.end.outcome),
        Some(Outcome::CallerGone)
    );
    rig.assert_clean();
}
