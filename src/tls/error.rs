//! What can go wrong, said so that an operator knows whose fault it is.

/// Why a session is over. It is: every later call answers [`TlsError::Broken`].
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The first byte is a letter, as every HTTP method's is and no TLS record's.
    #[error("the peer speaks plain text, probably HTTP, where TLS is expected")]
    PlainText,
    /// The first byte begins neither a TLS record nor text.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// More handshake bytes than [`TLS_HANDSHAKE_BYTES`](crate::base::limits::TLS_HANDSHAKE_BYTES).
    #[error("the peer's handshake is too long")]
    HandshakeTooLong,
    /// A message across several records does not fit the buffer.
    #[error("the peer's message is too long")]
    MessageTooLong,
    /// The peer broke the protocol, failed verification, or sent an alert.
    #[error("{0}")]
    Protocol(rustls::Error),
    /// The connection ended without a `close_notify`: what arrived may not be all that was sent.
    #[error("the connection was cut: the peer did not close TLS")]
    Truncated,
    /// Sealing before the handshake is complete.
    #[error("the handshake is not complete")]
    Handshaking,
    /// Sealing after [`Session::close`](super::Session::close).
    #[error("this side has closed TLS")]
    Closed,
    /// So many records under one key that it must not be used any more.
    #[error("the session's keys are used up")]
    Exhausted,
    /// An earlier call failed, or was handed a buffer that is not this session's.
    #[error("the session is broken")]
    Broken,
}

/// Why certificates, keys or roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The certificate file is no PEM.
    #[error("the certificate is not valid PEM: {0}")]
    CertificatePem(rustls_pki_types::pem::Error),
    /// The certificate file is empty, or is something else (a key, a binary file).
    #[error("no certificate: expected a PEM section BEGIN CERTIFICATE")]
    NoCertificate,
    /// The key file is no PEM. What is wrong with it is not said: it might be quoted.
    #[error("the key is not valid PEM")]
    KeyPem,
    /// The key file is empty, or is something else (a certificate, an encrypted key).
    #[error("no key: expected a PEM section BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY")]
    NoKey,
    /// The key is of a kind that cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(rustls::Error),
    /// The key is not the one that the (first) certificate was made for.
    #[error("the key does not match the certificate")]
    Mismatch,
    /// The certificate is PEM, but no certificate.
    #[error("the certificate cannot be used: {0}")]
    Certificate(rustls::Error),
    /// The certificate was good until some time ago: peers refuse it.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate will be good later: until then, peers refuse it.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The file of authorities is no PEM.
    #[error("the certificate authorities are not valid PEM: {0}")]
    RootPem(rustls_pki_types::pem::Error),
    /// One of the configured authorities is not a usable certificate.
    #[error("a certificate authority cannot be used: {0}")]
    Root(rustls::Error),
    /// A list of revoked certificates is no PEM.
    #[error("the list of revoked certificates is not valid PEM: {0}")]
    RevokedPem(rustls_pki_types::pem::Error),
    /// A list of revoked certificates is empty, or is something else.
    #[error("no list of revoked certificates: expected a PEM section BEGIN X509 CRL")]
    NoRevoked,
    /// The lists of revoked certificates, or the authorities of callers, cannot be used.
    #[error("callers' certificates cannot be judged: {0}")]
    Clients(rustls::server::VerifierBuilderError),
    /// There is no certificate authority, so every peer would be refused.
    #[error("no certificate authority to verify upstreams with")]
    NoRoots,
    /// The name is neither a host name nor an address.
    #[error("not a host name or address: {0:?}")]
    Name(String),
    /// The provider does not support what is asked of it.
    #[error("TLS cannot be set up: {0}")]
    Provider(rustls::Error),
}
