//! One process of a server: how it is started, and how it is ended.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::StdioServer;
use super::groups::{Group, Groups};
use crate::base::limits::STDIO_GRACE;

/// What of our own environment a server gets.
const PASSED: [&str; 2] = ["PATH", "HOME"];

/// A process that runs, and its group. Dropped, both are killed.
pub(super) struct Child {
    process: tokio::process::Child,
    group: Group,
}

/// The ends of its pipes.
pub(super) struct Pipes {
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Child {
    /// Starts a process. `tell` is told when it must end for what it uses.
    pub fn start(
        plan: &StdioServer,
        groups: &Arc<Groups>,
        tell: impl Fn(String) + Send + 'static,
    ) -> io::Result<(Child, Pipes)> {
        let mut command = Command::new(&plan.command);
        command.args(&plan.args).env_clear();
        for name in PASSED {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        for (name, value) in &plan.env {
            command.env(name, os_text(value.expose()));
        }
        if let Some(directory) = &plan.cwd {
            command.current_dir(directory);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.process_group(0).kill_on_drop(true).spawn()?;
        let pid = process
            .id()
            .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.ok_or_else(|| io::Error::other("it has no process id"))?;
        let group = groups.adopt(pid, plan.memory, tell);
        // Its memory holds secrets, and a core file would keep them.
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = prlimit(Some(pid), Resource::Core, none);
        let no_pipe = || io::Error::other("it has no pipes");
        let pipes = Pipes {
            stdin: process.stdin.take().ok_or_else(no_pipe)?,
            stdout: process.stdout.take().ok_or_else(no_pipe)?,
            stderr: process.stderr.take().ok_or_else(no_pipe)?,
        };
        Ok((Child { process, group }, pipes))
    }

    /// Waits until it has ended, and says how. Dropping it half-way loses nothing.
    pub async fn ended(&mut self) -> String {
        match self.process.wait().await {
            Ok(status) => format!("it ended by itself ({status})"),
            Err(error) => format!("it cannot be waited for ({error})"),
        }
    }

    /// Ends it. Its standard input is closed already, which is the first way of asking; the second
    /// is SIGTERM. Descendants in its group go with it.
    pub async fn end(mut self) {
        if self.ends_within(STDIO_GRACE).await {
            return;
        }
        self.group.signal(Signal::TERM);
        if !self.ends_within(STDIO_GRACE).await {
            self.kill().await;
        }
    }

    /// Ends it without asking.
    pub async fn kill(mut self) {
        self.group.signal(Signal::KILL);
        let _ = self.process.wait().await;
    }

    async fn ends_within(&mut self, time: Duration) -> bool {
        timeout(time, self.process.wait()).await.is_ok()
    }
}

/// What an environment variable is set to.
fn os_text(bytes: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}
