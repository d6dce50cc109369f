//! A worker's end of the recording, and the doors that open once something is in it.
//!
//! The doors [`Pending`], [`Receipt`] and [`Recorded`] are made in this file only, after the bytes
//! they vouch for were accepted by the ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::ring::hmac;

use crate::base::clock::Now;
use crate::base::ids::{ExchangeId, SessionId};
use crate::mask::Masked;

use super::frame::{self, Kind};
use super::link::Link;
use super::payload::{Class, EndPayload, EndRecord, RequestRecord};
use super::refusals::Refusals;
use super::session::{Ended, Session};

mod exchange;
mod parts;
mod ring;

use self::exchange::{END_ROOM, Room};
use self::ring::Stamp;

pub use self::exchange::{ExchangeLog, RecordError, Unrecorded};
pub use self::parts::{part_end_room, part_room};

/// In the recording, or on its way to the disk: what a [`Receipt`] will vouch for.
#[must_use]
#[derive(Debug)]
pub struct Pending<P> {
    what: P,
    exchange: ExchangeId,
    /// Ring bytes that must be on disk first; zero when acceptance by the ring is enough.
    position: u64,
}

/// `P` is in the recording, as safely as its class demands: it may go upstream.
#[must_use]
#[derive(Debug)]
pub struct Receipt<P> {
    what: P,
    exchange: ExchangeId,
}

impl<P> Receipt<P> {
    /// What is in the recording.
    pub fn what(&self) -> &P {
        &self.what
    }

    /// The exchange it belongs to.
    #[must_use]
    pub fn exchange(&self) -> ExchangeId {
        self.exchange
    }

    /// Gives what was vouched for, once; the receipt is spent.
    pub fn spend(self) -> P {
        self.what
    }
}

/// A piece of a request's body: these bytes of it, and no others, may go upstream.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Body {
    offset: u64,
    len: usize,
}

impl Body {
    /// Where in the body the piece begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True for a piece without bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Masked bytes that are in the recording: they may go to the caller.
#[must_use]
pub struct Recorded<'a> {
    masked: Masked<'a>,
}

impl<'a> Recorded<'a> {
    /// The bytes, in order.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.masked.slices()
    }

    /// How many bytes the slices hold together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.masked.len()
    }

    /// True when there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.masked.is_empty()
    }
}

/// What became of a [`Pending`].
#[must_use]
#[derive(Debug)]
pub enum Settle<P> {
    /// It is as safe as its class demands.
    Ready(Receipt<P>),
    /// The disk is not that far; wait on [`Writer::link`].
    NotYet(Pending<P>),
    /// The recorder failed first: it never will be.
    Dead,
}

/// Ring bytes that [`Writer::again`] needs.
pub const AGAIN_ROOM: usize = frame::ring_bytes(0);

/// A worker's end of its ring.
pub struct Writer {
    ring: rtrb::Producer<u8>,
    link: Arc<Link>,
    digest: hmac::Key,
    worker: u16,
    exchanges: u64,
    /// Bytes ever written to the ring.
    written: u64,
    /// Bytes written since the recorder was last woken.
    quiet: usize,
    reserved: Arc<AtomicUsize>,
    scratch: Vec<u8>,
    refusals: Refusals,
    /// True while a frame is half in the ring: a panic there leaves it so, and the ring is dead.
    torn: bool,
}

impl Writer {
    /// The end of `ring` that worker number `worker` writes to; `digest_key` keys the digests of
    /// bodies that cannot be read. `first_exchange` continues the count of an earlier process.
    #[must_use]
    pub fn new(
        ring: rtrb::Producer<u8>,
        link: Arc<Link>,
        worker: u16,
        first_exchange: u64,
        digest_key: &[u8; 32],
    ) -> Writer {
        Writer {
            ring,
            link,
            digest: hmac::Key::new(hmac::HMAC_SHA256, digest_key),
            worker,
            exchanges: first_exchange,
            written: 0,
            quiet: 0,
            reserved: Arc::default(),
            scratch: Vec::with_capacity(4096),
            refusals: Refusals::default(),
            torn: false,
        }
    }

    /// What to wait on for room and for the disk.
    #[must_use]
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Whether a call that needs this much room would get it now.
    #[must_use]
    pub fn room_for(&self, need: usize) -> bool {
        self.ring.slots() >= need.saturating_add(self.reserved.load(Ordering::Relaxed))
    }

    /// Records decision and head of a request whose permit is `permit`.
    ///
    /// The session's opening goes before it where it is not recorded yet. Room for the end frame is
    /// kept until [`Writer::end`].
    pub fn admit<P>(
        &mut self,
        permit: P,
        session: &Session,
        request: &RequestRecord<'_>,
        class: Class,
        now: Now,
    ) -> Result<(ExchangeLog, Pending<P>), Unrecorded<P>> {
        match self.open(session, request, class, now) {
            Ok(log) => {
                let pending = self.pending(permit, &log);
                Ok((log, pending))
            }
            Err(why) => Err(Unrecorded { what: permit, why }),
        }
    }

    /// Records a request that was decided against: an exchange of its own, ended at once.
    pub fn refusal(
        &mut self,
        session: &Session,
        request: &RequestRecord<'_>,
        end: &EndRecord,
        now: Now,
    ) -> Result<ExchangeId, RecordError> {
        let log = self.open(session, request, Class::Buffered, now)?;
        let exchange = log.exchange;
        self.end(log, end, now);
        Ok(exchange)
    }

    /// Records that a request goes upstream once more, from its beginning. `permit` is what the first receipt vouched for, and must be looked at again.
    pub fn again<P>(
        &mut self,
        permit: P,
        log: &mut ExchangeLog,
        now: Now,
    ) -> Result<Pending<P>, RecordError> {
        self.room(AGAIN_ROOM)?;
        let stamp = log.stamp(Kind::Repeated, now);
        self.put(&stamp, |_| ())?;
        log.request_bytes = 0;
        Ok(self.pending(permit, log))
    }

    /// Turns what is pending into its receipt as soon as its class allows.
    pub fn settle<P>(&self, pending: Pending<P>) -> Settle<P> {
        if self.link.durable() >= pending.position {
            let Pending { what, exchange, .. } = pending;
            return Settle::Ready(Receipt { what, exchange });
        }
        match self.usable() {
            Ok(_) => Settle::NotYet(pending),
            Err(_) => Settle::Dead,
        }
    }

    /// Records a piece of the request's body, masked, that covers `sent` bytes as they will go
    /// upstream.
    pub fn request_chunk(
        &mut self,
        log: &mut ExchangeLog,
        masked: &Masked<'_>,
        sent: usize,
        now: Now,
    ) -> Result<Pending<Body>, RecordError> {
        let offset = log.request_bytes;
        self.body(log, Kind::RequestChunk, masked, sent as u64, now)?;
        log.request_bytes += sent as u64;
        let body = Body { offset, len: sent };
        Ok(self.pending(body, log))
    }

    /// Records that a piece of the request's body cannot be read: its length and a keyed digest.
    pub fn request_withheld(
        &mut self,
        log: &mut ExchangeLog,
        bytes: &[u8],
        now: Now,
    ) -> Result<Pending<Body>, RecordError> {
        self.room(frame::ring_bytes(48))?;
        let (offset, len) = (log.request_bytes, bytes.len());
        let digest = hmac::sign(&self.digest, bytes);
        let stamp = log.stamp(Kind::RequestWithheld, now);
        self.put(&stamp, |out| {
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&(len as u64).to_le_bytes());
            out.extend_from_slice(digest.as_ref());
        })?;
        log.request_bytes += len as u64;
        Ok(self.pending(Body { offset, len }, log))
    }

    /// Records the head of a reply as the caller gets it.
    pub fn reply_head<'a>(
        &mut self,
        log: &mut ExchangeLog,
        masked: Masked<'a>,
        now: Now,
    ) -> Result<Recorded<'a>, Unrecorded<Masked<'a>>> {
        match self.head(log, &masked, now) {
            Ok(()) => Ok(Recorded { masked }),
            Err(why) => Err(Unrecorded { what: masked, why }),
        }
    }

    /// Records a piece of a reply's body as the caller gets it.
    pub fn reply_chunk<'a>(
        &mut self,
        log: &mut ExchangeLog,
        masked: Masked<'a>,
        now: Now,
    ) -> Result<Recorded<'a>, Unrecorded<Masked<'a>>> {
        match self.body(log, Kind::ResponseChunk, &masked, 0, now) {
            Ok(length) => {
                log.reply_bytes += length as u64;
                Ok(Recorded { masked })
            }
            Err(why) => Err(Unrecorded { what: masked, why }),
        }
    }

    /// Records the end of an exchange. Always finds room: admission kept it. With the recorder
    /// gone, nothing is recorded, and the missing end says that the outcome is unknown.
    pub fn end(&mut self, mut log: ExchangeLog, end: &EndRecord, now: Now) {
        let payload = EndPayload {
            end: *end,
            request_bytes: log.request_bytes,
            reply_bytes: log.reply_bytes,
            hits: log.hits,
        };
        let stamp = log.stamp(Kind::End, now);
        if self.usable().is_ok() {
            let put = self.put(&stamp, |out| payload.write(out));
            debug_assert!(put.is_ok(), "admission kept room for the end");
        }
    }

    /// Records that a session is over; gives it back when it cannot be recorded now.
    pub fn session_end(&mut self, ended: Ended, now: Now) -> Result<(), Unrecorded<Ended>> {
        let stamp = Stamp::of_none(ended.session.id(), Kind::SessionEnd, now);
        let put = self
            .room(frame::ring_bytes(1))
            .and_then(|()| self.put(&stamp, |out| out.push(ended.why as u8)));
        put.map_err(|why| Unrecorded { what: ended, why })
    }

    /// Counts a request that was refused before anybody was proven. Recorded as one frame a second
    /// at most, by this call or by [`Writer::tick`].
    pub fn refused_unproven(&mut self, reason: &'static str, now: Now) {
        self.refusals.count(reason, now);
        self.tick(now);
    }

    /// Records the refusals counted so far when a second has passed since the first of them.
    pub fn tick(&mut self, now: Now) {
        if self.refusals.is_due(now) {
            self.flush_refusals(now);
        }
    }

    /// Records the refusals counted so far. What the ring has no room for stays counted.
    pub fn flush_refusals(&mut self, now: Now) {
        let need = frame::ring_bytes(self.refusals.payload_bytes());
        if self.refusals.is_empty() || self.room(need).is_err() {
            return;
        }
        let refusals = std::mem::take(&mut self.refusals);
        let stamp = Stamp::of_none(SessionId::default(), Kind::RefusedAggregate, now);
        // Only a ring that is dead refuses after the check, and then nothing else matters.
        let _ = self.put(&stamp, |out| refusals.write(out));
    }

    /// What was just recorded, to be settled; a durable one gets the recorder going.
    fn pending<P>(&mut self, what: P, log: &ExchangeLog) -> Pending<P> {
        let position = match log.class {
            Class::Buffered => 0,
            Class::Durable => {
                self.quiet = 0;
                self.link.want(self.written);
                self.written
            }
        };
        Pending {
            what,
            exchange: log.exchange,
            position,
        }
    }
}

#[cfg(test)]
mod tests;
