//! `sluice check`: is this file good?

use super::failure::Failure;
use super::terminal::{self, Paint};
use crate::control::{config, rules};
use std::path::PathBuf;

/// Judge a configuration file without listening.
///
/// Reads everything the file refers to (certificates, secrets, lists) and reports every mistake
/// with line and column. Contacts nobody.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  sluice check -c sluice.yaml && systemctl reload sluice")]
pub struct CheckArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "sluice.yaml")]
    config: PathBuf,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let unusable = |mistakes| {
        Failure::new(format!(
            "{} cannot be used:\n{mistakes}",
            args.config.display()
        ))
    };
    let config = config::load(&args.config).map_err(unusable)?;
    rules::preview(&config).map_err(unusable)?;
    let verdict = format!(
        "{} {}: listeners {}, issuers {}, connections {}, policies {}\n",
        Paint::for_stdout().good("good"),
        args.config.display(),
        config.listeners.len(),
        config.issuers.len(),
        config.connections.len(),
        config.policies.len(),
    );
    terminal::print(verdict.as_bytes())
}
