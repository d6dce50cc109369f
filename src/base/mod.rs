//! Floor 1: what every room stands on. Nothing here knows a protocol.

pub mod buffers;
pub mod clock;
pub mod ids;
pub mod limits;
pub mod secret;
