//! Certificates that tests make, and callers that look at those they are shown.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sluice::worker::io::IoChoice;

use super::caller::Reply;
use super::origin::{Origin, PATIENCE, read_body, read_head};
use super::scene::{Plan, Scene};

/// An authority of a test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pub pem: String,
}

/// A certificate with its key.
pub struct Leaf {
    pub certificate: String,
    pub der: CertificateDer<'static>,
    pub key: String,
    serial: u64,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// For a server of these names.
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_until(names, 2100)
    }

    pub fn leaf_until(&self, names: &[&str], year: i32) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        self.signed(params, 1)
    }

    /// For a caller, by serial number, with these URIs.
    pub fn caller(&self, serial: u64, uris: &[&str]) -> Leaf {
        let mut params = CertificateParams::default();
        let uri = |uri: &&str| SanType::URI((*uri).try_into().unwrap());
        params.subject_alt_names = uris.iter().map(uri).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.signed(params, serial)
    }

    /// The same, good up to that second since 1970.
    pub fn caller_until(&self, serial: u64, second: u64) -> Leaf {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(second);
        self.signed(params, serial)
    }

    fn signed(&self, mut params: CertificateParams, serial: u64) -> Leaf {
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            certificate: certificate.pem(),
            der: certificate.der().clone(),
            key: key.serialize_pem(),
            serial,
        }
    }

    /// A list of what is revoked, good until that year.
    pub fn revoking(&self, leaves: &[&Leaf], year: i32) -> String {
        let revoked = |leaf: &&Leaf| RevokedCertParams {
            serial_number: SerialNumber::from(leaf.serial),
            revocation_time: rcgen::date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2024, 1, 1),
            next_update: rcgen::date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: leaves.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// TLS for a caller that trusts this authority, and shows `leaf` where it is asked.
    pub fn client(&self, leaf: Option<&Leaf>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match leaf {
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
                let chain = vec![leaf.der.clone()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Arc::new(config)
    }
}

/// A caller under TLS that asks for a name, and knows what it was shown.
pub struct Asking(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Asking {
    pub fn connect(address: SocketAddr, client: &Arc<ClientConfig>, name: &str) -> Asking {
        Asking::try_connect(address, client, name).unwrap()
    }

    pub fn try_connect(
        address: SocketAddr,
        client: &Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<Asking> {
        let name = name.to_owned().try_into().unwrap();
        let session = ClientConnection::new(Arc::clone(client), name).unwrap();
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Asking(BufReader::new(stream)))
    }

    pub fn was_shown(&self, leaf: &Leaf) -> bool {
        self.0.get_ref().conn.peer_certificates().unwrap()[0] == leaf.der
    }

    pub fn kind(&self) -> Option<HandshakeKind> {
        self.0.get_ref().conn.handshake_kind()
    }

    pub fn send(&mut self, request: &str) {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// The head of a reply.
    pub fn head(&mut self) -> io::Result<String> {
        read_head(&mut self.0)?.ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    /// What follows such a head.
    pub fn body(&mut self, head: &str) -> io::Result<Vec<u8>> {
        read_body(&mut self.0, head, true)
    }

    /// Whether what follows goes on, with nothing to say for so long.
    pub fn is_silent_for(&mut self, head: &str, time: Duration) -> bool {
        let socket = &self.0.get_ref().sock;
        socket.set_read_timeout(Some(time)).unwrap();
        let waited = self.body(head).map_err(|error| error.kind());
        waited == Err(io::ErrorKind::WouldBlock)
    }

    pub fn try_reply(&mut self) -> io::Result<Reply> {
        let head = self.head()?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = self.body(&head)?;
        Ok(Reply { status, head, body })
    }

    pub fn reply(&mut self) -> Reply {
        self.try_reply().unwrap()
    }

    pub fn ask(&mut self, request: &str) -> Reply {
        self.send(request);
        self.reply()
    }
}

/// A gateway that shows `leaf` for `tls.crt`.
pub fn showing<'a>(io: IoChoice, origin: &Origin, leaf: &Leaf) -> Plan<'a> {
    let mut plan = Plan::new(io, origin);
    plan.files = vec![
        ("tls.crt", leaf.certificate.clone()),
        ("tls.key", leaf.key.clone()),
    ];
    plan
}

/// A request for a host.
pub fn request(scene: &Scene, host: &str) -> String {
    scene
        .get("/")
        .replacen("Host: localhost", &format!("Host: {host}"), 1)
}
