//! A connection that bytes go through, in plain text or in TLS; nothing here ever waits.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::{Outcome, poll};

/// One connection.
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<Secured>),
}

pub struct Secured {
    socket: TcpStream,
    session: rustls::Connection,
}

/// The only protocol spoken here.
const ALPN: &[u8] = b"http/1.1";
/// Sessions that a resuming client remembers of its one server.
const SESSIONS: usize = 256;

/// TLS of a client that trusts the one authority in `ca`.
pub fn client(ca: &Path, resumes: bool) -> Outcome<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = match resumes {
        true => Resumption::in_memory_sessions(SESSIONS),
        false => Resumption::disabled(),
    };
    Ok(Arc::new(config))
}

/// TLS of a server with this certificate and key, both PEM files.
pub fn server(certificate: &Path, key: &Path) -> Outcome<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Wire {
    /// The calling side, in TLS where there is a configuration.
    pub fn call(socket: TcpStream, tls: Option<&Arc<ClientConfig>>) -> Outcome<Wire> {
        let Some(config) = tls else {
            return Ok(Wire::Plain(socket));
        };
        let name = ServerName::IpAddress(socket.peer_addr()?.ip().into());
        let session = ClientConnection::new(config.clone(), name)?.into();
        let mut wire = Wire::Tls(Box::new(Secured { socket, session }));
        wire.flush()?;
        Ok(wire)
    }

    /// The side that is called.
    pub fn answer(socket: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Wire> {
        let Some(config) = tls else {
            return Ok(Wire::Plain(socket));
        };
        let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        Ok(Wire::Tls(Box::new(Secured {
            socket,
            session: session.into(),
        })))
    }

    pub fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(secured) => &secured.socket,
        }
    }

    /// Receives without waiting: `None` when nothing has come, 0 at the end. Less than fits means
    /// that there is no more for now.
    pub fn receive(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Wire::Plain(socket) => poll::receive(socket, into),
            Wire::Tls(secured) => secured.receive(into),
        }
    }

    /// Takes bytes for sending, and says how many.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => poll::send(socket, bytes),
            Wire::Tls(secured) => {
                let count = secured.session.writer().write(bytes)?;
                secured.flush()?;
                Ok(count)
            }
        }
    }

    /// Sends what was taken before; true when nothing of it is left.
    pub fn flush(&mut self) -> io::Result<bool> {
        match self {
            Wire::Plain(_) => Ok(true),
            Wire::Tls(secured) => secured.flush(),
        }
    }
}

impl Secured {
    fn receive(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.session.reader().read(into) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The end, without saying so first.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(error) => return Err(error),
            }
            match self.session.read_tls(&mut Now(&self.socket)) {
                Ok(0) => return Ok(Some(0)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            let processed = self.session.process_new_packets();
            processed.map_err(io::Error::other)?;
            self.flush()?;
        }
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Now(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// A socket as rustls wants it.
struct Now<'a>(&'a TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        poll::receive(self.0, into)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match poll::send(self.0, bytes)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    /// Passes `sent` from one to the other, both taking turns.
    fn pass(from: &mut Wire, to: &mut Wire, sent: &[u8]) {
        let (mut gone, mut come) = (0, Vec::new());
        let mut scratch = vec![0; 16 * 1024];
        while come.len() < sent.len() {
            gone += from.send(&sent[gone..]).unwrap();
            if let Some(count) = to.receive(&mut scratch).unwrap() {
                come.extend_from_slice(&scratch[..count]);
            }
            // What the handshake asks of the sender.
            assert_eq!(from.receive(&mut scratch).unwrap(), None);
        }
        assert!(come == sent, "what came is not what was sent");
    }

    #[test]
    fn bytes_go_both_ways_in_either_kind() {
        let directory = tempfile::tempdir().unwrap();
        let pki = crate::pki::write(directory.path()).unwrap();
        let long: Vec<u8> = (0..1_000_000_u32).map(|it| it as u8).collect();
        for tls in [false, true] {
            let client = tls.then(|| client(&pki.ca, false).unwrap());
            let server = tls.then(|| server(&pki.certificate, &pki.key).unwrap());
            let (near, far) = pair();
            let mut near = Wire::call(near, client.as_ref()).unwrap();
            let mut far = Wire::answer(far, server.as_ref()).unwrap();
            pass(&mut near, &mut far, b"a question");
            pass(&mut far, &mut near, &long);
        }
    }

    #[test]
    fn a_certificate_of_another_authority_is_refused() {
        let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let pki = crate::pki::write(ours.path()).unwrap();
        let stranger = crate::pki::write(other.path()).unwrap();
        let server = server(&pki.certificate, &pki.key).unwrap();
        let (near, far) = pair();
        let client = client(&stranger.ca, false).unwrap();
        let mut near = Wire::call(near, Some(&client)).unwrap();
        let mut far = Wire::answer(far, Some(&server)).unwrap();
        let mut scratch = [0; 64];
        let refused = (0..1_000).any(|_| {
            let _ = far.receive(&mut scratch);
            std::thread::sleep(std::time::Duration::from_millis(1));
            near.receive(&mut scratch).is_err()
        });
        assert!(refused);
    }
}
