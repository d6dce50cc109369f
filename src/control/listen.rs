//! Listeners of the control plane's own: plain or TLS, with few connections, each bounded in what it
//! may take.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::config::TlsIdentity;
use crate::base::limits::HEAD_TIME;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

/// A bound listener that does not answer yet.
pub(super) struct Listening {
    listener: std::net::TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Listening {
    /// Binds an address.
    pub fn bind(address: SocketAddr, tls: Option<&TlsIdentity>) -> io::Result<Listening> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Listening {
            address: listener.local_addr()?,
            tls: tls.map(acceptor).transpose()?,
            listener,
        })
    }

    /// Where it listens; the port is the real one where 0 was configured.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for ever, at most `places` connections at a time. `admit` is asked about each; what
    /// it answers is kept as long as the connection, and whom it gives nothing is hung up on.
    /// Requests carry their [`Peer`].
    pub async fn serve<T: Send + 'static>(
        self,
        router: Router,
        places: usize,
        admit: impl Fn(SocketAddr) -> Option<T>,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let places = Arc::new(Semaphore::new(places));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return Ok(());
            };
            let Ok((stream, peer)) = listener.accept().await else {
                // Out of descriptors, most likely: trying again at once would only burn the core.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Some(admitted) = admit(peer) else {
                continue;
            };
            let router = router.clone().layer(Extension(Peer(peer)));
            let tls = self.tls.clone();
            tokio::spawn(async move {
                connection(stream, tls, router).await;
                drop((place, admitted));
            });
        }
    }
}

fn acceptor(identity: &TlsIdentity) -> io::Result<TlsAcceptor> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let bad = |error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
    };
    let chain = CertificateDer::pem_slice_iter(&identity.cert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(&error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose())
        .map_err(|_| bad(&"there is no PEM private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| bad(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
    match tls {
        None => talk(stream, router).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HEAD_TIME, tls.accept(stream)).await {
                talk(stream, router).await;
            }
        }
    }
}

/// Serves one connection; how it ends is the peer's business.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let mut http = hyper::server::conn::http1::Builder::new();
    let _ = http
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}
