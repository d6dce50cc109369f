//! Certificates, keys and roots, made into what sessions share. Done once per configuration.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::TlsConfigError;
use crate::base::limits::TLS_SESSIONS;
use crate::base::secret::Secret;

/// The one protocol spoken inside TLS here, as ALPN names it.
const ALPN: &[u8] = b"http/1.1";

/// Whose word is taken for an upstream's name.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The operating system's certificate authorities.
    Native,
    /// Exactly the certificate authorities in this PEM text.
    Pem(Vec<u8>),
}

/// What a listener shows: a certificate chain, leaf first, and the leaf's key, both PEM.
///
/// # Errors
/// Says which of the two is wrong, and how.
pub fn server_config(
    certificate: &[u8],
    key: &Secret,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let chain = certificates(certificate).map_err(TlsConfigError::CertificatePem)?;
    if chain.is_empty() {
        return Err(TlsConfigError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsConfigError::NoKey,
        _ => TlsConfigError::KeyPem,
    })?;
    let provider = provider();
    provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(TlsConfigError::Key)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Provider)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsConfigError::Mismatch,
            other => TlsConfigError::Certificate(other),
        })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Who comes back resumes by a ticket, on whichever core: nothing is kept here for one who does
    // not. One ticket will do, as a caller that opens several connections gets one with each.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new().map_err(TlsConfigError::Provider)?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// How upstreams are verified. With [`Roots::Native`] this reads the system's store.
///
/// # Errors
/// When there would be no authority left to verify with, or one that was listed cannot be used.
pub fn client_config(roots: &Roots) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Provider)?
        .with_root_certificates(root_store(roots)?)
        .with_no_client_auth();
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

fn root_store(roots: &Roots) -> Result<RootCertStore, TlsConfigError> {
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
