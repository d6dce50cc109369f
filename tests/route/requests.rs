//! What the upstream gets of what the caller sends.

use sluice::record::{Class, Decision, Outcome};

use super::check;
use super::drive::{After, Caller, Drive, End, Origin};
use super::replies::{exchange, request};
use super::rig::{CREDENTIAL, Hiding, Rig, Shape, What};
use super::signer::good;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

const FIELDS: &str = "Accept: */*\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n\
    X-HTTP-Method-Override: DELETE\r\nX-Listed: yes\r\nX-Unlisted: no\r\nRange: bytes=0-1\r\n\
    If-None-Match: \"a\"\r\nIf-Match: \"b\"\r\nAccept-Encoding: gzip\r\nTE: trailers\r\n\
    Connection: x-request-id, keep-alive\r\nX-Request-Id: 7\r\nProxy-Authorization: x\r\n";

fn forwarded(shape: Shape, request: &str) -> (Rig, End, check::Message) {
    let mut rig = Rig::new(shape);
    let end = exchange(&mut rig, request, Origin::new(OK), 0);
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    let sent = check::request(&end.to_upstream);
    rig.assert_clean();
    (rig, end, sent)
}

#[test]
fn listed_fields_go_upstream_and_the_credential_replaces_the_token() {
    for forward_all in [false, true] {
        let shape = Shape {
            forward_all,
            ..Shape::default()
        };
        let (rig, _, sent) = forwarded(shape, &request("GET", "/a?q=1", FIELDS));
        assert_eq!(sent.start, "GET /base/a?q=1 HTTP/1.1");
        assert_eq!(
            sent.fields[0],
            ("host".into(), "up.example".into()),
            "first of all"
        );
        let credential = String::from_utf8_lossy(CREDENTIAL).into_owned();
        assert_eq!(sent.field("authorization"), Some(&*credential));
        for name in [
            "accept",
            "range",
            "if-none-match",
            "if-match",
            "accept-encoding",
        ] {
            assert!(sent.field(name).is_some(), "{name}");
        }
        assert_eq!(sent.field("x-unlisted").is_some(), forward_all);
        assert!(forward_all || sent.field("x-listed").is_some());
        for name in [
            "cookie",
            "x-forwarded-for",
            "forwarded",
            "x-http-method-override",
            "te",
            "connection",
            "proxy-authorization",
            // The caller's `Connection` names it: it is meant for us only.
            "x-request-id",
        ] {
            assert_eq!(sent.field(name), None, "{name}");
        }
        let recorded = rig.of("/a");
        let Some(What::Request {
            headers,
            decision,
            generation,
            rule,
            ..
        }) = recorded.first()
        else {
            panic!("a request head first");
        };
        assert_eq!((*decision, rule.as_str()), (Decision::Allowed, "p/1"));
        assert_eq!(*generation, rig.shape.generation, "what it was judged by");
        assert!(headers.contains("Accept: */*"));
        for hidden in [good(), "a=b", "X-Listed", "X-Request-Id", &credential] {
            assert!(!headers.contains(hidden), "{hidden}");
        }
    }
}

#[test]
fn what_is_here_of_a_body_leaves_with_the_head() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (more, body, sent) in [
        ("Content-Length: 4\r\n", "body", "body"),
        (chunked, "2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n", "body"),
        (chunked, "0\r\n\r\n", ""),
        ("Content-Length: 0\r\n", "", ""),
        ("", "", ""),
    ] {
        let text = request("POST", "/a", more) + body;
        let (_, end, upstream) = forwarded(Shape::default(), &text);
        assert_eq!((upstream.body, end.sends), (sent.as_bytes().to_vec(), 1));
    }
    // What is not here keeps nothing waiting: neither a body that comes late, nor the disk.
    let late = request("POST", "/a", "Content-Length: 4\r\n") + "bo";
    let end = exchange(&mut Rig::new(Shape::default()), &late, Origin::new(OK), 0);
    assert!(end.to_upstream.ends_with(b"bo") && end.sends == 1);
    let durable = Shape {
        class: Class::Durable,
        ..Shape::default()
    };
    let whole = request("POST", "/a", "Content-Length: 4\r\n") + "body";
    let mut rig = Rig::new(durable);
    let drive = Drive::new(&mut rig, Origin::new(OK), 0);
    let end = drive.run(&mut rig, &mut Caller::new(whole, 0), |rig, _| {
        rig.sync();
        true
    });
    assert!(end.refusal.is_none(), "{:?}", end.refusal);
    assert_eq!(end.sends, 2);
}

#[test]
fn via_says_through_whom_it_came() {
    let names = |more: &str| {
        let (_, _, sent) = forwarded(Shape::default(), &request("GET", "/a", more));
        let via = sent.fields.into_iter().filter(|(name, _)| name == "via");
        via.map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["1.1 gw-1"]);
    let more = "Via: 1.0 fred (a, b), 1.1 p.example:80\r\nvia: 2 q\r\n";
    let through = ["1.0 fred (a, b), 1.1 p.example:80", "2 q", "1.1 gw-1"];
    assert_eq!(names(more), through);
    // What a caller declares to be for this hop stays behind here as elsewhere.
    assert_eq!(names("Via: 1.1 p\r\nConnection: via\r\n"), ["1.1 gw-1"]);
}

#[test]
fn without_a_credential_nothing_authorises() {
    let shape = Shape {
        credential: false,
        forward_all: true,
        ..Shape::default()
    };
    let (_, _, sent) = forwarded(shape, &request("GET", "/a", FIELDS));
    assert_eq!(sent.field("authorization"), None);
}

#[test]
fn a_credential_in_a_field_of_its_own_replaces_the_callers() {
    let mut rig = Rig::new(Shape {
        forward_all: true,
        ..Shape::default()
    });
    let secret = sluice::base::secret::Secret::new(b"ours".to_vec());
    rig.credentials.publish(0, "X-Api-Key", secret, None);
    let text = request(
        "GET",
        "/a",
        "x-api-key: theirs\r\nX-API-KEY: theirs again\r\n",
    );
    let end = exchange(&mut rig, &text, Origin::new(OK), 0);
    let sent = check::request(&end.to_upstream);
    assert_eq!(sent.field("x-api-key"), Some("ours"));
    assert_eq!(sent.field("authorization"), None);
}

#[test]
fn what_masks_cannot_read_is_not_asked_for() {
    for hiding in [Hiding::Links, Hiding::All] {
        let shape = Shape {
            hiding,
            forward_all: true,
            ..Shape::default()
        };
        let (_, _, sent) = forwarded(shape, &request("GET", "/a", FIELDS));
        for name in ["range", "if-none-match", "accept-encoding"] {
            assert_eq!(sent.field(name), None, "{name}");
        }
        assert!(sent.field("if-match").is_some());
    }
}

#[test]
fn bodies_go_through_as_they_are_framed() {
    for (more, body, chunked) in [
        ("Content-Length: 5\r\n", "hello", false),
        ("Content-Length: 0\r\n", "", false),
        (
            "Transfer-Encoding: chunked\r\n",
            "2\r\nhe\r\n003;x\r\nllo\r\n0\r\nT: u\r\n\r\n",
            true,
        ),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", true),
    ] {
        let text = format!("{}{body}", request("POST", "/a", more));
        let (rig, end, sent) = forwarded(Shape::default(), &text);
        assert_eq!(sent.chunked, chunked);
        let want: &[u8] = if body.contains("he") { b"hello" } else { b"" };
        assert_eq!(sent.body, want);
        assert_eq!(end.after, After::KeepAlive);
        let recorded: Vec<u8> = rig
            .of("/a")
            .into_iter()
            .filter_map(|what| match what {
                What::Sent(bytes) => Some(bytes),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(recorded, want, "as it went upstream");
        assert_eq!(
            rig.end_of("/a").map(|it| it.request_bytes),
            Some(want.len() as u64)
        );
        assert_eq!(
            rig.last_entry().map(|it| (it.bytes_in, it.bytes_out)),
            Some((want.len() as u64, 2))
        );
    }
}

#[test]
fn the_100_comes_once_and_after_the_decision() {
    let more = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    for seed in 0..20 {
        let mut rig = Rig::new(Shape::default());
        let text = format!("{}hello", request("POST", "/a", more));
        let end = exchange(&mut rig, &text, Origin::new(OK), seed);
        let list = check::replies(&end.to_caller, false);
        let statuses: Vec<_> = list.iter().map(check::Message::status).collect();
        assert_eq!(statuses, [100, 200]);
        assert_eq!(check::request(&end.to_upstream).field("expect"), None);
        assert_eq!(end.after, After::KeepAlive);
        rig.assert_clean();
    }
    // A caller that expects and is refused is not invited, and its connection ends.
    let mut rig = Rig::new(Shape::default());
    let end = exchange(
        &mut rig,
        &request("POST", "/secret/a", more),
        Origin::new(OK),
        0,
    );
    assert_eq!(check::reply(&end.to_caller).status(), 403);
    assert_eq!(end.after, After::Close);
    // Refused after the 100: nobody can tell whether the body comes.
    let mut rig = Rig::new(Shape::default());
    let origin = Origin {
        refuses: Some(sluice::exchange::Refusal::UpstreamUnreachable),
        ..Origin::new("")
    };
    let end = exchange(&mut rig, &request("POST", "/a", more), origin, 0);
    let list = check::replies(&end.to_caller, false);
    assert_eq!(
        list.iter().map(check::Message::status).collect::<Vec<_>>(),
        [100, 502]
    );
    assert_eq!(list[1].field("connection"), Some("close"));
    assert_eq!(end.after, After::Close);
    // Nothing is invited that does not exist.
    let mut rig = Rig::new(Shape::default());
    let more = "Content-Length: 0\r\nExpect: 100-continue\r\n";
    let end = exchange(&mut rig, &request("POST", "/a", more), Origin::new(OK), 0);
    assert_eq!(check::replies(&end.to_caller, false).len(), 1);
}

#[test]
fn pipelined_requests_wait_their_turn() {
    for seed in 0..50 {
        let mut rig = Rig::new(Shape::default());
        let first = format!("{}hello", request("POST", "/a", "Content-Length: 5\r\n"));
        let second = request("GET", "/secret/b", "");
        let third = request("GET", "/c", "Connection: close\r\n");
        let mut caller = Caller::new(format!("{first}{second}{third}rest"), seed);
        let mut next = |rig: &mut Rig, left: &str| {
            let drive = Drive::new(rig, Origin::new(OK), seed);
            let end = drive.run(rig, &mut caller, |_, _| false);
            assert_eq!(String::from_utf8_lossy(&caller.left()), left);
            end
        };
        let end = next(&mut rig, &format!("{second}{third}rest"));
        assert_eq!(check::request(&end.to_upstream).body, b"hello");
        assert_eq!(end.after, After::KeepAlive);
        let end = next(&mut rig, &format!("{third}rest"));
        assert_eq!(check::reply(&end.to_caller).status(), 403);
        assert_eq!(end.after, After::KeepAlive);
        let end = next(&mut rig, "rest");
        assert_eq!(
            check::reply(&end.to_caller).field("connection"),
            Some("close")
        );
        assert_eq!(end.after, After::Close);
        rig.assert_clean();
    }
}

#[test]
fn a_caller_that_goes_takes_its_exchange_with_it() {
    let full = format!("{}hello", request("POST", "/a", "Content-Length: 5\r\n"));
    for cut in 1..=full.len() {
        let mut rig = Rig::new(Shape::default());
        let mut caller = Caller::new(&full.as_bytes()[..cut], 0);
        caller.ends = true;
        // The upstream says nothing: only the caller's end can end it.
        let drive = Drive::new(&mut rig, Origin::new(""), 0);
        let end = drive.run(&mut rig, &mut caller, |_, _| false);
        assert_eq!(end.after, After::Abort, "cut at {cut}");
        assert!(end.to_caller.is_empty());
        let outcome = rig.end_of("/a").map(|it| it.end.outcome);
        let admitted = cut >= full.len() - 5;
        assert_eq!(outcome, admitted.then_some(Outcome::CallerGone));
        rig.assert_clean();
    }
}
