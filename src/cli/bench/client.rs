//! Connections, and one exchange on one of them.

use super::request::Target;
use crate::cli::failure::{Doing, Failure};
use crate::tls;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What of an answer is kept to be read, at most.
const KEPT_BYTES: usize = 1024 * 1024;

/// Opens connections to one server.
pub struct Client {
    target: Target,
    tls: Option<TlsConnector>,
    timeout: Duration,
}

/// One connection.
pub type Connection = SendRequest<Full<Bytes>>;

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Of the body.
    pub bytes: u64,
    /// The body's beginning, where it was to be kept.
    pub body: Vec<u8>,
}

impl Client {
    /// One that trusts these roots.
    pub fn new(target: Target, roots: &tls::Roots, timeout: Duration) -> Result<Client, Failure> {
        let tls = match target.is_tls {
            true => Some(
                tls::client_config(roots)
                    .doing("trust certificates")?
                    .into(),
            ),
            false => None,
        };
        Ok(Client {
            target,
            tls,
            timeout,
        })
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let doing = format!("connect to {}:{}", self.target.host, self.target.port);
        match tokio::time::timeout(self.timeout, self.open(&doing)).await {
            Ok(opened) => opened,
            Err(_) => Err(Failure::new(format!("{doing}: no answer in time"))),
        }
    }

    async fn open(&self, doing: &str) -> Result<Connection, Failure> {
        let Target { host, port, .. } = &self.target;
        let socket = TcpStream::connect((host.as_str(), *port))
            .await
            .doing(doing)?;
        socket.set_nodelay(true).doing(doing)?;
        match &self.tls {
            None => shake_hands(socket, doing).await,
            Some(tls) => {
                let name = tls::server_name(host).doing(doing)?;
                let secured = tls.connect(name, socket).await.doing(doing)?;
                shake_hands(secured, doing).await
            }
        }
    }

    /// One request on a connection of its own, with its whole answer.
    pub async fn once(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let mut connection = self.connect().await?;
        let exchange = exchange(&mut connection, request, true);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer.doing("read an answer"),
            Err(_) => Err(Failure::new("no answer in time")),
        }
    }
}

async fn shake_hands<S>(stream: S, doing: &str) -> Result<Connection, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.doing(doing)?;
    // Its error is seen by whoever waits for the answer.
    tokio::task::spawn_local(connection);
    Ok(sender)
}

/// Sends a request, and reads its answer to the end.
pub async fn exchange(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
    keep: bool,
) -> Result<Answer, hyper::Error> {
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let (head, mut rest) = response.into_parts();
    let (mut bytes, mut body) = (0, Vec::new());
    while let Some(frame) = rest.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes += data.len() as u64;
            if keep && body.len() + data.len() <= KEPT_BYTES {
                body.extend_from_slice(&data);
            }
        }
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        bytes,
        body,
    })
}
