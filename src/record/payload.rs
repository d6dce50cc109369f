//! What frames carry: the payload of each kind, written by a worker and read by everybody.

use crate::base::clock::Wall;

use super::frame::{Frame, FrameError, Kind};

/// How an exchange's frames reach the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Class {
    /// Released on acceptance by the ring.
    #[default]
    Buffered = 0,
    /// The request waits until it is on disk.
    Durable = 1,
}

/// What was decided about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Decision {
    /// It goes upstream.
    Allowed = 0,
    /// A rule, or the absence of one, denies it.
    Denied = 1,
    /// It cannot be judged or served.
    Refused = 2,
}

/// How an exchange ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Outcome {
    /// The reply reached the caller whole.
    Complete = 0,
    /// Refused by a decision or a bound; nothing went upstream.
    Refused = 1,
    /// The caller went away.
    CallerGone = 2,
    /// The upstream could not be reached or did not take the request.
    UpstreamRefused = 3,
    /// The upstream's reply ended before its end.
    UpstreamTruncated = 4,
    /// The upstream was too slow.
    UpstreamTimeout = 5,
    /// The upstream's reply broke the protocol.
    UpstreamMalformed = 6,
    /// The reply could not be read, so it was withheld.
    Unreadable = 7,
    /// The recorder failed while the exchange was under way.
    RecorderLost = 8,
    /// The gateway was shutting down.
    Drained = 9,
    /// The request's body was malformed or too slow.
    CallerMalformed = 10,
}

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SessionOver {
    /// Nobody used it for [`crate::base::limits::SESSION_IDLE_TIME`].
    Idle = 0,
    /// It reached [`crate::base::limits::SESSION_AGE`].
    Aged = 1,
    /// The process shut down in order.
    Closed = 2,
}

/// Which way the masked bytes went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Side {
    /// What is recorded of a request.
    Request = 0,
    /// What the caller gets.
    Reply = 1,
}

macro_rules! numbered {
    ($($name:ident: $($variant:ident)*;)*) => {$(
        impl $name {
            /// The variant with this number.
            #[must_use]
            pub fn from_number(number: u8) -> Option<$name> {
                [$($name::$variant),*].into_iter().find(|it| *it as u8 == number)
            }
        }
    )*};
}

numbered! {
    Class: Buffered Durable;
    Decision: Allowed Denied Refused;
    Outcome: Complete Refused CallerGone UpstreamRefused UpstreamTruncated UpstreamTimeout
        UpstreamMalformed Unreadable RecorderLost Drained CallerMalformed;
    SessionOver: Idle Aged Closed;
    Side: Request Reply;
}

impl Outcome {
    /// The name that people filter by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Refused => "refused",
            Outcome::CallerGone => "caller_gone",
            Outcome::UpstreamRefused => "upstream_refused",
            Outcome::UpstreamTruncated => "upstream_truncated",
            Outcome::UpstreamTimeout => "upstream_timeout",
            Outcome::UpstreamMalformed => "upstream_malformed",
            Outcome::Unreadable => "unreadable",
            Outcome::RecorderLost => "recorder_lost",
            Outcome::Drained => "drained",
            Outcome::CallerMalformed => "caller_malformed",
        }
    }
}

impl Decision {
    /// The name as shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Decision::Allowed => "allowed",
            Decision::Denied => "denied",
            Decision::Refused => "refused",
        }
    }
}

impl SessionOver {
    /// The name as shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SessionOver::Idle => "idle",
            SessionOver::Aged => "aged",
            SessionOver::Closed => "closed",
        }
    }
}

/// A decided request, as it is recorded. Everything in it is masked already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestRecord<'a> {
    /// What was decided.
    pub decision: Decision,
    /// The rule that decided, or the reason where no rule did.
    pub rule: &'a str,
    /// The generation of the policy that decided.
    pub generation: u64,
    /// The method.
    pub method: &'a str,
    /// The canonical path, masked.
    pub path: &'a str,
    /// The query, masked.
    pub query: Option<&'a str>,
    /// The headers that are listed for recording, masked, as `name: value\r\n` lines.
    pub headers: &'a [u8],
}

/// Nanoseconds since the exchange was admitted; zero for what was never reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timings {
    /// The receipt was there.
    pub receipt: u64,
    /// The last byte of the request went upstream.
    pub sent: u64,
    /// The head of the upstream's reply was there.
    pub replied: u64,
    /// The end.
    pub ended: u64,
}

/// The end of an exchange, as the exchange knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndRecord {
    /// How it ended.
    pub outcome: Outcome,
    /// The status that the caller got; zero when none.
    pub status: u16,
    /// When things happened.
    pub timings: Timings,
}

/// The end of an exchange, as it is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndPayload {
    /// What the exchange told.
    pub end: EndRecord,
    /// Bytes of the request's body that went upstream.
    pub request_bytes: u64,
    /// Bytes of the reply's body that were released to the caller.
    pub reply_bytes: u64,
    /// Places that masks changed, both ways.
    pub hits: u64,
}

/// Bytes of an end frame's payload.
pub const END_BYTES: usize = 64;

impl EndPayload {
    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        let EndRecord {
            outcome,
            status,
            timings,
        } = self.end;
        out.extend_from_slice(&[outcome as u8, 0]);
        out.extend_from_slice(&status.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for number in [
            self.request_bytes,
            self.reply_bytes,
            self.hits,
            timings.receipt,
            timings.sent,
            timings.replied,
            timings.ended,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Appends a text: its length in four bytes, and it.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends the payload of a session's opening.
pub fn write_session_open(principal: &str, connection: &str, out: &mut Vec<u8>) {
    write_text(principal, out);
    write_text(connection, out);
}

/// Appends the payload of a request's head.
pub fn write_request_head(
    request: &RequestRecord<'_>,
    class: Class,
    principal: &str,
    connection: &str,
    out: &mut Vec<u8>,
) {
    let query = request.query.is_some();
    out.extend_from_slice(&[request.decision as u8, class as u8, u8::from(query), 0]);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&request.generation.to_le_bytes());
    for text in [
        request.rule,
        principal,
        connection,
        request.method,
        request.path,
        request.query.unwrap_or_default(),
    ] {
        write_text(text, out);
    }
    out.extend_from_slice(request.headers);
}

/// A frame's payload, taken apart.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(
    missing_docs,
    reason = "the fields are those of the kinds, drawn in `record`"
)]
pub enum Event<'a> {
    /// See [`Kind::SessionOpen`].
    SessionOpen {
        principal: &'a str,
        connection: &'a str,
    },
    /// See [`Kind::SessionEnd`].
    SessionEnd(SessionOver),
    /// See [`Kind::RequestHead`].
    RequestHead {
        request: RequestRecord<'a>,
        class: Class,
        principal: &'a str,
        connection: &'a str,
    },
    /// See [`Kind::RequestChunk`].
    RequestChunk {
        offset: u64,
        sent: u64,
        bytes: &'a [u8],
    },
    /// See [`Kind::RequestWithheld`].
    RequestWithheld {
        offset: u64,
        sent: u64,
        digest: [u8; 32],
    },
    /// See [`Kind::ResponseHead`].
    ResponseHead(&'a [u8]),
    /// See [`Kind::ResponseChunk`].
    ResponseChunk { offset: u64, bytes: &'a [u8] },
    /// See [`Kind::MaskHit`].
    MaskHit { side: Side, hits: Hits<'a> },
    /// See [`Kind::End`].
    End(EndPayload),
    /// See [`Kind::RefusedAggregate`].
    Refused { since: Wall, reasons: Reasons<'a> },
    /// See [`Kind::Torn`].
    Torn { segment: u64, bytes: u64 },
    /// See [`Kind::Pruned`].
    Pruned {
        segment: u64,
        first_leaf: u64,
        leaves: u64,
        digest: [u8; 32],
    },
}

/// The hits of one frame: rule and offset each.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hits<'a>(&'a [u8]);

impl Hits<'_> {
    /// Rule and offset of each hit.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.chunks_exact(10).filter_map(|hit| {
            let rule = u16::from_le_bytes(*hit.first_chunk()?);
            let offset = u64::from_le_bytes(*hit[2..].first_chunk()?);
            Some((rule, offset))
        })
    }
}

/// The counted reasons of one frame of refusals.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reasons<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> Reasons<'a> {
    /// Each reason and how often it was given.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, u64)> {
        let mut fields = Fields(self.bytes);
        (0..self.count).map_while(move |_| {
            let count = fields.u64().ok()?;
            Some((fields.text().ok()?, count))
        })
    }
}

impl<'a> Event<'a> {
    /// Takes the frame's payload apart; every byte of it must be accounted for.
    pub fn read(frame: &Frame<'a>) -> Result<Event<'a>, FrameError> {
        let mut fields = Fields(frame.payload);
        let event = match frame.header.kind {
            Kind::SessionOpen => Event::SessionOpen {
                principal: fields.text()?,
                connection: fields.text()?,
            },
            Kind::SessionEnd => Event::SessionEnd(known(SessionOver::from_number(fields.byte()?))?),
            Kind::RequestHead => fields.request_head()?,
            Kind::RequestChunk => Event::RequestChunk {
                offset: fields.u64()?,
                sent: fields.u64()?,
                bytes: fields.rest(),
            },
            Kind::RequestWithheld => Event::RequestWithheld {
                offset: fields.u64()?,
                sent: fields.u64()?,
                digest: *fields.array()?,
            },
            Kind::ResponseHead => Event::ResponseHead(fields.rest()),
            Kind::ResponseChunk => Event::ResponseChunk {
                offset: fields.u64()?,
                bytes: fields.rest(),
            },
            Kind::MaskHit => fields.hits()?,
            Kind::End => Event::End(fields.end()?),
            Kind::RefusedAggregate => fields.refused()?,
            Kind::Torn => Event::Torn {
                segment: fields.u64()?,
                bytes: fields.u64()?,
            },
            Kind::Pruned => Event::Pruned {
                segment: fields.u64()?,
                first_leaf: fields.u64()?,
                leaves: fields.u64()?,
                digest: *fields.array()?,
            },
        };
        if fields.0.is_empty() {
            Ok(event)
        } else {
            Err(FrameError::Payload)
        }
    }
}

fn known<T>(it: Option<T>) -> Result<T, FrameError> {
    it.ok_or(FrameError::Payload)
}

/// What of a payload is not taken yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = known(self.0.split_at_checked(count))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], FrameError> {
        known(self.take(N)?.first_chunk())
    }

    fn byte(&mut self) -> Result<u8, FrameError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_le_bytes(*self.array()?))
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        Ok(u64::from_le_bytes(*self.array()?))
    }

    fn text(&mut self) -> Result<&'a str, FrameError> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).map_err(|_| FrameError::Payload)
    }

    fn zeros(&mut self, count: usize) -> Result<(), FrameError> {
        if self.take(count)?.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(FrameError::Payload)
        }
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn request_head(&mut self) -> Result<Event<'a>, FrameError> {
        let decision = known(Decision::from_number(self.byte()?))?;
        let class = known(Class::from_number(self.byte()?))?;
        let has_query = self.byte()? == 1;
        self.zeros(5)?;
        let generation = self.u64()?;
        let rule = self.text()?;
        let principal = self.text()?;
        let connection = self.text()?;
        let method = self.text()?;
        let path = self.text()?;
        let query = self.text()?;
        let request = RequestRecord {
            decision,
            rule,
            generation,
            method,
            path,
            query: has_query.then_some(query),
            headers: self.rest(),
        };
        Ok(Event::RequestHead {
            request,
            class,
            principal,
            connection,
        })
    }

    fn hits(&mut self) -> Result<Event<'a>, FrameError> {
        let side = known(Side::from_number(self.byte()?))?;
        self.zeros(3)?;
        let count = self.u32()? as usize;
        let hits = Hits(self.take(known(count.checked_mul(10))?)?);
        Ok(Event::MaskHit { side, hits })
    }

    fn end(&mut self) -> Result<EndPayload, FrameError> {
        let outcome = known(Outcome::from_number(self.byte()?))?;
        self.zeros(1)?;
        let status = u16::from_le_bytes(*self.array()?);
        self.zeros(4)?;
        Ok(EndPayload {
            request_bytes: self.u64()?,
            reply_bytes: self.u64()?,
            hits: self.u64()?,
            end: EndRecord {
                outcome,
                status,
                timings: Timings {
                    receipt: self.u64()?,
                    sent: self.u64()?,
                    replied: self.u64()?,
                    ended: self.u64()?,
                },
            },
        })
    }

    fn refused(&mut self) -> Result<Event<'a>, FrameError> {
        let since = Wall(self.u64()?);
        let count = self.u32()?;
        self.zeros(4)?;
        let bytes = self.rest();
        let mut check = Fields(bytes);
        for _ in 0..count {
            check.u64()?;
            check.text()?;
        }
        self.0 = check.0;
        let reasons = Reasons { count, bytes };
        Ok(Event::Refused { since, reasons })
    }
}
