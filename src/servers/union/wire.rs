//! The way to the members: HTTP/1.1 to the gateway's own inner listener, which judges, adds the
//! credential, masks and records every call as it does a caller's.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{Client, Method, Request, Response, Url, redirect};

use super::super::{Inner, SECRET_HEADER};
use super::sse::{Event, Reader};
use crate::base::limits::{
    CONNECT_TIME, UNION_IDLE_WIRES, UNION_MESSAGE_BYTES, UPSTREAM_IDLE_TIME,
};
use crate::base::secret::Secret;

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One union's client.
pub(super) struct Wire {
    http: Client,
    inner: Arc<ArcSwapOption<Inner>>,
}

/// Why a member did not answer. Says nothing of what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Away {
    /// No connection, or it broke.
    #[error("cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("does not answer in time")]
    Slow,
    /// What it says is no message, or longer than one may be.
    #[error("does not answer as the protocol says")]
    Unreadable,
    /// It, or the gateway before it, refused.
    #[error("refused with status {0}")]
    Refused(u16),
    /// It, or the gateway before it, answered with a JSON-RPC error.
    #[error("refused with code {0}")]
    Error(i64),
    /// It asked the caller something, and got no answer, or an error.
    #[error("asked the client for something and did not get it")]
    Unasked,
    /// It speaks no revision that could be translated.
    #[error("speaks no revision of the protocol that this gateway knows")]
    Stranger,
}

/// What goes with a request to a member.
pub(super) struct Envelope<'a> {
    /// The member.
    pub(super) member: &'a str,
    /// The caller's `Authorization`.
    pub(super) bearer: &'a Secret,
    /// The member's session, if it has one.
    pub(super) session: Option<&'a HeaderValue>,
    /// The revision, for the header; absent where the revision has none.
    pub(super) version: Option<&'static str>,
    /// What else is said in the head.
    pub(super) more: &'a HeaderMap,
}

/// A member's answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// What it holds.
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Events, as they come.
    Events(Box<Events>),
}

/// A stream of events that is being read.
pub(super) struct Events {
    response: Response,
    reader: Reader,
}

impl Wire {
    /// A client that finds the members where `inner` says.
    pub(super) fn new(inner: Arc<ArcSwapOption<Inner>>) -> std::io::Result<Wire> {
        // Loopback and plain; the client insists on knowing whom TLS would trust: nobody.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIME)
            .pool_idle_timeout(UPSTREAM_IDLE_TIME)
            .pool_max_idle_per_host(UNION_IDLE_WIRES)
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Wire { http, inner })
    }

    /// Posts a message; answers as soon as the head is here, or the whole of a body that is no
    /// stream.
    pub(super) async fn post(&self, to: &Envelope<'_>, body: Bytes) -> Result<Reply, Away> {
        let mut request = self.request(Method::POST, to, BOTH)?;
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        *request.body_mut() = Some(body.into());
        self.answer(request).await
    }

    /// Asks for a stream, from the start or after an event.
    pub(super) async fn get(
        &self,
        to: &Envelope<'_>,
        after: Option<&HeaderValue>,
    ) -> Result<Reply, Away> {
        let mut request = self.request(Method::GET, to, STREAM)?;
        if let Some(after) = after {
            request.headers_mut().insert(LAST_EVENT, after.clone());
        }
        self.answer(request).await
    }

    /// Ends a session. Nobody waits for the answer for long.
    pub(super) async fn delete(&self, to: &Envelope<'_>, time: Duration) {
        if let Ok(request) = self.request(Method::DELETE, to, BOTH) {
            // A session that is not ended here ends by itself when it is idle.
            let _ = tokio::time::timeout(time, self.http.execute(request)).await;
        }
    }

    fn request(
        &self,
        method: Method,
        to: &Envelope<'_>,
        accept: HeaderValue,
    ) -> Result<Request, Away> {
        let inner = self.inner.load_full().ok_or(Away::Unreachable)?;
        let url = format!("http://{}/{}", inner.address, to.member);
        let url = Url::parse(&url).map_err(|_| Away::Unreachable)?;
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        headers.extend(to.more.clone());
        headers.insert(ACCEPT, accept);
        headers.insert(SECRET_HEADER, hidden(&inner.secret)?);
        headers.insert(AUTHORIZATION, hidden(to.bearer)?);
        if let Some(session) = to.session {
            headers.insert(SESSION, session.clone());
        }
        if let Some(version) = to.version {
            headers.insert(VERSION, HeaderValue::from_static(version));
        }
        Ok(request)
    }

    async fn answer(&self, request: Request) -> Result<Reply, Away> {
        let mut response = self.http.execute(request).await.map_err(failed)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = if status.is_success() && is_stream(&headers) {
            let reader = Reader::new();
            Body::Events(Box::new(Events { response, reader }))
        } else {
            Body::Whole(whole(response).await?)
        };
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

impl Events {
    /// The next event; `None` at the stream's clean end.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Away> {
        loop {
            if let Some(event) = self.reader.next().map_err(|_| Away::Unreadable)? {
                return Ok(Some(event));
            }
            match self.response.chunk().await.map_err(failed)? {
                Some(piece) => self.reader.push(&piece),
                None => return Ok(None),
            }
        }
    }
}

async fn whole(mut response: Response) -> Result<Bytes, Away> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if piece.len() > UNION_MESSAGE_BYTES - body.len() {
            return Err(Away::Unreadable);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

fn hidden(secret: &Secret) -> Result<HeaderValue, Away> {
    let mut value = HeaderValue::from_bytes(secret.expose()).map_err(|_| Away::Refused(401))?;
    value.set_sensitive(true);
    Ok(value)
}

fn failed(error: reqwest::Error) -> Away {
    if error.is_timeout() {
        Away::Slow
    } else {
        Away::Unreachable
    }
}
