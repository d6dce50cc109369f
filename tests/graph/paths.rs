//! Paths in one spelling, and queries that tell nothing of what is hidden.

use super::directory::{MASKS, Plan, ask, echo, last};

#[test]
fn one_spelling_is_judged_recorded_and_forwarded() {
    let origin = echo();
    let plan = Plan {
        rules: "
- allow: GET /v1.0/Users('*')
- allow: GET /v1.0/me
- allow: GET /v1.0/users/*/mailFolders
- allow: GET /beta/groups",
        ..Plan::default()
    };
    let scene = plan.start(&origin);
    let asked = [
        ("/V1.0/Users('4F7a')", "/v1.0/users/4F7a"),
        ("/v1.0/users(%27a@x.example%27)", "/v1.0/users/a@x.example"),
        ("/v1.0/users/4F7a/", "/v1.0/users/4F7a"),
        ("/v1.0/Users/ME?$select=id", "/v1.0/me?$select=id"),
        (
            "/v1.0/users/%34F7a/MAILFOLDERS",
            "/v1.0/users/4F7a/mailFolders",
        ),
        ("/Beta/Groups", "/beta/groups"),
    ];
    for (target, want) in asked {
        let reply = ask(&scene, "GET", target);
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert_eq!(last(&origin).target(), want, "{target}");
    }
    for (target, want) in [
        ("/beta/users/4f7a", 403),
        ("/v1.0/groups", 403),
        ("/v1.0/me/messages", 403),
        ("/v2.0/users/4f7a", 400),
        ("/users/4f7a", 400),
        ("/v1.0/users/$entity?$id=users/4f7a", 400),
        ("/v1.0/users('4f7a", 400),
        ("/v1.0/users('delta')", 400),
        ("/v1.0/applications(appId=@p)?@p='x'", 400),
    ] {
        assert_eq!(ask(&scene, "GET", target).status, want, "{target}");
    }
    assert_eq!(origin.requests().len(), asked.len(), "nothing else went up");
    let log = scene.access_log(asked.len());
    for ((_, want), line) in asked.iter().zip(log) {
        let path = want.split('?').next().unwrap_or_default();
        assert_eq!(line["path"], path);
    }
    scene.stop();
}

#[test]
fn what_is_denied_is_denied_however_it_is_written() {
    let origin = echo();
    let plan = Plan {
        rules: "
- allow: \"* /**\"
- deny: POST /v1.0/users/*/revokeSignInSessions
- deny: GET /v1.0/applications/*
- deny: GET /v1.0/users/*/drive/**",
        ..Plan::default()
    };
    let scene = plan.start(&origin);
    for (method, target) in [
        ("POST", "/v1.0/users/1/revokeSignInSessions"),
        ("POST", "/v1.0/users('1')/REVOKESIGNINSESSIONS()"),
        ("POST", "/v1.0/users/1/microsoft.graph.revokeSignInSessions"),
        ("POST", "/v1.0/me/Graph.RevokeSignInSessions"),
        ("GET", "/v1.0/applications(appId='x')"),
        ("HEAD", "/v1.0/applications/1/"),
        ("GET", "/v1.0/me/drive/root"),
        ("GET", "/v1.0/users/me-token-to-replace/drive"),
    ] {
        assert_eq!(ask_status(&scene, method, target), 403, "{method} {target}");
    }
    assert_eq!(
        ask_status(&scene, "GET", "/beta/applications/1"),
        200,
        "another service"
    );
    assert_eq!(origin.requests().len(), 1);
}

fn ask_status(scene: &super::scene::Scene, method: &str, target: &str) -> u16 {
    let request = super::directory::request(super::scene::AGENT, method, target, "", "");
    let mut caller = super::caller::Caller::plain(scene.address);
    let reply = caller.send(request).try_reply(method == "HEAD");
    reply.expect("a reply").status
}

#[test]
fn a_hidden_member_is_neither_asked_for_nor_computed_with() {
    let origin = echo();
    let plan = Plan {
        connection: "masks: [people],",
        rules: "- allow: GET /**",
        more: MASKS,
        ..Plan::default()
    };
    let scene = plan.start(&origin);
    for target in [
        "/v1.0/users/1/mail",
        "/v1.0/users/1/MAIL/$value",
        "/v1.0/users(mail='x')",
        "/v1.0/users?$filter=startswith(mail,%27a%27)",
        "/v1.0/users?filter=Mail+eq+%27a%27",
        "/v1.0/users?%24orderby=mail",
        "/v1.0/users?$search=%22mail:x%22",
        "/v1.0/users?$apply=groupby((mail))",
        "/v1.0/users?$filter=%256Dail+eq+null",
        "/v1.0/users?$filter=@p+eq+null&@p=mail",
    ] {
        let reply = ask(&scene, "GET", target);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "hidden_member"),
            "{target}"
        );
    }
    assert_eq!(
        ask(&scene, "GET", "/v1.0/users?$filter=a&filter=b").status,
        400
    );
    let reply = ask(
        &scene,
        "GET",
        "/v1.0/users?$select=mail&$orderby=displayName",
    );
    assert_eq!(reply.status, 200);
    assert!(
        reply.text().contains(r#""mail":"[mail]""#),
        "{}",
        reply.text()
    );
    assert_eq!(origin.requests().len(), 1, "nothing else went up");
}

#[test]
fn expand_needs_a_rule_that_names_it() {
    let origin = echo();
    let plan = Plan {
        rules: "
- allow: GET /v1.0/users
- { allow: GET /v1.0/groups, expand: [Members, members/manager] }
- { allow: GET /v1.0/sites, expand: [\"*\"] }",
        ..Plan::default()
    };
    let scene = plan.start(&origin);
    for (target, want) in [
        ("/v1.0/users", 200),
        ("/v1.0/users?$expand=manager", 403),
        ("/v1.0/users?expand=manager", 403),
        ("/v1.0/users?$expand=manager(", 400),
        ("/v1.0/groups?$expand=members", 200),
        (
            "/v1.0/groups?$expand=MEMBERS($select=id;$expand=manager)",
            200,
        ),
        ("/v1.0/groups?$expand=members($expand=owners)", 403),
        ("/v1.0/groups?$expand=members,owners", 403),
        ("/v1.0/groups?$expand=*", 403),
        ("/v1.0/sites?$expand=drive,lists($expand=items)", 200),
    ] {
        assert_eq!(ask(&scene, "GET", target).status, want, "{target}");
    }
}
