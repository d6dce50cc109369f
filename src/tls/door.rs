//! What a listener is at the moment, and what the handshake of one of its connections has shown: a
//! connection outlives what it was made by.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::clients::{ClientCertificate, Clients};
use super::server::{Choice, Server};
use crate::base::clock::Wall;

/// What a listener is under TLS at the moment.
pub struct Door(ArcSwap<Server>);

impl Door {
    /// It is that, for now.
    #[must_use]
    pub fn new(server: Server) -> Arc<Door> {
        Arc::new(Door(ArcSwap::from_pointee(server)))
    }

    /// What it is now.
    #[must_use]
    pub fn server(&self) -> Arc<Server> {
        self.0.load_full()
    }

    /// It is something else from now on, for whoever connects; whoever is there goes on, except by a
    /// certificate that is taken no more.
    pub fn renew(&self, server: Arc<Server>) {
        self.0.store(server);
    }
}

/// What the handshake of a caller's connection has shown.
#[derive(Clone)]
pub struct Shown(Arc<Inner>);

struct Inner {
    door: Arc<Door>,
    choice: Arc<Choice>,
    certificate: Option<ClientCertificate>,
    /// Who has found the certificate good, or taken the caller without one.
    judged_by: ArcSwapOption<Clients>,
}

impl Shown {
    pub(super) fn new(
        door: &Arc<Door>,
        choice: &Arc<Choice>,
        certificate: Option<ClientCertificate>,
        judged_by: Option<Arc<Clients>>,
    ) -> Shown {
        Shown(Arc::new(Inner {
            door: Arc::clone(door),
            choice: Arc::clone(choice),
            certificate,
            judged_by: ArcSwapOption::new(judged_by),
        }))
    }

    /// Whether requests for `host`, a `Host` without its port, may come over the connection: it must
    /// be the name that the caller asked for, or the address that it connected to, and the certificate
    /// that it was shown must be for it (RFC 9110, section 7.4).
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        self.0.choice.is_for(host)
    }

    /// The caller's own certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.0.certificate.as_ref()
    }

    /// Whether the caller would be let in now as it was then: its certificate, or its having none, is
    /// judged again when the listener asks for others', and when the certificate's time is over.
    #[must_use]
    pub fn is_welcome(&self, now: Wall) -> bool {
        let Inner {
            door,
            certificate,
            judged_by,
            ..
        } = &*self.0;
        let in_time = |it: &ClientCertificate| it.is_in_time(now);
        if !certificate.as_ref().is_none_or(in_time) {
            return false;
        }
        let server = door.0.load();
        let clients = server.clients();
        if clients.map(Arc::as_ptr) == judged_by.load().as_ref().map(Arc::as_ptr) {
            return true;
        }
        let is_good = match (certificate, clients) {
            (Some(certificate), Some(clients)) => certificate.is_good(clients, now),
            // Nobody vouches for it any more.
            (Some(_), None) => false,
            (None, Some(clients)) => !clients.required,
            (None, None) => true,
        };
        if is_good {
            judged_by.store(clients.cloned());
        }
        is_good
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}
