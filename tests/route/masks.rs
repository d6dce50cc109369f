//! What masks do to replies, and to what is recorded of requests.

use sluice::exchange::Refusal;
use sluice::record::Outcome;

use super::check;
use super::drive::{After, Caller, Drive, Origin, Wait};
use super::replies::{exchange, request};
use super::rig::{Hiding, Rig, Shape, What};

fn masked() -> Rig {
    Rig::new(Shape {
        hiding: Hiding::All,
        ..Shape::default()
    })
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn links_alone_change_json_and_nothing_else() {
    let body = r#"{"mail":"bob@example.com","nextLink":"https://up.example/base/p?2"}"#;
    for (kind, rewritten) in [
        ("application/json", true),
        ("text/plain", false),
        ("image/png", false),
    ] {
        let mut rig = Rig::new(Shape {
            hiding: Hiding::Links,
            ..Shape::default()
        });
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: max-age=5\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let end = exchange(&mut rig, &request("GET", "/a", ""), Origin::new(reply), 0);
        let got = check::reply(&end.to_caller);
        let want = if rewritten {
            body.replace("https://up.example/base", "https://gw.example/up")
        } else {
            body.into()
        };
        assert_eq!(String::from_utf8_lossy(&got.body), want);
        assert_eq!(got.chunked, rewritten);
        assert_eq!(got.field("cache-control"), Some("max-age=5"));
        rig.assert_clean();
    }
}

#[test]
fn heads_are_masked_too() {
    let mut rig = masked();
    let reply = "HTTP/1.1 302 Found\r\nLocation: https://up.example/base/users/bob@example.com\r\n\
        Cache-Control: public\r\nX-Told: call bob@example.com\r\nContent-Length: 0\r\n\r\n";
    let path = "/users/carol@example.com?q=dave@example.com";
    let text = request("GET", path, "User-Agent: eve@example.com\r\n");
    let mut caller = Caller::new(text, 0);
    let drive = Drive::new(&mut rig, Origin::new(reply), 0).watching("/users/[email]");
    let end = drive.run(&mut rig, &mut caller, |_, _| false);
    let got = check::reply(&end.to_caller);
    assert_eq!(
        got.field("location"),
        Some("https://gw.example/up/users/[email]")
    );
    assert_eq!(got.field("x-told"), Some("call [email]"));
    assert_eq!(got.field("cache-control"), Some("no-store"));
    let sent = check::request(&end.to_upstream);
    assert!(
        sent.start.contains("carol@example.com"),
        "upstream gets what was asked"
    );
    let told = format!("{:?}", rig.told);
    for name in ["bob@", "carol@", "dave@", "eve@"] {
        assert!(!told.contains(name), "{name} is recorded");
    }
    let entry = rig.last_entry().expect("an entry");
    assert_eq!(entry.path.as_str(), "/users/[email]");
}

#[test]
fn request_bodies_are_recorded_masked_and_sent_as_they_are() {
    let body = r#"{"mail":"bob@example.com","n":1}"#;
    let more = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    let mut rig = masked();
    let end = exchange(
        &mut rig,
        &(request("POST", "/a", &more) + body),
        Origin::new(OK),
        0,
    );
    assert_eq!(check::request(&end.to_upstream).body, body.as_bytes());
    let recorded: Vec<_> = rig.of("/a");
    let shown: Vec<u8> = recorded
        .iter()
        .filter_map(|what| match what {
            What::Sent(bytes) => Some(bytes.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(
        String::from_utf8_lossy(&shown),
        r#"{"mail":"[mail]","n":1}"#
    );
    let hits = recorded.iter().any(|what| matches!(what, What::Hits(1)));
    assert!(hits, "{recorded:?}");
}

#[test]
fn unreadable_request_bodies_are_kept_as_length_and_digest() {
    for (kind, body) in [
        ("application/octet-stream", "bob@example.com"),
        ("application/json", "{not json, bob@example.com"),
        ("text/plain\r\nContent-Encoding: gzip", "bob@example.com"),
        (
            "text/plain\r\nContent-Encoding: identity\r\nContent-Encoding: br",
            "bob@example.com",
        ),
    ] {
        let more = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        let mut rig = masked();
        let end = exchange(
            &mut rig,
            &(request("POST", "/a", &more) + body),
            Origin::new(OK),
            0,
        );
        assert_eq!(check::request(&end.to_upstream).body, body.as_bytes());
        let told = rig.of("/a");
        let withheld: u64 = told
            .iter()
            .map(|what| {
                if let What::Withheld(length) = what {
                    *length
                } else {
                    0
                }
            })
            .sum();
        assert_eq!(withheld, body.len() as u64, "{kind}");
        assert!(!format!("{told:?}").contains("bob@"));
        rig.assert_clean();
    }
}

#[test]
fn placeholders_that_grow_a_body_never_lose_a_byte_of_it() {
    // One byte becomes nine: far more than was set aside before the masks saw it.
    for (length, fits) in [(2_000, true), (12_000, true), (60_000, false)] {
        for seed in 0..20 {
            let mut rig = masked();
            let body = "%".repeat(length);
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let end = exchange(
                &mut rig,
                &request("GET", "/a", ""),
                Origin::new(reply),
                seed,
            );
            let got = check::reply(&end.to_caller);
            rig.drain();
            if end.after == After::Close {
                // The head was not out: the caller is told.
                assert!(!fits && got.status() == 503);
                rig.assert_clean();
                continue;
            }
            assert_eq!(
                rig.reply_of("/a").1,
                got.body,
                "released is recorded, and no more"
            );
            let text = String::from_utf8_lossy(&got.body);
            let placeholders = text.matches("[literal]").count();
            assert_eq!(placeholders * "[literal]".len(), got.body.len());
            match &end.refusal {
                None => {
                    assert!(got.whole);
                    assert_eq!(placeholders, length);
                }
                Some(refusal) => {
                    assert!(!fits && !got.whole, "{refusal}");
                    assert!(matches!(refusal, Refusal::RecorderUnable));
                    assert_eq!(end.after, After::Abort);
                    let outcome = rig.end_of("/a").map(|it| it.end.outcome);
                    assert_eq!(outcome, Some(Outcome::RecorderLost));
                }
            }
            rig.assert_clean();
        }
    }
}

#[test]
fn a_full_ring_between_masked_pieces_leaves_no_hole() {
    for seed in 1..40 {
        let mut rig = masked();
        rig.draining = false;
        let line = "write to bob@example.com, 5% off; ";
        let body = line.repeat(4_000);
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut caller = Caller::new(request("GET", "/a", ""), 0);
        let drive = Drive::new(&mut rig, Origin::new(reply), seed % 4);
        let end = drive.run(&mut rig, &mut caller, |rig, waits| {
            if waits.iter().any(|wait| matches!(wait, Wait::Room(_))) {
                rig.drain();
            }
            true
        });
        rig.drain();
        let got = check::reply(&end.to_caller);
        assert_eq!(rig.reply_of("/a").1, got.body);
        let want = line
            .replace("bob@example.com", "[email]")
            .replace('%', "[literal]")
            .repeat(4_000);
        assert!(want.as_bytes().starts_with(&got.body), "no hole");
        assert_eq!(got.whole, end.refusal.is_none());
        rig.assert_clean();
    }
}
