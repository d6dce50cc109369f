//! The exchange, driven as `worker::pump` drives it, but with a clock that only moves when told to,
//! buffers in memory, and seeds that decide how bytes are split and which direction goes first.
//!
//! Everything else is real: tokens signed and verified, policy, masks, and the recording's ring,
//! whose other end the tests hold.

mod bound;
mod check;
mod drive;
mod leaks;
mod masks;
mod refusals;
mod repeats;
mod replies;
mod requests;
mod rig;
mod signer;
mod splits;
mod trickle;
mod upgrades;
mod waits;
