//! Floor 4: the recording.

pub mod block;
pub mod checkpoint;
pub mod frame;
mod intake;
pub mod link;
pub mod note;
pub mod payload;
pub mod pruned;
mod refusals;
pub mod segment;
pub mod session;
pub mod tree;
pub mod verify;
mod writer;

pub use self::intake::{Intake, RingFrame, ring_pair};
pub use self::link::{Health, Link, State};
pub use self::payload::{Class, Decision, EndRecord, Outcome, RequestRecord, Timings};
pub use self::session::{CoreSession, Session, SessionTable, Sessions};
pub use self::writer::{
    Body, ExchangeLog, Pending, Receipt, RecordError, Recorded, Settle, Unrecorded, Writer,
};
