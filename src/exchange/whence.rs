//! Where a caller comes from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::refusal::{EdgeRefusal, Refusal};
use crate::base::network::Network;
use crate::http::RequestHead;
use crate::http::forwarded::{self, Hop, HopField};
use crate::policy::Source;
use crate::tls::Shown;

/// How a caller's connection has come.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// From where: the other end, or what a trusted proxy told of it ahead of everything.
    pub peer: SocketAddr,
    /// What its handshake has shown, where it came over TLS.
    pub shown: Option<Shown>,
    /// Who is believed about where requests come from.
    pub hops: Option<Arc<Hops>>,
}

/// Who is believed about where requests come from, and in which field they tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hops {
    /// The field.
    pub field: HopField,
    /// Those who are believed.
    pub from: Vec<Network>,
}

/// Where a caller comes from: an address, and what it has shown where it came over TLS. Clones are
/// cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct Whence {
    pub ip: Option<IpAddr>,
    pub shown: Option<Shown>,
}

impl Whence {
    /// As conditions see it.
    pub(super) fn source(&self) -> Source<'_> {
        let certificate = self.shown.as_ref().and_then(Shown::certificate);
        Source {
            ip: self.ip,
            spiffe: certificate.and_then(|it| it.spiffe()),
            certificate: certificate.map(|it| it.thumbprint()),
        }
    }
}

impl Hops {
    /// Where a request comes from that came from `peer`: none where a proxy hides it.
    pub(super) fn source(
        &self,
        peer: IpAddr,
        head: &RequestHead,
        bytes: &[u8],
    ) -> Result<Option<IpAddr>, Refusal> {
        if !self.trusts(peer) {
            return Ok(Some(peer));
        }
        let values = head.values(bytes, self.field.known());
        match forwarded::source(self.field, values, |ip| self.trusts(ip)) {
            Ok(Some(Hop::From(ip))) => Ok(Some(ip)),
            Ok(Some(Hop::Hidden)) => Ok(None),
            Ok(None) => Ok(Some(peer)),
            Err(_) => Err(EdgeRefusal::Hops.into()),
        }
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.from.iter().any(|network| network.contains(ip))
    }
}
