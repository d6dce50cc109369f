//! Tokens that are bound to a key: what a request proves, once, and how far the proof goes.

use sluice::exchange::{Offer, Refusal};

use super::check;
use super::drive::{Caller, Drive, End, Origin, Wait};
use super::rig::{Hiding, Rig, Shape, What};
use super::signer::{FIRST, SECOND, START, keys};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
const ASKED: (&str, &str) = ("GET", "https://gw.example/up/a");

/// A token of the issuer's that is bound to the other key, with further claims.
fn token(more: &str) -> String {
    let key = SECOND.thumbprint();
    FIRST.token_with(&format!(r#""cnf":{{"jkt":"{key}"}}{more}"#))
}

fn shows(token: &str, fields: &str) -> String {
    format!(
        "GET /up/a?b=c HTTP/1.1\r\nHost: gw.example\r\nAuthorization: DPoP {token}\r\n{fields}\r\n"
    )
}

/// With one good proof.
fn proves(token: &str, id: &str) -> String {
    let proof = SECOND.proof(token, ASKED, START, id);
    shows(token, &format!("DPoP: {proof}\r\n"))
}

fn run(
    rig: &mut Rig,
    text: &str,
    seed: u64,
    on_wait: impl FnMut(&mut Rig, &[Wait]) -> bool,
) -> End {
    let mut caller = Caller::new(text, seed);
    let end = Drive::new(rig, Origin::new(OK), seed).run(rig, &mut caller, on_wait);
    rig.sync();
    rig.assert_clean();
    end
}

fn go_on(_: &mut Rig, _: &[Wait]) -> bool {
    true
}

/// Status, code and challenges of an answer.
fn told(end: &End) -> (u16, String, Vec<String>) {
    let reply = check::reply(&end.to_caller);
    let code = end.refusal.as_ref().map_or("", Refusal::code).to_owned();
    let text = String::from_utf8_lossy(&end.to_caller).into_owned();
    let challenges = text
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
    (
        reply.status(),
        code,
        challenges.map(str::to_owned).collect(),
    )
}

#[test]
fn a_proof_goes_neither_upstream_nor_into_the_recording() {
    for hiding in [Hiding::Nothing, Hiding::All] {
        let mut rig = Rig::new(Shape {
            forward_all: true,
            hiding,
            ..Shape::default()
        });
        let token = token("");
        let proof = SECOND.proof(&token, ASKED, START, "a");
        let end = run(
            &mut rig,
            &shows(&token, &format!("dPoP: {proof}\r\nAccept: x\r\n")),
            0,
            go_on,
        );
        assert_eq!(told(&end).0, 200);
        let upstream = String::from_utf8_lossy(&end.to_upstream).to_ascii_lowercase();
        assert!(
            upstream.starts_with("get /base/a?b=c") && !upstream.contains("dpop"),
            "{upstream}"
        );
        let head = rig.told.iter().find_map(|told| match &told.what {
            What::Request { headers, .. } => Some(headers.clone()),
            _ => None,
        });
        let head = head.expect("a request").to_ascii_lowercase();
        assert!(
            head.contains("accept: x") && !head.contains("dpop"),
            "{head}"
        );
    }
}

#[test]
fn however_it_arrives_the_verdict_is_the_same() {
    let mut rig = Rig::new(Shape::default());
    let token = token("");
    for seed in 0..60 {
        let good = proves(&token, &format!("split {seed}"));
        assert_eq!(told(&run(&mut rig, &good, seed, go_on)).0, 200, "{seed}");
        let again = told(&run(&mut rig, &good, seed + 1, go_on));
        assert_eq!((again.0, &*again.1), (401, "invalid_dpop_proof"), "{seed}");
    }
}

#[test]
fn there_is_exactly_one_proof() {
    let token = token("");
    let proof = SECOND.proof(&token, ASKED, START, "a");
    let other = SECOND.proof(&token, ASKED, START, "b");
    for fields in [
        String::new(),
        "DPoP: \r\n".to_owned(),
        format!("DPoP: {proof}\r\nDPoP: {other}\r\n"),
        format!("DPoP: {proof}\r\ndpop: {proof}\r\n"),
        format!("DPoP: {proof}, {other}\r\n"),
        format!("DPoP: {proof}\r\nDPoP: \r\n"),
        format!("X-DPoP: {proof}\r\n"),
    ] {
        let mut rig = Rig::new(Shape::default());
        let end = run(&mut rig, &shows(&token, &fields), 0, go_on);
        let want = [r#"DPoP realm="sluice", error="invalid_dpop_proof""#.to_owned()];
        let (status, code, challenges) = told(&end);
        assert_eq!((status, &*code), (401, "invalid_dpop_proof"), "{fields}");
        assert_eq!(challenges, want, "{fields}");
        assert!(end.to_upstream.is_empty());
        let one = run(
            &mut rig,
            &shows(&token, &format!("DPoP: {proof}\r\n")),
            0,
            go_on,
        );
        assert_eq!(told(&one).0, 200);
    }
}

/// The judgement is made again from its start after every wait, and the proof is taken once.
#[test]
fn a_request_that_waits_proves_it_once() {
    let group = "5f0e1d2c-3b4a-4958-8675-6453f2e1d0c9";
    let mut rig = Rig::new(Shape {
        groups: vec![group.into()],
        ..Shape::default()
    });
    let many = token(r#","_claim_names":{"groups":"src1"}"#);
    let request = proves(&many, "a");
    let mut asked = 0;
    let end = run(&mut rig, &request, 0, |rig, waits| {
        if let [Wait::Groups(wanted)] = waits {
            rig.pass(std::time::Duration::from_secs(1));
            wanted.say([group]);
            asked += 1;
        }
        true
    });
    assert_eq!((told(&end).0, asked), (200, 1));
    let again = told(&run(&mut rig, &request, 0, go_on));
    assert_eq!((again.0, &*again.1), (401, "invalid_dpop_proof"));
    // And so it is where the key of the token itself is missing.
    let mut rig = Rig::new(Shape::default());
    let key = FIRST.thumbprint();
    let new = SECOND.token_with(&format!(r#""cnf":{{"jkt":"{key}"}}"#));
    let proof = FIRST.proof(&new, ASKED, START, "a");
    let request = shows(&new, &format!("DPoP: {proof}\r\n"));
    let end = run(&mut rig, &request, 0, |rig, waits| {
        if let [Wait::Key(_)] = waits {
            let keys = keys(&[&FIRST, &SECOND]);
            rig.keys
                .publish(&rig.issuer, keys, rig.now.mono)
                .expect("published");
        }
        true
    });
    assert_eq!(told(&end).0, 200);
}

#[test]
fn a_proof_is_of_the_request() {
    let token = token("");
    for (method, url) in [
        ("POST", "https://gw.example/up/a"),
        ("GET", "http://gw.example/up/a"),
        ("GET", "https://gw.example/up/a?b=c"),
        ("GET", "https://gw.example/a"),
        ("GET", "https://up.example/base/a"),
        ("GET", "https://gw.example:8443/up/a"),
    ] {
        let mut rig = Rig::new(Shape::default());
        let proof = SECOND.proof(&token, (method, url), START, "a");
        let end = run(
            &mut rig,
            &shows(&token, &format!("DPoP: {proof}\r\n")),
            0,
            go_on,
        );
        let (status, code, _) = told(&end);
        assert_eq!((status, &*code), (401, "invalid_dpop_proof"), "{url}");
    }
}

#[test]
fn whoever_is_turned_away_is_told_what_is_taken() {
    let offer = |only_dpop| Offer {
        algorithms: vec!["ES256", "EdDSA"],
        only_dpop,
        nonce: true,
        certificates: false,
    };
    let bare = "GET /up/a HTTP/1.1\r\nHost: gw.example\r\n\r\n".to_owned();
    let plain = format!(
        "GET /up/a HTTP/1.1\r\nHost: gw.example\r\nAuthorization: Bearer {}\r\n\r\n",
        token("")
    );
    let unproven = shows(&token(""), "");
    let algs = r#"realm="sluice", algs="ES256 EdDSA""#;
    let bearer = r#"Bearer realm="sluice""#.to_owned();
    for (request, want) in [
        (&bare, [bearer.clone(), format!("DPoP {algs}")]),
        (
            &plain,
            [
                r#"Bearer error="invalid_token", realm="sluice""#.to_owned(),
                format!(r#"DPoP error="invalid_token", {algs}"#),
            ],
        ),
        (
            &unproven,
            [
                bearer,
                format!(r#"DPoP error="invalid_dpop_proof", {algs}"#),
            ],
        ),
    ] {
        for only in [false, true] {
            let mut rig = Rig::new(Shape::default());
            rig.reconnect(|connection| connection.offer = offer(only));
            let end = run(&mut rig, request, 0, go_on);
            let (status, _, challenges) = told(&end);
            assert_eq!(status, 401);
            assert_eq!(challenges, want[usize::from(only)..]);
            let reply = check::reply(&end.to_caller);
            assert_eq!(reply.field("dpop-nonce").map(str::len), Some(22));
        }
    }
    // Without an offer a mistake is named all the same, and nothing else.
    let mut rig = Rig::new(Shape::default());
    let (_, _, challenges) = told(&run(&mut rig, &bare, 0, go_on));
    assert_eq!(challenges, [r#"Bearer realm="sluice""#]);
}

/// Who names a nonce that is about to end is told of the next, whatever the answer.
#[test]
fn a_reply_tells_of_the_next_nonce() {
    let mut rig = Rig::new(Shape {
        nonce: true,
        ..Shape::default()
    });
    let token = token("");
    let mut count = 0;
    let mut ask = |rig: &mut Rig, path: &str, nonce: &str| {
        count += 1;
        let asked = ("GET", &*format!("https://gw.example/up{path}"));
        let (at, more) = (
            rig.now.wall.unix_seconds(),
            format!(r#","nonce":"{nonce}""#),
        );
        let proof = SECOND.proof_with(&token, asked, at, &count.to_string(), &more);
        let fields = format!("DPoP: {proof}\r\n");
        let text = shows(&token, &fields).replacen("/up/a", &format!("/up{path}"), 1);
        let end = run(rig, &text, 0, go_on);
        let reply = check::reply(&end.to_caller);
        (reply.status(), reply.field("dpop-nonce").map(str::to_owned))
    };
    let (status, first) = ask(&mut rig, "/a", "none");
    let first = first.expect("a nonce");
    assert_eq!(status, 401);
    assert_eq!(ask(&mut rig, "/a", &first), (200, None));
    assert_eq!(ask(&mut rig, "/secret/a", &first), (403, None));
    rig.pass(std::time::Duration::from_secs(120));
    let (status, second) = ask(&mut rig, "/a", &first);
    let second = second.expect("the next");
    assert_eq!(status, 200);
    assert_ne!(first, second);
    let denied = ask(&mut rig, "/secret/a", &first);
    assert_eq!(denied, (403, Some(second.clone())));
    assert_eq!(ask(&mut rig, "/a", &second), (200, None));
    rig.pass(std::time::Duration::from_secs(120));
    assert_eq!(ask(&mut rig, "/a", &first).0, 401);
}
