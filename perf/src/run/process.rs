//! Child processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A child process; it ends with its owner. Its output can be read line by line, and is read to the
/// end so that it never waits for a reader.
pub struct Child {
    child: Mutex<std::process::Child>,
    lines: Receiver<String>,
}

/// How long a child may take to say that it is up.
const START: Duration = Duration::from_secs(20);

impl Child {
    /// Starts it and listens to both its outputs.
    pub fn start(command: &mut Command) -> Outcome<Child> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        let (say, lines) = channel();
        let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|it| Box::new(it) as _),
            child.stderr.take().map(|it| Box::new(it) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let say = say.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = say.send(line);
                }
            });
        }
        Ok(Child {
            child: Mutex::new(child),
            lines,
        })
    }

    pub fn id(&self) -> u32 {
        self.lock().id()
    }

    pub fn is_running(&self) -> bool {
        matches!(self.lock().try_wait(), Ok(None))
    }

    /// What it says first.
    pub fn first_line(&self) -> Outcome<String> {
        Ok(self.lines.recv_timeout(START)?)
    }

    /// What follows `mark` in the first line that has it.
    pub fn line_after(&self, mark: &str) -> Outcome<String> {
        let mut said = String::new();
        while let Ok(line) = self.lines.recv_timeout(START) {
            if let Some((_, rest)) = line.split_once(mark) {
                return Ok(rest.to_owned());
            }
            said.push_str(&line);
            said.push('\n');
        }
        Err(format!("a process did not start; it said:\n{said}").into())
    }

    /// What it has said and nobody has read.
    pub fn said(&self) -> String {
        self.lines.try_iter().collect::<Vec<_>>().join("\n")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, std::process::Child> {
        self.child
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut child = self.lock();
        if let Some(pid) = i32::try_from(child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let patience = Instant::now() + Duration::from_secs(3);
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The first child of a process.
pub fn child_of(parent: u32) -> Outcome<u32> {
    let begin = Instant::now();
    loop {
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue;
            };
            // "pid (name) state ppid …"; the name may hold anything.
            let after = stat.rsplit_once(") ").map(|(_, rest)| rest);
            let of = after.and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
            if of == Some(parent) {
                return Ok(pid);
            }
        }
        if begin.elapsed() > START {
            return Err(format!("process {parent} has no child").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
