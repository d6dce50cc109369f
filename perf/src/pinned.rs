//! Running on one core: threads and processes inherit where they may run from who starts them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Outcome;

/// Arguments of the hidden command `pinned`.
#[derive(clap::Args)]
pub struct PinnedArgs {
    #[arg(long)]
    core: usize,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the command, on the core that was asked for.
pub fn run(args: &PinnedArgs) -> Outcome<()> {
    pin(args.core)?;
    let (program, rest) = args.command.split_first().ok_or("no command")?;
    Err(Command::new(program).args(rest).exec().into())
}

/// From here on, this thread and all it starts run on `core` only.
pub fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A command that will run on `core`.
pub fn on_core(core: usize, program: impl Into<OsString>) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["pinned", "--core", &core.to_string(), "--"])
        .arg(program.into());
    Ok(command)
}
