//! One HTTPS server on loopback, for the issuer and the directory: hyper over tapped TLS.

use super::super::failure::{Doing, Failure};
use super::tap::Tape;
use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A request body beyond it is refused.
const BODY_BYTES: usize = 1024 * 1024;
/// A caller that has not finished its head by then is hung up on.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// What a server answers with; the server itself is [`Host`].
pub trait Answer: Send + Sync + 'static {
    /// Answers one request whose body has arrived.
    fn answer(&self, head: &Parts, body: &[u8]) -> Reply;
}

/// One answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Header fields, `Content-Length` and `Transfer-Encoding` aside.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// `None`: `Content-Length`; `Some(n)`: chunked, in chunks of `n` bytes.
    pub chunks: Option<usize>,
}

impl Reply {
    /// No body at all.
    pub fn empty(status: StatusCode) -> Reply {
        Reply {
            status,
            fields: Vec::new(),
            body: Bytes::new(),
            chunks: None,
        }
    }

    /// A JSON body with a `Content-Length`.
    pub fn json(status: StatusCode, content_type: &'static str, body: &serde_json::Value) -> Reply {
        let fields = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Reply {
            fields,
            body: Bytes::from(body.to_string()),
            ..Reply::empty(status)
        }
    }

    /// The same, sent chunked in chunks of `bytes`.
    #[must_use]
    pub fn in_chunks_of(mut self, bytes: usize) -> Reply {
        self.chunks = Some(bytes);
        self
    }

    /// The same with one more field; a value that no field may hold is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.fields.push((name, value));
        }
        self
    }

    fn into_response(self) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let body = match self.chunks {
            None => Full::new(self.body).boxed_unsync(),
            Some(size) => in_chunks(self.body, size).boxed_unsync(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.fields);
        response
    }
}

/// A listener that is bound and not yet served.
pub struct Host {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
}

impl Host {
    /// Binds `address`; port 0 takes a free one.
    pub async fn bind(
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
    ) -> Result<Host, Failure> {
        let doing = format!("listen on {address}");
        let listener = TcpListener::bind(address).await.doing(&doing)?;
        let address = listener.local_addr().doing(&doing)?;
        Ok(Host {
            listener,
            acceptor: TlsAcceptor::from(tls),
            address,
        })
    }

    /// The base URL: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Serves for as long as the runtime lives.
    pub fn serve(self, answer: Arc<dyn Answer>, tape: Tape) {
        tokio::spawn(async move {
            loop {
                match self.listener.accept().await {
                    Ok((socket, _)) => {
                        let connection =
                            converse(socket, self.acceptor.clone(), tape.clone(), answer.clone());
                        tokio::spawn(connection);
                    }
                    // Out of descriptors: waiting is all that helps.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
    }
}

/// One connection. Its errors are its peer's to see: a handshake that fails, a reset.
async fn converse(
    socket: TcpStream,
    acceptor: TlsAcceptor,
    tape: Tape,
    answer: Arc<dyn Answer>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let tapped = tape.tap(acceptor.accept(socket).await?)?;
    let service = service_fn(move |request| respond(request, answer.clone()));
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(tapped), service)
        .await
        .map_err(io::Error::other)
}

async fn respond(
    request: Request<Incoming>,
    answer: Arc<dyn Answer>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let reply = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => answer.answer(&head, &body.to_bytes()),
        Err(_) => Reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
    };
    Ok(reply.into_response())
}

/// A body without a declared length, so that hyper frames it as chunks of `size` bytes.
fn in_chunks(
    body: Bytes,
    size: usize,
) -> StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    let starts = (0..body.len()).step_by(size.max(1));
    StreamBody::new(stream::iter(starts.map(move |start| {
        let end = body.len().min(start.saturating_add(size.max(1)));
        Ok(Frame::data(body.slice(start..end)))
    })))
}
