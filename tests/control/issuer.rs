//! An issuer on loopback with a private CA, that speaks Entra's paths and misbehaves on demand.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The only tenant.
pub const TENANT: &str = "7e2f0000-0000-0000-0000-000000000001";
/// The application that most tokens are for.
pub const CLIENT: &str = "0b1c0000-0000-0000-0000-000000000003";

/// The only group of its directory.
pub const GROUP: &str = "5f0e1d2c-3b4a-4958-8675-6453f2e1d0c9";

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Good,
    /// This status, for everything.
    Status(u16),
    /// A redirect to itself, for everything.
    Redirect,
    /// Bytes that are no JSON.
    Garbage,
    /// Ten megabytes.
    Huge,
    /// Half an answer.
    BreaksOff,
    /// Nothing, for long.
    Slow,
    /// A discovery document of somebody else.
    WrongIssuer,
    /// A discovery document that leads to http.
    PlainKeys,
    /// An empty key set.
    NoKeys,
    /// A good discovery document, and this status for the key set.
    KeysStatus(u16),
}

pub struct LocalIssuer {
    /// PEM of the authority that signed its certificate.
    pub ca: String,
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    behaviour: Mutex<Behaviour>,
    key: Mutex<(String, EcdsaKeyPair)>,
    forms: Mutex<Vec<String>>,
    /// What the token endpoint answers every request with, if not with a token.
    refusal: Mutex<Option<(u16, String)>>,
    /// The client secrets that it takes; empty takes all.
    secrets: Mutex<Vec<String>>,
    life: AtomicU64,
    key_sets: AtomicUsize,
    tokens: AtomicUsize,
    redirected: AtomicUsize,
    /// What the directory was asked: path, authorization and body.
    memberships: Mutex<Vec<[String; 3]>>,
}

impl LocalIssuer {
    pub async fn start() -> LocalIssuer {
        let (ca, acceptor) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            behaviour: Mutex::new(Behaviour::Good),
            key: Mutex::new(("first".to_owned(), new_key())),
            forms: Mutex::default(),
            refusal: Mutex::default(),
            secrets: Mutex::default(),
            life: AtomicU64::new(3600),
            key_sets: AtomicUsize::new(0),
            tokens: AtomicUsize::new(0),
            redirected: AtomicUsize::new(0),
            memberships: Mutex::default(),
        });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), shared.clone(), port));
            }
        });
        LocalIssuer {
            ca,
            port,
            state,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    /// Puts a new key in place of the old.
    pub fn rotate(&self, kid: &str) {
        *self.state.key.lock().unwrap() = (kid.to_owned(), new_key());
    }

    /// How long the upstream tokens live that it gives.
    pub fn token_life(&self, seconds: u64) {
        self.state.life.store(seconds, SeqCst);
    }

    /// Takes these client secrets and no others.
    pub fn accept(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned());
        *self.state.secrets.lock().unwrap() = secrets.collect();
    }

    /// A caller's token, signed by the current key.
    pub fn token(&self, kid: &str, now: u64) -> String {
        self.token_of(kid, now, "0b1c0000-0000-0000-0000-000000000002", CLIENT)
    }

    /// A token of the application `client` whose object is `object`.
    pub fn token_of(&self, kid: &str, now: u64, object: &str, client: &str) -> String {
        self.sign(kid, now, object, client, r#""idtyp":"app","azpacr":"1""#)
    }

    /// A token by which the client of most tokens acts for the user `object`.
    pub fn user_token(&self, kid: &str, now: u64, object: &str) -> String {
        self.sign(
            kid,
            now,
            object,
            CLIENT,
            r#""scp":"read","roles":["reader"]"#,
        )
    }

    /// A token of that application that is its holder's alone, by that `cnf`.
    pub fn bound_token(&self, kid: &str, now: u64, client: &str, cnf: &str) -> String {
        let more = format!(r#""idtyp":"app","azpacr":"1","cnf":{cnf}"#);
        self.sign(kid, now, client, client, &more)
    }

    /// The same of a user, for whom the client of most tokens acts.
    pub fn bound_user_token(&self, kid: &str, now: u64, object: &str, cnf: &str) -> String {
        let more = format!(r#""scp":"read","roles":["reader"],"cnf":{cnf}"#);
        self.sign(kid, now, object, CLIENT, &more)
    }

    fn sign(&self, kid: &str, now: u64, object: &str, client: &str, more: &str) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#);
        let claims = format!(
            r#"{{"iss":"{}/{TENANT}/v2.0","ver":"2.0","aud":"us","tid":"{TENANT}",{more},
                "oid":"{object}","sub":"{object}","azp":"{client}",
                "iat":{now},"nbf":{now},"exp":{},"hasgroups":true,
                "_claim_sources":{{"src1":{{"endpoint":"{}/redirected"}}}}}}"#,
            self.url(),
            now + 600,
            self.url()
        );
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let key = self.state.key.lock().unwrap();
        let signature = key.1.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn key_sets_asked(&self) -> usize {
        self.state.key_sets.load(SeqCst)
    }

    pub fn tokens_asked(&self) -> usize {
        self.state.tokens.load(SeqCst)
    }

    /// What the directory was asked for so far.
    pub fn memberships_asked(&self) -> Vec<[String; 3]> {
        self.state.memberships.lock().unwrap().clone()
    }

    pub fn redirected(&self) -> usize {
        self.state.redirected.load(SeqCst)
    }

    pub fn last_form(&self) -> String {
        self.forms().pop().unwrap_or_default()
    }

    /// Every form that the token endpoint was sent.
    pub fn forms(&self) -> Vec<String> {
        self.state.forms.lock().unwrap().clone()
    }

    /// Has the token endpoint refuse with this status and body, or no more.
    pub fn refuse(&self, refusal: Option<(u16, &str)>) {
        let refusal = refusal.map(|(status, body)| (status, body.to_owned()));
        *self.state.refusal.lock().unwrap() = refusal;
    }

    /// Closes the listener; answers the port that is now free.
    pub async fn stop(self) -> u16 {
        self.task.abort();
        let _ = self.task.await;
        self.port
    }
}

fn certificates() -> (String, TlsAcceptor) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let signer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &signer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (ca.pem(), TlsAcceptor::from(Arc::new(config)))
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<State>, port: u16) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| answer(request, state.clone(), port));
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Body = BoxBody<Bytes, std::io::Error>;

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    port: u16,
) -> Result<Response<Body>, Infallible> {
    let behaviour = *state.behaviour.lock().unwrap();
    let path = request.uri().path().to_owned();
    if path == "/redirected" {
        state.redirected.fetch_add(1, SeqCst);
    }
    let url = format!("https://localhost:{port}");
    let good = if path.ends_with("/.well-known/openid-configuration") {
        discovery(behaviour, &url)
    } else if path.ends_with("/keys") {
        state.key_sets.fetch_add(1, SeqCst);
        key_set(&state, behaviour)
    } else if path.ends_with("/oauth2/v2.0/token") {
        token(request, &state).await
    } else if path.ends_with("/getMemberObjects") {
        memberships(request, &state).await
    } else {
        reply(404, "")
    };
    Ok(match behaviour {
        Behaviour::Status(status) => reply(status, r#"{"error":"invalid_client"}"#),
        Behaviour::Redirect => {
            let mut response = reply(302, "");
            let location = format!("{url}/redirected").parse().unwrap();
            response.headers_mut().insert("location", location);
            response
        }
        Behaviour::Garbage => reply(200, "<html>\u{0} not json"),
        Behaviour::Huge => reply(200, &" ".repeat(10 << 20)),
        Behaviour::BreaksOff => breaks_off(),
        Behaviour::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            good
        }
        _ => good,
    })
}

fn discovery(behaviour: Behaviour, url: &str) -> Response<Body> {
    let name = match behaviour {
        Behaviour::WrongIssuer => "https://evil.example".to_owned(),
        _ => format!("{url}/{TENANT}/v2.0"),
    };
    let base = match behaviour {
        Behaviour::PlainKeys => url.replace("https", "http"),
        _ => url.to_owned(),
    };
    let keys = format!("{base}/{TENANT}/discovery/v2.0/keys");
    let oauth = format!("{base}/{TENANT}/oauth2/v2.0");
    reply(
        200,
        &format!(
            r#"{{"issuer":"{name}","jwks_uri":"{keys}","authorization_endpoint":"{oauth}/authorize",
                "token_endpoint":"{oauth}/token","response_types_supported":["code","token"],
                "scopes_supported":["openid","offline_access"]}}"#
        ),
    )
}

fn key_set(state: &State, behaviour: Behaviour) -> Response<Body> {
    if let Behaviour::KeysStatus(status) = behaviour {
        return reply(status, "");
    }
    if behaviour == Behaviour::NoKeys {
        return reply(200, r#"{"keys":[]}"#);
    }
    let key = state.key.lock().unwrap();
    let (x, y) = key.1.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let kid = &key.0;
    let set = format!(
        r#"{{"keys":[{{"kid":"{kid}","kty":"EC","crv":"P-256","use":"sig","x":"{x}","y":"{y}"}}]}}"#
    );
    reply(200, &set)
}

/// As Graph does, of a caller who is in one group.
async fn memberships(request: Request<Incoming>, state: &State) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let shown = request.headers().get("authorization");
    let shown = shown.map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked = [
        path,
        shown.unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    ];
    state.memberships.lock().unwrap().push(asked);
    reply(200, &format!(r#"{{"value":["{GROUP}"]}}"#))
}

async fn token(request: Request<Incoming>, state: &State) -> Response<Body> {
    let number = state.tokens.fetch_add(1, SeqCst) + 1;
    let form = request.into_body().collect().await.unwrap().to_bytes();
    let form = String::from_utf8(form.to_vec()).unwrap();
    state.forms.lock().unwrap().push(form.clone());
    if let Some((status, body)) = &*state.refusal.lock().unwrap() {
        return reply(*status, body);
    }
    if form.contains("resource=") {
        // As Entra does.
        return reply(400, r#"{"error":"invalid_target","error_codes":[9010010]}"#);
    }
    let accepted = state.secrets.lock().unwrap().clone();
    let is_accepted = |secret: &String| form.contains(&format!("client_secret={secret}&"));
    if !accepted.is_empty() && !accepted.iter().any(is_accepted) {
        return reply(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#);
    }
    let life = state.life.load(SeqCst);
    reply(
        200,
        &format!(
            r#"{{"token_type":"Bearer","expires_in":{life},"access_token":"upstream-token-{number}"}}"#
        ),
    )
}

fn reply(status: u16, body: &str) -> Response<Body> {
    let body = http_body_util::Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    response
}

fn breaks_off() -> Response<Body> {
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"{\"issuer\":"))),
        Err(std::io::Error::other("gone")),
    ];
    let frames = futures_util::stream::iter(frames).then(async |frame| {
        // What came before must have left, or it is no half answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        frame
    });
    let body = StreamBody::new(Box::pin(frames));
    Response::new(BoxBody::new(body))
}
