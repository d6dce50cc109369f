//! The listener: who may come in, and to whom the path leads.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::host::Servers;
use super::mounts::Mounts;
use super::{Asked, PRINCIPAL_HEADER, Principal, SECRET_HEADER, Served};
use crate::base::limits::{ACCEPT_PAUSE, BUFFER_BYTES, HEAD_TIME, SERVERS_CONNECTIONS};
use crate::base::secret::Secret;

/// What every request meets.
pub(super) struct Door {
    pub secret: Secret,
    pub servers: Arc<Servers>,
}

impl Door {
    /// Answers for ever.
    pub async fn serve(self, listener: TcpListener) {
        let router = self.router();
        let places = Arc::new(Semaphore::new(SERVERS_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = listener.accept().await else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let router = router.clone();
            tokio::spawn(async move {
                talk(stream, router).await;
                drop(place);
            });
        }
    }

    fn router(self) -> Router {
        let door = Arc::new(self);
        Router::new()
            .route("/stdio/{name}", any(to_stdio))
            .route("/union/{name}", any(to_union))
            .with_state(door.clone())
            .layer(middleware::from_fn_with_state(door, judge))
    }
}

/// Serves one connection; how it ends is the peer's business.
async fn talk(stream: TcpStream, router: Router) {
    // An event that waits for its acknowledgement is a late event.
    let _ = stream.set_nodelay(true);
    let mut http = hyper::server::conn::http1::Builder::new();
    let _ = http
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME.max(Duration::from_secs(1)))
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

/// Lets through what a worker sent, and takes the secret off it.
async fn judge(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let shown = sole(request.headers(), SECRET_HEADER);
    if !shown.is_some_and(|shown| door.secret.same(shown)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    request.headers_mut().remove(SECRET_HEADER);
    next.run(request).await
}

async fn to_stdio(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    lead(&door.servers.stdio, &name, request).await
}

async fn to_union(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    lead(&door.servers.unions, &name, request).await
}

/// Leads a request to the server of that name.
async fn lead<S: Served>(mounts: &Mounts<S>, name: &str, request: Request<Body>) -> Response {
    let principal = sole(request.headers(), PRINCIPAL_HEADER).and_then(Principal::read);
    let Some(principal) = principal else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match mounts.find(name) {
        Some(server) => server.answer(Asked { principal, request }).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The value of a header that is there exactly once.
fn sole<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}
