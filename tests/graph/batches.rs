//! Batches: each call in one is judged, masked and recorded as if it came alone.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use sluice::record::payload::Event;
use sluice::recorder::read::recordings;

use super::caller::{Caller, Reply};
use super::directory::{MASKS, Plan, ask, json as reply_with, last, request, send};
use super::origin::{Origin, Request};
use super::scene::{AGENT, STRANGER, Scene};

/// A directory that answers each call of a batch with what it was asked for.
fn directory() -> Origin {
    Origin::answering(|request| reply_with(&answer(request).to_string()))
}

fn answer(request: &Request) -> Value {
    let Ok(asked) = serde_json::from_slice::<Value>(&request.body) else {
        return json!({ "asked": request.target() });
    };
    let Some(requests) = asked["requests"].as_array() else {
        return json!({ "asked": request.target() });
    };
    let one = |request: &Value| match request["url"].as_str() {
        Some("/me/photo/$value") => {
            json!({ "id": request["id"], "status": 200, "headers": { "Content-Type": "image/jpeg" }, "body": "AAAA" })
        }
        Some("/me/expired") => json!({ "id": request["id"], "status": 401, "body": {} }),
        url => json!({
            "id": request["id"],
            "status": 200,
            "headers": { "Content-Type": "application/json", "Cache-Control": "private", "Set-Cookie": "a=b" },
            "body": { "id": 7, "asked": url, "mail": "bob@x.example", "text": "to bob@x.example" },
        }),
    };
    // In an order of its own, as Graph does.
    let responses: Vec<Value> = requests.iter().rev().map(one).collect();
    json!({ "responses": responses })
}

fn part(id: usize, method: &str, url: &str) -> Value {
    json!({ "id": id.to_string(), "method": method, "url": url })
}

fn batch(scene: &Scene, parts: &[Value]) -> Reply {
    let body = json!({ "requests": parts }).to_string();
    send(scene, "POST", "/v1.0/$batch", "", &body)
}

fn responses(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let whole: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let mut all = whole["responses"].as_array().expect("responses").clone();
    all.sort_by_key(|one| one["id"].as_str().map(str::to_owned));
    all
}

const RULES: &str = "
- allow: GET /v1.0/users/*
- allow: GET /v1.0/me/**
- { allow: GET /v1.0/groups, expand: [members] }
- { allow: POST /v1.0/users/*/assignLicense, when: size(body.addLicenses) < 3 }
- { allow: PATCH /v1.0/users/*, when: 'headers[\"if-match\"] == \"x\"' }
- { approve: POST /v1.0/users/*/revokeSignInSessions, by: { roles: [boss] } }
- deny: GET /v1.0/users/secret";

#[test]
fn a_batch_is_forwarded_as_it_was_judged() {
    let origin = directory();
    let scene = Plan {
        rules: RULES,
        ..Plan::default()
    }
    .start(&origin);
    let body = r#"{ "requests": [
        { "id": "1", "url": "Users('4F7a')?$select=id", "method": "GET",
          "headers": { "Cookie": "x", "Authorization": "Bearer theirs", "ConsistencyLevel": "eventual",
                       "X-HTTP-Method-Override": "DELETE" } },
        { "id": "2", "method": "POST", "url": "/users/1/assignLicense", "dependsOn": ["1"],
          "headers": { "Content-Type": "application/json" }, "body": { "addLicenses": [ 1.0 ] } }
    ] }"#;
    let reply = send(&scene, "POST", "/V1.0/$Batch", "", body);
    let forwarded = last(&origin);
    assert_eq!(forwarded.target(), "/v1.0/$batch");
    assert_eq!(
        String::from_utf8_lossy(&forwarded.body),
        r#"{"requests":[{"id":"1","method":"GET","url":"/users/4F7a?$select=id","headers":{"consistencylevel":"eventual"}},{"id":"2","method":"POST","url":"/users/1/assignLicense","headers":{"content-type":"application/json"},"body":{ "addLicenses": [ 1.0 ] },"dependsOn":["1"]}]}"#
    );
    let got = responses(&reply);
    assert_eq!(got[0]["body"]["asked"], "/users/4F7a?$select=id");
    assert_eq!(
        got[0]["headers"],
        json!({ "Content-Type": "application/json", "Cache-Control": "private" })
    );
    for (method, target, body, want) in [
        ("GET", "/v1.0/$batch", "", 400),
        ("POST", "/v1.0/$batch?x=y", r#"{"requests":[]}"#, 400),
        ("POST", "/v1.0/$batch", r#"{"requests":[]}"#, 400),
        ("POST", "/v1.0/$batch", "{", 400),
        ("POST", "/v1.0/$batch", "", 415),
        ("POST", "/v1.0/users/$batch", "{}", 400),
        (
            "POST",
            "/beta/$batch",
            r#"{"requests":[{"id":"1","method":"GET","url":"/me/x"}]}"#,
            403,
        ),
    ] {
        assert_eq!(
            send(&scene, method, target, "", body).status,
            want,
            "{method} {target} {body}"
        );
    }
    let nobody = request(STRANGER, "POST", "/v1.0/$batch", "", body);
    assert_eq!(Caller::plain(scene.address).ask(nobody).status, 403);
    assert_eq!(origin.requests().len(), 1, "nothing else went up");
}

#[test]
fn one_denied_call_refuses_all_and_is_named() {
    let origin = directory();
    let scene = Plan {
        rules: RULES,
        ..Plan::default()
    }
    .start(&origin);
    let parts = [
        part(1, "GET", "/users/1"),
        part(2, "DELETE", "/users/1"),
        part(3, "GET", "/users/secret"),
        part(4, "POST", "/users/1/revokeSignInSessions"),
    ];
    let reply = batch(&scene, &parts);
    assert_eq!((reply.status, reply.code().as_str()), (403, "batch_denied"));
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let want = json!([
        { "id": "2", "code": "denied" },
        { "id": "3", "code": "denied", "rule": "readers/7" },
        { "id": "4", "code": "approval_needed", "rule": "readers/6" },
    ]);
    assert_eq!(body["error"]["requests"], want);
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(batch(&scene, &parts[..1]).status, 200);
}

#[test]
fn with_each_what_is_denied_is_answered_and_the_rest_goes() {
    let origin = directory();
    let scene = Plan {
        connection: "batch: each,",
        rules: RULES,
        ..Plan::default()
    }
    .start(&origin);
    let mut parts = vec![
        part(1, "GET", "/users/1"),
        part(2, "DELETE", "/users/1"),
        part(3, "GET", "/users/3"),
        part(4, "GET", "/users/4"),
    ];
    parts[2]["dependsOn"] = json!(["2"]);
    parts[3]["dependsOn"] = json!(["3"]);
    parts.push(part(5, "GET", "/users/5"));
    let got = responses(&batch(&scene, &parts));
    let statuses: Vec<u64> = got
        .iter()
        .filter_map(|one| one["status"].as_u64())
        .collect();
    assert_eq!(statuses, [200, 403, 424, 424, 200]);
    assert_eq!(got[1]["body"]["error"]["code"], "denied");
    assert_eq!(got[2]["body"]["error"]["code"], "failed_dependency");
    let forwarded: Value = serde_json::from_slice(&last(&origin).body).expect("JSON");
    let sent = forwarded["requests"].as_array().expect("requests");
    let ids: Vec<&str> = sent.iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, ["1", "5"]);
    // Who has to ask somebody has to ask for the whole, and nothing that may go is nothing.
    parts.push(part(6, "POST", "/users/1/revokeSignInSessions"));
    assert_eq!(batch(&scene, &parts).status, 403);
    assert_eq!(batch(&scene, &parts[1..2]).status, 403);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn each_response_is_masked_as_if_it_came_alone() {
    let origin = directory();
    let scene = Plan {
        connection: "masks: [people],",
        rules: "- allow: GET /v1.0/**",
        more: "masks: { people: { fields: [mail, body, id], recognise: [email] } }\n",
        ..Plan::default()
    }
    .start(&origin);
    let parts = [
        part(1, "GET", "/users/1"),
        part(2, "GET", "/me/photo/$value"),
        part(3, "GET", "/me/expired"),
    ];
    let got = responses(&batch(&scene, &parts));
    let body = json!({ "id": "[id]", "asked": "/users/1", "mail": "[mail]", "text": "to [email]" });
    assert_eq!(got[0]["body"], body);
    assert_eq!(
        got[0]["headers"],
        json!({ "Content-Type": "application/json" })
    );
    assert_eq!(
        (got[1]["status"].as_u64(), got[2]["status"].as_u64()),
        (Some(502), Some(502))
    );
    assert_eq!(got[1]["body"]["error"]["code"], "reply_withheld");
    assert_eq!(got[2]["body"]["error"]["code"], "upstream_unauthorized");
    let hidden = [part(
        1,
        "GET",
        "/users?$filter=mail eq 'x'".replace(' ', "%20").as_str(),
    )];
    let reply = batch(&scene, &hidden);
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(
        body["error"]["requests"][0]["code"],
        "hidden_member",
        "{}",
        reply.text()
    );
}

#[test]
fn an_answer_that_is_none_does_not_pass() {
    for body in [
        r#"{"responses":[{"id":"9","status":200}]}"#,
        r#"{"responses":[{"id":"1","status":200},{"id":"1","status":200}]}"#,
        r#"{"responses":[{"id":"1","status":200}],"responses":[]}"#,
        r#"{"value":[]}"#,
        "[",
    ] {
        let origin = Origin::answering(move |_| reply_with(body));
        let scene = Plan::default().start(&origin);
        let reply = batch(&scene, &[part(1, "GET", "/users/1")]);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (502, "upstream_malformed"),
            "{body}"
        );
    }
}

#[test]
fn every_call_is_in_the_recording() {
    let origin = directory();
    let scene = Plan {
        connection: "batch: each, masks: [people],",
        rules: RULES,
        more: MASKS,
        ..Plan::default()
    }
    .start(&origin);
    let parts = [
        part(1, "GET", "/users/1?$select=id"),
        part(2, "DELETE", "/Users('2')"),
    ];
    responses(&batch(&scene, &parts));
    assert_eq!(batch(&scene, &parts[1..]).status, 403);
    let data = scene.directory.path().join("data");
    let directory = scene.stop_and_keep();
    let mut told = Vec::new();
    for recording in recordings(&data).expect("recordings") {
        let unread = recording.visit(None, |_, _, event| {
            match event {
                Event::Part(part) => told.push(format!(
                    "{} {} {} {} {}",
                    part.id,
                    part.decision.name(),
                    part.rule,
                    part.method,
                    part.target
                )),
                Event::PartEnd { id, status } => told.push(format!("{id} {status}")),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        assert_eq!(unread.expect("a recording"), None);
    }
    let want = [
        "1 allowed readers/1 GET /v1.0/users/1?$select=id",
        "2 denied denied DELETE /v1.0/users/2",
        "1 200",
        "2 403",
        "2 denied denied DELETE /v1.0/users/2",
    ];
    assert_eq!(told, want);
    drop(directory);
}

/// Calls that rules allow, deny, hold and decide by query, fields and bodies.
fn calls() -> Vec<Value> {
    let with = |mut part: Value, fields: Value, body: Value| {
        if !fields.is_null() {
            part["headers"] = fields;
        }
        if !body.is_null() {
            part["body"] = body;
        }
        part
    };
    let json_type = || json!({ "Content-Type": "application/json" });
    let license = |count: usize| {
        let call = part(0, "POST", "/users/1/assignLicense");
        with(call, json_type(), json!({ "addLicenses": vec![1; count] }))
    };
    let patch = |fields: Value| with(part(0, "PATCH", "/users/1"), fields, Value::Null);
    vec![
        part(0, "GET", "/users/1"),
        part(0, "GET", "/Users('1')"),
        part(0, "GET", "/users/secret"),
        part(0, "GET", "/users/SECRET"),
        part(0, "GET", "/users(id='Secret')"),
        part(0, "GET", "/users/1/manager"),
        part(0, "GET", "/me/messages"),
        part(0, "GET", "/users/me/messages"),
        part(0, "GET", "/groups"),
        part(0, "GET", "/groups?$expand=members"),
        part(0, "GET", "/groups?$expand=owners"),
        part(0, "DELETE", "/users/1"),
        part(0, "POST", "/users/1/revokeSignInSessions"),
        license(1),
        license(3),
        part(0, "POST", "/users/1/assignLicense"),
        patch(json!({ "If-Match": "x" })),
        patch(json!({ "If-Match": "y" })),
        patch(Value::Null),
    ]
}

#[test]
fn a_batch_is_allowed_when_each_of_its_calls_is_alone() {
    let origin = directory();
    let scene = Plan {
        rules: RULES,
        ..Plan::default()
    }
    .start(&origin);
    let calls = calls();
    let alone: Vec<bool> = calls
        .iter()
        .map(|call| passes_alone(&scene, call))
        .collect();
    let allowed = alone.iter().filter(|passes| **passes).count();
    assert!(allowed > 4 && allowed + 4 < calls.len(), "{alone:?}");
    let mut seed = 7_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    for round in 0..300 {
        // Half of them of what is allowed, or none would ever be.
        let count = 1 + draw(if round % 2 == 0 { 4 } else { 20 });
        let (mut parts, mut refused) = (Vec::new(), Vec::new());
        for id in 0..count {
            let mut pick = draw(calls.len());
            while round % 3 == 0 && !alone[pick] {
                pick = draw(calls.len());
            }
            let mut call = calls[pick].clone();
            call["id"] = id.to_string().into();
            if !alone[pick] {
                refused.push(call["id"].clone());
            }
            parts.push(call);
        }
        let reply = batch(&scene, &parts);
        if refused.is_empty() {
            assert_eq!(responses(&reply).len(), count, "{parts:?}");
            continue;
        }
        assert_eq!(reply.status, 403, "{parts:?}");
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let named = body["error"]["requests"].as_array().expect("requests");
        let named: Vec<Value> = named.iter().map(|one| one["id"].clone()).collect();
        assert_eq!(named, refused, "{parts:?}");
    }
}

fn passes_alone(scene: &Scene, call: &Value) -> bool {
    let text = |name: &str| call[name].as_str().unwrap_or_default();
    let body = match &call["body"] {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let target = format!("/v1.0{}", text("url"));
    let fields = call["headers"].as_object().into_iter().flatten();
    let fields: String = fields
        .filter(|(name, _)| *name != "Content-Type")
        .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().unwrap_or_default()))
        .collect();
    match send(scene, text("method"), &target, &fields, &body).status {
        200 => true,
        403 => false,
        other => panic!("{other} to {call}"),
    }
}

#[test]
fn a_batch_waits_for_its_keys_and_its_bound() {
    let origin = directory();
    let scene = Plan {
        connection: "message_bytes: 1KiB,",
        rules: RULES,
        ..Plan::default()
    }
    .start(&origin);
    let mut large = part(1, "GET", "/users/1");
    large["headers"] = json!({ "Prefer": "x".repeat(1000) });
    let reply = batch(&scene, &[large]);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (413, "body_too_large")
    );
    assert_eq!(ask(&scene, "GET", "/v1.0/users/1").status, 200);
    // In chunks, byte by byte.
    let body = json!({ "requests": [part(1, "GET", "/users/1")] }).to_string();
    let head = request(AGENT, "POST", "/v1.0/$batch", "", "");
    let fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut caller = Caller::plain(scene.address);
    caller.send(format!("{}\r\n{fields}", head.trim_end()));
    for byte in body.bytes() {
        caller.send(format!("1\r\n{}\r\n", byte as char));
    }
    assert_eq!(responses(&caller.send("0\r\n\r\n").reply()).len(), 1);
}
