//! Sizes in bytes, and how much memory the machine has.

use std::{fmt, fs, str::FromStr};

/// Planned with when nothing is said: this share of the machine's memory …
const SHARE: u64 = 4;
/// … but no more than this: the page cache uses the rest better …
const AT_MOST: Bytes = Bytes(4 << 30);
/// … and no less than this, also when the machine doesn't tell.
const AT_LEAST: Bytes = Bytes(128 << 20);

/// Units by name, in bytes.
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
        let (number, unit) =
            UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).unwrap_or((text, 1));
        let number: u64 = number.trim_end().parse().map_err(|_| expected())?;
        let bytes = number.checked_mul(unit).ok_or_else(expected)?;
        if bytes < AT_LEAST.0 / 4 { Err(format!("must be at least {}", Self(AT_LEAST.0 / 4))) } else { Ok(Self(bytes)) }
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

/// What to plan with on this machine, or in this container.
pub(super) fn default_memory() -> Bytes {
    let read = |path| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").as_deref().and_then(total_memory);
    let container = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    let there_is = machine.into_iter().chain(container).min().unwrap_or(0);
    // Whole MiB read better where the number is shown.
    Bytes((there_is / SHARE) >> 20 << 20).clamp(AT_LEAST, AT_MOST)
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
        for (text, bytes) in
            [("512MiB", 512 << 20), ("2GB", 2_000_000_000), ("1 GiB", 1 << 30), ("123456789", 123_456_789)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1GB", "1.5GiB", "99999999999TiB", "1MiB", "1 parsec"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(Bytes(512 << 20).to_string(), "512MiB");
        assert_eq!(Bytes(2_000_000_001).to_string(), "2000000001");
    }

    #[test]
    fn the_default_is_a_share_within_bounds() {
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       16384 kB\n"), Some(16 << 20));
        assert_eq!(total_memory("nothing"), None);
        assert!((AT_LEAST..=AT_MOST).contains(&default_memory()));
    }
}
