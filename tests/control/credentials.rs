//! Every kind of credential, from its lines in the file to what is shown upstream.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::{CertificateParams, PublicKeyData as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use sluice::base::credential::CredentialWanted;

use crate::issuer::{LocalIssuer, TENANT};
use crate::platform::Platform;
use crate::scene::{SECRET, Scene, with_credentials};

const KEY: &str = include_str!("../data/throw-away-rsa-2048.pem");
const OTHER_KEY: &str = include_str!("../data/throw-away-rsa-2048-other.pem");

/// A certificate of an RSA key, as an application's registration would name it.
fn certificate(key: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
    let pair = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(key, &rcgen::PKCS_RSA_SHA256).unwrap();
    let params = CertificateParams::new(["gateway".to_owned()]).unwrap();
    (params.self_signed(&pair).unwrap(), pair)
}

/// An `entra_client` that shows who it is by `proof`.
fn client(issuer: &LocalIssuer, proof: &str) -> String {
    format!(
        "  reader: {{ kind: entra_client, tenant: {TENANT}, client_id: reader, scope: all, \
         authority: {}, ca_file: ca.pem, {proof} }}\n",
        issuer.url()
    )
}

/// What proves it by these files.
fn pair(cert: &str, key: &str) -> String {
    format!("certificate: {{ cert: file:{cert}, key: file:{key} }}")
}

fn environment(name: &str) -> Option<String> {
    (name == "SECRET").then(|| SECRET.to_owned())
}

/// A control plane with these credentials, and these files beside its configuration.
fn scene(issuer: &LocalIssuer, credentials: &str, files: &[(&str, &str)]) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let config = with_credentials(issuer, directory.path(), credentials, &environment);
    Scene::of(&config.unwrap(), directory)
}

/// The fields of the last form that the token endpoint was sent.
fn last_form(issuer: &LocalIssuer) -> HashMap<String, String> {
    let form = issuer.last_form();
    url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_signs_what_entra_verifies() {
    let issuer = LocalIssuer::start().await;
    let (cert, pair) = certificate(KEY);
    let cases = [
        (
            "",
            Algorithm::PS256,
            "x5t#S256",
            digest(&SHA256, cert.der()),
        ),
        (
            ", algorithm: RS256",
            Algorithm::RS256,
            "x5t",
            digest(&SHA1_FOR_LEGACY_USE_ONLY, cert.der()),
        ),
    ];
    let mut ids = Vec::new();
    for (option, algorithm, name, thumbprint) in cases {
        let proof = format!("certificate: {{ cert: file:app.crt, key: file:app.key{option} }}");
        let files = [("app.crt", cert.pem()), ("app.key", KEY.to_owned())];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        let scene = scene(&issuer, &client(&issuer, &proof), &files);
        tokio::task::block_in_place(|| {
            assert!(scene.shown(0).1.starts_with("Bearer upstream-token-"));
            scene.control.stop();
        });
        let form = last_form(&issuer);
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        assert!(!form.contains_key("client_secret"));
        let assertion = &form["client_assertion"];
        let header = URL_SAFE_NO_PAD
            .decode(assertion.split('.').next().unwrap())
            .unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header[name], URL_SAFE_NO_PAD.encode(thumbprint));
        assert_eq!(header.as_object().unwrap().len(), 3, "{header}");
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[format!("{}/{TENANT}/oauth2/v2.0/token", issuer.url())]);
        validation.set_issuer(&["reader"]);
        validation.validate_nbf = true;
        let key = DecodingKey::from_rsa_der(pair.der_bytes());
        let claims = jsonwebtoken::decode::<serde_json::Value>(assertion, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(claims["sub"], "reader");
        let life = claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap();
        assert!(life <= 600, "{life} s");
        ids.push(claims["jti"].to_string());
    }
    assert_ne!(ids[0], ids[1], "every assertion is another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platforms_token_is_read_for_every_request() {
    let issuer = LocalIssuer::start().await;
    issuer.token_life(2);
    let credentials = client(&issuer, "federated_token_file: federated");
    let scene = scene(
        &issuer,
        &credentials,
        &[("federated", "first.platform.token\n")],
    );
    let path = scene.directory.path().join("federated");
    tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer upstream-token-1");
        assert_eq!(
            last_form(&issuer)["client_assertion"],
            "first.platform.token"
        );
        std::fs::write(&path, "second.platform.token").unwrap();
        std::thread::sleep(Duration::from_millis(1_900));
        assert_eq!(
            last_form(&issuer)["client_assertion"],
            "second.platform.token"
        );
        // Without a file the endpoint is not bothered, and the token serves to its end.
        std::fs::remove_file(&path).unwrap();
        std::thread::sleep(Duration::from_millis(2_500));
        let report = scene.wait_for_ready(503);
        assert!(report.contains("cannot open"), "{report}");
        scene.control.stop();
    });
}

/// Waits until the gateway is ready and reports `want` as the credential's error; all the while there
/// is a token to show.
fn settle(scene: &Scene, want: &str) {
    let begun = Instant::now();
    loop {
        let credentials = &scene.control.handles().credentials;
        assert!(credentials.current(0, scene.now()).is_some(), "no token");
        let (status, report) = scene.get("/readyz");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let error = report["credentials"]["reader"]["error"].to_string();
        if status == 200 && error.contains(want) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{report}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_rotates_without_a_moment_without_a_token() {
    let issuer = LocalIssuer::start().await;
    issuer.accept(&["one"]);
    let credentials = client(&issuer, "secret: file:secret");
    let mut scene = scene(&issuer, &credentials, &[("secret", "one")]);
    tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer upstream-token-1");
        // The issuer does not know the new secret yet.
        std::fs::write(scene.directory.path().join("secret"), "two").unwrap();
        let path = scene.directory.path().to_owned();
        let config = with_credentials(&issuer, &path, &credentials, &environment).unwrap();
        scene.control.reload(&config).unwrap();
        settle(&scene, "status 401: invalid_client (7000215)");
        assert_ne!(
            scene.shown(0).1,
            "Bearer upstream-token-1",
            "the old secret gets tokens"
        );
        assert_eq!(last_form(&issuer)["client_secret"], "one");
        issuer.accept(&["two"]);
        settle(&scene, "null");
        assert_eq!(last_form(&issuer)["client_secret"], "two");
        // The old one is forgotten.
        let asked = issuer.tokens_asked();
        issuer.accept(&["one"]);
        scene.control.reload(&config).unwrap();
        assert_eq!(issuer.tokens_asked(), asked, "what is the same runs on");
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_rotates_though_half_of_it_comes_first() {
    let issuer = LocalIssuer::start().await;
    issuer.token_life(2);
    let (cert, other) = (certificate(KEY).0, certificate(OTHER_KEY).0);
    let credentials = client(&issuer, &pair("app.crt", "app.key"));
    let files = [("app.crt", cert.pem()), ("app.key", KEY.to_owned())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let scene = scene(&issuer, &credentials, &files);
    let shown = || {
        let assertion = last_form(&issuer)["client_assertion"].clone();
        let header = assertion.split('.').next().unwrap().to_owned();
        let header = URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        header["x5t#S256"].as_str().unwrap().to_owned()
    };
    let print = |cert: &rcgen::Certificate| URL_SAFE_NO_PAD.encode(digest(&SHA256, cert.der()));
    tokio::task::block_in_place(|| {
        scene.shown(0);
        assert_eq!(shown(), print(&cert));
        let asked = issuer.tokens_asked();
        std::fs::write(scene.directory.path().join("app.key"), OTHER_KEY).unwrap();
        settle(&scene, "do not work together");
        assert_eq!(shown(), print(&cert), "the old pair still gets tokens");
        assert!(issuer.tokens_asked() > asked);
        std::fs::write(scene.directory.path().join("app.crt"), other.pem()).unwrap();
        settle(&scene, "null");
        assert_eq!(shown(), print(&other));
        scene.control.stop();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_is_asked_for_as_its_platform_wants_it() {
    let issuer = LocalIssuer::start().await;
    let (metadata, service) = (Platform::start(), Platform::start());
    let credentials = format!(
        "  reader: {{ kind: managed_identity, resource: api://up, endpoint: \"{}\" }}
  assigned: {{ kind: managed_identity, resource: api://up, client_id: own, endpoint: \"{}\", identity_header: env:SECRET }}\n",
        metadata.url, service.url
    );
    let scene = scene(&issuer, &credentials, &[]);
    tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer platform-token-1");
        assert_eq!(scene.shown(1).1, "Bearer platform-token-1");
        scene.wait_for_ready(200);
        scene.control.stop();
    });
    let asked = metadata.asked().concat();
    assert!(
        asked.starts_with("get /msi/token?api-version=2018-02-01&resource=api%3a%2f%2fup http"),
        "{asked}"
    );
    assert!(asked.contains("\r\nmetadata: true\r\n"), "{asked}");
    let asked = service.asked().concat();
    assert!(asked.contains("?api-version=2019-08-01&resource=api%3a%2f%2fup&client_id=own "));
    assert!(asked.contains(&format!("\r\nx-identity-header: {SECRET}\r\n")));
    assert!(!asked.contains("metadata:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_is_found_by_the_environment() {
    let issuer = LocalIssuer::start().await;
    let platform = Platform::start();
    let directory = tempfile::tempdir().unwrap();
    let judged = |endpoint: Option<&str>, header: Option<&str>| {
        let environment = |name: &str| match name {
            "IDENTITY_ENDPOINT" => endpoint.map(str::to_owned),
            "IDENTITY_HEADER" => header.map(str::to_owned),
            _ => None,
        };
        let credentials = "  reader: { kind: managed_identity, resource: api://up }\n";
        with_credentials(&issuer, directory.path(), credentials, &environment)
    };
    let nothing = format!("{:?}", judged(None, None).unwrap().credentials[0].kind);
    assert!(nothing.contains("169.254.169.254/metadata/identity/oauth2/token"));
    // Azure Arc and Service Fabric prove themselves in other ways.
    let unproven = judged(Some(&platform.url), None).unwrap_err();
    assert!(
        unproven
            .to_string()
            .contains("`IDENTITY_HEADER` is not set")
    );
    for elsewhere in [
        "http://identity.example/token",
        "https://127.0.0.1/token",
        "http://10.0.0.1/token",
        "http://localhost.example/token",
        "http://u@127.0.0.1/token",
    ] {
        let refused = judged(Some(elsewhere), Some("h")).unwrap_err().to_string();
        assert!(refused.contains("loopback or link-local"), "{refused}");
    }
    let config = judged(Some(&platform.url), Some(SECRET)).unwrap();
    let scene = Scene::of(&config, directory);
    tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer platform-token-1");
        scene.control.stop();
    });
    let asked = platform.asked().concat();
    assert!(asked.contains(&format!("\r\nx-identity-header: {SECRET}\r\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_identity_acts_by_its_blueprint() {
    let issuer = LocalIssuer::start().await;
    let blueprint = "secret: env:SECRET, blueprint_id: blueprint";
    let scene = scene(&issuer, &client(&issuer, blueprint), &[]);
    tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer upstream-token-2");
        scene.control.stop();
    });
    let forms: Vec<HashMap<String, String>> = (issuer.forms().iter())
        .map(|form| {
            url::form_urlencoded::parse(form.as_bytes())
                .into_owned()
                .collect()
        })
        .collect();
    let [first, second] = forms.as_slice() else {
        panic!("{forms:?}")
    };
    assert_eq!(first["client_id"], "blueprint");
    assert_eq!(first["client_secret"], SECRET);
    assert_eq!(first["scope"], "api://AzureADTokenExchange/.default");
    assert_eq!(first["fmi_path"], "reader");
    assert_eq!(second["client_id"], "reader");
    assert_eq!(second["client_assertion"], "upstream-token-1");
    assert_eq!(second["scope"], "all");
    assert!(!second.contains_key("client_secret") && !second.contains_key("fmi_path"));
}

#[tokio::test(flavor = "multi_thread")]
async fn fixed_credentials_are_shown_as_they_are() {
    let issuer = LocalIssuer::start().await;
    let credentials = "  reader: { kind: basic, user: reader, secret: env:SECRET }
  token: { kind: bearer, token: env:SECRET }\n";
    let scene = scene(&issuer, credentials, &[]);
    let shown = tokio::task::block_in_place(|| {
        let shown = [scene.shown(0), scene.shown(1)];
        scene.control.stop();
        shown
    });
    let coded = base64::engine::general_purpose::STANDARD.encode(format!("reader:{SECRET}"));
    let authorization = "authorization".to_owned();
    assert_eq!(shown[0], (authorization.clone(), format!("Basic {coded}")));
    assert_eq!(shown[1], (authorization, format!("Bearer {SECRET}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_prove_anything_is_refused_before_it_is_tried() {
    let issuer = LocalIssuer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let (cert, _) = certificate(KEY);
    let elliptic = rcgen::generate_simple_self_signed(["gateway".to_owned()]).unwrap();
    for (name, text) in [
        ("app.crt", cert.pem()),
        ("app.key", KEY.to_owned()),
        ("other.key", OTHER_KEY.to_owned()),
        ("ec.crt", elliptic.cert.pem()),
        ("ec.key", elliptic.signing_key.serialize_pem()),
        ("empty", String::new()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let both = "secret: env:SECRET, federated_token_file: app.key";
    for (proof, want) in [
        (
            "",
            "one of `secret`, `certificate`, `federated_token_file` is needed",
        ),
        (
            both,
            "one of `secret`, `certificate`, `federated_token_file` is needed",
        ),
        ("federated_token_file: none", "cannot open"),
        ("federated_token_file: empty", "is empty"),
        (&pair("app.crt", "other.key"), "do not work together"),
        (&pair("ec.crt", "ec.key"), "RSA keys of 2048 bits"),
        (&pair("app.key", "app.key"), "no PEM certificate"),
        (&pair("app.crt", "app.crt"), "no PEM private key"),
        (
            "certificate: { cert: file:app.crt, key: file:app.key, algorithm: HS256 }",
            "unknown algorithm of assertions `HS256`",
        ),
        (
            "secret: env:SECRET, resource: x",
            "`resource` does not belong",
        ),
        (
            "secret: env:SECRET, fmi_path: x",
            "`fmi_path` needs `blueprint_id`",
        ),
    ] {
        let credentials = client(&issuer, proof);
        let refused = with_credentials(&issuer, directory.path(), &credentials, &environment);
        let refused = refused.map(drop).unwrap_err().to_string();
        assert!(refused.contains(want), "{proof}: {refused}");
        assert!(!refused.contains(SECRET), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_challenges_says_so_in_every_token_request() {
    let issuer = LocalIssuer::start().await;
    const CAPABLE: &str = "secret: env:SECRET, client_capabilities: [cp1]";
    let scene = scene(&issuer, &client(&issuer, CAPABLE), &[]);
    tokio::task::block_in_place(|| {
        assert!(scene.shown(0).1.starts_with("Bearer upstream-token-"));
        scene.control.stop();
    });
    let claims = &last_form(&issuer)["claims"];
    assert_eq!(claims, r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);

    let directory = tempfile::tempdir().unwrap();
    let imds = "  reader: { kind: managed_identity, resource: r, endpoint: \"http://127.0.0.1:1/\", client_capabilities: [cp1] }\n";
    for (credentials, why) in [
        (
            client(&issuer, &CAPABLE.replace("cp1", "cp2")),
            "one capability: `cp1`",
        ),
        (imds.to_owned(), "IMDS takes no `client_capabilities`"),
        (
            "  reader: { kind: bearer, token: env:SECRET, client_capabilities: [cp1] }\n"
                .to_owned(),
            "client_capabilities",
        ),
    ] {
        let refused = with_credentials(&issuer, directory.path(), &credentials, &environment);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_told_which_token_was_challenged() {
    let issuer = LocalIssuer::start().await;
    let platform = Platform::start();
    let credentials = format!(
        "  reader: {{ kind: managed_identity, resource: r, endpoint: \"{}\", identity_header: env:SECRET, client_capabilities: [cp1] }}\n",
        platform.url
    );
    let scene = scene(&issuer, &credentials, &[]);
    let answer = tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer platform-token-1");
        let handles = scene.control.handles();
        let shown = handles.credentials.current(0, scene.now()).unwrap();
        let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
        let wanted = CredentialWanted::instead(0, shown.generation, Some(claims.into()));
        handles.ask_credential.ask(wanted).unwrap()
    });
    let _ = answer.await;
    tokio::task::block_in_place(|| {
        assert_eq!(scene.shown(0).1, "Bearer platform-token-2");
        scene.control.stop();
    });
    let asked = platform.asked();
    assert!(asked[0].contains("&xms_cc=cp1 "), "{}", asked[0]);
    let challenged = digest(&SHA256, b"platform-token-1");
    let challenged = sluice::base::hex::text(challenged.as_ref());
    let told = format!("&xms_cc=cp1&token_sha256_to_refresh={challenged} ");
    assert!(asked[1].contains(&told), "{}", asked[1]);
}
