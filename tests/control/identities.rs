//! The gateway as the managed-identity endpoint of its callers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::issuer::{Behaviour, LocalIssuer, TENANT};
use crate::scene::{Scene, with_credentials};

const FIRST: &str = "first-identity-header";
const SECOND: &str = "second-identity-header";

/// Two identities: an application's, and one that nobody has got a token for.
fn sections(issuer: &LocalIssuer, identities: &str) -> String {
    let url = issuer.url();
    format!(
        "  reader: {{ kind: entra_client, tenant: {TENANT}, client_id: agent, secret: env:FIRST, scope: us/.default, authority: {url}, ca_file: ca.pem }}
  other: {{ kind: entra_client, tenant: {TENANT}, client_id: b, secret: env:FIRST, scope: https://graph.microsoft.com/.default, authority: {url}, ca_file: ca.pem }}
  fixed: {{ kind: bearer, token: env:FIRST }}
identity_endpoint:
  bind: 127.0.0.1:0
  identities: {identities}
"
    )
}

fn environment(name: &str) -> Option<String> {
    match name {
        "FIRST" => Some(FIRST.to_owned()),
        "SECOND" => Some(SECOND.to_owned()),
        "SHORT" => Some("guessable".to_owned()),
        _ => None,
    }
}

const GOOD: &str = "[{ header: env:FIRST, credential: reader }]";
const QUERY: &str = "/msi/token?api-version=2019-08-01&resource=us";

fn scene(issuer: &LocalIssuer) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let sections = sections(issuer, GOOD);
    let config = with_credentials(issuer, directory.path(), &sections, &environment).unwrap();
    Scene::of(&config, directory)
}

/// Status, head and body of an answer.
fn ask(address: SocketAddr, method: &str, target: &str, headers: &[&str]) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for header in headers {
        request += &format!("X-IDENTITY-HEADER: {header}\r\n");
    }
    stream.write_all((request + "\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    (status, head.to_ascii_lowercase(), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_gets_a_token_for_the_gateway() {
    let issuer = LocalIssuer::start().await;
    let scene = scene(&issuer);
    tokio::task::block_in_place(|| {
        let shown = scene.shown(0).1;
        let token = shown.trim_start_matches("Bearer ");
        let address = scene.control.identity_address().unwrap();
        for query in [
            QUERY.to_owned(),
            format!("{QUERY}/"),
            format!("{QUERY}&client_id=agent"),
        ] {
            let (status, head, body) = ask(address, "GET", &query, &[FIRST]);
            assert_eq!((status, &body["access_token"]), (200, &token.into()));
            assert_eq!(body["token_type"], "Bearer");
            assert!(head.contains("cache-control: no-store"), "{head}");
            let ends: u64 = body["expires_on"].as_str().unwrap().parse().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let left = ends - now.as_secs();
            assert!((3_500..=3_600).contains(&left), "{left} s");
        }
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_anything() {
    let issuer = LocalIssuer::start().await;
    let scene = scene(&issuer);
    tokio::task::block_in_place(|| {
        scene.shown(0);
        let address = scene.control.identity_address().unwrap();
        let resource = QUERY.replace("resource=us", "resource=https://graph.microsoft.com");
        for (method, query, headers, want) in [
            ("GET", QUERY, &[][..], 401),
            ("GET", QUERY, &[""], 401),
            ("GET", QUERY, &["first-identity-heade"], 401),
            ("GET", QUERY, &["first-identity-headers"], 401),
            ("GET", QUERY, &[SECOND], 401),
            ("GET", QUERY, &[FIRST, FIRST], 401),
            ("GET", &resource, &[FIRST], 400),
            ("GET", &QUERY.replace("2019", "2018"), &[FIRST], 400),
            ("GET", &format!("{QUERY}&resource=us"), &[FIRST], 400),
            ("GET", &format!("{QUERY}&client_id=other"), &[FIRST], 400),
            ("GET", "/msi/token", &[FIRST], 400),
            ("POST", QUERY, &[FIRST], 405),
            ("GET", "/metadata/identity/oauth2/token", &[FIRST], 404),
        ] {
            let (status, _, body) = ask(address, method, query, headers);
            assert_eq!(status, want, "{method} {query} {headers:?}");
            assert!(!body.to_string().contains("upstream-token"), "{body}");
        }
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_library_is_told_to_come_back() {
    let issuer = LocalIssuer::start().await;
    issuer.behave(Behaviour::Status(503));
    let scene = scene(&issuer);
    tokio::task::block_in_place(|| {
        let address = scene.control.identity_address().unwrap();
        let (status, head, _) = ask(address, "GET", QUERY, &[FIRST]);
        assert_eq!(status, 503);
        assert!(head.contains("retry-after: 1"), "{head}");
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_withdrawn_is_good_for_nothing() {
    let issuer = LocalIssuer::start().await;
    let mut scene = scene(&issuer);
    tokio::task::block_in_place(|| {
        scene.shown(0);
        let address = scene.control.identity_address().unwrap();
        let sections = sections(&issuer, &GOOD.replace("FIRST", "SECOND"));
        let path = scene.directory.path().to_owned();
        let config = with_credentials(&issuer, &path, &sections, &environment).unwrap();
        scene.control.reload(&config).unwrap();
        assert_eq!(ask(address, "GET", QUERY, &[FIRST]).0, 401);
        assert_eq!(ask(address, "GET", QUERY, &[SECOND]).0, 200);
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tokens_for_the_gateway_are_given() {
    let issuer = LocalIssuer::start().await;
    let directory = tempfile::tempdir().unwrap();
    for (from, to, want) in [
        (
            "reader }]",
            "other }]",
            "not for an audience of any issuer here",
        ),
        (
            "reader }]",
            "fixed }]",
            "gets no tokens that callers could be given",
        ),
        ("reader }]", "nobody }]", "unknown credential `nobody`"),
        (
            "env:FIRST, credential",
            "env:SHORT, credential",
            "16 visible ASCII characters",
        ),
        (
            "127.0.0.1:0\n  identities",
            "10.0.0.1:80\n  identities",
            "on loopback only",
        ),
        (
            "[{ header",
            "[{ header: env:FIRST, credential: reader }, { header",
            "the same `header`",
        ),
        (GOOD, "[]", "at least one identity"),
    ] {
        let good = sections(&issuer, GOOD);
        assert!(good.contains(from), "{from}");
        let sections = good.replacen(from, to, 1);
        let refused = with_credentials(&issuer, directory.path(), &sections, &environment);
        let refused = refused.map(drop).unwrap_err().to_string();
        assert!(refused.contains(want), "{to}: {refused}");
        assert!(!refused.contains(FIRST) && !refused.contains("guessable"));
    }
}
