//! The process groups that are ours: what they use is watched, and they never outlive us.
//!
//! Each server leads a process group of its own, so that what it starts can be ended with it. What
//! leaves the group on purpose (`setsid`) is beyond this; only a container holds that.
//!
//! - **Memory** is the resident memory of the whole group, looked at every
//!   [`STDIO_WATCH_TIME`]: a limit on address space would stop servers on V8, which reserve far more
//!   than they use. Pages that processes share count for each.
//! - **Our own end**, however sudden, closes the servers' standard input, upon which they are to
//!   exit. For those that do not, a small shell beside us holds the list of groups; when its own
//!   input closes, it ends them.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::sleep;

use crate::base::limits::{STDIO_GROUP_PROCESSES, STDIO_WATCH_TIME};

/// Reads `+ GROUP` and `- GROUP` until its input closes, then kills the groups that are left.
const GUARDIAN: &str = r#"trap "" HUP INT TERM
groups=" "
while read -r change group; do
  case "$change" in
    +) groups="$groups$group " ;;
    -) case "$groups" in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
  esac
done
for group in $groups; do kill -KILL "-$group"; done"#;

/// All groups of one host.
#[derive(Default)]
pub(in crate::servers) struct Groups(Mutex<Known>);

#[derive(Default)]
struct Known {
    groups: HashMap<i32, Watched>,
    guardian: Option<Child>,
}

struct Watched {
    memory: u64,
    /// Told why the group must end.
    tell: Box<dyn Fn(String) + Send>,
}

/// A group that runs. Dropping it kills whoever is left in it.
pub(super) struct Group {
    leader: Pid,
    groups: Arc<Groups>,
}

impl Groups {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the group of a process that was just started, which leads it.
    pub(super) fn adopt(
        self: &Arc<Self>,
        leader: Pid,
        memory: u64,
        tell: impl Fn(String) + Send + 'static,
    ) -> Group {
        let tell = Box::new(tell);
        let mut known = self.known();
        (known.groups).insert(leader.as_raw_pid(), Watched { memory, tell });
        known.guard('+', leader);
        Group {
            leader,
            groups: self.clone(),
        }
    }

    /// Watches for ever.
    pub async fn watch(self: Arc<Self>) {
        loop {
            sleep(STDIO_WATCH_TIME).await;
            if self.known().groups.is_empty() {
                continue;
            }
            let Ok(used) = tokio::task::spawn_blocking(use_by_group).await else {
                continue;
            };
            for (leader, watched) in &self.known().groups {
                if let Some(why) = used.get(leader).and_then(|used| used.too_much(watched)) {
                    (watched.tell)(why);
                }
            }
        }
    }
}

impl Known {
    /// Tells the guardian, which is started when it is first needed or has gone.
    fn guard(&mut self, change: char, leader: Pid) {
        let line = format!("{change} {}\n", leader.as_raw_pid());
        if self.tell(&line).is_some() {
            return;
        }
        self.guardian = start_guardian();
        let all = self.groups.keys().map(|group| format!("+ {group}\n"));
        let all: String = all.collect();
        if self.tell(&all).is_none() {
            eprintln!("sluice: /bin/sh cannot be started: servers may outlive a crash of ours");
        }
    }

    fn tell(&mut self, text: &str) -> Option<()> {
        let pipe = self.guardian.as_mut()?.stdin.as_mut()?;
        pipe.write_all(text.as_bytes()).ok()
    }
}

fn start_guardian() -> Option<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARDIAN]).env_clear();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Not in our group: what a terminal sends to us is not meant for it.
    command.process_group(0).current_dir("/").spawn().ok()
}

impl Drop for Known {
    fn drop(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            drop(guardian.stdin.take());
            let _ = guardian.wait();
        }
    }
}

impl Group {
    /// Sends a signal to everybody in the group.
    pub fn signal(&self, signal: Signal) {
        // There may be nobody left.
        let _ = kill_process_group(self.leader, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let mut known = self.groups.known();
        known.groups.remove(&self.leader.as_raw_pid());
        known.guard('-', self.leader);
    }
}

/// What a group uses.
#[derive(Default, Debug)]
struct Used {
    processes: usize,
    memory: u64,
}

impl Used {
    fn too_much(&self, watched: &Watched) -> Option<String> {
        if self.memory > watched.memory {
            let (used, bound) = (self.memory >> 20, watched.memory >> 20);
            return Some(format!("it used {used} MiB of memory, of {bound}"));
        }
        (self.processes > STDIO_GROUP_PROCESSES)
            .then(|| format!("it had more than {STDIO_GROUP_PROCESSES} processes"))
    }
}

/// What every process group on the machine uses. Processes come and go while this reads.
fn use_by_group() -> HashMap<i32, Used> {
    let mut all: HashMap<i32, Used> = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        return all;
    };
    let pids = entries.flatten().map(|entry| entry.path());
    for path in pids.filter(|path| path.file_name().is_some_and(is_number)) {
        let Ok(stat) = fs::read_to_string(path.join("stat")) else {
            continue;
        };
        let Some(group) = group_in(&stat) else {
            continue;
        };
        let used = all.entry(group).or_default();
        used.processes += 1;
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        used.memory += resident_in(&status).unwrap_or(0);
    }
    all
}

fn is_number(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
}

/// The process group in `/proc/PID/stat` (proc_pid_stat(5)): the third field after the name, which
/// stands in parentheses and may hold any.
fn group_in(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(2)?.parse().ok()
}

/// Resident bytes in `/proc/PID/status` (proc_pid_status(5)).
fn resident_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_use_is_read() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let group = group_in(&stat).unwrap();
        let used = use_by_group();
        assert!(used[&group].memory > 1024 * 1024, "{used:?}");
        assert_eq!(group_in("12 (a) b) S 1 77 3"), Some(77));
        assert_eq!(
            resident_in("VmPeak:\t1 kB\nVmRSS:\t  20 kB\n"),
            Some(20 * 1024)
        );
    }

    #[test]
    fn the_guardian_kills_what_is_left_and_only_that() {
        let sleeper = || {
            let mut command = Command::new("/bin/sleep");
            command.arg("600").process_group(0).spawn().unwrap()
        };
        let (mut left, mut gone) = (sleeper(), sleeper());
        let mut guardian = start_guardian().unwrap();
        let mut pipe = guardian.stdin.take().unwrap();
        write!(pipe, "+ {}\n+ {}\n+ 0x\n", gone.id(), left.id()).unwrap();
        write!(pipe, "- {}\n- 999999999\n", gone.id()).unwrap();
        drop(pipe);
        guardian.wait().unwrap();
        assert!(!left.wait().unwrap().success());
        assert!(
            gone.try_wait().unwrap().is_none(),
            "it was taken off the list"
        );
        gone.kill().unwrap();
        gone.wait().unwrap();
    }
}
