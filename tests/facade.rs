//! The façade over real sockets, before a local issuer that refuses `resource` as Entra does.

#[path = "control/issuer.rs"]
#[allow(dead_code, reason = "other tests use all of it")]
mod issuer;
#[path = "facade/scene.rs"]
mod scene;

use std::net::SocketAddr;
use std::time::Duration;

use issuer::{Behaviour, LocalIssuer, TENANT};
use scene::{Answer, CLIENT, Proxy, Scene, URL, ask, connect};
use serde_json::json;

const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const FORM: &str = "application/x-www-form-urlencoded";
const CODE: &str =
    "grant_type=authorization_code&code=the-code&code_verifier=the-verifier&client_id=c";

#[tokio::test]
async fn clients_find_s256_and_endpoints_that_are_the_facades() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let want = json!({
        "issuer": URL,
        "authorization_endpoint": format!("{URL}/authorize"),
        "token_endpoint": format!("{URL}/token"),
        "registration_endpoint": format!("{URL}/register"),
        "jwks_uri": format!("{}/{TENANT}/discovery/v2.0/keys", issuer.url()),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "offline_access"],
    });
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let answer = scene.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), want);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let asked = scene.ask("OPTIONS", path, "", "").await;
        assert_eq!(asked.status, 204);
        assert!(asked.header("access-control-allow-methods").is_some());
        assert_eq!(scene.ask("POST", path, FORM, "").await.status, 405);
    }
    assert_eq!(scene.get("/").await.status, 404);
}

#[tokio::test]
async fn a_person_is_sent_on_without_resource_and_nothing_else_changed() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let rest = format!(
        "response_type=code&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb\
         &scope=api%3A%2F%2Fsluice%2Fa+openid&state=%7Bx%7d&{CHALLENGE}&prompt=login&unknown"
    );
    let asked = rest.replace("&scope", "&resource=https%3A%2F%2Fgw%2Fmcp%2Ft&scope");
    let answer = scene.get(&format!("/authorize?{asked}")).await;
    assert_eq!(answer.status, 302);
    let entra = format!("{}/{TENANT}/oauth2/v2.0/authorize", issuer.url());
    assert_eq!(answer.header("location"), Some(&*format!("{entra}?{rest}")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn nobody_is_sent_anywhere_without_s256() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    for query in [
        String::new(),
        "response_type=code&client_id=c&redirect_uri=https://evil.example".to_owned(),
        format!(
            "response_type=code&client_id=c&{}",
            CHALLENGE.replace("S256", "plain")
        ),
        format!("response_type=token&client_id=c&{CHALLENGE}"),
        format!("response_type=code&client_id=c&client_id=d&{CHALLENGE}"),
    ] {
        let answer = scene.get(&format!("/authorize?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.header("location"), None);
        assert!(answer.json()["error"].is_string());
        assert!(!answer.body.contains("evil"), "nothing is repeated");
    }
}

#[tokio::test]
async fn a_code_becomes_a_token_without_resource() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let refresh = "grant_type=refresh_token&refresh_token=the-refresh&scope=a%20b&client_id=c";
    for form in [CODE, refresh] {
        let asked = format!("resource=https%3A%2F%2Fgw%2Fmcp&{form}&resource=b");
        let answer = scene.ask("POST", "/token", FORM, &asked).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["token_type"], "Bearer");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(issuer.last_form(), form);
    }
    assert_eq!(issuer.tokens_asked(), 2);
}

#[tokio::test]
async fn what_is_no_token_request_does_not_reach_the_issuer() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let post = |kind: &'static str, body: String| scene.ask("POST", "/token", kind, body);
    assert_eq!(post("application/json", "{}".into()).await.status, 400);
    assert_eq!(post("", CODE.into()).await.status, 400);
    let credentials = "grant_type=client_credentials&client_id=c&client_secret=s";
    let answer = post(FORM, credentials.into()).await;
    assert_eq!(answer.json()["error"], "unsupported_grant_type");
    let huge = format!("{CODE}&x={}", "a".repeat(64 * 1024));
    assert_eq!(post(FORM, huge).await.status, 400);
    let kind = format!("{FORM}\r\nAuthorization: Basic YTpi");
    let answer = scene.ask("POST", "/token", &kind, CODE).await;
    assert_eq!(answer.json()["error"], "invalid_client");
    assert_eq!(scene.get(&format!("/token?{CODE}")).await.status, 405);
    assert_eq!(issuer.tokens_asked(), 0);
}

#[tokio::test]
async fn the_issuers_no_is_told_and_its_nonsense_is_not() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    issuer.behave(Behaviour::Status(400));
    let answer = scene.ask("POST", "/token", FORM, CODE).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "invalid_client");
    for behaviour in [
        Behaviour::Status(500),
        Behaviour::Redirect,
        Behaviour::Garbage,
        Behaviour::Huge,
        Behaviour::BreaksOff,
    ] {
        issuer.behave(behaviour);
        let answer = scene.ask("POST", "/token", FORM, CODE).await;
        assert_eq!(answer.status, 503, "{behaviour:?}");
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(issuer.redirected(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn an_issuer_that_is_away_is_asked_again() {
    let issuer = LocalIssuer::start().await;
    issuer.behave(Behaviour::WrongIssuer);
    let scene = Scene::start(&issuer).await;
    let path = "/.well-known/oauth-authorization-server";
    assert_eq!(scene.get(path).await.status, 503);
    let asked = format!("/authorize?response_type=code&client_id=c&{CHALLENGE}");
    assert_eq!(scene.get(&asked).await.status, 503);
    assert_eq!(scene.ask("POST", "/token", FORM, CODE).await.status, 503);
    issuer.behave(Behaviour::Good);
    scene.wait_until_ready().await;
    assert_eq!(scene.get(&asked).await.status, 302);
}

#[tokio::test]
async fn clients_are_given_the_one_public_application() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let register = |body: serde_json::Value| {
        scene.ask("POST", "/register", "application/json", body.to_string())
    };
    let own = json!(["http://127.0.0.1:33418/callback"]);
    let answer = register(json!({"client_name": "x", "redirect_uris": own})).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["client_id"], CLIENT);
    assert_eq!(answer.json()["redirect_uris"], own);
    assert_eq!(answer.json()["token_endpoint_auth_method"], "none");
    let elsewhere = json!({"redirect_uris": ["https://evil.example/cb"]});
    let answer = register(elsewhere).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "invalid_redirect_uri");

    let without = Scene::start_with(&issuer, "", None).await;
    without.wait_until_ready().await;
    let answer = without
        .ask("POST", "/register", "application/json", "{}")
        .await;
    assert_eq!(answer.status, 404);
    let document = without.get("/.well-known/openid-configuration").await;
    assert_eq!(document.json()["registration_endpoint"], json!(null));
}

#[tokio::test]
async fn one_address_cannot_ask_without_end() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let mut answers: Vec<Answer> = Vec::new();
    for _ in 0..400 {
        answers.push(scene.get("/nothing").await);
    }
    let mut refused = answers.iter().filter(|answer| answer.status == 429);
    assert!(refused.clone().count() > 100);
    assert!(answers[..200].iter().all(|answer| answer.status == 404));
    let wait = refused
        .next_back()
        .and_then(|answer| answer.header("retry-after"));
    assert!(wait.is_some_and(|seconds| seconds.parse::<u64>().is_ok()));
    // Another address is counted by itself.
    let other: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let stream = connect(other, scene.address).await.unwrap();
    assert_eq!(ask(stream, "GET", "/nothing", "", "").await.status, 404);
}

#[tokio::test]
async fn one_address_cannot_hold_all_connections() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::ready(&issuer).await;
    let from: SocketAddr = "127.0.0.3:0".parse().unwrap();
    let mut held = Vec::new();
    for _ in 0..300 {
        // Beyond its part it is hung up on; some of the first may be, while others are still closing.
        held.extend(connect(from, scene.address).await);
    }
    let path = "/.well-known/oauth-authorization-server";
    let answer = tokio::time::timeout(Duration::from_secs(5), scene.get(path)).await;
    assert_eq!(answer.expect("an answer in time").status, 200);
    let mut open = 0;
    for stream in held {
        let sent = tokio::time::timeout(
            Duration::from_secs(5),
            scene::try_ask(stream, "GET", path, "", ""),
        );
        open += usize::from(sent.await.is_ok_and(|answer| answer.is_some()));
    }
    assert!((1..=16).contains(&open), "{open} were served");
}

#[tokio::test]
async fn it_speaks_tls_where_it_is_told_to() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::start_with(&issuer, "tls", Some(CLIENT)).await;
    let path = "/.well-known/oauth-authorization-server";
    let mut answer = scene.get_by_tls(path).await;
    while answer.status == 503 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = scene.get_by_tls(path).await;
    }
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["issuer"], URL);
    let plain = connect("127.0.0.1:0".parse().unwrap(), scene.address)
        .await
        .unwrap();
    assert!(scene::try_ask(plain, "GET", path, "", "").await.is_none());
}

#[tokio::test]
async fn it_follows_the_way_to_its_issuer() {
    let issuer = LocalIssuer::start().await;
    let mut scene = Scene::ready(&issuer).await;
    let proxy = Proxy::start().await;
    let through =
        |address| format!("proxies: {{ out: {{ url: \"http://{address}\" }} }}\nproxy: out\n");
    let token = async |scene: &Scene| scene.ask("POST", "/token", FORM, CODE).await.status;
    assert_eq!(token(&scene).await, 200);
    scene.reload_with(&through(proxy.address)).await;
    let before = proxy.tunnels();
    assert_eq!(token(&scene).await, 200);
    assert!(proxy.tunnels() > before, "the token came another way");
    // Nobody listens there, and what was learnt before serves on.
    scene
        .reload_with(&through("127.0.0.1:9".parse().unwrap()))
        .await;
    assert_eq!(token(&scene).await, 503);
    let metadata = scene.get("/.well-known/openid-configuration").await;
    assert_eq!(metadata.status, 200);
    scene.reload_with("").await;
    assert_eq!(token(&scene).await, 200);
}
