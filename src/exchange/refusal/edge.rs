//! What is refused for the way that a request has come, whatever it asks for.

use super::Refusal;
use super::told::{self, Told};

/// What the way says against a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EdgeRefusal {
    /// The certificate that the caller's connection began with is taken no more.
    #[error("the caller's certificate is taken no more")]
    Certificate,
    /// A proxy that is trusted tells where the request comes from, and it cannot be read.
    #[error("the field of a trusted proxy is malformed")]
    Hops,
    /// The `Host` is not the name that TLS was asked for, or the certificate shown is not for it (RFC
    /// 9110, section 7.4).
    #[error("TLS was not asked for this host")]
    Misdirected,
    /// A browser asks whether a page may call, and its origin may not.
    #[error("the origin of the page may not call")]
    Origin,
}

impl EdgeRefusal {
    pub(super) fn told(self) -> &'static Told {
        match self {
            EdgeRefusal::Certificate => &told::CERTIFICATE_REFUSED,
            EdgeRefusal::Hops => &told::BAD_HOPS,
            EdgeRefusal::Misdirected => &told::MISDIRECTED,
            EdgeRefusal::Origin => &told::ORIGIN_REFUSED,
        }
    }
}

impl From<EdgeRefusal> for Refusal {
    fn from(why: EdgeRefusal) -> Refusal {
        Refusal::Edge(why)
    }
}
