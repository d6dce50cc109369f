//! The listening sockets, and what they show under TLS while the gateway runs.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::servers;
use crate::base::clock::Wall;
use crate::base::limits::BACKLOG;
use crate::cli::Failure;
use crate::cli::failure::Doing;
use crate::control::Inherited;
use crate::control::config::{Config, ListenerTls, TlsIdentity};
use crate::tls::{Certificate, ClientSpec, Door, Server, TlsConfigError, Validity};
use crate::worker::io::{check_free, listen_reuseport};
use crate::worker::{Entrance, Listener, Offers};

/// The listening sockets, a set for each worker.
pub(super) struct Doors {
    /// By worker.
    pub sockets: Vec<Vec<Listener>>,
    /// In the order of the configuration, with real ports.
    pub addresses: Vec<SocketAddr>,
    /// Those of callers once more, to be handed over.
    pub shared: Vec<TcpListener>,
    /// Where servers of the gateway's own call back.
    pub inner: SocketAddr,
    /// What they show.
    pub shown: Certificates,
}

/// What each listener shows, in the order of the configuration; none where it speaks plain HTTP.
pub(super) struct Certificates(Vec<Option<Arc<Door>>>);

/// What listeners are to show, all of it good.
pub(super) struct Renewed(Vec<Option<Arc<Server>>>);

impl Doors {
    /// Takes what is inherited, and listens on every other address.
    pub(super) fn open(
        config: &Config,
        now: Wall,
        inherited: &mut Inherited,
    ) -> Result<Doors, Failure> {
        let mut doors = Doors {
            sockets: (0..config.workers).map(|_| Vec::new()).collect(),
            addresses: Vec::new(),
            shared: Vec::new(),
            inner: servers::INNER,
            shown: Certificates(Vec::new()),
        };
        for listener in &config.listeners {
            let tls = listener.tls.as_ref();
            if let Some(Err(why)) = tls.map(|tls| valid(&tls.certificates, now)) {
                // Callers refuse it, and the other listeners and certificates are good.
                eprintln!("sluice: {}: {why}", listener.bind);
            }
            let server = tls.map(|tls| server(tls, None)).transpose();
            let server = server.doing(format!("the certificates of {}", listener.bind))?;
            let door = server.map(Door::new);
            let offers = match &door {
                Some(door) => Offers::Tls(Arc::clone(door)),
                None => Offers::Plain,
            };
            let doing = || format!("listen on {}", listener.bind);
            let given = inherited.take(listener.bind).doing(doing())?;
            if given.is_empty() {
                check_free(listener.bind).doing(doing())?;
            }
            let entrance = Entrance {
                introduces: listener.proxy_protocol.clone().into(),
                hops: listener.forwarded.clone().map(Arc::new),
                ..entrance(offers)
            };
            let address = doors.add(listener.bind, given, &entrance).doing(doing())?;
            doors.addresses.push(address);
            doors.shown.0.push(door);
        }
        let none = Vec::new();
        doors.inner = doors
            .add(servers::INNER, none, &entrance(Offers::Inner))
            .doing(format!("listen on {}", servers::INNER))?;
        Ok(doors)
    }

    /// A socket for every worker on the same address, which it answers. Of those that are given
    /// none is left: connections in its queue would wait for ever.
    fn add(
        &mut self,
        mut address: SocketAddr,
        given: Vec<TcpListener>,
        entrance: &Entrance,
    ) -> std::io::Result<SocketAddr> {
        let workers = self.sockets.len();
        let mut given = given.into_iter();
        for core in (0..workers).cycle().take(workers.max(given.len())) {
            let socket = match given.next() {
                Some(socket) => socket,
                None => listen_reuseport(address, BACKLOG)?,
            };
            // With port 0, the first socket's port is everyone's.
            address = socket.local_addr()?;
            if !matches!(entrance.offers, Offers::Inner) {
                self.shared.push(socket.try_clone()?);
            }
            self.sockets[core].push(Listener {
                socket,
                entrance: entrance.clone(),
            });
        }
        Ok(address)
    }
}

impl Certificates {
    /// What `new` has the listeners show that `old` had not. Their listeners are the same: else it
    /// takes a restart.
    ///
    /// # Errors
    /// What cannot be shown, and where.
    pub(super) fn renewed(
        &self,
        old: &Config,
        new: &Config,
        now: Wall,
    ) -> Result<Renewed, Failure> {
        let doors = self.0.iter().zip(&old.listeners).zip(&new.listeners);
        let renewed = doors.map(|((door, was), is)| match (door, &was.tls, &is.tls) {
            (Some(door), Some(old), Some(new)) if old != new => {
                let is_new = |one: &&TlsIdentity| !old.certificates.contains(one);
                valid(new.certificates.iter().filter(is_new), now)
                    .and_then(|()| server(new, Some(&door.server())))
                    .map(|server| Some(Arc::new(server)))
                    .doing(format!("the certificates of {}", is.bind))
            }
            _ => Ok(None),
        });
        renewed.collect::<Result<_, _>>().map(Renewed)
    }

    /// Shows them to whoever connects from now on. Connections that are there go on, except by a
    /// certificate that is taken no more.
    pub(super) fn show(&self, renewed: Renewed) {
        for (door, server) in self.0.iter().zip(renewed.0) {
            if let (Some(door), Some(server)) = (door, server) {
                door.renew(server);
            }
        }
    }
}

/// A listener that trusts nobody's word.
fn entrance(offers: Offers) -> Entrance {
    Entrance {
        offers,
        crowd: Arc::default(),
        introduces: Arc::default(),
        hops: None,
    }
}

/// What a listener shows; whoever got a ticket `before` comes back with it.
fn server(tls: &ListenerTls, before: Option<&Server>) -> Result<Server, TlsConfigError> {
    let shown: Vec<_> = (tls.certificates.iter())
        .map(|TlsIdentity { cert, key }| Certificate { chain: cert, key })
        .collect();
    let clients = tls.clients.as_ref().map(|clients| ClientSpec {
        roots: &clients.roots.pem,
        revoked: &clients.revoked,
        required: clients.required,
    });
    Server::new(&shown, clients.as_ref(), before)
}

/// Judges when the certificates are good.
fn valid<'c>(
    certificates: impl IntoIterator<Item = &'c TlsIdentity>,
    now: Wall,
) -> Result<(), TlsConfigError> {
    let mut certificates = certificates.into_iter();
    certificates.try_for_each(|one| Validity::of(&one.cert)?.judge(now))
}
