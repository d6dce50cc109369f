//! Rules that look into bodies, on connections of protocol `http` and `graph`.

use super::caller::Caller;
use super::directory::{Plan, echo, last, request, send};
use super::scene::{AGENT, OTHER};

const RULES: &str = "
- { allow: POST /v1.0/users/*/assignLicense, when: size(body.addLicenses) < 3 }
- { deny: POST /v1.0/**, when: \"has(body.disabled) && body.disabled\" }
- allow: GET /v1.0/users/*";

#[test]
fn a_body_is_judged_and_the_bytes_judged_are_those_forwarded() {
    for protocol in ["http", "graph"] {
        let origin = echo();
        let plan = Plan {
            protocol,
            connection: "message_bytes: 1KiB,",
            rules: RULES,
            ..Plan::default()
        };
        let scene = plan.start(&origin);
        let post = |fields: &str, body: &str| {
            send(&scene, "POST", "/v1.0/users/1/assignLicense", fields, body).status
        };
        let good = r#"{ "addLicenses": [1, 2],  "removeLicenses":[] }"#;
        assert_eq!(post("", good), 200, "{protocol}");
        assert_eq!(last(&origin).body, good.as_bytes());
        for (fields, body, want) in [
            ("", r#"{"addLicenses":[1,2,3]}"#, 403),
            ("", r#"{"addLicenses":[],"disabled":true}"#, 403),
            ("", r#"{"addLicenses":[],"disabled":"no"}"#, 403),
            ("", r#"{"AddLicenses":[]}"#, 403),
            ("", r#"{"addLicenses":[],"addLicenses":[1,2,3]}"#, 403),
            ("", r#"{"addLicenses":[]"#, 403),
            ("", "\u{feff}{\"addLicenses\":[]}", 403),
            ("Content-Encoding: gzip\r\n", r#"{"addLicenses":[]}"#, 403),
        ] {
            assert_eq!(post(fields, body), want, "{protocol}: {fields}{body}");
        }
        let target = "/v1.0/users/1/assignLicense";
        let text = request(AGENT, "POST", target, "", r#"{"addLicenses":[]}"#);
        let text = text.replace("application/json", "text/plain");
        assert_eq!(Caller::plain(scene.address).ask(text).status, 403);
        let large = format!(r#"{{"addLicenses":[],"x":"{}"}}"#, "x".repeat(1100));
        assert_eq!(post("", &large), 413, "{protocol}");
        assert_eq!(
            send(&scene, "POST", "/v1.0/users/1/assignLicense", "", "").status,
            403
        );
        assert_eq!(send(&scene, "GET", "/v1.0/users/1", "", "").status, 200);
        assert_eq!(origin.requests().len(), 2, "{protocol}");
        assert_eq!(last(&origin).target(), "/v1.0/users/1");
    }
}

#[test]
fn a_body_in_pieces_is_held_until_it_is_whole() {
    let origin = echo();
    let plan = Plan {
        rules: RULES,
        ..Plan::default()
    };
    let scene = plan.start(&origin);
    let body = r#"{"addLicenses":[1]}"#;
    let head = request(OTHER, "POST", "/v1.0/users/1/assignLicense", "", "");
    let head = head.trim_end();
    let fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
                  Expect: 100-continue\r\n\r\n";
    let mut caller = Caller::plain(scene.address);
    caller.send(format!("{head}\r\n{fields}"));
    assert_eq!(caller.reply().status, 100, "the head was judged");
    for byte in body.bytes() {
        assert_eq!(origin.requests().len(), 0);
        caller.send(format!("1\r\n{}\r\n", byte as char));
    }
    assert_eq!(caller.send("0\r\n\r\n").reply().status, 200);
    let forwarded = last(&origin);
    assert_eq!(forwarded.body, body.as_bytes());
    assert_eq!(forwarded.field("content-length"), Some("19"));
    // Who may do nothing is not even asked for the body.
    let refused = request(AGENT, "POST", "/beta/groups", "", "");
    let refused = format!("{}\r\n{fields}", refused.trim_end());
    assert_eq!(Caller::plain(scene.address).ask(refused).status, 403);
}
