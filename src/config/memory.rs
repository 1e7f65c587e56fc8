//! How much memory to plan with on this machine, where the user doesn't say.

use std::fs;

use super::{
    budget::LEAST,
    bytes::Bytes,
    cgroup::{self, Limit},
};

/// The default is one part in so many of the machine's memory, within these bounds.
const SHARE: u64 = 4;
/// The page cache uses the rest better.
const AT_MOST: Bytes = Bytes(4 << 30);
/// Also the default where the machine doesn't tell what it has.
const AT_LEAST: Bytes = Bytes(128 << 20);

/// Why the `memory` asked for is more than this process may use, if it is.
pub(super) fn beyond_limit(memory: Bytes) -> Option<String> {
    let limit = cgroup::limit().filter(|limit| limit.bytes < memory.0)?;
    Some(format!("{} allows no more than {}", limit.file.display(), mib(limit.bytes)))
}

/// The memory to plan with, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DefaultMemory {
    pub(super) memory: Bytes,
    pub(super) reason: String,
}

/// The memory to plan with on this machine, or within the limits of its control groups.
pub(super) fn default_memory() -> DefaultMemory {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_memory);
    default_for(machine, cgroup::limit())
}

fn default_for(machine: Option<u64>, limit: Option<Limit>) -> DefaultMemory {
    let limit = limit.filter(|limit| machine.is_none_or(|machine| limit.bytes < machine));
    let there_is = limit.as_ref().map(|limit| limit.bytes).or(machine).unwrap_or(0);
    // Whole MiB read better where the number is shown.
    let share = Bytes((there_is / SHARE) >> 20 << 20);
    let least = if there_is == 0 { AT_LEAST } else { AT_LEAST.min(Bytes(there_is)).max(LEAST) };
    let memory = share.clamp(least, AT_MOST);
    let reason = match (limit, machine) {
        (Some(limit), _) => format!("of {} allowed by {}", mib(limit.bytes), limit.file.display()),
        (None, Some(machine)) => format!("of {} that the machine has", mib(machine)),
        (None, None) => "the least, as the machine doesn't tell what it has".to_owned(),
    };
    DefaultMemory { memory, reason }
}

fn mib(bytes: u64) -> Bytes {
    Bytes(bytes >> 20 << 20)
}

/// The bytes in `MemTotal:  16384 kB`.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_share_within_bounds() {
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       16384 kB\n"), Some(16 << 20));
        assert_eq!(total_memory("nothing"), None);
        assert!((LEAST..=AT_MOST).contains(&default_memory().memory));
    }

    #[test]
    fn the_default_stays_within_a_limit_of_the_control_group_and_names_it() {
        let limit = |mib: u64| Some(Limit { bytes: mib << 20, file: "/sys/fs/cgroup/memory.max".into() });
        let machine = Some(64 << 30);
        let DefaultMemory { memory, reason } = default_for(machine, limit(200));
        assert_eq!((memory, &*reason), (AT_LEAST, "of 200MiB allowed by /sys/fs/cgroup/memory.max"));
        assert_eq!(default_for(machine, limit(2048)).memory, Bytes(512 << 20));
        assert_eq!(default_for(machine, limit(100)).memory, Bytes(100 << 20), "less than usual, as there is no more");
        assert_eq!(default_for(machine, limit(32)).memory, LEAST);
        // Without a limit version 1 shows a number beyond all memory.
        let default = default_for(machine, limit(1 << 40));
        assert_eq!((default.memory, &*default.reason), (AT_MOST, "of 64GiB that the machine has"));
        assert_eq!(default_for(None, None).memory, AT_LEAST);
    }
}
