//! How fast Sluice is, against nginx: an origin, a load generator, and one command that runs both.
//!
//! See `README.md` beside this file.

#![deny(unsafe_code)]

mod bodies;
mod load;
mod origin;
mod pinned;
mod poll;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What every part of the rig fails with: a text for the person who runs it.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures Sluice against nginx on one machine.
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
    /// Send requests, and print what came of it as one line of JSON.
    Load(load::LoadArgs),
    /// Answer requests; prints the address it listens on.
    Origin(origin::OriginArgs),
    /// Run a command on one core.
    #[command(hide = true)]
    Pinned(pinned::PinnedArgs),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Origin(args) => origin::run(&args),
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
