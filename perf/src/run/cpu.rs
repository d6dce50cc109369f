//! What processes cost, as the kernel counts it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Outcome;

/// CPU time of a process by what its threads are for, nanoseconds; with how its workers' time was
/// spent, in ticks of the kernel's clock.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    /// Threads that move requests.
    worker: f64,
    /// The recorder.
    recorder: f64,
    /// All others.
    other: f64,
    user_ticks: f64,
    system_ticks: f64,
}

/// CPU time of one request or event, microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Each {
    /// Threads that move requests, in their own code.
    pub user: f64,
    /// The same in the kernel.
    pub system: f64,
    /// The recorder.
    pub recorder: f64,
    /// All other threads.
    pub other: f64,
}

impl Each {
    pub fn worker(&self) -> f64 {
        self.user + self.system
    }

    pub fn total(&self) -> f64 {
        self.worker() + self.recorder + self.other
    }
}

impl Cpu {
    pub fn since(&self, before: &Cpu) -> Cpu {
        self.with(before, |now, before| now - before)
    }

    pub fn and(&self, more: &Cpu) -> Cpu {
        self.with(more, |one, other| one + other)
    }

    fn with(&self, other: &Cpu, of: impl Fn(f64, f64) -> f64) -> Cpu {
        Cpu {
            worker: of(self.worker, other.worker),
            recorder: of(self.recorder, other.recorder),
            other: of(self.other, other.other),
            user_ticks: of(self.user_ticks, other.user_ticks),
            system_ticks: of(self.system_ticks, other.system_ticks),
        }
    }

    pub fn total(&self) -> f64 {
        self.worker + self.recorder + self.other
    }

    /// Microseconds for each of so many. The scheduler's sum is exact, the ticks are samples that
    /// only say in what proportion it was user code; where there are none, none of it was.
    pub fn per(&self, count: u64) -> Each {
        let each = |total: f64| total / 1_000.0 / count.max(1) as f64;
        let share = self.user_ticks / (self.user_ticks + self.system_ticks).max(1.0);
        Each {
            user: each(self.worker) * share,
            system: each(self.worker) * (1.0 - share),
            recorder: each(self.recorder),
            other: each(self.other),
        }
    }
}

/// What the threads of a process are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// All of them move requests.
    Workers,
    /// Sluice's: their names tell.
    Named,
}

/// CPU time a process has used, from the scheduler's own account of its threads.
pub fn used(pid: u32, threads: Threads) -> Outcome<Cpu> {
    let mut cpu = Cpu::default();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Some(account) = Account::of(&thread?.path()) else {
            continue;
        };
        let name = account.name.trim();
        if threads == Threads::Workers || name.starts_with("core-") {
            cpu.worker += account.used;
            cpu.user_ticks += account.user_ticks;
            cpu.system_ticks += account.system_ticks;
        } else if name == "recorder" {
            cpu.recorder += account.used;
        } else {
            cpu.other += account.used;
        }
    }
    Ok(cpu)
}

/// What the kernel says of one thread.
struct Account {
    name: String,
    used: f64,
    user_ticks: f64,
    system_ticks: f64,
}

impl Account {
    fn of(thread: &Path) -> Option<Account> {
        let read = |file: &str| fs::read_to_string(thread.join(file)).ok();
        let (user_ticks, system_ticks) = ticks(&read("stat")?)?;
        Some(Account {
            name: read("comm")?,
            used: read("schedstat")?.split(' ').next()?.parse().ok()?,
            user_ticks,
            system_ticks,
        })
    }
}

/// User and system time from `/proc/…/stat`: "pid (name) state ppid …", where the name may hold
/// anything.
fn ticks(stat: &str) -> Option<(f64, f64)> {
    let (_, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ').skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// What a process has used once it has caught up with its work, so that work put off counts.
pub fn when_quiet(used: impl Fn() -> Outcome<Cpu>) -> Outcome<Cpu> {
    const LOOK: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(10);
    let begin = Instant::now();
    let mut last = used()?;
    loop {
        std::thread::sleep(LOOK);
        let now = used()?;
        let busy = now.since(&last).total() / LOOK.as_nanos() as f64;
        if busy < 0.05 || begin.elapsed() > PATIENCE {
            return Ok(now);
        }
        last = now;
    }
}

/// Memory that is resident.
pub fn resident_kib(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB");
    Ok(text.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticks_are_found_behind_any_name() {
        let stat = "71 (a) b (c)) S 1 71 71 0 -1 4194560 5 6 7 8 41 59 0 0 20 0 3 0 9 10 11";
        assert_eq!(ticks(stat), Some((41.0, 59.0)));
        assert_eq!(ticks("71 (a"), None);
    }

    #[test]
    fn the_sum_is_the_schedulers_and_the_split_the_ticks() {
        let cpu = Cpu {
            worker: 8_000_000.0,
            recorder: 1_000_000.0,
            other: 0.0,
            user_ticks: 1.0,
            system_ticks: 3.0,
        };
        let each = cpu.per(1_000);
        assert_eq!((each.user, each.system, each.recorder), (2.0, 6.0, 1.0));
        let unknown = Cpu {
            worker: 5_000.0,
            ..Cpu::default()
        };
        assert_eq!(unknown.per(1).system, 5.0);
    }

    #[test]
    fn this_process_has_used_some() {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let cpu = used(std::process::id(), Threads::Workers).unwrap();
        assert!(cpu.total() > 0.0);
        assert!(resident_kib(std::process::id()).unwrap() > 100);
    }
}
