//! Processes of the rig: on one core, as threads and processes inherit where they may run, and gone
//! when the one that started them is, however it ended.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Outcome;

/// Arguments of the hidden command `pinned`.
#[derive(clap::Args)]
pub struct PinnedArgs {
    #[arg(long)]
    core: usize,
    /// Whose end is this one's, too.
    #[arg(long)]
    parent: u32,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the command, on the core that was asked for.
pub fn run(args: &PinnedArgs) -> Outcome<()> {
    pin(args.core)?;
    // Not a signal that leaves no time: nginx's master has to end its worker. It stays in force
    // when this process becomes another program.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid().map(|parent| parent.as_raw_nonzero().get().cast_unsigned()) != Some(args.parent) {
        return Err("who started this is gone".into());
    }
    let (program, rest) = args.command.split_first().ok_or("no command")?;
    Err(Command::new(program).args(rest).exec().into())
}

/// From here on, this thread and all it starts run on `core` only.
pub fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A command that will run on `core`, and end when this process does. The thread that starts it must
/// live as long as the process: the kernel looks at threads.
pub fn on_core(core: usize, program: impl Into<OsString>) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["pinned", "--core", &core.to_string()])
        .args(["--parent", &std::process::id().to_string(), "--"])
        .arg(program.into());
    Ok(command)
}
