//! Sizes in bytes, how much memory the machine has, and who may use how much of it.
//!
//! One budget covers the process. What it needs in any case is set aside first, and a sixth for what can't be counted
//! where it is used; the rest is divided, and each part is kept by whoever uses it:
//!
//! ```text
//! part              of the rest   who keeps it
//! store             33/64         new samples (flushed when full, writes refused when flushing can't keep up), known
//!                                 series and blocks read before (forgotten beyond)
//! queries           12/64         the engine: a query, or a list of series and labels, that would pass it is refused
//! kept answers      3/64          the result cache: those unused for longest go
//! requests          16/64         the server: they wait for room from their first byte until what they bring is stored
//! ```
//!
//! Of the requests' part the largest write or import there may be gets 15/24, what writes and imports share 3/24 each, the
//! largest question 2/24 and what questions share 1/24.

use std::{fmt, fs, str::FromStr};

use super::cgroup::{self, Limit};

use crate::server::RequestMemory;

/// Planned with when nothing is said: this share of the machine's memory …
const SHARE: u64 = 4;
/// … but no more than this: the page cache uses the rest better …
const AT_MOST: Bytes = Bytes(4 << 30);
/// … and no less than this, also when the machine doesn't tell.
const AT_LEAST: Bytes = Bytes(128 << 20);

/// Units by name, in bytes. Capitals don't count, and neither does the B of binary units.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a size such as 512MiB or 2GB".to_owned();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start().to_ascii_lowercase();
        // Of Ki, Mi and Gi, as containers have them, everybody knows what they are; M alone is 1000² to some and 1024² to others.
        let is = |name: &str| unit == name || (name.ends_with("ib") && name.strip_suffix('b') == Some(&unit));
        let known = UNITS.iter().find(|(name, _)| is(&name.to_ascii_lowercase())).map(|(_, unit)| *unit);
        let Some(unit) = known.or(unit.is_empty().then_some(1)) else {
            let letter = unit.to_ascii_uppercase();
            return Err(match letter.as_str() {
                "K" | "M" | "G" | "T" if digits > 0 => {
                    format!("{} ({number}{letter} may be {number}{letter}B or {number}{letter}iB)", expected())
                }
                _ => expected(),
            });
        };
        let number: u64 = number.parse().map_err(|_| expected())?;
        let bytes = number.checked_mul(unit).ok_or_else(expected)?;
        if bytes == 0 { Err("must be more than 0".to_owned()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().take(4).rev();
        match binary.into_iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What the process needs whatever it does: the program, threads and connections, what is open of tables and index.
const PROCESS: u64 = 24 << 20;
/// One byte of so many is for what nobody counts: freed memory that the allocator can't give back because a neighbour is in
/// use, tables and segments being built, answers while their clients take them.
const UNCOUNTED: u64 = 6;
/// Queries that run at once take some MiB each that nobody counts, buffers and what their threads leave to the allocator, so
/// that there are fewer where this is less than …
const PER_QUERY: u64 = 32 << 20;
/// … times this.
const MOST_QUERIES: u16 = 20;
/// With less the process would pass its budget for moments: 64 MiB came to 71 to 84 under load or several questions at once.
const LEAST: Bytes = Bytes(96 << 20);
/// Keeping less than this wouldn't keep what one flush writes.
const LEAST_KEPT: Bytes = Bytes(32 << 20);
/// More than this is of no use: a request of 32 MiB takes about so much when all of its series are new.
const LARGEST_WRITE: u64 = 256 << 20;
/// More than this is of no use for what all requests of a kind have together, beside the largest of them.
const MOST_TOGETHER: u64 = 64 << 20;

/// The parts of the memory budget, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// For the store.
    pub(super) storage: u64,
    /// For all queries together.
    pub(super) queries: u64,
    /// For answers of range queries, kept for the next refresh.
    pub(super) answers: u64,
    /// For requests while they are read and taken apart.
    pub(super) requests: RequestMemory,
    /// How many queries may run at once.
    pub(super) queries_at_once: u16,
}

impl Budget {
    /// Divides `memory`.
    pub(super) fn new(memory: Bytes) -> Self {
        let rest = memory.0.saturating_sub(PROCESS + memory.0 / UNCOUNTED);
        let at_once = u16::try_from(memory.0 / PER_QUERY).unwrap_or(MOST_QUERIES).clamp(1, MOST_QUERIES);
        Self {
            storage: rest / 64 * 33,
            queries: rest / 64 * 12,
            answers: rest / 64 * 3,
            requests: requests(rest / 64 * 16),
            queries_at_once: at_once,
        }
    }
}

/// Divides what requests have.
fn requests(bytes: u64) -> RequestMemory {
    let share = |shares: u64, most: u64| (bytes / 24 * shares).min(most);
    RequestMemory {
        queries: share(1, MOST_TOGETHER),
        largest_query: share(2, MOST_TOGETHER),
        writes: share(3, MOST_TOGETHER),
        imports: share(3, MOST_TOGETHER),
        largest_write: share(15, LARGEST_WRITE),
    }
}

/// Reads a size that the files may have; 0 is any.
pub(super) fn kept(text: &str) -> Result<Bytes, String> {
    if text == "off" || text == "0" {
        return Ok(Bytes(0));
    }
    match text.parse()? {
        bytes if bytes < LEAST_KEPT => Err(format!("must be at least {LEAST_KEPT}")),
        bytes => Ok(bytes),
    }
}

/// Reads a memory budget.
pub(super) fn budget(text: &str) -> Result<Bytes, String> {
    match text.parse()? {
        bytes if bytes < LEAST => Err(format!("{bytes} is too little to stay within: it takes at least {LEAST}")),
        bytes => Ok(bytes),
    }
}

/// Why `memory`, which was asked for, is more than there may be, if it is.
pub(super) fn beyond(memory: Bytes) -> Option<String> {
    let limit = cgroup::limit().filter(|limit| limit.bytes < memory.0)?;
    Some(format!("{} allows no more than {}", limit.file.display(), mib(limit.bytes)))
}

/// What to plan with on this machine, or within the limits of its control groups, and why.
pub(super) fn default_memory() -> (Bytes, String) {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_memory);
    planned(machine, cgroup::limit())
}

fn planned(machine: Option<u64>, limit: Option<Limit>) -> (Bytes, String) {
    let limit = limit.filter(|limit| machine.is_none_or(|machine| limit.bytes < machine));
    let there_is = limit.as_ref().map(|limit| limit.bytes).or(machine).unwrap_or(0);
    // Whole MiB read better where the number is shown.
    let share = Bytes((there_is / SHARE) >> 20 << 20);
    let least = if there_is == 0 { AT_LEAST } else { AT_LEAST.min(Bytes(there_is)).max(LEAST) };
    let bytes = share.clamp(least, AT_MOST);
    let why = match (limit, machine) {
        (Some(limit), _) => format!("of {} allowed by {}", mib(limit.bytes), limit.file.display()),
        (None, Some(machine)) => format!("of {} that the machine has", mib(machine)),
        (None, None) => "the least, as the machine doesn't tell what it has".to_owned(),
    };
    (bytes, why)
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
    fn sizes_have_units_of_both_kinds() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("2GB", 2_000_000_000),
            ("1 GiB", 1 << 30),
            ("123456789", 123_456_789),
            ("10Gi", 10 << 30),
            ("10gb", 10_000_000_000),
            ("3kI", 3 << 10),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1GB", "1.5GiB", "99999999999TiB", "0", "1 parsec", "1G", "512m", "Gi", "1i"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(Bytes(512 << 20).to_string(), "512MiB");
        assert_eq!(Bytes(2_000_000_001).to_string(), "2000000001");
    }

    #[test]
    fn a_budget_too_small_to_start_is_refused_with_the_least() {
        let refused = budget("64MiB").unwrap_err();
        assert!(refused.contains("64MiB") && refused.contains("at least 96MiB"), "{refused}");
        assert_eq!(budget("96MiB"), Ok(LEAST));
        assert!(kept("1MiB").is_err() && kept("32MiB").is_ok());
        assert_eq!(kept("0"), Ok(Bytes(0)));
    }

    #[test]
    fn the_parts_and_the_process_are_all_there_is() {
        for memory in [96 << 20, 128 << 20, 1 << 30, 4 << 30] {
            let Budget { storage, queries, answers, requests, queries_at_once } = Budget::new(Bytes(memory));
            assert!(u64::from(queries_at_once) == (memory >> 25).min(20));
            let RequestMemory { queries: forms, largest_query, writes, imports, largest_write } = requests;
            let requests = forms + largest_query + writes + imports + largest_write;
            assert!(PROCESS + memory / UNCOUNTED + storage + queries + answers + requests <= memory);
            let options = crate::storage::StorageOptions::for_memory(storage as usize);
            let memtables = options.memtable_bytes * (options.sealed_limit + 1);
            let kept = memtables + options.block_cache_bytes + options.known_series * 48;
            assert!(kept as u64 <= storage, "{memory}: {kept} of {storage}");
        }
    }

    #[test]
    fn the_default_is_a_share_within_bounds() {
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       16384 kB\n"), Some(16 << 20));
        assert_eq!(total_memory("nothing"), None);
        assert!((LEAST..=AT_MOST).contains(&default_memory().0));
    }

    #[test]
    fn the_default_stays_within_a_limit_of_the_control_group_and_names_it() {
        let limit = |mib: u64| Some(Limit { bytes: mib << 20, file: "/sys/fs/cgroup/memory.max".into() });
        let machine = Some(64 << 30);
        let (bytes, why) = planned(machine, limit(200));
        assert_eq!((bytes, &*why), (AT_LEAST, "of 200MiB allowed by /sys/fs/cgroup/memory.max"));
        assert_eq!(planned(machine, limit(2048)).0, Bytes(512 << 20));
        assert_eq!(planned(machine, limit(100)).0, Bytes(100 << 20), "less than usual, as there is no more");
        assert_eq!(planned(machine, limit(32)).0, LEAST);
        // Without a limit version 1 shows a number beyond all memory.
        assert_eq!(planned(machine, limit(1 << 40)), (AT_MOST, "of 64GiB that the machine has".to_owned()));
        assert_eq!(planned(None, None).0, AT_LEAST);
    }
}
