//! Where a caller comes from.

use std::net::IpAddr;

use crate::policy::Source;
use crate::tls::Shown;

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
