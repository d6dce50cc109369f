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
use super::inherited::Inherited;
use crate::base::limits::HEAD_TIME;
use crate::tls;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

/// A bound listener that does not answer yet.
pub(super) struct Listening {
    listener: std::net::TcpListener,
    address: SocketAddr,
    certificate: Certificate,
}

/// What a listener shows under TLS; nothing where it speaks plain HTTP. Clones share it.
#[derive(Clone)]
pub(super) struct Certificate(Option<Arc<tls::Door>>);

impl Certificate {
    fn new(identity: Option<&TlsIdentity>) -> io::Result<Certificate> {
        let server = identity
            .map(|identity| server(identity, None))
            .transpose()?;
        Ok(Certificate(server.map(tls::Door::new)))
    }

    /// What it is to show from now on.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn renewed(&self, identity: Option<&TlsIdentity>) -> io::Result<Option<Arc<tls::Server>>> {
        let both = self.0.as_ref().zip(identity);
        let renew = |(door, identity): (&Arc<tls::Door>, _)| {
            server(identity, Some(&door.server())).map(Arc::new)
        };
        both.map(renew).transpose()
    }

    /// Shows it to whoever connects from now on.
    pub fn show(&self, renewed: Option<Arc<tls::Server>>) {
        if let (Some(door), Some(server)) = (&self.0, renewed) {
            door.renew(server);
        }
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        let door = self.0.as_ref()?;
        Some(TlsAcceptor::from(door.server().config()))
    }
}

fn server(identity: &TlsIdentity, before: Option<&tls::Server>) -> io::Result<tls::Server> {
    let shown = tls::Certificate {
        chain: &identity.cert,
        key: &identity.key,
    };
    tls::Server::new(&[shown], None, before)
        .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why.to_string()))
}

impl Listening {
    /// Binds an address, or takes the socket that is inherited for it.
    pub fn bind(
        address: SocketAddr,
        tls: Option<&TlsIdentity>,
        inherited: &mut Inherited,
    ) -> io::Result<Listening> {
        let listener = inherited.bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Listening {
            address: listener.local_addr()?,
            certificate: Certificate::new(tls)?,
            listener,
        })
    }

    /// Where it listens; the port is the real one where 0 was configured.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it shows.
    pub fn certificate(&self) -> Certificate {
        self.certificate.clone()
    }

    /// Its socket once more, to be handed over.
    pub fn again(&self) -> io::Result<std::net::TcpListener> {
        self.listener.try_clone()
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
            let tls = self.certificate.acceptor();
            tokio::spawn(async move {
                connection(stream, tls, router).await;
                drop((place, admitted));
            });
        }
    }
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
