//! How a request has come: over which connection, through which proxies, from which page.

use std::sync::Arc;

use super::Account;
use crate::auth::Possession;
use crate::exchange::Refusal;
use crate::exchange::cors::Crossing;
use crate::exchange::whence::{Arrival, Whence};
use crate::http::RequestHead;
use crate::tls::Shown;

impl Account {
    /// Says how the caller's connection has come.
    pub fn came(&mut self, arrival: &Arrival) {
        let Arrival { peer, shown, hops } = arrival.clone();
        self.entry.peer = Some(peer);
        self.hops = hops;
        if let Some(certificate) = shown.as_ref().and_then(Shown::certificate) {
            let name = certificate.spiffe().unwrap_or(certificate.thumbprint());
            self.entry.certificate.set(name);
        }
        self.whence = Whence {
            ip: Some(peer.ip()),
            shown,
        };
    }

    /// Says where the request comes from, by the word of a proxy that is trusted.
    pub(in crate::exchange) fn came_through(
        &mut self,
        head: &RequestHead,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        if let (Some(hops), Some(peer)) = (&self.hops, self.entry.peer) {
            self.whence.ip = hops.source(peer.ip(), head, bytes)?;
            self.entry.source = self.whence.ip.filter(|ip| *ip != peer.ip());
        }
        Ok(())
    }

    /// Where the caller comes from.
    pub(in crate::exchange) fn whence(&self) -> &Whence {
        &self.whence
    }

    /// The caller has proven to hold the key that its token is bound to.
    pub(in crate::exchange) fn possesses(&mut self, possession: Possession) {
        self.possession = Some(Box::new(possession));
    }

    /// That it has, once it has.
    pub(in crate::exchange) fn possession(&self) -> Option<&Possession> {
        self.possession.as_deref()
    }

    /// The nonce that the caller's further proofs must name, where that is another than before.
    pub(in crate::exchange) fn nonce(&self) -> Option<&str> {
        self.possession.as_ref()?.nonce()
    }

    /// What an answer of the gateway's own says beside: whole lines.
    #[must_use]
    pub fn beside(&self) -> String {
        let mut lines = String::new();
        if let Some(crossing) = &self.crossing {
            lines += &crossing.text();
        }
        if let Some(nonce) = self.nonce() {
            lines += &format!("DPoP-Nonce: {nonce}\r\n");
        }
        lines
    }

    /// The reply may be read by a page of another origin.
    pub(in crate::exchange) fn crosses(&mut self, crossing: Option<Arc<Crossing>>) {
        self.crossing = crossing;
    }

    /// What a page of another origin is told with the reply.
    #[must_use]
    pub fn crossing(&self) -> Option<&Arc<Crossing>> {
        self.crossing.as_ref()
    }
}
