//! The demo's caller: an ordinary HTTP/1.1 client whose every byte is on its own tape.

use super::super::failure::{Doing, Failure};
use super::tap::Tape;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// The demo does not hang where something else does.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client. Keeps one connection per origin.
pub struct Caller {
    tls: TlsConnector,
    tape: Tape,
    open: HashMap<String, SendRequest<Full<Bytes>>>,
}

/// What came back.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub fields: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// From the request's first byte to the body's last.
    pub took: Duration,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value, Failure> {
        serde_json::from_slice(&self.body).doing("read the reply as JSON")
    }

    /// A header field as text, empty when it is not there.
    pub fn field(&self, name: &str) -> &str {
        let value = self.fields.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Caller {
    /// A caller that trusts what `tls` trusts and records on `tape`.
    pub fn new(tls: Arc<rustls::ClientConfig>, tape: Tape) -> Caller {
        Caller {
            tls: TlsConnector::from(tls),
            tape,
            open: HashMap::new(),
        }
    }

    /// One request with an optional bearer token and an optional body (content type, bytes).
    pub async fn send(
        &mut self,
        method: Method,
        url: &str,
        bearer: Option<&str>,
        body: Option<(&str, &[u8])>,
    ) -> Result<Reply, Failure> {
        let doing = format!("{method} {url}");
        let url = Url::parse(url).doing(&doing)?;
        let authority = url.authority().to_owned();
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, &authority)
            .header(header::USER_AGENT, "sluice-demo")
            .header(header::ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some((content_type, _)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let body = Bytes::copy_from_slice(body.map_or(&[], |(_, bytes)| bytes));
        let request = request.body(Full::new(body)).doing(&doing)?;
        let exchange = self.exchange(&url, request);
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(Failure::new(format!("{doing}: no answer in {PATIENCE:?}"))),
        }
    }

    async fn exchange(
        &mut self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, Failure> {
        let doing = format!("{} {url}", request.method());
        let started = Instant::now();
        let connection = self.connection(url).await?;
        let response = connection.send_request(request).await.doing(&doing)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.doing(&doing)?.to_bytes();
        Ok(Reply {
            status: head.status,
            fields: head.headers,
            body,
            took: started.elapsed(),
        })
    }

    /// The open connection to the URL's origin, or a new one.
    async fn connection(&mut self, url: &Url) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let origin = url.authority().to_owned();
        let ready = match self.open.get_mut(&origin) {
            Some(open) => open.ready().await.is_ok(),
            None => false,
        };
        if !ready {
            let fresh = self.connect(url).await?;
            self.open.insert(origin.clone(), fresh);
        }
        let missing = || Failure::new(format!("no connection to {origin}"));
        self.open.get_mut(&origin).ok_or_else(missing)
    }

    async fn connect(&self, url: &Url) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let doing = format!("connect to {}", url.authority());
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let socket = TcpStream::connect((host.as_str(), port))
            .await
            .doing(&doing)?;
        socket.set_nodelay(true).doing(&doing)?;
        let name = ServerName::try_from(host).doing(&doing)?;
        let stream = self.tls.connect(name, socket).await.doing(&doing)?;
        let tapped = self.tape.tap(stream).doing(&doing)?;
        let (sender, connection) = http1::handshake(TokioIo::new(tapped)).await.doing(&doing)?;
        // Its error is seen by whoever waits for the reply.
        tokio::spawn(connection);
        Ok(sender)
    }
}
