//! An upstream does not take what it is shown, or wants its token to satisfy more.

use std::collections::HashMap;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice::record::payload::Event;
use sluice::worker::io::IoChoice;

use super::caller::Reply;
use super::issuer::LocalIssuer;
use super::origin::{Origin, Request, reply};
use super::scene::{Plan, Recorded, Scene, issuer, now};

on_every_driver!(
    claims_are_satisfied_and_the_call_goes_once_more,
    what_the_gateway_can_do_is_told_beside_the_claims,
    a_call_whose_body_is_held_goes_once_more_whole,
    a_call_whose_body_has_passed_is_refused_and_the_next_is_served,
    an_upstream_that_takes_nothing_is_asked_twice_and_the_endpoint_once,
    a_token_that_was_revoked_is_replaced_without_a_failed_call,
    a_users_challenge_goes_to_the_user,
    an_issuers_challenge_goes_to_the_user,
);

const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
const ALICE: &str = "a11c0000-0000-0000-0000-000000000001";

/// An upstream that takes every token but the first, and says so.
fn choosy(says: fn() -> String) -> Origin {
    Origin::answering(move |request| match request.field("authorization") {
        Some("Bearer upstream-token-1") => unauthorized(&says()),
        _ => reply("200 OK", &request.body),
    })
}

fn unauthorized(challenge: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nX-Why: whose\r\n\
         Content-Length: 6\r\n\r\nwhose?"
    )
    .into_bytes()
}

fn insufficient() -> String {
    let claims = STANDARD.encode(CLAIMS);
    format!(r#"Bearer realm="", error="insufficient_claims", claims="{claims}""#)
}

fn invalid() -> String {
    r#"Bearer error="invalid_token""#.to_owned()
}

fn scene(io: IoChoice, origin: &Origin, issuer: &LocalIssuer) -> Scene {
    let plan = Plan {
        issuer,
        class: "durable",
        ..Plan::new(io, origin)
    };
    plan.ready()
}

fn what_the_gateway_can_do_is_told_beside_the_claims(io: IoChoice) {
    let origin = choosy(insufficient);
    let issuer = issuer();
    let plan = Plan {
        issuer: &issuer,
        credential: "entra_client\n    client_capabilities: [cp1]",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    let forms = issuer.forms();
    let claims = forms.iter().map(|form| fields(form)["claims"].clone());
    let claims: Vec<serde_json::Value> = claims
        .map(|claims| serde_json::from_str(&claims).unwrap())
        .collect();
    let capability = serde_json::json!({"values": ["cp1"]});
    let mut asked: serde_json::Value = serde_json::from_str(CLAIMS).unwrap();
    asked["access_token"]["xms_cc"] = capability.clone();
    let alone = serde_json::json!({"access_token": {"xms_cc": capability}});
    assert_eq!(claims, [alone, asked]);
}

fn fields(form: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect()
}

fn shown(requests: &[Request]) -> Vec<&str> {
    let shown = requests.iter().map(|one| one.field("authorization"));
    shown.map(Option::unwrap).collect()
}

/// How often the recording says that a request went once more, and the reply heads in it.
fn recorded(scene: Scene) -> (usize, String) {
    let Recorded { recordings, .. } = &scene.stop();
    let (mut repeated, mut heads) = (0, String::new());
    let unread = recordings[0].visit(None, |_, _, event| {
        match event {
            Event::Repeated => repeated += 1,
            Event::ResponseHead(bytes) => heads.push_str(&String::from_utf8_lossy(bytes)),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(unread.unwrap(), None);
    (repeated, heads)
}

fn claims_are_satisfied_and_the_call_goes_once_more(io: IoChoice) {
    let origin = choosy(insufficient);
    let issuer = issuer();
    let scene = scene(io, &origin, &issuer);
    let mut caller = scene.caller();
    for path in ["/first", "/second"] {
        assert_eq!(caller.ask(scene.get(path)).status, 200);
    }
    let requests = origin.requests();
    let (first, second) = ("Bearer upstream-token-1", "Bearer upstream-token-2");
    assert_eq!(shown(&requests), [first, second, second]);
    let but_token = |request: &Request| request.head.replace(first, second);
    assert_eq!(
        but_token(&requests[0]),
        requests[1].head,
        "the same request"
    );
    let forms = issuer.forms();
    assert_eq!(forms.len(), 2);
    assert!(!fields(&forms[0]).contains_key("claims"));
    assert_eq!(fields(&forms[1])["claims"], CLAIMS);
    let (repeated, heads) = recorded(scene);
    assert_eq!(repeated, 1);
    assert!(
        !heads.contains("401") && !heads.contains("X-Why"),
        "{heads}"
    );
}

fn a_call_whose_body_is_held_goes_once_more_whole(io: IoChoice) {
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
    let origin = Origin::answering(move |request| {
        match request.field("authorization") {
        Some("Bearer upstream-token-1") => unauthorized(&insufficient()),
        _ => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        )
        .into_bytes(),
    }
    });
    let issuer = issuer();
    let plan = Plan {
        issuer: &issuer,
        protocol: "mcp",
        rules: "      - allow: tools/call *\n",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"find","arguments":{"a":"b"}}}"#;
    let head = scene.head("POST", "/");
    let served = scene.caller().ask(format!(
        "{head}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2025-06-18\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    ));
    assert_eq!((served.status, served.text()), (200, answer));
    let bodies: Vec<_> = origin.requests().into_iter().map(|it| it.body).collect();
    assert_eq!(bodies, [call.as_bytes(), call.as_bytes()]);
    let Recorded { recordings, .. } = &scene.stop();
    let mut offsets = Vec::new();
    let unread = recordings[0].visit(None, |_, _, event| {
        match event {
            Event::RequestChunk { offset, sent, .. } => offsets.push((*offset, *sent)),
            Event::Repeated => offsets.push((u64::MAX, 0)),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(unread.unwrap(), None);
    let whole = (0, call.len() as u64);
    assert_eq!(offsets, [whole, (u64::MAX, 0), whole]);
}

fn a_call_whose_body_has_passed_is_refused_and_the_next_is_served(io: IoChoice) {
    let origin = choosy(insufficient);
    let issuer = issuer();
    let scene = scene(io, &origin, &issuer);
    let refused = scene.caller().ask(scene.post("/", "once"));
    assert_eq!(
        (refused.status, &*refused.code()),
        (502, "upstream_unauthorized")
    );
    let served = scene.caller().ask(scene.post("/", "again"));
    assert_eq!((served.status, served.text()), (200, "again"));
    assert_eq!(fields(&issuer.last_form())["claims"], CLAIMS);
}

fn an_upstream_that_takes_nothing_is_asked_twice_and_the_endpoint_once(io: IoChoice) {
    let origin = Origin::answering(|_| unauthorized(&invalid()));
    let issuer = issuer();
    let scene = scene(io, &origin, &issuer);
    for asked in [2, 3, 4] {
        let refused = scene.caller().ask(scene.get("/"));
        assert_eq!(
            (refused.status, &*refused.code()),
            (502, "upstream_unauthorized")
        );
        assert!(!refused.head.contains("whose") && !refused.text().contains("whose"));
        assert_eq!(origin.requests().len(), asked);
    }
    assert_eq!(issuer.forms().len(), 2, "one token more, and no third");
}

fn a_token_that_was_revoked_is_replaced_without_a_failed_call(io: IoChoice) {
    let origin = choosy(invalid);
    let issuer = issuer();
    let scene = scene(io, &origin, &issuer);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let mut caller = scene.caller();
            caller.send(scene.get("/"));
            caller
        })
        .collect();
    for mut caller in callers {
        assert_eq!(caller.reply().status, 200);
    }
    let forms = issuer.forms();
    assert_eq!(forms.len(), 2, "one flight for all");
    assert!(!fields(&forms[1]).contains_key("claims"));
}

/// What must hold of a challenge that a user gets.
fn challenged(answer: &Reply) {
    assert_eq!((answer.status, &*answer.body), (401, &b""[..]));
    let claims = STANDARD.encode(CLAIMS);
    let want = format!(r#"Bearer realm="sluice", error="insufficient_claims", claims="{claims}""#);
    assert_eq!(answer.field("www-authenticate"), Some(&*want));
    assert_eq!(answer.field("x-why"), None);
}

fn on_behalf(io: IoChoice, origin: &Origin, issuer: &LocalIssuer) -> Scene {
    let plan = Plan {
        issuer,
        credential: "on_behalf_of",
        who: "scopes: [read]",
        ..Plan::new(io, origin)
    };
    let mut scene = plan.ready();
    scene.token = issuer.user_token("first", now(), ALICE);
    scene
}

fn a_users_challenge_goes_to_the_user(io: IoChoice) {
    let origin = choosy(insufficient);
    let issuer = issuer();
    let mut scene = on_behalf(io, &origin, &issuer);
    let mut caller = scene.caller();
    challenged(&caller.ask(scene.get("/")));
    assert_eq!(origin.requests().len(), 1, "the user has to act first");
    // What was got is forgotten: the user comes back with a token that satisfies the claims.
    scene.token = issuer.user_token("first", now() - 1, ALICE);
    assert_eq!(scene.caller().ask(scene.get("/")).status, 200);
    let forms = issuer.forms();
    assert!(
        forms
            .iter()
            .all(|form| !fields(form).contains_key("claims"))
    );
    assert_ne!(
        fields(&forms[0])["assertion"],
        fields(&forms[1])["assertion"]
    );
    let line = &scene.access_log(2)[0];
    assert_eq!(
        (&line["status"], &line["outcome"]),
        (&401.into(), &"complete".into())
    );
    let (repeated, heads) = recorded(scene);
    assert_eq!(repeated, 0);
    assert!(heads.contains(&STANDARD.encode(CLAIMS)), "{heads}");
}

fn an_issuers_challenge_goes_to_the_user(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    let scene = on_behalf(io, &origin, &issuer);
    let claims = CLAIMS.replace('"', "\\\"");
    let body =
        format!(r#"{{"error":"interaction_required","error_codes":[50076],"claims":"{claims}"}}"#);
    issuer.refuse(Some((400, &body)));
    let mut caller = scene.caller();
    for _ in 0..2 {
        challenged(&caller.ask(scene.get("/")));
    }
    assert_eq!(issuer.forms().len(), 1, "not asked about again at once");
    assert!(origin.requests().is_empty());
    let (_, heads) = recorded(scene);
    assert!(heads.contains(&STANDARD.encode(CLAIMS)), "{heads}");
}
