//! One TLS connection, either side of it.

use std::ops::DerefMut;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedConnectionCommon,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, CommonState, InvalidMessage, ServerConfig};
use rustls_pki_types::ServerName;

use super::TlsError;
use crate::base::buffers::Buffer;
use crate::base::limits::{TLS_FRAGMENT_BYTES, TLS_HANDSHAKE_BYTES};

/// What a record of ours is longer than its content (at most 29 bytes), with room to spare.
const SEALING_ROOM: usize = 64;

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
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// What a session knows beside rustls's own state.
#[derive(Default)]
struct Flow {
    /// Opened, but there was no room for it: at most one record.
    overflow: Vec<u8>,
    /// Bytes at the front of `cipher` that rustls has seen and wants to see again.
    seen: usize,
    /// Bytes consumed before the handshake was complete.
    handshake: usize,
    peer_closed: bool,
    closed: bool,
    /// Set while a call is judging its input, and for ever when it fails.
    broken: bool,
}

impl Session {
    /// The listening side.
    ///
    /// # Errors
    /// When the configuration is unusable.
    pub fn server(config: Arc<ServerConfig>) -> Result<Session, TlsError> {
        let server = UnbufferedServerConnection::new(config).map_err(TlsError::Protocol)?;
        Ok(Session {
            side: Side::Server(Box::new(server)),
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
            Side::Server(server) => open(&mut **server, flow, cipher, plain, out),
            Side::Client(client) => open(&mut **client, flow, cipher, plain, out),
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
                Side::Server(server) => write(&mut **server, flow, cipher, out, |w, out| {
                    seal(w, plain, out)
                }),
                Side::Client(client) => write(&mut **client, flow, cipher, out, |w, out| {
                    seal(w, plain, out)
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
                Side::Server(server) => write(&mut **server, flow, cipher, out, close),
                Side::Client(client) => write(&mut **client, flow, cipher, out, close),
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

    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(server) => server,
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
    fn deliver(&mut self, record: &[u8], plain: &mut Buffer) {
        let count = if self.overflow.is_empty() {
            plain.append(record)
        } else {
            0
        };
        self.overflow.extend_from_slice(&record[count..]);
    }

    /// Makes room for another record if there is any; answers whether there is.
    fn has_room(&mut self, plain: &mut Buffer) -> bool {
        if !self.overflow.is_empty() {
            let count = plain.append(&self.overflow);
            self.overflow.drain(..count);
        }
        // A buffer too small for any record is served from the overflow.
        self.overflow.is_empty() && (plain.spare().len() >= TLS_FRAGMENT_BYTES || plain.is_empty())
    }
}

/// The two kinds of rustls connections, which share no trait of rustls's.
trait Unbuffered: DerefMut<Target = UnbufferedConnectionCommon<Self::Data>> {
    type Data;

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8])
    -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Unbuffered for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

impl Unbuffered for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

fn open<C: Unbuffered>(
    connection: &mut C,
    flow: &mut Flow,
    cipher: &mut Buffer,
    plain: &mut Buffer,
    out: &mut Vec<u8>,
) -> Result<Progress, TlsError> {
    if flow.handshake == 0 {
        speaks_tls(cipher.filled())?;
    }
    loop {
        if !flow.has_room(plain) {
            return Ok(Progress::PlainFull);
        }
        let handshaking = connection.is_handshaking();
        let status = connection.process(cipher.filled_mut());
        let mut discard = status.discard;
        let mut resting = false;
        let state = status.state.map(|state| match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(TlsError::Protocol)?;
                    discard += record.discard;
                    flow.deliver(record.payload, plain);
                }
                Ok(())
            }
            ConnectionState::EncodeTlsData(chunk) => encode(chunk, out),
            ConnectionState::TransmitTlsData(sent) => {
                sent.done();
                Ok(())
            }
            ConnectionState::PeerClosed => {
                flow.peer_closed = true;
                Ok(())
            }
            ConnectionState::BlockedHandshake
            | ConnectionState::WriteTraffic(_)
            | ConnectionState::Closed => {
                resting = true;
                Ok(())
            }
            // Early data is never offered, and a state unknown to us is not for us to guess at.
            _ => Err(TlsError::Broken),
        });
        cipher.consume(discard);
        // Only a resting connection may hold on to a message that is not all there.
        flow.seen = if resting { cipher.filled().len() } else { 0 };
        match state {
            Ok(handled) => handled?,
            Err(error) => return Err(refuse(connection, cipher, out, error)),
        }
        if handshaking {
            flow.handshake += discard;
            if flow.handshake > TLS_HANDSHAKE_BYTES {
                return Err(TlsError::HandshakeTooLong);
            }
        }
        if !resting {
            continue;
        }
        if flow.peer_closed {
            cipher.consume(cipher.filled().len()); // Nothing may follow a close_notify.
            flow.seen = 0;
            return Ok(Progress::PeerClosed);
        }
        if cipher.is_full() && !cipher.is_empty() {
            return Err(TlsError::MessageTooLong);
        }
        return Ok(Progress::NeedBytes);
    }
}

/// Judges the very first byte, so that plain HTTP gets a clear answer however it is split.
fn speaks_tls(bytes: &[u8]) -> Result<(), TlsError> {
    match bytes.first() {
        Some(first) if first.is_ascii_alphabetic() => Err(TlsError::PlainText),
        _ => Ok(()),
    }
}

/// Collects the alerts that tell the peer why, and names the error.
fn refuse<C: Unbuffered>(
    connection: &mut C,
    cipher: &mut Buffer,
    out: &mut Vec<u8>,
    error: rustls::Error,
) -> TlsError {
    // Each alert comes once, before the input is looked at (and fails) again.
    loop {
        let status = connection.process(cipher.filled_mut());
        let discard = status.discard;
        let alert = match status.state {
            Ok(ConnectionState::EncodeTlsData(chunk)) => encode(chunk, out).is_ok(),
            _ => false,
        };
        cipher.consume(discard);
        if !alert {
            break;
        }
    }
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)
            if connection.is_handshaking() =>
        {
            TlsError::NotTls
        }
        error => TlsError::Protocol(error),
    }
}

/// Lets `act` write, after whatever the protocol itself wants to send first.
fn write<C: Unbuffered>(
    connection: &mut C,
    flow: &mut Flow,
    cipher: &mut Buffer,
    out: &mut Vec<u8>,
    act: impl FnOnce(&mut WriteTraffic<'_, C::Data>, &mut Vec<u8>) -> Result<(), TlsError>,
) -> Result<(), TlsError> {
    loop {
        // No more than was seen before: sealing must not open anything.
        let Some(seen) = cipher.filled_mut().get_mut(..flow.seen) else {
            return Err(TlsError::Broken);
        };
        let status = connection.process(seen);
        let discard = status.discard;
        let state = status.state.map_err(TlsError::Protocol)?;
        match state {
            ConnectionState::WriteTraffic(mut traffic) => {
                act(&mut traffic, out)?;
                cipher.consume(discard);
                flow.seen -= discard.min(flow.seen);
                return Ok(());
            }
            ConnectionState::EncodeTlsData(chunk) => encode(chunk, out)?,
            ConnectionState::TransmitTlsData(sent) => sent.done(),
            ConnectionState::PeerClosed => flow.peer_closed = true,
            ConnectionState::BlockedHandshake => return Err(TlsError::Handshaking),
            ConnectionState::Closed => return Err(TlsError::Closed),
            _ => return Err(TlsError::Broken),
        }
        cipher.consume(discard);
        flow.seen -= discard.min(flow.seen);
    }
}

fn seal<'a, D>(
    traffic: &mut WriteTraffic<'_, D>,
    plain: impl IntoIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TlsError> {
    let mut slices = plain.into_iter();
    let mut slice: &[u8] = &[];
    loop {
        // Full records straight from where the bytes are.
        let whole = slice.len() - slice.len() % TLS_FRAGMENT_BYTES;
        if whole > 0 {
            let (records, rest) = slice.split_at(whole);
            encrypt(traffic, records, out)?;
            slice = rest;
        }
        // The rest is gathered behind what is sealed, and sealed from there into its own place.
        let start = out.len();
        while out.len() - start < TLS_FRAGMENT_BYTES {
            if slice.is_empty() {
                match slices.next() {
                    Some(next) => slice = next,
                    None => break,
                }
                if out.len() == start && slice.len() >= TLS_FRAGMENT_BYTES {
                    break;
                }
            }
            let room = TLS_FRAGMENT_BYTES - (out.len() - start);
            let (gathered, rest) = slice.split_at(slice.len().min(room));
            out.extend_from_slice(gathered);
            slice = rest;
        }
        let gathered = out.len() - start;
        if gathered > 0 {
            encrypt_in_place(traffic, start, out)?;
        } else if slice.is_empty() {
            return Ok(());
        }
    }
}

/// Replaces the plain bytes from `start` on by their record.
fn encrypt_in_place<D>(
    traffic: &mut WriteTraffic<'_, D>,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), TlsError> {
    let end = out.len();
    let room = end - start + SEALING_ROOM;
    let sealed = grow(out, room, |before, record| {
        traffic.encrypt(&before[start..], record)
    });
    match sealed {
        Ok(()) => drop(out.drain(start..end)),
        // No plain byte may be left where records are expected.
        Err(_) => out.truncate(start),
    }
    sealed
}

fn encrypt<D>(
    traffic: &mut WriteTraffic<'_, D>,
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), TlsError> {
    let records = plain.len().div_ceil(TLS_FRAGMENT_BYTES);
    let room = plain.len() + records * SEALING_ROOM;
    grow(out, room, |_, record| traffic.encrypt(plain, record))
}

fn close<D>(traffic: &mut WriteTraffic<'_, D>, out: &mut Vec<u8>) -> Result<(), TlsError> {
    grow(out, SEALING_ROOM, |_, alert| {
        traffic.queue_close_notify(alert)
    })
}

/// Appends what `write` writes, first guessing that it takes `room` bytes.
fn grow(
    out: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&[u8], &mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), TlsError> {
    let start = out.len();
    loop {
        out.resize(start + room, 0);
        let (before, after) = out.split_at_mut(start);
        match write(before, after) {
            Ok(length) => {
                out.truncate(start + length);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(need)) if need.required_size > room => {
                room = need.required_size;
            }
            Err(_) => {
                out.truncate(start);
                return Err(TlsError::Exhausted);
            }
        }
    }
}

fn encode<D>(mut chunk: EncodeTlsData<'_, D>, out: &mut Vec<u8>) -> Result<(), TlsError> {
    let start = out.len();
    // Asked for with no room, it says how much it needs.
    let Err(EncodeError::InsufficientSize(need)) = chunk.encode(&mut []) else {
        return Err(TlsError::Broken);
    };
    out.resize(start + need.required_size, 0);
    match chunk.encode(&mut out[start..]) {
        Ok(length) => {
            out.truncate(start + length);
            Ok(())
        }
        Err(_) => {
            out.truncate(start);
            Err(TlsError::Broken)
        }
    }
}
