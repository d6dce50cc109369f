//! The listening side: certificates that are chosen by the name that a caller asks for, tickets by
//! which callers come back.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use webpki::EndEntityCert;

use super::TlsConfigError;
use super::clients::{ClientSpec, Clients};
use super::config::{ALPN, certificates, provider};
use crate::base::secret::Secret;

/// A certificate chain, leaf first, and the leaf's key, both PEM.
#[derive(Clone, Copy)]
pub struct Certificate<'a> {
    /// The chain.
    pub chain: &'a [u8],
    /// The key.
    pub key: &'a Secret,
}

/// What a listener is under TLS. Made once per configuration, shared by all cores.
pub struct Server {
    config: ServerConfig,
    certificates: Arc<Certificates>,
    clients: Option<Arc<Clients>>,
}

impl Server {
    /// A listener that shows one of these certificates: the first that is for the name that a caller
    /// asks for, else the first, and asks for certificates of `clients`. Whoever got a ticket `before`
    /// comes back with it; but whoever may be asked for a certificate shows it each time, so that one
    /// that is revoked is of no use.
    ///
    /// # Errors
    /// Says which of them is wrong, and how.
    pub fn new(
        shown: &[Certificate<'_>],
        clients: Option<&ClientSpec<'_>>,
        before: Option<&Server>,
    ) -> Result<Server, TlsConfigError> {
        let certificates = Arc::new(Certificates::new(shown)?);
        let judges = before.and_then(|before| before.clients.as_ref());
        let clients = clients.map(|spec| Clients::new(spec, judges)).transpose()?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsConfigError::Provider)?;
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(&clients.verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Choice::among(&certificates));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // The stronger cipher of those that both have, not the one that the caller names first.
        config.ignore_client_order = true;
        // Who comes back resumes by a ticket, on whichever core: nothing is kept here for one who
        // does not. One ticket will do, as a caller that opens several connections gets one with each.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        if clients.is_none() {
            config.ticketer = tickets(before)?;
            config.send_tls13_tickets = 1;
        }
        Ok(Server {
            config,
            certificates,
            clients,
        })
    }

    /// For those who speak TLS over streams of their own.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::new(self.config.clone())
    }

    /// Who judges callers' certificates.
    pub(super) fn clients(&self) -> Option<&Arc<Clients>> {
        self.clients.as_ref()
    }

    /// For one connection: what it chooses is told by the [`Choice`].
    pub(super) fn connection(&self) -> (Arc<ServerConfig>, Arc<Choice>) {
        let choice = Choice::among(&self.certificates);
        let mut config = self.config.clone();
        config.cert_resolver = Arc::clone(&choice) as Arc<dyn ResolvesServerCert>;
        (Arc::new(config), choice)
    }
}

fn tickets(before: Option<&Server>) -> Result<Arc<dyn ProducesTickets>, TlsConfigError> {
    match before {
        Some(before) if before.clients.is_none() => Ok(Arc::clone(&before.config.ticketer)),
        _ => Ticketer::new().map_err(TlsConfigError::Provider),
    }
}

/// The certificates of a listener.
#[derive(Debug)]
struct Certificates {
    /// At least one.
    all: Vec<Arc<CertifiedKey>>,
    /// Which of them is for a name, in lower case; `*.` stands for any first label.
    by_name: HashMap<Box<str>, usize>,
}

impl Certificates {
    fn new(shown: &[Certificate<'_>]) -> Result<Certificates, TlsConfigError> {
        let mut certificates = Certificates {
            all: Vec::new(),
            by_name: HashMap::new(),
        };
        for (index, shown) in shown.iter().enumerate() {
            let certified = certified(shown)?;
            for name in names(&certified)? {
                certificates.by_name.entry(name).or_insert(index);
            }
            certificates.all.push(Arc::new(certified));
        }
        match certificates.all.is_empty() {
            true => Err(TlsConfigError::NoCertificate),
            false => Ok(certificates),
        }
    }

    /// Which certificate is for the name, in lower case.
    fn find(&self, name: &str) -> Option<usize> {
        let wild = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(format!("*.{parent}").as_str())
        };
        self.by_name.get(name).or_else(wild).copied()
    }

    /// Whether the certificate at `index` is good for the address.
    fn is_for_address(&self, index: usize, address: &str) -> bool {
        let leaf = self.all.get(index).and_then(|one| one.cert.first());
        let leaf = leaf.and_then(|leaf| EndEntityCert::try_from(leaf).ok());
        let name = ServerName::try_from(address).ok();
        matches!((leaf, name), (Some(leaf), Some(name @ ServerName::IpAddress(_)))
            if leaf.verify_is_valid_for_subject_name(&name).is_ok())
    }
}

pub(super) fn certified(shown: &Certificate<'_>) -> Result<CertifiedKey, TlsConfigError> {
    let chain = certificates(shown.chain).map_err(TlsConfigError::CertificatePem)?;
    if chain.is_empty() {
        return Err(TlsConfigError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(shown.key.expose()).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsConfigError::NoKey,
        _ => TlsConfigError::KeyPem,
    })?;
    let provider = provider();
    provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(TlsConfigError::Key)?;
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsConfigError::Mismatch,
        other => TlsConfigError::Certificate(other),
    })
}

/// The host names that a certificate is for, in lower case.
fn names(certified: &CertifiedKey) -> Result<Vec<Box<str>>, TlsConfigError> {
    let leaf: Option<&CertificateDer<'_>> = certified.cert.first();
    let leaf = leaf.and_then(|leaf| EndEntityCert::try_from(leaf).ok());
    let unreadable = rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
    let leaf = leaf.ok_or(TlsConfigError::Certificate(unreadable))?;
    let names = leaf.valid_dns_names();
    Ok(names.map(|name| name.to_ascii_lowercase().into()).collect())
}

/// Chooses the certificate of one connection, and remembers which.
#[derive(Debug)]
pub(super) struct Choice {
    certificates: Arc<Certificates>,
    chosen: OnceLock<Chosen>,
}

#[derive(Debug)]
struct Chosen {
    /// What the caller asked for (RFC 6066, section 3), in lower case.
    name: Option<Box<str>>,
    /// The certificate that it was shown.
    index: usize,
    /// The certificate is for the name.
    is_for_it: bool,
}

impl Choice {
    fn among(certificates: &Arc<Certificates>) -> Arc<Choice> {
        Arc::new(Choice {
            certificates: Arc::clone(certificates),
            chosen: OnceLock::new(),
        })
    }

    /// Whether `host` is what the caller asked for, or connected to, and the certificate is for it.
    pub(super) fn is_for(&self, host: &str) -> bool {
        let Some(chosen) = self.chosen.get() else {
            return false;
        };
        match &chosen.name {
            Some(name) => chosen.is_for_it && name.eq_ignore_ascii_case(host),
            None => self.is_for_unasked(chosen.index, host),
        }
    }

    /// Who names no host connects to an address, or speaks no SNI (RFC 6066, section 3).
    fn is_for_unasked(&self, index: usize, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        self.certificates
            .is_for_address(index, bare.unwrap_or(host))
            || self.certificates.find(&host.to_ascii_lowercase()) == Some(index)
    }
}

impl ResolvesServerCert for Choice {
    /// Asked once more after a retry of the hello, whose name must be the same.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.chosen.get_or_init(|| {
            let name = hello.server_name().map(str::to_ascii_lowercase);
            let found = name
                .as_deref()
                .and_then(|name| self.certificates.find(name));
            Chosen {
                name: name.map(Box::from),
                index: found.unwrap_or(0),
                is_for_it: found.is_some(),
            }
        });
        self.certificates.all.get(chosen.index).cloned()
    }
}
