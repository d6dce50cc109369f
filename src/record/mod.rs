//! Floor 4: the recording.

pub mod frame;
mod intake;
pub mod link;
pub mod payload;
mod refusals;
pub mod session;
mod writer;

pub use self::intake::{Intake, RingFrame, ring_pair};
pub use self::link::{Health, Link, State};
pub use self::payload::{Class, Decision, EndRecord, Outcome, RequestRecord, Timings};
pub use self::session::{CoreSession, Session, SessionTable, Sessions};
pub use self::writer::{
    Body, ExchangeLog, Pending, Receipt, RecordError, Recorded, Settle, Unrecorded, Writer,
};
