//! However bytes are split and whichever direction goes first: the same verdict, and the same bytes
//! both ways.

use sluice::policy::Effect;
use sluice::record::Class;

use super::check;
use super::drive::{After, Caller, Drive, Origin, Wait};
use super::replies::request;
use super::rig::{CREDENTIAL, Hiding, Rig, Shape};
use super::signer::good;

const SEEDS: u64 = 500;

/// What must not depend on a split.
#[derive(Debug, PartialEq)]
struct Verdict {
    refusal: Option<String>,
    after: After,
    upstream: Option<check::Message>,
    replies: Vec<check::Message>,
    reusable: bool,
    recorded: (Vec<u8>, Vec<u8>),
}

fn run(shape: &Shape, request: &str, origin: &Origin, seed: u64) -> Verdict {
    let mut rig = Rig::new(shape.clone());
    let mut caller = Caller::new(request, seed);
    let drive = Drive::new(&mut rig, origin.clone(), seed).watching("/a");
    let end = drive.run(&mut rig, &mut caller, |rig, waits| {
        rig.sync();
        waits.iter().any(|wait| matches!(wait, Wait::Sync(_)))
    });
    rig.assert_clean();
    let head_only = request.starts_with("HEAD");
    let mut upstream = None;
    if end.connected && end.refusal.is_none() {
        let text = String::from_utf8_lossy(&end.to_upstream).to_ascii_lowercase();
        assert!(
            !text.contains(&good().to_ascii_lowercase()),
            "the caller's token"
        );
        let message = check::request(&end.to_upstream);
        let credential = String::from_utf8_lossy(CREDENTIAL);
        assert_eq!(message.field("authorization"), Some(&*credential));
        assert_eq!(message.field("cookie"), None);
        assert_eq!(message.field("x-unlisted"), None);
        upstream = Some(message);
    }
    Verdict {
        refusal: end.refusal.map(|refusal| refusal.code().to_owned()),
        after: end.after,
        upstream,
        replies: check::replies(&end.to_caller, head_only),
        reusable: end.upstream_reusable,
        recorded: rig.reply_of("/a"),
    }
}

fn same_for_every_split(shape: &Shape, request: &str, origin: &Origin) -> Verdict {
    let whole = run(shape, request, origin, 0);
    for seed in 1..=SEEDS {
        let split = run(shape, request, origin, seed);
        if let (Some(code), Some(other)) = (&whole.refusal, &split.refusal) {
            // Once the head is out nobody can be answered: the verdict stands, and shows by an abort.
            assert_eq!(code, other, "seed {seed}");
            if split.after == After::Abort {
                assert!(
                    split.replies.iter().all(|reply| !reply.whole),
                    "seed {seed}"
                );
            } else {
                assert_ne!(split.replies[0].status(), 200, "seed {seed}");
            }
            continue;
        }
        assert_eq!(split, whole, "seed {seed}");
    }
    whole
}

const MORE: &str = "Accept: */*\r\nCookie: a=b\r\nX-Unlisted: no\r\n";
const JSON: &str = r#"{"mail":"bob@example.com","note":"write to bob@example.com","n":[1,2.5e3,"100%"],"nextLink":"https://up.example/base/a?p=2"}"#;

fn reply(kind: &str, body: &str, chunked: bool) -> String {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n");
    if !chunked {
        return format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    }
    let mut text = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    for piece in body.as_bytes().chunks(7) {
        text += &format!(
            "{:x}\r\n{}\r\n",
            piece.len(),
            String::from_utf8_lossy(piece)
        );
    }
    text + "0\r\n\r\n"
}

#[test]
fn plain_bodies_both_ways() {
    let text = format!(
        "{}hello world",
        request("POST", "/a?q", &format!("{MORE}Content-Length: 11\r\n"))
    );
    let origin = Origin::new(reply(
        "application/octet-stream",
        "\u{1}bytes as they are",
        true,
    ));
    let whole = same_for_every_split(&Shape::default(), &text, &origin);
    assert_eq!(whole.replies[0].body, "\u{1}bytes as they are".as_bytes());
    assert_eq!(
        whole.upstream.map(|it| it.body),
        Some(b"hello world".to_vec())
    );
    assert!(whole.reusable);
}

#[test]
fn masked_bodies_both_ways_on_disk_first() {
    let shape = Shape {
        hiding: Hiding::All,
        class: Class::Durable,
        ..Shape::default()
    };
    let body = format!("{:x}\r\n{JSON}\r\n0\r\n\r\n", JSON.len());
    let head = format!("{MORE}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    let text = request("POST", "/a", &head) + &body;
    let origin = Origin::new(reply("application/json", JSON, true));
    let whole = same_for_every_split(&shape, &text, &origin);
    let shown = String::from_utf8_lossy(&whole.replies[0].body).into_owned();
    assert!(!shown.contains("bob@") && !shown.contains('%'), "{shown}");
    assert!(shown.contains("https://gw.example/up/a?p=2"), "{shown}");
    assert_eq!(whole.replies[0].field("cache-control"), Some("no-store"));
    let sent = whole.upstream.expect("sent").body;
    assert_eq!(
        sent,
        JSON.as_bytes(),
        "what is judged is what is forwarded, unmasked"
    );
}

#[test]
fn an_invited_body_and_an_answer_of_its_own_length() {
    let more = format!("{MORE}Expect: 100-continue\r\nContent-Length: 3\r\n");
    let text = request("PUT", "/a", &more) + "abc";
    let whole = same_for_every_split(
        &Shape::default(),
        &text,
        &Origin::new(reply("text/plain", "ok", false)),
    );
    assert_eq!(whole.replies.len(), 2);
}

#[test]
fn replies_that_end_with_their_connection() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\na,b\r\nbob@example.com,2\r\n";
    let origin = Origin::ending(head);
    for hiding in [Hiding::Nothing, Hiding::All] {
        let shape = Shape {
            hiding,
            ..Shape::default()
        };
        let whole = same_for_every_split(&shape, &request("GET", "/a", MORE), &origin);
        assert!(whole.replies[0].whole && !whole.reusable);
        let shown = String::from_utf8_lossy(&whole.replies[0].body).into_owned();
        assert_eq!(shown.contains("bob@"), hiding == Hiding::Nothing);
    }
}

#[test]
fn events_and_interim_heads() {
    let body = format!("event: x\ndata: {JSON}\n\n: comment bob@example.com\n\ndata: end\n\n");
    let text = format!(
        "HTTP/1.1 103 Early Hints\r\n\r\n{}",
        reply("text/event-stream", &body, true)
    );
    let shape = Shape {
        hiding: Hiding::All,
        ..Shape::default()
    };
    let whole = same_for_every_split(&shape, &request("GET", "/a", MORE), &Origin::new(text));
    let shown = String::from_utf8_lossy(&whole.replies[0].body).into_owned();
    assert!(
        !shown.contains("bob@") && shown.ends_with("data: end\n\n"),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_is_wrong_at_every_split() {
    let bad_json = reply("application/json", "{\"a\":1,}", false);
    let cut = &reply("application/json", JSON, true)[..150];
    let bad_chunk = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX\r\n";
    let masked = Shape {
        hiding: Hiding::All,
        ..Shape::default()
    };
    for (shape, origin, code) in [
        (&masked, Origin::new(bad_json.clone()), "reply_withheld"),
        (&masked, Origin::ending(cut), "upstream_truncated"),
        (
            &Shape::default(),
            Origin::new(bad_chunk),
            "upstream_malformed",
        ),
    ] {
        let whole = same_for_every_split(shape, &request("GET", "/a", MORE), &origin);
        assert_eq!(whole.refusal.as_deref(), Some(code));
    }
    for (text, code) in [
        (request("GET", "/secret/a", MORE), "denied"),
        (request("GET", "/%2e/a", MORE), "bad_target"),
        (
            request("GET", "/a", "Authorization: twice\r\n"),
            "bad_request",
        ),
    ] {
        let whole = same_for_every_split(&Shape::default(), &text, &Origin::new(""));
        assert_eq!(whole.refusal.as_deref(), Some(code));
    }
}

/// A body that comes with its head is judged with it; one that comes later, when it is whole.
#[test]
fn a_call_of_a_tool_is_judged_alike_however_its_body_comes() {
    let shape = Shape {
        mcp: true,
        lines: vec![
            (Effect::Deny, "tools/call delete_*"),
            (Effect::Allow, "tools/call search_*"),
        ],
        ..Shape::default()
    };
    let said = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    let origin = Origin::new(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{said}",
        said.len()
    ));
    let call = |tool| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
    };
    for (body, passes) in [
        (call("search_all"), true),
        (call("delete_all"), false),
        ("{\"jsonrpc\":".to_owned(), false),
        (String::new(), false),
    ] {
        let request = format!(
            "POST /up/a HTTP/1.1\r\nHost: gw.example\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\
             Authorization: Bearer {}\r\n\r\n{body}",
            body.len(),
            good()
        );
        let whole = run(&shape, &request, &origin, 0);
        assert_eq!(whole.refusal.is_none(), passes, "{body}");
        assert_eq!(whole.after, After::KeepAlive, "{body}");
        for seed in 1..=SEEDS / 5 {
            assert_eq!(
                run(&shape, &request, &origin, seed),
                whole,
                "{body}: {seed}"
            );
        }
    }
}
