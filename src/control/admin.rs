//! The operator's own door: `/healthz`, `/readyz`, `/metrics`.
//!
//! It listens on loopback; elsewhere only with TLS and a token. A browser on the same machine can
//! be made to send requests here, so the `Host` header must be one of ours.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::config::Admin;
use super::inherited::Inherited;
use super::listen::{Certificate, Listening};
use super::metrics::{Metrics, Sources};
use super::ready::Readiness;
use super::reloads::Reloads;
use super::standing::Standing;
use super::{Handles, Parts};
use crate::base::clock::Clock;
use crate::base::limits::ADMIN_CONNECTIONS;
use crate::base::secret::{Secret, constant_time_eq};

/// What the pages are made of.
pub(super) struct Pages {
    pub metrics: Metrics,
    pub readiness: Readiness,
}

impl Pages {
    /// Made of what the control plane has.
    pub fn new(
        handles: &Handles,
        standing: &Arc<ArcSwap<Standing>>,
        reloads: &Arc<Reloads>,
        clock: Clock,
        parts: Parts,
    ) -> Pages {
        let sources = Sources {
            counters: handles.counters.clone(),
            standing: standing.clone(),
            reloads: reloads.clone(),
            access: handles.access.clone(),
            pins: parts.pins,
            keys: handles.keys.clone(),
            servers: parts.servers.clone(),
            clock,
            memory: handles.memory.clone(),
        };
        Pages {
            metrics: Metrics::new(sources),
            readiness: Readiness {
                clock,
                keys: handles.keys.clone(),
                standing: standing.clone(),
                reloads: reloads.clone(),
                servers: parts.servers,
                probes: parts.probes,
            },
        }
    }
}

/// A bound listener that does not answer yet.
pub(super) struct AdminListener {
    listening: Listening,
    guard: Guard,
}

/// Who may ask.
struct Guard {
    bind: SocketAddr,
    hosts: Vec<String>,
    token: Option<Secret>,
}

impl AdminListener {
    /// Binds the configured address.
    pub fn bind(admin: &Admin, inherited: &mut Inherited) -> io::Result<AdminListener> {
        let listening = Listening::bind(admin.bind, admin.tls.as_ref(), inherited)?;
        Ok(AdminListener {
            guard: Guard {
                bind: listening.address(),
                hosts: admin.hosts.clone(),
                token: admin.token.clone(),
            },
            listening,
        })
    }

    /// Where it listens; the port is the real one where 0 was configured.
    pub fn address(&self) -> SocketAddr {
        self.guard.bind
    }

    /// What it shows.
    pub fn certificate(&self) -> Certificate {
        self.listening.certificate()
    }

    /// Its socket once more, to be handed over.
    pub fn socket(&self) -> io::Result<std::net::TcpListener> {
        self.listening.again()
    }

    /// Answers for ever.
    pub async fn serve(self, pages: Pages) -> io::Result<()> {
        let router = router(Arc::new(self.guard), Arc::new(pages));
        let everybody = |_| Some(());
        self.listening
            .serve(router, ADMIN_CONNECTIONS, everybody)
            .await
    }
}

fn router(guard: Arc<Guard>, pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages)
        .layer(middleware::from_fn_with_state(guard, judge))
}

/// Lets through who may ask.
async fn judge(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.verdict(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(status) => status.into_response(),
    }
}

impl Guard {
    fn verdict(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(StatusCode::BAD_REQUEST);
        };
        if !host.to_str().is_ok_and(|host| self.is_ours(host)) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        let Some(token) = &self.token else {
            return Ok(());
        };
        let shown = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let shown = shown.and_then(|value| value.strip_prefix(b"Bearer "));
        match shown {
            Some(shown) if constant_time_eq(token.expose(), shown) => Ok(()),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    }

    /// `localhost`, a loopback address, the address we listen on, or a configured name; a port, if
    /// there is one, must be ours unless the name is configured.
    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !name.ends_with(':') && !port.ends_with(']') => {
                (name, Some(port))
            }
            _ => (host.as_str(), None),
        };
        if self
            .hosts
            .iter()
            .any(|known| known == name || *known == host)
        {
            return true;
        }
        let is_our_port = port.is_none_or(|port| port.parse() == Ok(self.bind.port()));
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_our_name = name == "localhost"
            || bare
                .parse()
                .is_ok_and(|ip: IpAddr| ip.is_loopback() || ip == self.bind.ip());
        is_our_port && is_our_name
    }
}

/// The process runs and answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests can be served, with the state of every part.
async fn readyz(State(pages): State<Arc<Pages>>) -> Response {
    let (is_ready, detail) = pages.readiness.report();
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(detail)).into_response()
}

async fn metrics(State(pages): State<Arc<Pages>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match pages.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_ours() {
        let guard = Guard {
            bind: "127.0.0.1:15000".parse().unwrap(),
            hosts: vec!["admin.example".to_owned()],
            token: None,
        };
        for ours in [
            "localhost",
            "LOCALHOST:15000",
            "127.0.0.1:15000",
            "127.0.0.1",
            "[::1]:15000",
            "[::1]",
            "admin.example",
            "admin.example:443",
        ] {
            assert!(guard.is_ours(ours), "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "localhost:1",
            "localhost.evil.example",
            "10.0.0.1:15000",
            "127.0.0.1:15000.evil.example",
            "localhost:15000:15000",
            "[::1]:1",
            "localhost:",
            "admin.example.evil",
        ] {
            assert!(!guard.is_ours(other), "{other}");
        }
    }
}
