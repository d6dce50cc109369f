//! Drives rustls's unbuffered connections, of either side, from state to state.

use std::ops::DerefMut;

use rustls::InvalidMessage;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, UnbufferedConnectionCommon, UnbufferedStatus, WriteTraffic,
};

use super::TlsError;
use super::seal::encode;
use super::session::{Flow, Progress};
use crate::base::buffers::Buffer;
use crate::base::limits::TLS_HANDSHAKE_BYTES;

/// The two kinds of rustls connections, which share no trait of rustls's.
pub(super) trait Unbuffered:
    DerefMut<Target = UnbufferedConnectionCommon<Self::Data>>
{
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

/// Opens what `cipher` holds, until it is used up or `plain` is full.
pub(super) fn open<C: Unbuffered>(
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
        match turn(connection, flow, cipher, plain, out)? {
            Turn::Moved => {}
            Turn::Resting if flow.peer_closed => {
                cipher.consume(cipher.filled().len()); // Nothing may follow a close_notify.
                flow.seen = 0;
                return Ok(Progress::PeerClosed);
            }
            Turn::Resting if cipher.is_full() && !cipher.is_empty() => {
                return Err(TlsError::MessageTooLong);
            }
            Turn::Resting => return Ok(Progress::NeedBytes),
        }
    }
}

enum Turn {
    /// Something happened; more may.
    Moved,
    /// Nothing more happens before more bytes arrive.
    Resting,
}

/// One step of rustls's: at most one record opened, or one message of ours made.
fn turn<C: Unbuffered>(
    connection: &mut C,
    flow: &mut Flow,
    cipher: &mut Buffer,
    plain: &mut Buffer,
    out: &mut Vec<u8>,
) -> Result<Turn, TlsError> {
    let handshaking = connection.is_handshaking();
    let status = connection.process(cipher.filled_mut());
    let mut discard = status.discard;
    let mut turn = Turn::Moved;
    let refused = match status.state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(record) = traffic.next_record() {
                let record = record.map_err(TlsError::Protocol)?;
                discard += record.discard;
                flow.deliver(record.payload, plain);
            }
            None
        }
        Ok(ConnectionState::EncodeTlsData(chunk)) => {
            encode(chunk, out)?;
            None
        }
        Ok(ConnectionState::TransmitTlsData(sent)) => {
            sent.done();
            None
        }
        Ok(ConnectionState::PeerClosed) => {
            flow.peer_closed = true;
            None
        }
        Ok(
            ConnectionState::BlockedHandshake
            | ConnectionState::WriteTraffic(_)
            | ConnectionState::Closed,
        ) => {
            turn = Turn::Resting;
            None
        }
        // Early data is never offered, and a state unknown to us is not for us to guess at.
        Ok(_) => return Err(TlsError::Broken),
        Err(error) => Some(error),
    };
    cipher.consume(discard);
    if let Some(error) = refused {
        return Err(refuse(connection, cipher, out, error));
    }
    // Only a resting connection may hold on to a message that is not all there.
    flow.seen = match turn {
        Turn::Moved => 0,
        Turn::Resting => cipher.filled().len(),
    };
    if handshaking {
        flow.handshake += discard;
        if flow.handshake > TLS_HANDSHAKE_BYTES {
            return Err(TlsError::HandshakeTooLong);
        }
    }
    Ok(turn)
}

/// Judges the very first byte, so that plain HTTP gets a clear answer however it is split.
fn speaks_tls(bytes: &[u8]) -> Result<(), TlsError> {
    match bytes.first() {
        Some(first) if first.is_ascii_alphabetic() => Err(TlsError::PlainText),
        _ => Ok(()),
    }
}

/// Collects what was to be sent before the error, and the alert that names it to the peer.
fn refuse<C: Unbuffered>(
    connection: &mut C,
    cipher: &mut Buffer,
    out: &mut Vec<u8>,
    error: rustls::Error,
) -> TlsError {
    loop {
        let start = out.len();
        let status = connection.process(cipher.filled_mut());
        let discard = status.discard;
        let collected = match status.state {
            Ok(ConnectionState::EncodeTlsData(chunk)) => encode(chunk, out).is_ok(),
            _ => false,
        };
        cipher.consume(discard);
        // The alert comes last. Asked once more, rustls would look at the input again, fail again
        // and make a second alert, which it asserts not to do.
        if !collected || is_alert(&out[start..]) {
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

/// Whether a record of ours is an alert: by its type, or in TLS 1.3, where the type is sealed in, by
/// its length, which no other message of a handshake has.
fn is_alert(record: &[u8]) -> bool {
    const SEALED_ALERT: usize = 2 + 1 + 16; // The alert, its type, the tag.
    match record {
        [21, ..] => true,
        [23, _, _, content @ ..] => content.len() == 2 + SEALED_ALERT,
        _ => false,
    }
}

/// Lets `act` write, after whatever the protocol itself wants to send first.
pub(super) fn write<C: Unbuffered>(
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
