//! What frames carry: the payload of each kind, written by a worker and read by everybody.

mod part;
mod read;

pub use self::part::{PartRecord, write_part_end};
pub use self::read::{Event, Hits, Reasons};

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
    /// An operator had revoked the caller: it was refused, or cut off while under way.
    Revoked = 11,
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
        UpstreamMalformed Unreadable RecorderLost Drained CallerMalformed Revoked;
    SessionOver: Idle Aged Closed;
    Side: Request Reply;
}

impl Outcome {
    /// Every [`Outcome::name`], by number.
    pub const NAMES: &[&str] = &[
        "complete",
        "refused",
        "caller_gone",
        "upstream_refused",
        "upstream_truncated",
        "upstream_timeout",
        "upstream_malformed",
        "unreadable",
        "recorder_lost",
        "drained",
        "caller_malformed",
        "revoked",
    ];

    /// The name that people filter by.
    #[must_use]
    pub fn name(self) -> &'static str {
        Outcome::NAMES[self as usize]
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
