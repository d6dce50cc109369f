//! One TLS connection, either side of it.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, CommonState};
use rustls_pki_types::ServerName;

use super::clients::{ClientCertificate, Clients};
use super::door::{Door, Shown};
use super::server::Choice;
use super::{TlsError, drive, seal};
use crate::base::buffers::Buffer;
use crate::base::limits::TLS_FRAGMENT_BYTES;

/// What [`Session::open`] stopped for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// All that has arrived is opened: more must arrive.
    NeedBytes,
    /// Plain bytes must be consumed first; then call again, whether or not more has arrived.
    PlainFull,
    /// The peer has closed TLS: all that it sent is opened, and nothing more will come.
    PeerClosed,
}

/// One TLS connection. Whoever drives it lends the buffers.
///
/// `cipher` is where the peer's bytes arrive. The same buffer must come with every call while it
/// is not empty; a connection that holds none may lend any empty one. `out` is what must be sent
/// to the peer, also when the call fails: it may hold an alert that says why.
pub struct Session {
    side: Side,
    flow: Flow,
}

enum Side {
    Server(Box<UnbufferedServerConnection>, Made),
    Client(Box<UnbufferedClientConnection>),
}

/// What a listener's session was made by.
struct Made {
    door: Arc<Door>,
    choice: Arc<Choice>,
    clients: Option<Arc<Clients>>,
}

/// What a session knows beside rustls's own state.
#[derive(Default)]
pub(super) struct Flow {
    /// Opened, but there was no room for it: at most one record.
    overflow: Vec<u8>,
    /// Bytes at the front of `cipher` that rustls has seen and wants to see again.
    pub(super) seen: usize,
    /// Bytes consumed before the handshake was complete.
    pub(super) handshake: usize,
    pub(super) peer_closed: bool,
    closed: bool,
    /// Set while a call is judging its input, and for ever when it fails.
    broken: bool,
}

impl Session {
    /// The listening side.
    ///
    /// # Errors
    /// When the configuration is unusable.
    pub fn server(door: &Arc<Door>) -> Result<Session, TlsError> {
        let shows = door.server();
        let (config, choice) = shows.connection();
        let server = UnbufferedServerConnection::new(config).map_err(TlsError::Protocol)?;
        let made = Made {
            door: Arc::clone(door),
            choice,
            clients: shows.clients().cloned(),
        };
        Ok(Session {
            side: Side::Server(Box::new(server), made),
            flow: Flow::default(),
        })
    }

    /// The connecting side. Its first [`Session::open`], of nothing yet, gives the first bytes to
    /// send.
    ///
    /// # Errors
    /// When the configuration is unusable.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Session, TlsError> {
        let client = UnbufferedClientConnection::new(config, name).map_err(TlsError::Protocol)?;
        Ok(Session {
            side: Side::Client(Box::new(client)),
            flow: Flow::default(),
        })
    }

    /// Opens the records in `cipher` into `plain`, and answers the peer's handshake in `out`.
    ///
    /// # Errors
    /// When the peer breaks the protocol or is not who it should be. The session is broken then,
    /// and `out` holds the alert to send before closing the connection.
    pub fn open(
        &mut self,
        cipher: &mut Buffer,
        plain: &mut Buffer,
        out: &mut Vec<u8>,
    ) -> Result<Progress, TlsError> {
        let Session { side, flow } = self;
        flow.poisoned(|flow| match side {
            Side::Server(server, _) => drive::open(&mut **server, flow, cipher, plain, out),
            Side::Client(client) => drive::open(&mut **client, flow, cipher, plain, out),
        })
    }

    /// Seals the slices, gathered into as few records as they need, at the end of `out`.
    ///
    /// # Errors
    /// When the handshake is not complete, or after [`Session::close`]: a session that was asked
    /// for what it cannot do is broken, too.
    pub fn seal<'a>(
        &mut self,
        cipher: &mut Buffer,
        plain: impl IntoIterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        let Session { side, flow } = self;
        flow.poisoned(|flow| {
            if flow.closed {
                return Err(TlsError::Closed);
            }
            match side {
                Side::Server(server, _) => {
                    drive::write(&mut **server, flow, cipher, out, |w, out| {
                        seal::seal(w, plain, out)
                    })
                }
                Side::Client(client) => drive::write(&mut **client, flow, cipher, out, |w, out| {
                    seal::seal(w, plain, out)
                }),
            }
        })
    }

    /// Ends our direction: puts the `close_notify` in `out` that tells the peer it has everything.
    /// Only for a clean end: without it the peer sees a truncation, as it should when we abort.
    ///
    /// # Errors
    /// When there is nothing to end, because the handshake is not complete.
    pub fn close(&mut self, cipher: &mut Buffer, out: &mut Vec<u8>) -> Result<(), TlsError> {
        let Session { side, flow } = self;
        flow.poisoned(|flow| {
            if std::mem::replace(&mut flow.closed, true) {
                return Ok(());
            }
            match side {
                Side::Server(server, _) => {
                    drive::write(&mut **server, flow, cipher, out, seal::close)
                }
                Side::Client(client) => drive::write(&mut **client, flow, cipher, out, seal::close),
            }
        })
    }

    /// True until application bytes can pass both ways.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// True once the peer has said that nothing more will come.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        self.flow.peer_closed
    }

    /// Judges the end of the connection itself.
    ///
    /// # Errors
    /// [`TlsError::Truncated`] when it comes before the peer closed TLS: anybody on the way can
    /// make it come, and cut what the peer sent short by it.
    pub fn on_eof(&self) -> Result<(), TlsError> {
        if self.flow.peer_closed {
            Ok(())
        } else {
            Err(TlsError::Truncated)
        }
    }

    /// The version in use, once it is known.
    #[must_use]
    pub fn version(&self) -> Option<rustls::ProtocolVersion> {
        self.common().protocol_version()
    }

    /// The protocol agreed on by ALPN; `None` when the peer offered none, which means HTTP/1.1.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.common().alpn_protocol()
    }

    /// What a caller's handshake has shown, once it is complete; nothing on the connecting side.
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        match &self.side {
            Side::Server(server, made) if !server.is_handshaking() => {
                let chain = server.peer_certificates();
                let certificate = chain.and_then(ClientCertificate::of);
                let clients = made.clients.clone();
                Some(Shown::new(&made.door, &made.choice, certificate, clients))
            }
            Side::Server(..) | Side::Client(_) => None,
        }
    }

    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(server, _) => server,
            Side::Client(client) => client,
        }
    }
}

impl Flow {
    /// Poison before judging: an early return leaves the session broken for ever.
    fn poisoned<T>(
        &mut self,
        judge: impl FnOnce(&mut Flow) -> Result<T, TlsError>,
    ) -> Result<T, TlsError> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(TlsError::Broken);
        }
        let value = judge(self)?;
        self.broken = false;
        Ok(value)
    }

    /// Moves opened bytes to where they are wanted; keeps those that do not fit.
    pub(super) fn deliver(&mut self, record: &[u8], plain: &mut Buffer) {
        let count = if self.overflow.is_empty() {
            plain.append(record)
        } else {
            0
        };
        self.overflow.extend_from_slice(&record[count..]);
    }

    /// Makes room for another record if there is any; answers whether there is.
    pub(super) fn has_room(&mut self, plain: &mut Buffer) -> bool {
        if !self.overflow.is_empty() {
            let count = plain.append(&self.overflow);
            self.overflow.drain(..count);
            if self.overflow.is_empty() {
                self.overflow = Vec::new(); // An idle connection owns no buffer.
            }
        }
        // A buffer too small for any record is served from the overflow.
        self.overflow.is_empty() && (plain.spare().len() >= TLS_FRAGMENT_BYTES || plain.is_empty())
    }
}
