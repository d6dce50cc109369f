//! How fast Sluice is, beside other proxies: an origin, a load generator, a floor, and one command that
//! runs them all.
//!
//! See `README.md` beside this file.

#![deny(unsafe_code)]

mod bodies;
mod counts;
mod load;
mod origin;
mod pinned;
mod pki;
mod poll;
mod relay;
mod run;
mod streams;
mod wire;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};

/// As `sluice` has it, so that what is counted here is what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every part of the rig fails with: a text for the person who runs it.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures Sluice beside other proxies on one machine.
#[derive(Parser)]
#[command(name = "sluice-perf", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure: starts everything, prints the table.
    Run(run::RunArgs),
    /// Count instructions per request, and compare them with the committed ones.
    Counts(counts::CountsArgs),
    /// Send requests, and print what came of it as one line of JSON.
    Load(load::LoadArgs),
    /// Hold event streams open, and print what came of it as one line of JSON.
    Streams(streams::StreamsArgs),
    /// Answer requests; prints the address it listens on.
    Origin(origin::OriginArgs),
    /// Pass requests on, and do nothing else: the floor; prints the address it listens on.
    Relay(relay::RelayArgs),
    /// Run a command on one core.
    #[command(hide = true)]
    Pinned(pinned::PinnedArgs),
}

/// Nanoseconds of a clock that all processes of the machine share.
fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Lets this process, and all it starts, open as many files as it may; says how many.
fn raise_files() -> Outcome<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Counts(args) => counts::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Streams(args) => streams::run(&args),
        Command::Origin(args) => origin::run(&args),
        Command::Relay(args) => relay::run(&args),
        Command::Pinned(args) => pinned::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice-perf: {error}");
            ExitCode::FAILURE
        }
    }
}
