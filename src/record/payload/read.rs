//! Payloads taken apart, each by the form of its kind.

use crate::base::clock::Wall;
use crate::record::frame::{Frame, FrameError, Kind};

use super::{
    Class, Decision, EndPayload, EndRecord, Outcome, PartRecord, RequestRecord, SessionOver, Side,
    Timings,
};

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
    /// See [`Kind::Repeated`].
    Repeated,
    /// See [`Kind::Part`].
    Part(PartRecord<'a>),
    /// See [`Kind::PartEnd`].
    PartEnd { id: &'a str, status: u16 },
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
            Kind::Repeated => Event::Repeated,
            Kind::Part => Event::Part(fields.part()?),
            Kind::PartEnd => {
                let status = u16::from_le_bytes(*fields.array()?);
                fields.zeros(6)?;
                let id = fields.text()?;
                Event::PartEnd { id, status }
            }
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

    fn part(&mut self) -> Result<PartRecord<'a>, FrameError> {
        let decision = known(Decision::from_number(self.byte()?))?;
        self.zeros(7)?;
        Ok(PartRecord {
            decision,
            id: self.text()?,
            rule: self.text()?,
            method: self.text()?,
            target: self.text()?,
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
