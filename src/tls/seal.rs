//! Bytes of ours into records, at the end of a growable text.

use rustls::unbuffered::{EncodeError, EncodeTlsData, EncryptError, WriteTraffic};

use super::TlsError;
use crate::base::limits::TLS_FRAGMENT_BYTES;

/// What a record of ours is longer than its content (at most 29 bytes), with room to spare.
const SEALING_ROOM: usize = 64;

/// Seals the slices, gathered into as few records as they need.
pub(super) fn seal<'a, D>(
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

/// Seals a `close_notify`.
pub(super) fn close<D>(
    traffic: &mut WriteTraffic<'_, D>,
    out: &mut Vec<u8>,
) -> Result<(), TlsError> {
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

/// Appends what the handshake wants to send.
pub(super) fn encode<D>(
    mut chunk: EncodeTlsData<'_, D>,
    out: &mut Vec<u8>,
) -> Result<(), TlsError> {
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
