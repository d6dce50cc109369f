//! The issuer and the directory over real sockets, asked by the demo's own caller.

use super::bearer::{Bearers, Keys};
use super::caller::{Caller, Reply};
use super::cast;
use super::directory::Directory;
use super::host::Host;
use super::issuer::{Flaw, GATEWAY_URI, GRAPH_URI, Issuer};
use super::pki::Authority;
use super::tap::{Direction, Tape};
use super::tenant::{PEOPLE, TENANT};
use http::Method;
use memchr::memmem;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

mod leaky;

struct World {
    issuer: Arc<Issuer>,
    issuer_url: String,
    directory_url: String,
    directory_tape: Tape,
    caller: Caller,
}

impl World {
    async fn start() -> World {
        let authority = Authority::generate().unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tls = || authority.leaf("test").unwrap().server().unwrap();
        let host = Host::bind(any, tls()).await.unwrap();
        let issuer_url = host.url();
        let apps = cast::apps().unwrap();
        let issuer = Issuer::new(issuer_url.clone(), TENANT.into(), apps).unwrap();
        let issuer = Arc::new(issuer);
        host.serve(issuer.clone(), Tape::default());

        let bearers = Bearers::Signed {
            keys: Keys::read(&issuer.key_set()).unwrap(),
            audience: GRAPH_URI.into(),
            client: Some(issuer.app(cast::GATEWAY).unwrap().client_id.clone()),
        };
        let host = Host::bind(any, tls()).await.unwrap();
        let directory_url = host.url();
        let directory = Directory::new(directory_url.clone(), bearers);
        let directory_tape = Tape::default();
        host.serve(Arc::new(directory), directory_tape.clone());
        World {
            issuer,
            issuer_url,
            directory_url,
            directory_tape,
            caller: Caller::new(authority.client().unwrap(), Tape::default()),
        }
    }

    fn token(&self, app: &str, flaw: Flaw) -> String {
        self.issuer
            .mint(self.issuer.app(app).unwrap(), flaw)
            .unwrap()
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let token = self.token(cast::GATEWAY, Flaw::GraphAudience);
        let url = format!("{}{path}", self.directory_url);
        let text = body.map(Value::to_string);
        let body = text
            .as_deref()
            .map(|text| ("application/json", text.as_bytes()));
        self.caller
            .send(method, &url, Some(&token), body)
            .await
            .unwrap()
    }

    async fn request_token(&mut self, form: &[(&str, &str)]) -> Reply {
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.issuer_url);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let body = Some(("application/x-www-form-urlencoded", form.as_bytes()));
        self.caller
            .send(Method::POST, &url, None, body)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn discovery_leads_to_keys_that_verify_a_token() {
    let mut world = World::start().await;
    let issuer = format!("{}/{TENANT}/v2.0", world.issuer_url);
    let url = format!("{issuer}/.well-known/openid-configuration");
    let metadata = world
        .caller
        .send(Method::GET, &url, None, None)
        .await
        .unwrap();
    let metadata = metadata.json().unwrap();
    assert_eq!(metadata["issuer"], json!(issuer));
    let keys = metadata["jwks_uri"].as_str().unwrap();
    let keys = world
        .caller
        .send(Method::GET, keys, None, None)
        .await
        .unwrap();
    let keys = keys.json().unwrap();

    let app = world.issuer.app(cast::READER).unwrap();
    let scope = format!("{GATEWAY_URI}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &*app.client_id.clone()),
        ("client_secret", &*app.secret.clone()),
        ("scope", &*scope),
    ];
    let answer = world.request_token(&form).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json().unwrap();
    assert_eq!(answer["expires_in"], json!(3599));
    let mut fields = http::HeaderMap::new();
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    fields.insert("authorization", bearer.parse().unwrap());
    let bearers = |audience: &str| Bearers::Signed {
        keys: Keys::read(&keys).unwrap(),
        audience: audience.into(),
        client: None,
    };
    assert_eq!(
        bearers(super::issuer::GATEWAY_AUDIENCE).check(&fields),
        Ok(())
    );
    assert!(bearers(GRAPH_URI).check(&fields).is_err());
}

#[tokio::test]
async fn the_token_endpoint_refuses_as_entra_does() {
    let mut world = World::start().await;
    let app = world.issuer.app(cast::READER).unwrap();
    let (id, secret) = (app.client_id.clone(), app.secret.clone());
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", &*id),
        ("client_secret", &*secret),
        ("scope", "api://sluice/.default"),
    ];
    for (name, value, status, error, number) in [
        (
            "grant_type",
            "password",
            400,
            "unsupported_grant_type",
            70_003,
        ),
        ("client_id", "nobody", 400, "unauthorized_client", 700_016),
        ("client_secret", "wrong", 401, "invalid_client", 7_000_215),
        (
            "scope",
            "api://sluice/Read",
            400,
            "invalid_scope",
            1_002_012,
        ),
        (
            "scope",
            "api://none/.default",
            400,
            "invalid_resource",
            500_011,
        ),
    ] {
        let form = good.map(|pair| if pair.0 == name { (name, value) } else { pair });
        let answer = world.request_token(&form).await;
        assert_eq!(answer.status, status, "{name}={value}");
        let answer = answer.json().unwrap();
        assert_eq!(answer["error"], json!(error));
        assert_eq!(answer["error_codes"], json!([number]));
        let text = answer["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
        assert!(!text.contains(&secret));
    }
    let missing = world.request_token(&good[..3]).await;
    assert_eq!(missing.json().unwrap()["error_codes"], json!([900_144]));
}

#[tokio::test]
async fn the_directory_takes_the_gateways_tokens_only() {
    let mut world = World::start().await;
    let url = format!("{}/v1.0/users", world.directory_url);
    for token in [
        None,
        Some(world.token(cast::READER, Flaw::GraphAudience)),
        Some(world.token(cast::GATEWAY, Flaw::None)),
        Some(world.token(cast::GATEWAY, Flaw::Forged)),
        Some("nonsense".to_owned()),
    ] {
        let reply = world
            .caller
            .send(Method::GET, &url, token.as_deref(), None)
            .await
            .unwrap();
        assert_eq!(reply.status, 401);
        assert!(reply.field("www-authenticate").starts_with("Bearer"));
        let code = &reply.json().unwrap()["error"]["code"];
        assert_eq!(code, &json!("InvalidAuthenticationToken"));
    }
    assert_eq!(
        world.ask(Method::GET, "/v1.0/users", None).await.status,
        200
    );
}

#[tokio::test]
async fn pages_link_to_each_other_until_everybody_was_seen() {
    let mut world = World::start().await;
    let mut path = "/v1.0/users?$top=50&$select=displayName,mail".to_owned();
    let mut seen = Vec::new();
    loop {
        let reply = world.ask(Method::GET, &path, None).await;
        assert_eq!(reply.field("transfer-encoding"), "chunked");
        let page = reply.json().unwrap();
        seen.extend(
            page["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["id"].to_string()),
        );
        let Some(link) = page.get("@odata.nextLink").and_then(Value::as_str) else {
            break;
        };
        path = link.strip_prefix(&world.directory_url).unwrap().to_owned();
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), PEOPLE);
    // What went over the wire is on the tape, as it went.
    let sent = world.directory_tape.bytes(Direction::Sent).concat();
    assert!(memmem::find(&sent, b"Am\xc3\xa9lie").is_some());
}

#[tokio::test]
async fn users_are_made_changed_and_deleted() {
    let mut world = World::start().await;
    let new = json!({ "displayName": "New", "userPrincipalName": "new@x.example" });
    let made = world.ask(Method::POST, "/v1.0/users", Some(&new)).await;
    assert_eq!(made.status, 201);
    let location = made.field("location").strip_prefix(&world.directory_url);
    let path = location.unwrap().to_owned();
    let changed = world
        .ask(Method::PATCH, &path, Some(&json!({ "jobTitle": "Bosun" })))
        .await;
    assert_eq!((changed.status.as_u16(), changed.body.len()), (204, 0));
    let read = world
        .ask(Method::GET, &format!("{path}?$select=jobTitle"), None)
        .await;
    assert_eq!(read.json().unwrap()["jobTitle"], json!("Bosun"));
    assert!(!read.field("content-length").is_empty());
    let head = world.ask(Method::HEAD, &path, None).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(world.ask(Method::DELETE, &path, None).await.status, 204);
    let gone = world.ask(Method::GET, &path, None).await;
    assert_eq!(gone.status, 404);
    let code = &gone.json().unwrap()["error"]["code"];
    assert_eq!(code, &json!("Request_ResourceNotFound"));
}

#[tokio::test]
async fn errors_have_graphs_form() {
    let mut world = World::start().await;
    for (method, path, status) in [
        (Method::GET, "/v1.0/users?$filter=x", 400),
        (Method::GET, "/v1.0/nothing", 400),
        (Method::PUT, "/v1.0/users", 405),
        (Method::GET, "/v1.0/groups/none/members", 404),
        (Method::GET, "/v1.0/auditLogs/signIns", 429),
    ] {
        let reply = world.ask(method, path, None).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.json().unwrap()["error"]["message"].is_string());
        assert_eq!(reply.field("retry-after").is_empty(), status != 429);
    }
    let again = world.ask(Method::GET, "/v1.0/auditLogs/signIns", None);
    let again = again.await.json().unwrap();
    assert_eq!(again["value"].as_array().unwrap().len(), 20);
    let unreadable = world
        .ask(Method::POST, "/v1.0/users", Some(&json!(7)))
        .await;
    assert_eq!(unreadable.status, 400);
    let groups = world
        .ask(Method::GET, "/v1.0/groups", None)
        .await
        .json()
        .unwrap();
    let id = groups["value"][0]["id"].as_str().unwrap().to_owned();
    let members = format!("/v1.0/groups/{id}/members?$top=2&$count=true");
    let members = world.ask(Method::GET, &members, None).await.json().unwrap();
    assert_eq!(
        members["value"][0]["@odata.type"],
        json!("#microsoft.graph.user")
    );
    assert!(members["@odata.count"].as_u64().unwrap() >= 2);
}
