//! The connecting side: how upstreams are verified, made once per configuration. And what both sides
//! have in common.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, ServerName};

use super::TlsConfigError;
use super::server::{Certificate, certified};
use crate::base::limits::TLS_SESSIONS;

/// The one protocol spoken inside TLS here, as ALPN names it.
pub(super) const ALPN: &[u8] = b"http/1.1";

/// Whose word is taken for an upstream's name.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The operating system's certificate authorities.
    Native,
    /// Exactly the certificate authorities in this PEM text.
    Pem(Vec<u8>),
}

/// How upstreams are verified. With [`Roots::Native`] this reads the system's store.
///
/// # Errors
/// When there would be no authority left to verify with, or one that was listed cannot be used.
pub fn client_config(roots: &Roots) -> Result<Arc<ClientConfig>, TlsConfigError> {
    connecting(roots, None)
}

/// The same, with what upstreams are shown that ask who connects.
///
/// # Errors
/// As [`client_config`], and when certificate or key cannot be used.
pub fn client_config_showing(
    roots: &Roots,
    shown: &Certificate<'_>,
) -> Result<Arc<ClientConfig>, TlsConfigError> {
    connecting(roots, Some(shown))
}

fn connecting(
    roots: &Roots,
    shown: Option<&Certificate<'_>>,
) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let verifying = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Provider)?
        .with_root_certificates(root_store(roots)?);
    let mut config = match shown {
        None => verifying.with_no_client_auth(),
        Some(shown) => {
            verifying.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified(shown)?)))
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::in_memory_sessions(TLS_SESSIONS);
    Ok(Arc::new(config))
}

/// The name that an upstream's certificate must be good for: a host name or an address, which may
/// stand in brackets as it does in a URL.
///
/// # Errors
/// When it is neither.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsConfigError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsConfigError::Name(host.to_owned()))
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificates of a PEM text, as many as there are.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

pub(super) fn root_store(roots: &Roots) -> Result<RootCertStore, TlsConfigError> {
    let mut store = RootCertStore::empty();
    match roots {
        // A system's store may hold some odd old certificate; it is ours to skip, not to repair.
        Roots::Native => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Roots::Pem(text) => {
            for root in certificates(text).map_err(TlsConfigError::RootPem)? {
                store.add(root).map_err(TlsConfigError::Root)?;
            }
        }
    }
    if store.is_empty() {
        return Err(TlsConfigError::NoRoots);
    }
    Ok(store)
}
