//! Floor 1: what every room stands on. Nothing here knows a protocol.

pub mod access;
pub mod addresses;
pub mod blocks;
pub mod buffers;
pub mod calendar;
pub mod clock;
pub mod counters;
pub mod credential;
pub mod digest;
pub mod gate;
pub mod hex;
pub mod ids;
pub mod limits;
pub mod mailbox;
pub mod memory;
pub mod network;
pub mod pace;
pub mod secret;
pub mod strikes;
pub mod tally;
pub mod trace;
pub mod visible;
