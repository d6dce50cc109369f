//! Exchanges by operation list, both ways, of HTTP and of MCP: whatever happens to callers,
//! upstreams and the recorder, nothing goes upstream without a receipt, nothing reaches the caller
//! unrecorded, each end is accounted for exactly once, who refuses refuses for ever, a truncated
//! reply never ends cleanly, the caller's token stays behind, and nothing stays lent.
//!
//! The operations and what is checked are in `src/world.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::world;

fuzz_target!(|bytes: &[u8]| world::play(bytes));
