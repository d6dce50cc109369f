//! What bad input gets: a refusal that says little to the caller and all to the log.

use std::time::Duration;

use sluice::worker::io::IoChoice;

use super::origin::{Origin, reply};
use super::scene::{Plan, Scene, now};

on_every_driver!(refusals_of_the_head, refusals_of_the_call);

fn origin() -> Origin {
    Origin::answering(|request| reply("200 OK", request.target()))
}

fn refusals_of_the_head(io: IoChoice) {
    let origin = origin();
    let plan = Plan {
        limits: "request_body_bytes: 1KiB",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let many = "X-A: 1\r\n".repeat(101);
    let long = format!("X-A: {}\r\n", "a".repeat(40_000));
    let chunks = "Transfer-Encoding: chunked\r\n\r\n800\r\n";
    let cases = [
        (
            "GET /up/ HTTP/1.1\nHost: a\n\n".to_owned(),
            400,
            "bad_request",
        ),
        (
            "GET /up/ HTTP/1.0\r\nHost: a\r\n\r\n".to_owned(),
            505,
            "version",
        ),
        (
            "GET /up/%00 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            400,
            "bad_target",
        ),
        (
            format!("{}{many}\r\n", scene.head("GET", "/")),
            431,
            "head_too_large",
        ),
        (
            format!("{}{long}\r\n", scene.head("GET", "/")),
            431,
            "head_too_large",
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(20_000)),
            414,
            "target_too_long",
        ),
        (
            format!("{}Content-Length: 2000\r\n\r\n", scene.head("POST", "/")),
            413,
            "body_too_large",
        ),
        (
            format!("{}{chunks}{}", scene.head("POST", "/"), "a".repeat(0x800)),
            413,
            "body_too_large",
        ),
        (
            format!(
                "{}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                scene.head("POST", "/")
            ),
            400,
            "bad_body",
        ),
    ];
    for (request, status, code) in cases {
        let mut caller = scene.caller();
        let refused = caller.ask(&request);
        assert_eq!((refused.status, refused.code().as_str()), (status, code));
        assert_eq!(refused.field("connection"), Some("close"), "{code}");
        assert!(caller.ends_within(Duration::from_secs(5)), "{code}");
    }
    assert!(
        origin.requests().is_empty(),
        "nothing is forwarded in doubt"
    );
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
}

fn refusals_of_the_call(io: IoChoice) {
    let origin = origin();
    let scene = Scene::start(io, &origin);
    let mut caller = scene.caller();
    let mut ask = |request: String| caller.ask(request);

    let nowhere = ask("GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n".to_owned());
    assert_eq!((nowhere.status, nowhere.code().as_str()), (404, "no_route"));

    let unseen = "HEAD /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n";
    let unseen = [unseen, "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let mut heads = scene.caller();
    heads.send(unseen);
    assert_eq!(heads.try_reply(true).unwrap().status, 404);
    assert_eq!(heads.reply().code(), "no_route", "HEAD gets no body");

    let anonymous = ask("GET /up/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned());
    assert_eq!(
        (anonymous.status, anonymous.code().as_str()),
        (401, "no_token")
    );
    let challenge = anonymous.field("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");

    let forged = format!("{}AAAA", &scene.token[..scene.token.len() - 4]);
    let expired = scene_token(now() - 10_000);
    let mut answers = Vec::new();
    for token in [forged.as_str(), &expired, "nonsense"] {
        let bearer = format!("Authorization: Bearer {token}");
        answers.push(ask(format!(
            "GET /up/ HTTP/1.1\r\nHost: a\r\n{bearer}\r\n\r\n"
        )));
    }
    for answer in &answers {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "invalid_token")
        );
        let challenge = answer.field("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert_eq!(
            answer.body, answers[0].body,
            "which check failed is not told"
        );
    }

    let held = ask(scene.post("/held/x", ""));
    assert_eq!(
        (held.status, held.code().as_str()),
        (403, "approval_needed")
    );
    assert!(held.text().contains("callers/4"), "{}", held.text());
    let denied = ask(scene.get("/secret/x"));
    assert_eq!((denied.status, denied.code().as_str()), (403, "denied"));
    assert!(denied.text().contains("callers/5"), "{}", denied.text());
    let unlisted = ask(format!("{}\r\n", scene.head("PATCH", "/")));
    assert_eq!((unlisted.status, unlisted.code().as_str()), (403, "denied"));

    assert_eq!(
        ask(scene.get("/")).status,
        200,
        "the connection is still in step"
    );
    assert_eq!(origin.requests().len(), 1);

    let log = scene.access_log(11);
    let details: Vec<&str> = log[4..7]
        .iter()
        .map(|line| line["detail"].as_str().unwrap())
        .collect();
    assert!(details[0].contains("signature"), "{details:?}");
    assert!(details[1].contains("expired"), "{details:?}");
    assert_ne!(details[1], details[2]);
    let text = format!("{log:?}");
    assert!(
        !text.contains(&scene.token) && !text.contains(&forged),
        "no token in the log"
    );
}

fn scene_token(at: u64) -> String {
    super::scene::token(at)
}
