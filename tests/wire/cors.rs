//! Pages of other origins: browsers are answered by the gateway, and nothing of it goes upstream.

use sluice::worker::io::IoChoice;

use super::origin::Origin;
use super::scene::{Plan, Scene};

on_every_driver!(
    a_preflight_is_answered_and_never_goes_upstream,
    replies_and_refusals_say_who_may_read_them,
    what_the_upstream_says_of_it_is_dropped,
    a_route_without_it_says_nothing,
);

const PAGE: &str = "https://app.example";

fn scene(io: IoChoice, origin: &Origin, route: &str) -> Scene {
    let plan = Plan {
        route,
        connection: ", reply_headers: [access-control-allow-origin, access-control-max-age, x-a]",
        rules: "      - allow: OPTIONS /**\n",
        ..Plan::new(io, origin)
    };
    plan.ready()
}

/// An upstream that would let every page in.
fn lax() -> Origin {
    Origin::answering(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Max-Age: 9\r\nX-A: 1\r\n\r\nhi"
            .to_vec()
    })
}

const CORS: &str = ", cors: { origins: [https://app.example, http://localhost:5173], methods: [PUT, DELETE], headers: [authorization, x-trace], expose: [x-a], max_age: 5m }";

fn preflight(origin: &str, host: &str) -> String {
    format!(
        "OPTIONS /up/x HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
    )
}

fn a_preflight_is_answered_and_never_goes_upstream(io: IoChoice) {
    let origin = lax();
    let scene = scene(io, &origin, CORS);
    let mut caller = scene.caller();
    for page in [PAGE, "http://localhost:5173"] {
        let told = caller.ask(preflight(page, "localhost"));
        assert_eq!(told.status, 200);
        assert!(told.body.is_empty());
        for (name, value) in [
            ("access-control-allow-origin", Some(page)),
            ("access-control-allow-methods", Some("PUT, DELETE")),
            (
                "access-control-allow-headers",
                Some("authorization, x-trace"),
            ),
            ("access-control-max-age", Some("300")),
            ("access-control-allow-credentials", None),
            ("vary", Some("Origin")),
        ] {
            assert_eq!(told.field(name), value, "{name}");
        }
    }
    for page in [
        "https://app.example.evil",
        "https://APP.example",
        "null",
        "*",
    ] {
        let told = caller.ask(preflight(page, "localhost"));
        assert_eq!((told.status, told.code().as_str()), (403, "origin_refused"));
        assert_eq!(told.field("access-control-allow-origin"), None);
    }
    // With a good token it is a preflight all the same.
    let asked = preflight("https://other.example", "localhost").replacen(
        "Origin:",
        &format!("Authorization: Bearer {}\r\nOrigin:", scene.token),
        1,
    );
    assert_eq!(caller.ask(asked).status, 403);
    assert!(origin.requests().is_empty());
    assert_eq!(scene.access_log(7)[0]["outcome"], "answered");
}

fn replies_and_refusals_say_who_may_read_them(io: IoChoice) {
    let origin = lax();
    let scene = scene(io, &origin, CORS);
    let mut caller = scene.caller();
    let served = format!("{}Origin: {PAGE}\r\n\r\n", scene.head("GET", "/x"));
    let refused = format!("GET /up/x HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\n\r\n");
    for (request, status) in [(served, 200), (refused, 401)] {
        let told = caller.ask(request);
        assert_eq!(told.status, status);
        assert_eq!(told.field("access-control-allow-origin"), Some(PAGE));
        assert_eq!(told.field("access-control-expose-headers"), Some("x-a"));
        assert_eq!(told.field("vary"), Some("Origin"));
    }
    // The next on the connection is another page's, and the one after that nobody's.
    for fields in ["Origin: https://other.example\r\n", ""] {
        let told = caller.ask(format!("{}{fields}\r\n", scene.head("GET", "/x")));
        assert_eq!(told.status, 200);
        assert_eq!(told.field("vary"), None, "{fields}");
    }
    // Whoever asks with OPTIONS and no method of his own asks the upstream.
    let told = caller.ask(format!(
        "{}Origin: {PAGE}\r\n\r\n",
        scene.head("OPTIONS", "/x")
    ));
    assert_eq!(told.status, 200);
    assert_eq!(origin.requests().len(), 4);
}

fn what_the_upstream_says_of_it_is_dropped(io: IoChoice) {
    let origin = lax();
    let scene = scene(io, &origin, ", cors: { origins: [\"*\"] }");
    let asked = format!("{}Origin: {PAGE}\r\n\r\n", scene.head("GET", "/x"));
    let told = scene.caller().ask(asked);
    let head = told.head.to_ascii_lowercase();
    assert_eq!(head.matches("access-control-").count(), 1, "{head}");
    assert_eq!(told.field("access-control-allow-origin"), Some("*"));
    let told = scene.caller().ask(preflight("null", "localhost"));
    assert_eq!(told.field("access-control-allow-origin"), Some("*"));
    let fields = told.field("access-control-allow-headers");
    assert_eq!(fields, Some("authorization, content-type"));
}

fn a_route_without_it_says_nothing(io: IoChoice) {
    let origin = lax();
    let mut scene = scene(io, &origin, "");
    let told = scene.caller().ask(preflight(PAGE, "localhost"));
    assert_eq!((told.status, told.code().as_str()), (401, "no_token"));
    scene.edit(
        "connection: up  }",
        "connection: up, cors: { origins: [https://app.example] } }",
    );
    assert!(scene.reload().unwrap().routes);
    let told = scene.caller().ask(preflight(PAGE, "localhost"));
    assert_eq!(told.status, 200);
    assert!(origin.requests().is_empty());
}
