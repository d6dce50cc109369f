//! The control plane against a local issuer over real TLS: one that works, and one that fails in
//! every way an issuer can.

#[path = "control/credentials.rs"]
mod credentials;
#[path = "control/groups.rs"]
mod groups;
#[path = "control/identities.rs"]
mod identities;
#[allow(dead_code, reason = "shared with the tests of the wire")]
#[path = "control/issuer.rs"]
mod issuer;
#[path = "control/platform.rs"]
mod platform;
#[path = "control/scene.rs"]
mod scene;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use issuer::{Behaviour, LocalIssuer, TENANT};
use scene::{SECRET, Scene, configuration, request};
use sluice::auth::{
    Authenticator, Issuer, IssuerKind, IssuerSpec, LastBearer, SharedTokens, Verdict,
};
use sluice::base::clock::Clock;
use sluice::base::counters::{Counters, Event, Labels};
use sluice::base::credential::CredentialWanted;
use sluice::base::secret::Secret;
use sluice::control::config::{self, Roots};
use sluice::control::http_client::{FetchError, HttpClient};
use sluice::control::jwks::{KeysError, Origin, fetch_keys};
use sluice::control::{Control, Parts, StartError};
use sluice::mcp::pins::{Kept, Pins, State, ToolPolicy};
use sluice::mcp::print::Fingerprint;

fn roots(issuer: &LocalIssuer) -> Roots {
    Roots {
        path: "ca.pem".into(),
        pem: issuer.ca.clone().into_bytes(),
    }
}

async fn fetch(issuer: &LocalIssuer) -> Result<usize, KeysError> {
    let client = HttpClient::new(Some(&roots(issuer))).unwrap();
    let name = format!("{}/{TENANT}/v2.0", issuer.url());
    let kind = IssuerKind::Oidc {
        issuer: name,
        roles: "roles".to_owned(),
        groups: "groups".to_owned(),
    };
    let spec = IssuerSpec::new("local", kind, vec!["api://sluice".to_owned()]);
    let issuer = Issuer::new(spec).unwrap();
    let origin = Origin::of(&issuer, None);
    let keys = fetch_keys(&client, &issuer, &origin).await;
    keys.map(|keys| keys.len())
}

#[tokio::test]
async fn keys_come_from_an_issuer_that_works() {
    let issuer = LocalIssuer::start().await;
    assert_eq!(fetch(&issuer).await, Ok(1));
}

#[tokio::test]
async fn nothing_is_fetched_from_the_platform() {
    let issuer = LocalIssuer::start().await;
    let client = HttpClient::new(Some(&roots(&issuer))).unwrap();
    for url in [
        "https://169.254.169.254/metadata/identity/oauth2/token",
        "https://[fe80::1]/keys",
        "https://[::ffff:169.254.169.254]/keys",
        "https://168.63.129.16/keys",
    ] {
        let fetched = client.get(url, 1024).await;
        assert_eq!(fetched.err(), Some(FetchError::Place), "{url}");
    }
    let here = format!("{}/{TENANT}/discovery/v2.0/keys", issuer.url());
    assert!(client.get(&here, 1024).await.is_ok(), "its twin is fetched");
}

#[tokio::test]
async fn nothing_doubtful_is_taken_for_keys() {
    let issuer = LocalIssuer::start().await;
    for (behaviour, want) in [
        (Behaviour::Status(500), "discovery document: status 500"),
        (Behaviour::Status(404), "discovery document: status 404"),
        (Behaviour::Status(204), "discovery document: status 204"),
        (Behaviour::Redirect, "discovery document: status 302"),
        (Behaviour::Garbage, "discovery document: "),
        (
            Behaviour::Huge,
            "discovery document: the answer is larger than 65536 bytes",
        ),
        (
            Behaviour::BreaksOff,
            "discovery document: the answer broke off",
        ),
        (
            Behaviour::WrongIssuer,
            "discovery document: it names another issuer",
        ),
        (
            Behaviour::PlainKeys,
            "discovery document: `jwks_uri` is not an https:// URL",
        ),
        (Behaviour::NoKeys, "the key set has no usable key"),
        (Behaviour::KeysStatus(503), "key set: status 503"),
    ] {
        issuer.behave(behaviour);
        let error = fetch(&issuer).await.unwrap_err().to_string();
        assert!(error.starts_with(want), "{behaviour:?}: {error}");
    }
    assert_eq!(issuer.redirected(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn a_slow_issuer_is_given_up() {
    let issuer = LocalIssuer::start().await;
    issuer.behave(Behaviour::Slow);
    let slow = KeysError::Fetch("discovery document", FetchError::Slow);
    assert_eq!(fetch(&issuer).await, Err(slow));
}

#[tokio::test]
async fn only_trusted_https_is_spoken() {
    let issuer = LocalIssuer::start().await;
    let stranger = LocalIssuer::start().await;
    let client = HttpClient::new(Some(&roots(&stranger))).unwrap();
    let url = format!("{}/anything", issuer.url());
    let untrusted = client.get(&url, 1024).await.err().unwrap();
    assert!(
        matches!(&untrusted, FetchError::Unreachable(why) if why.contains("certificate")),
        "{untrusted}"
    );
    let plain = client.get(&url.replace("https", "http"), 1024).await.err();
    assert_eq!(plain, Some(FetchError::Url));
    let port = stranger.stop().await;
    let down = client
        .get(&format!("https://localhost:{port}/"), 1024)
        .await;
    assert!(matches!(down.err(), Some(FetchError::Unreachable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_once_keys_token_address_and_recorder_are_there() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::start(&issuer);
    tokio::task::block_in_place(|| {
        let report = scene.wait_for_ready(200);
        assert!(report.contains(r#""ready":true"#), "{report}");
        let handles = scene.control.handles();
        let token = handles.credentials.current(0, scene.now()).unwrap();
        assert_eq!(&*token.field, "authorization");
        assert_eq!(token.value.expose(), b"Bearer upstream-token-1");
        let fixed = handles.credentials.current(1, scene.now()).unwrap();
        assert_eq!(
            (&*fixed.field, fixed.value.expose()),
            ("X-Key", SECRET.as_bytes())
        );
        assert!(handles.addresses.of(0).iter().all(|it| it.port() == 8080));

        scene.is_recorder_well.store(false, Relaxed);
        let report = scene.wait_for_ready(503);
        assert!(report.contains("disk full"), "{report}");
        assert!(!report.contains(SECRET) && !report.contains("upstream-token"));
    });
    assert_eq!(issuer.tokens_asked(), 1);
    assert!(issuer.last_form().contains("grant_type=client_credentials"));
    assert!(
        issuer
            .last_form()
            .contains(&format!("client_secret={SECRET}"))
    );
    tokio::task::block_in_place(|| scene.control.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_down_at_start_means_not_ready_until_it_is_back() {
    let issuer = LocalIssuer::start().await;
    issuer.behave(Behaviour::Status(500));
    let scene = Scene::start(&issuer);
    tokio::task::block_in_place(|| {
        std::thread::sleep(Duration::from_millis(300));
        let (status, report) = scene.get("/readyz");
        assert_eq!(status, 503);
        assert!(
            report.contains("discovery document: status 500"),
            "{report}"
        );
        assert!(report.contains("token endpoint: status 500"), "{report}");
        assert_eq!(scene.get("/healthz").0, 200);
        let handles = scene.control.handles();
        assert!(handles.credentials.current(0, scene.now()).is_none());
        issuer.behave(Behaviour::Good);
        scene.wait_for_ready(200);
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_in_one_flight() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::start(&issuer);
    tokio::task::block_in_place(|| scene.wait_for_ready(200));
    let before = issuer.key_sets_asked();
    issuer.rotate("second");
    let handles = scene.control.handles();
    let now = scene.clock.now();
    let mut judge = Authenticator::new(&handles.keys, SharedTokens::new());
    let token = issuer.token("second", now.wall.unix_seconds());
    let mut last = LastBearer::default();
    let wanted = match judge.authenticate(&mut last, token.as_bytes(), now) {
        Verdict::NeedKey(wanted) => wanted,
        other => panic!("{other:?}"),
    };
    let answers: Vec<_> = (0..100)
        .map(|_| handles.ask_key.ask(wanted.clone()).unwrap())
        .collect();
    for answer in answers {
        assert_eq!(answer.await, Some(()));
    }
    assert_eq!(issuer.key_sets_asked(), before + 1);
    let field = format!("Bearer {token}");
    let verdict = judge.authenticate_after(wanted, &mut last, field.as_bytes(), scene.clock.now());
    let Verdict::Proven(identity) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(identity.generation(), handles.keys.load().generation());
    tokio::task::block_in_place(|| scene.control.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_a_token_never_hurries_the_endpoint() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::start(&issuer);
    let handles = scene.control.handles();
    let answers: Vec<_> = (0..100)
        .map(|slot| {
            handles
                .ask_credential
                .ask(CredentialWanted::shared(slot % 2))
                .unwrap()
        })
        .collect();
    for answer in answers {
        assert_eq!(answer.await, Some(()));
    }
    assert!(handles.credentials.current(0, scene.now()).is_some());
    assert_eq!(issuer.tokens_asked(), 1);
    let nobody = handles
        .ask_credential
        .ask(CredentialWanted::shared(7))
        .unwrap();
    assert_eq!(nobody.await, None);
    tokio::task::block_in_place(|| scene.control.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_token_is_replaced_ahead_and_kept_when_that_fails() {
    let issuer = LocalIssuer::start().await;
    issuer.token_life(3);
    let scene = Scene::start(&issuer);
    tokio::task::block_in_place(|| {
        scene.wait_for_ready(200);
        let value = || {
            let credentials = &scene.control.handles().credentials;
            let current = credentials.current(0, scene.now());
            current.map(|it| String::from_utf8(it.value.expose().to_vec()).unwrap())
        };
        assert_eq!(value().as_deref(), Some("Bearer upstream-token-1"));
        std::thread::sleep(Duration::from_millis(2_700));
        assert_eq!(value().as_deref(), Some("Bearer upstream-token-2"));
        issuer.behave(Behaviour::Status(400));
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(value().as_deref(), Some("Bearer upstream-token-2"));
        std::thread::sleep(Duration::from_millis(1_000));
        assert_eq!(value(), None, "an expired token is never shown");
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_door_answers_to_its_own_names_only() {
    let issuer = LocalIssuer::start().await;
    let scene = Scene::start(&issuer);
    tokio::task::block_in_place(|| {
        let address = scene.control.admin_address();
        for (host, want) in [
            ("localhost", 200),
            (&address.to_string(), 200),
            ("rebound.example", 421),
            ("169.254.169.254", 421),
            ("localhost:1", 421),
        ] {
            assert_eq!(request(address, "/healthz", host).0, want, "{host}");
        }
        assert_eq!(scene.get("/nothing").0, 404);
        scene.wait_for_ready(200);
        let core = scene.counters.core(1).unwrap();
        core.exchange(0, 0, Duration::from_millis(3));
        core.count(Event::Masked, 5);
        core.refused(0);
        let quarantine = ToolPolicy::default();
        scene.pins.set_connections(&[("up".into(), quarantine)]);
        let kept = Kept {
            state: State::Quarantined,
            pinned: Some((Fingerprint([1; 32]), "{}")),
            seen: (Fingerprint([2; 32]), "{}"),
        };
        assert!(scene.pins.settle("up", "search", kept, 0));
        let (status, text) = scene.get("/metrics");
        assert_eq!(status, 200);
        for line in [
            "sluice_exchanges_total{connection=\"up\",outcome=\"done\"} 1",
            "sluice_exchange_seconds_bucket{le=\"0.005\",connection=\"up\"} 1",
            "sluice_refusals_total{reason=\"no token\"} 1",
            "sluice_masked_values_total 5",
            "sluice_tools{connection=\"up\",state=\"quarantined\"} 1",
            "sluice_tool_changes_total{connection=\"up\"} 0",
            "sluice_control_attempts_total{what=\"keys\",name=\"local\"} 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        scene.control.stop();
    });
}

/// A gateway without workers, keys and servers of its own.
fn nobody_else() -> Parts {
    Parts {
        inherited: Default::default(),
        counters: Arc::new(Counters::new(Labels::default(), 1)),
        probes: Vec::new(),
        pins: Pins::new().0,
        keys: Default::default(),
        servers: Arc::new(|_| None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_refuses_to_start() {
    let issuer = LocalIssuer::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = configuration(&issuer, directory.path());
    config.admin.bind = taken.local_addr().unwrap();
    match Control::start(&config, Clock::start(), nobody_else()) {
        Err(StartError::Admin(address, _)) => assert_eq!(address, config.admin.bind),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("started"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_and_a_token_only_the_token_opens_the_admin_door() {
    let issuer = LocalIssuer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = configuration(&issuer, directory.path());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    config.admin.tls = Some(config::TlsIdentity {
        cert: made.cert.pem().into_bytes(),
        key: Secret::new(made.signing_key.serialize_pem().into_bytes()),
    });
    config.admin.token = Some(Secret::new(SECRET.into()));
    let control = Control::start(&config, Clock::start(), nobody_else()).unwrap();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trusting(made.cert.der().clone()))
        .build()
        .unwrap();
    let url = format!(
        "https://localhost:{}/healthz",
        control.admin_address().port()
    );
    for (token, want) in [(None, 401), (Some("wrong"), 401), (Some(SECRET), 200)] {
        let mut request = client.get(&url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        assert_eq!(request.send().await.unwrap().status(), want);
    }
    tokio::task::block_in_place(|| control.stop());
}

fn trusting(root: rustls::pki_types::CertificateDer<'static>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
