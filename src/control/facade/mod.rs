//! An authorization server's face for Entra: what MCP clients ask for and Entra does not have.
//!
//! ```text
//!  GET  /.well-known/oauth-authorization-server   Entra's own document, with what it leaves out:
//!       /.well-known/openid-configuration         S256, and endpoints that are these ([`document`])
//!  GET  /authorize                                to Entra's page, without `resource` ([`asked`])
//!  POST /token                                    Entra's answer to the form without `resource`
//!  POST /register                                 the one public client there is ([`register`])
//! ```
//!
//! Clients that follow the MCP authorization text go away from a server that does not say S256, send
//! `resource` (RFC 8707), which Entra refuses, and register themselves, which Entra does not offer.
//! Nothing here is trusted with anything: tokens are Entra's, for Entra's audiences, and the gateway
//! judges them as it judges any. Codes, verifiers, secrets and tokens pass through `/token` on their
//! way between client and Entra, and are neither kept nor shown.
//!
//! Anybody can ask, so everything is bounded: requests and connections by address, bodies by size
//! and time. What Entra says is fetched by a task of its own, never because somebody asked.

mod asked;
mod document;
mod keep;
mod outward;
mod register;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::time::timeout;

use self::asked::Wrong;
use self::document::Entra;
pub(super) use self::outward::{Asked, Outward};
use super::config;
use super::health::Health;
use super::listen::{Certificate, Listening, Peer};
use crate::base::clock::Clock;
use crate::base::limits::{
    BODY_IDLE_TIME, FACADE_BODY_BYTES, FACADE_CALLS, FACADE_CONNECTIONS, FACADE_PEER_CONNECTIONS,
    TOKEN_ANSWER_BYTES,
};
use crate::policy::budget::{BudgetSpec, Budgets, Limit};

/// A bound façade that does not answer yet.
pub(super) struct Facade {
    listening: Listening,
    front: Front,
    health: Health,
}

/// What requests are answered from.
struct Front {
    public_url: String,
    client_id: Option<String>,
    /// What Entra says of itself, while it is fresh.
    entra: Arc<ArcSwapOption<Entra>>,
    outward: Outward,
    clock: Clock,
    calls: Budgets,
}

impl Facade {
    /// A façade on `listening`, before what `outward` leads to.
    pub fn new(
        config: &config::Facade,
        listening: Listening,
        outward: Outward,
        clock: Clock,
        health: Health,
    ) -> io::Result<Facade> {
        let minute = Limit::Calls {
            calls: FACADE_CALLS,
            per: Duration::from_secs(60),
        };
        Ok(Facade {
            listening,
            front: Front {
                public_url: config.public_url.clone(),
                client_id: config.client_id.clone(),
                entra: Arc::default(),
                outward,
                clock,
                calls: budget(minute)?,
            },
            health,
        })
    }

    /// Where it listens; the port is the real one where 0 was configured.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// What it shows.
    pub fn certificate(&self) -> Certificate {
        self.listening.certificate()
    }

    /// Answers for ever.
    pub async fn serve(self) -> io::Result<()> {
        let keeper = keep::Keeper {
            public_url: self.front.public_url.clone(),
            client_id: self.front.client_id.clone(),
            outward: self.front.outward.clone(),
            published: self.front.entra.clone(),
            health: self.health,
        };
        let connections = budget(Limit::Concurrent(FACADE_PEER_CONNECTIONS))?;
        let clock = self.front.clock;
        let admit = move |peer: SocketAddr| {
            let place = connections.take(&name(peer), None, clock.now());
            place.ok()
        };
        let serving = self
            .listening
            .serve(router(self.front), FACADE_CONNECTIONS, admit);
        tokio::select! {
            served = serving => served,
            () = keeper.run() => Ok(()),
        }
    }
}

fn budget(limit: Limit) -> io::Result<Budgets> {
    let spec = BudgetSpec { tools: None, limit };
    let budgets = Budgets::compile(&[spec]);
    budgets.map_err(|(_, error)| io::Error::other(error.to_string()))
}

/// By what a peer's requests are counted: its address, or its network where it is given a whole one
/// to choose addresses from (RFC 6177).
fn name(peer: SocketAddr) -> String {
    match peer.ip().to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn router(front: Front) -> Router {
    let front = Arc::new(front);
    let metadata = || get(metadata).options(preflight);
    let mut router = Router::new()
        .route("/.well-known/oauth-authorization-server", metadata())
        .route("/.well-known/openid-configuration", metadata())
        .route("/authorize", get(authorize))
        .route("/token", post(token).options(preflight));
    if front.client_id.is_some() {
        router = router.route("/register", post(register).options(preflight));
    }
    router
        .with_state(front.clone())
        .layer(middleware::from_fn_with_state(front, count))
}

/// Lets through who has not asked too often.
async fn count(
    State(front): State<Arc<Front>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let counted = front.calls.take(&name(peer), None, front.clock.now());
    match counted {
        Ok(_slot) => next.run(request).await,
        Err(refused) => {
            let seconds = HeaderValue::from(refused.retry_after_seconds());
            let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
            response.headers_mut().insert(RETRY_AFTER, seconds);
            response
        }
    }
}

/// RFC 8414, section 3, and OpenID Connect Discovery 1.0, section 4: one document for both.
async fn metadata(State(front): State<Arc<Front>>) -> Response {
    let Some(entra) = front.entra.load_full() else {
        return Wrong::away("the issuer's own metadata is not there yet").into_response();
    };
    let fresh = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "public, max-age=300"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (fresh, entra.document.clone()).into_response()
}

/// What a browser asks before its page may ask.
async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// RFC 6749, section 4.1.1, with RFC 7636: the person's browser is sent on to Entra. An error is
/// told here, and never sent to a redirect URI that nobody has judged.
async fn authorize(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Wrong> {
    let query = request.uri().query().unwrap_or_default();
    let query = asked::authorization(query)?;
    let location = front.entra()?.authorize_with(&query);
    let location = HeaderValue::try_from(location).map_err(|_| Wrong::request("not a query"))?;
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// RFC 6749, section 4.1.3 and section 6. Entra's answer goes back as it is, if it is one.
async fn token(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Wrong> {
    let (head, body) = request.into_parts();
    if head.headers.contains_key(AUTHORIZATION) {
        return Err(Wrong::client("a client's secret goes into the form"));
    }
    expect(&head.headers, "application/x-www-form-urlencoded")?;
    let body = whole(body).await?;
    let form = std::str::from_utf8(&body).map_err(|_| Wrong::request("not a form"))?;
    let form = asked::token(form)?;
    let entra = front.entra()?;
    let asked = front.outward.get();
    let answer = asked
        .client
        .post_form(&entra.token_endpoint, form, TOKEN_ANSWER_BYTES)
        .await;
    let answer = answer.map_err(|_| Wrong::away("the issuer did not answer"))?;
    let is_answer = answer.status.is_success() || answer.status.is_client_error();
    if !is_answer || !document::is_object(&answer.body) {
        return Err(Wrong::away("the issuer's answer is none"));
    }
    let status = StatusCode::from_u16(answer.status.as_u16())
        .map_err(|_| Wrong::away("the issuer's answer is none"))?;
    Ok(private(status, answer.body.to_vec()))
}

/// RFC 7591, section 3.
async fn register(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Wrong> {
    let (head, body) = request.into_parts();
    expect(&head.headers, "application/json")?;
    let body = whole(body).await?;
    let client_id = front.client_id.as_deref().unwrap_or_default();
    let answer = register::answer(&body, client_id)?;
    Ok(private(StatusCode::CREATED, answer.into_bytes()))
}

impl Front {
    fn entra(&self) -> Result<Arc<Entra>, Wrong> {
        let entra = self.entra.load_full();
        entra.ok_or(Wrong::away("the issuer's own metadata is not there yet"))
    }
}

fn expect(headers: &HeaderMap, kind: &str) -> Result<(), Wrong> {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let shown = kinds.next().and_then(|value| value.to_str().ok());
    let essence = shown.and_then(|value| value.split(';').next());
    let is_it = essence.is_some_and(|one| one.trim().eq_ignore_ascii_case(kind));
    if is_it && kinds.next().is_none() {
        return Ok(());
    }
    Err(Wrong::request("another Content-Type is expected"))
}

async fn whole(body: Body) -> Result<Bytes, Wrong> {
    match timeout(
        BODY_IDLE_TIME,
        axum::body::to_bytes(body, FACADE_BODY_BYTES),
    )
    .await
    {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(Wrong::request("the body is too large, or broke off")),
        Err(_) => Err(Wrong::request("the body took too long")),
    }
}

/// An answer for one client's eyes (RFC 6749, section 5.1). A page may read it: it brought what it
/// takes to get it, and no cookie.
fn private(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (status, headers, body).into_response()
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"error": self.error, "error_description": self.why});
        let mut response = private(self.status, body.to_string().into_bytes());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("5");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}
