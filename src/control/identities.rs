//! The gateway as the managed-identity endpoint of its callers: a caller asks it for a token for the
//! gateway as it would ask App Service, and needs neither a secret nor another library.
//!
//! ```text
//!  GET /msi/token?api-version=2019-08-01&resource=api://sluice      X-IDENTITY-HEADER: …
//! ```
//!
//! The header says which identity asks; it is good for nothing else, and on this machine alone. What is
//! given is a token of one configured credential, for the gateway itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::beside::Listeners;
use super::config::{Config, CredentialKind, IdentityEndpoint};
use super::listen::Listening;
use super::standing::Standing;
use super::{Parts, StartError};
use crate::base::clock::Clock;
use crate::base::credential::{Shelf, Slot};
use crate::base::limits::IDENTITY_CONNECTIONS;
use crate::base::secret::Secret;

/// The one version of the protocol that libraries speak.
const VERSION: &str = "2019-08-01";

/// A running endpoint.
pub(super) struct Identities {
    address: SocketAddr,
    given: Arc<ArcSwap<Vec<Given>>>,
}

/// One identity, and what it is given.
struct Given {
    header: Secret,
    resource: String,
    client_id: Option<String>,
    slot: Arc<Slot>,
}

/// What requests are answered from.
#[derive(Clone)]
struct Desk {
    given: Arc<ArcSwap<Vec<Given>>>,
    clock: Clock,
}

/// What a request asks for.
#[derive(Default)]
struct Asked {
    version: Option<String>,
    resource: Option<String>,
    client_id: Option<String>,
}

impl Asked {
    /// Reads a query; nothing of it where it says something twice.
    fn of(query: &str) -> Asked {
        let mut asked = Asked::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let known = match &*name {
                "api-version" => &mut asked.version,
                "resource" => &mut asked.resource,
                "client_id" => &mut asked.client_id,
                _ => continue,
            };
            if known.replace(value.into_owned()).is_some() {
                return Asked::default();
            }
        }
        asked
    }
}

impl Identities {
    /// Starts the endpoint, if there is one. Call it on a runtime.
    pub(super) fn start(
        config: &Config,
        standing: &Standing,
        clock: Clock,
        parts: &mut Parts,
        listeners: &mut Listeners,
    ) -> Result<Option<Identities>, StartError> {
        let Some(endpoint) = &config.identity_endpoint else {
            return Ok(None);
        };
        let failed = |error: io::Error| StartError::Identities(endpoint.bind, error);
        let listening =
            Listening::bind(endpoint.bind, None, &mut parts.inherited).map_err(failed)?;
        (listeners.sockets).push(listening.again().map_err(failed)?);
        let given = Arc::new(ArcSwap::from_pointee(given(endpoint, config, standing)));
        let address = listening.address();
        let desk = Desk {
            given: Arc::clone(&given),
            clock,
        };
        let router = Router::new()
            .route("/msi/token", get(token))
            .with_state(desk);
        let everybody = |_| Some(());
        let answering = tokio::spawn(listening.serve(router, IDENTITY_CONNECTIONS, everybody));
        listeners.accepting.push(answering.abort_handle());
        Ok(Some(Identities { address, given }))
    }

    /// Gives from now on what another configuration says.
    pub(super) fn publish(&self, config: &Config, standing: &Standing) {
        if let Some(endpoint) = &config.identity_endpoint {
            self.given
                .store(Arc::new(given(endpoint, config, standing)));
        }
    }

    /// Where it listens; the port is the real one where 0 was configured.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn given(endpoint: &IdentityEndpoint, config: &Config, standing: &Standing) -> Vec<Given> {
    let of = |identity: &super::config::GivenIdentity| {
        let kind = &config.credentials.get(identity.credential)?.kind;
        let kept = standing.credentials.get(identity.credential)?;
        let Shelf::Shared(slot) = &kept.shelf else {
            return None;
        };
        Some(Given {
            header: identity.header.clone(),
            resource: kind.resource()?.to_owned(),
            client_id: match kind {
                CredentialKind::EntraClient(client) => Some(client.client_id.clone()),
                _ => None,
            },
            slot: Arc::clone(slot),
        })
    };
    endpoint.identities.iter().filter_map(of).collect()
}

async fn token(State(desk): State<Desk>, headers: HeaderMap, uri: Uri) -> Response {
    desk.answer(&headers, &Asked::of(uri.query().unwrap_or_default()))
        .unwrap_or_else(|(status, why)| refusal(status, why))
}

impl Desk {
    fn answer(&self, headers: &HeaderMap, asked: &Asked) -> Result<Response, (StatusCode, Why)> {
        let mut shown = headers.get_all("x-identity-header").iter();
        let given = self.given.load();
        let identity = match (shown.next(), shown.next()) {
            (Some(header), None) => find(&given, header.as_bytes()),
            _ => None,
        };
        let identity = identity.ok_or((StatusCode::UNAUTHORIZED, Why::Unauthorized))?;
        let is_right_client = match (&asked.client_id, &identity.client_id) {
            (Some(asked), Some(own)) => asked.eq_ignore_ascii_case(own),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let bad = |why| Err((StatusCode::BAD_REQUEST, why));
        if asked.version.as_deref() != Some(VERSION) {
            return bad(Why::Version);
        }
        let resource = asked.resource.as_deref().unwrap_or_default();
        if resource.trim_end_matches('/') != identity.resource.trim_end_matches('/') {
            return bad(Why::Resource);
        }
        if !is_right_client {
            return bad(Why::Client);
        }
        let now = self.clock.now();
        let unavailable = (StatusCode::SERVICE_UNAVAILABLE, Why::Unavailable);
        let credential = identity.slot.current(now.mono).ok_or(unavailable)?;
        let value = std::str::from_utf8(credential.value.expose()).unwrap_or_default();
        let (Some(token), Some(expires)) = (value.strip_prefix("Bearer "), credential.expires)
        else {
            return Err(unavailable);
        };
        let ends = now.wall.unix_seconds() + expires.since(now.mono).as_secs();
        Ok(said(
            StatusCode::OK,
            &json!({
                "access_token": token,
                "expires_on": ends.to_string(),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id,
            }),
        ))
    }
}

/// The identity of a header. Every one is compared, so that time tells nothing.
fn find<'g>(given: &'g [Given], header: &[u8]) -> Option<&'g Given> {
    let mut found = None;
    for identity in given {
        if identity.header.same(header) {
            found = Some(identity);
        }
    }
    found
}

/// Why there is no token.
#[derive(Clone, Copy)]
enum Why {
    Unauthorized,
    Version,
    Resource,
    Client,
    Unavailable,
}

fn refusal(status: StatusCode, why: Why) -> Response {
    let (code, text) = match why {
        Why::Unauthorized => (
            "unauthorized",
            "X-IDENTITY-HEADER is not that of an identity",
        ),
        Why::Version => ("invalid_request", "the api-version is 2019-08-01"),
        Why::Resource => (
            "invalid_resource",
            "the identity has tokens for another resource",
        ),
        Why::Client => ("invalid_request", "the identity has another client_id"),
        Why::Unavailable => ("temporarily_unavailable", "there is no token at the moment"),
    };
    let mut response = said(status, &json!({ "error": code, "error_description": text }));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let soon = axum::http::HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, soon);
    }
    response
}

fn said(status: StatusCode, body: &Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}
