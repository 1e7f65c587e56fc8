//! How much memory the process really has, for those who would take more.
//!
//! What is counted where it is used is less than what the process has: allocators keep what was freed, lists grow by halves,
//! and something will always be forgotten. Close to the end of the budget whoever holds much and wants more is refused,
//! whatever the counts say: the alternative is that the kernel ends the process.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use super::allocator;

/// Bytes of the budget left for what isn't seen here: the kernel's tables, sockets and pages of files.
const LEFT: u64 = 8 << 20;
/// Share of the budget left for what others take who don't ask here: memtables, caches, requests on their way.
const LEFT_PART: u64 = 8;
/// Time between two looks (µs): in it two busy cores fill some megabytes.
const PAUSE: u64 = 1_000;

/// The end of a process' memory.
#[derive(Debug)]
pub struct Watermark {
    /// Above so many bytes memory is short.
    mark: u64,
    began: Instant,
    /// When it was looked last, in µs since it began.
    looked: AtomicU64,
    is_short: AtomicBool,
}

impl Watermark {
    /// For a process that may have `budget` bytes.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        let mark = budget.saturating_sub(LEFT + budget / LEFT_PART);
        Self { mark, began: Instant::now(), looked: AtomicU64::new(0), is_short: AtomicBool::new(false) }
    }

    /// Whether memory is short. It looks now and then only, so it may be asked all the time.
    pub fn is_short(&self) -> bool {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let looked = self.looked.load(Ordering::Relaxed);
        let due = now.saturating_sub(looked) >= PAUSE || looked == 0;
        if due && self.looked.compare_exchange(looked, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // A system that doesn't tell has its counts alone.
            let is_short = resident().is_some_and(|bytes| bytes > self.mark);
            if is_short {
                allocator::give_back();
            }
            self.is_short.store(is_short, Ordering::Relaxed);
        }
        self.is_short.load(Ordering::Relaxed)
    }
}

/// Memory of the process that is no file's, in bytes; `None` where the system doesn't tell.
fn resident() -> Option<u64> {
    static STATM: OnceLock<Option<(File, u64)>> = OnceLock::new();
    let opened = STATM.get_or_init(|| Some((File::open("/proc/self/statm").ok()?, rustix::param::page_size() as u64)));
    let (file, page) = opened.as_ref()?;
    let mut text = [0; 128];
    let length = file.read_at(&mut text, 0).ok()?;
    let mut numbers = std::str::from_utf8(text.get(..length)?).ok()?.split(' ').skip(1);
    let (all, of_files): (u64, u64) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some(all.saturating_sub(of_files) * page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_short_above_the_mark() {
        let here = resident().unwrap();
        assert!(here > 1 << 20, "{here}");
        assert!(Watermark::new(1 << 20).is_short());
        assert!(!Watermark::new(1 << 50).is_short());
    }
}
