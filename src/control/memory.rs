//! Looks how much memory the process has in use, and what it may have where nobody said.

use std::sync::Arc;
use std::time::Duration;

use crate::base::limits::{Limits, MEMORY_LOOK_TIME, MEMORY_SHARE};
use crate::base::memory::Memory;

/// Begins to look. Within the runtime.
pub(super) fn start(limits: &Limits) -> Arc<Memory> {
    let memory = Arc::<Memory>::default();
    memory.allow(allowed(limits));
    tokio::spawn(watch(Arc::clone(&memory)));
    memory
}

/// Looks again and again, for ever.
async fn watch(memory: Arc<Memory>) {
    let every: Duration = MEMORY_LOOK_TIME;
    loop {
        // Where nobody can tell, nothing is refused for want of memory.
        memory.note(resident().unwrap_or(0));
        tokio::time::sleep(every).await;
    }
}

/// What the process may have in use under these limits.
pub(super) fn allowed(limits: &Limits) -> u64 {
    match limits.memory_bytes {
        0 => there_is().map_or(u64::MAX, |all| all / MEMORY_SHARE.1 * MEMORY_SHARE.0),
        bytes => bytes,
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Option<u64> {
    figure(
        &std::fs::read_to_string("/proc/self/status").ok()?,
        "VmRSS:",
    )
}

/// Bytes that the machine has, or the control group that the process is in where that has less.
fn there_is() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| figure(&text, "MemTotal:"));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let bounds = groups.lines().filter_map(|line| {
        // Version 2 has one line, `0::/path`; of version 1, the controller's.
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        // Within a container the path is often another than the one that is mounted.
        let own = std::fs::read_to_string(format!("{root}{path}/{file}"));
        let bound = own.or_else(|_| std::fs::read_to_string(format!("{root}/{file}")));
        bound.ok()?.trim().parse::<u64>().ok()
    });
    machine.into_iter().chain(bounds).min()
}

/// Of a line such as `MemTotal:       16384000 kB`.
fn figure(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_some_memory_and_may_have_more() {
        let (used, all) = (resident().unwrap(), there_is().unwrap());
        assert!(used > 1 << 20 && used < all, "{used} of {all}");
        let limits = Limits::default();
        assert!(allowed(&limits) < all);
        let set = Limits {
            memory_bytes: 7,
            ..limits
        };
        assert_eq!(allowed(&set), 7);
    }

    #[test]
    fn figures_are_read() {
        let text = "MemFree:  1 kB\nMemTotal:       16384 kB\n";
        assert_eq!(figure(text, "MemTotal:"), Some(16 << 20));
        assert_eq!(figure("MemTotal: many", "MemTotal:"), None);
    }
}
