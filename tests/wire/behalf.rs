//! On behalf of users: each caller's token is exchanged once, and nobody gets another's.

use std::collections::{HashMap, HashSet};

use sluice::worker::io::IoChoice;

use super::issuer::LocalIssuer;
use super::origin::{Origin, reply};
use super::scene::{Plan, Scene, issuer, now};

on_every_driver!(
    each_user_is_exchanged_once_for_all_calls,
    an_application_is_not_acted_for,
    a_token_that_is_not_exchanged_is_refused_and_not_asked_about_again,
    an_endpoint_that_is_down_is_not_the_callers_fault,
);

const ALICE: &str = "a11c0000-0000-0000-0000-000000000001";
const BOB: &str = "b0b00000-0000-0000-0000-000000000002";

fn scene(io: IoChoice, origin: &Origin, issuer: &LocalIssuer) -> Scene {
    let plan = Plan {
        issuer,
        credential: "on_behalf_of",
        who: "roles: [reader], scopes: [read]",
        ..Plan::new(io, origin)
    };
    plan.ready()
}

fn each_user_is_exchanged_once_for_all_calls(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    let mut scene = scene(io, &origin, &issuer);
    let users: Vec<_> = [ALICE, BOB]
        .map(|object| issuer.user_token("first", now(), object))
        .into();
    // All at once, so that one flight serves them.
    let mut callers = Vec::new();
    for (index, token) in users.iter().enumerate() {
        scene.token.clone_from(token);
        for call in 0..8 {
            let mut caller = scene.caller();
            caller.send(scene.get(&format!("/{index}/{call}")));
            callers.push(caller);
        }
    }
    for caller in &mut callers {
        assert_eq!(caller.reply().status, 200);
    }
    // And later, on connections that served the other.
    for (index, token) in users.iter().rev().enumerate() {
        scene.token.clone_from(token);
        let path = format!("/{}/later", 1 - index);
        assert_eq!(callers[index * 8].ask(scene.get(&path)).status, 200);
    }
    let forms = issuer.forms();
    assert_eq!(forms.len(), 2, "one exchange for each user");
    let assertions: HashSet<_> = forms.iter().map(|form| assertion(form)).collect();
    assert_eq!(assertions, users.iter().cloned().collect());
    let mut shown = HashMap::<_, HashSet<_>>::new();
    for request in origin.requests() {
        let user = request.target().split('/').nth(1).unwrap().to_owned();
        let token = request.field("authorization").unwrap().to_owned();
        assert!(token.starts_with("Bearer upstream-token-"), "{token}");
        shown.entry(user).or_default().insert(token);
    }
    let different: HashSet<_> = shown.values().flatten().collect();
    assert!(shown.values().all(|tokens| tokens.len() == 1), "{shown:?}");
    assert_eq!((shown.len(), different.len()), (2, 2), "{shown:?}");
    let log = format!("{:?}", scene.access_log(18));
    assert!(!log.contains("upstream-token") && !users.iter().any(|token| log.contains(token)));
}

/// The caller's token in a form, which must ask as RFC 7523 and Entra want it.
fn assertion(form: &str) -> String {
    let form: HashMap<String, String> = url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(form["grant_type"], grant);
    assert_eq!(form["requested_token_use"], "on_behalf_of");
    assert_eq!((&*form["client_id"], &*form["scope"]), ("reader", "all"));
    assert!(form.contains_key("client_secret"));
    form["assertion"].clone()
}

fn an_application_is_not_acted_for(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    let plan = Plan {
        issuer: &issuer,
        credential: "on_behalf_of",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let refused = scene.caller().ask(scene.get("/"));
    assert_eq!((refused.status, &*refused.code()), (403, "user_needed"));
    assert!(issuer.forms().is_empty() && origin.requests().is_empty());
}

fn a_token_that_is_not_exchanged_is_refused_and_not_asked_about_again(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    let mut scene = scene(io, &origin, &issuer);
    let body = r#"{"error":"invalid_grant","error_codes":[50013],"error_description":"hunter2"}"#;
    issuer.refuse(Some((400, body)));
    scene.token = issuer.user_token("first", now(), ALICE);
    let mut caller = scene.caller();
    for _ in 0..5 {
        let refused = caller.ask(scene.get("/"));
        assert_eq!((refused.status, &*refused.code()), (403, "not_exchanged"));
        assert!(!refused.text().contains("50013") && !refused.text().contains("hunter2"));
    }
    assert_eq!(issuer.forms().len(), 1, "asked once");
    let line = &scene.access_log(5)[4];
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("invalid_grant (50013)"), "{line}");
    // Nobody else pays for it.
    issuer.refuse(None);
    scene.token = issuer.user_token("first", now(), BOB);
    assert_eq!(caller.ask(scene.get("/")).status, 200);
    assert_eq!(scene.readiness(), 200);
    assert_eq!(origin.requests().len(), 1);
}

fn an_endpoint_that_is_down_is_not_the_callers_fault(io: IoChoice) {
    let origin = Origin::answering(|_| reply("200 OK", "here"));
    let issuer = issuer();
    let mut scene = scene(io, &origin, &issuer);
    issuer.refuse(Some((503, "")));
    scene.token = issuer.user_token("first", now(), ALICE);
    let mut caller = scene.caller();
    for _ in 0..3 {
        let refused = caller.ask(scene.get("/"));
        assert_eq!(
            (refused.status, &*refused.code()),
            (503, "credential_unavailable")
        );
        assert!(refused.field("retry-after").is_some());
    }
    assert_eq!(issuer.forms().len(), 1, "callers cannot hurry the endpoint");
    assert!(scene.readyz().text().contains("status 503"));
    assert!(origin.requests().is_empty());
}
