//! A private certificate authority that lives as long as the demo, and leaves for 127.0.0.1.

use super::super::failure::{Doing, Failure};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// The authority: everything in the demo trusts it and nothing else.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    key_pem: String,
}

/// A certificate for one of the demo's servers, with its key.
pub struct Leaf {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PKCS#8 PEM.
    pub key_pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    /// A fresh authority with a fresh key.
    pub fn generate() -> Result<Authority, Failure> {
        Authority::with_key(KeyPair::generate().doing("generate the demo authority's key")?)
    }

    /// The authority of an earlier run, from its key. Its certificate is signed anew; clients that
    /// trust either one trust both, for name and key are the same.
    pub fn from_key(key_pem: &str) -> Result<Authority, Failure> {
        Authority::with_key(KeyPair::from_pem(key_pem).doing("read the demo authority's key")?)
    }

    fn with_key(key: KeyPair) -> Result<Authority, Failure> {
        let key_pem = key.serialize_pem();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Sluice demo authority (throw-away)");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params
            .self_signed(&key)
            .doing("sign the demo authority's certificate")?;
        Ok(Authority {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate, for `ca_file` and `curl --cacert`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's key, for [`Authority::from_key`].
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// A server certificate for loopback, by address and by name.
    pub fn leaf(&self, name: &str) -> Result<Leaf, Failure> {
        let key = KeyPair::generate().doing("generate a server key")?;
        let names = ["127.0.0.1", "localhost"].map(String::from);
        let mut params = CertificateParams::new(names).doing("name a server certificate")?;
        params.distinguished_name = named(name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .doing("sign a server certificate")?;
        Ok(Leaf {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }

    /// TLS for a client that trusts this authority only.
    pub fn client(&self) -> Result<Arc<ClientConfig>, Failure> {
        client_trusting([self.certificate.clone()])
    }
}

impl Leaf {
    /// TLS for the server that owns this leaf: HTTP/1.1, no client certificate.
    pub fn server(&self) -> Result<Arc<ServerConfig>, Failure> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .doing("choose TLS versions")?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .doing("use a server certificate")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// TLS for a client that trusts exactly `roots`.
pub fn client_trusting(
    roots: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Result<Arc<ClientConfig>, Failure> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).doing("trust a certificate authority")?;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .doing("choose TLS versions")?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
