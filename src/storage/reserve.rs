//! Living with a full disk.
//!
//! While there is room, the file `RESERVE` holds some of it. When a flush finds the disk full, the file is removed and the
//! flush tried again: it needs little, and what it makes superfluous (log segments) gives back more. So it is with a merge,
//! or with dropping what has expired, while no memory waits to be flushed. The file returns once there is room for it twice
//! over.
//!
//! Writes are refused before the log itself fails, as soon as less than the reserve is free, or less than a flush of what is
//! in memory may take: a flush is what makes the log shorter. One is begun then, and writes are taken again as soon as there
//! is room: nobody has to do anything but make some, if the log is not what fills the disk.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    discard::gone,
    error::{StorageError, Tried},
    layout,
};
use crate::{seams::env::Disk, telemetry::log_each_minute};

/// The size of `RESERVE` in a served data directory, and the free space below which writes are refused.
pub(super) const RESERVE_BYTES: u64 = 16 << 20;
/// On a full disk a memtable is flushed early if the log has this share of the reserve for it: less is not worth a table.
const WORTHWHILE: u64 = 4;
/// Bytes written at once.
const CHUNK: usize = 1 << 20;

/// The reserve of an open store.
pub(super) struct Reserve {
    /// 0: there is none, and writes run into the full disk.
    bytes: u64,
    held: AtomicBool,
    /// Whether the last write was refused for want of space, so that the log says so once.
    refusing: AtomicBool,
}

impl Reserve {
    /// A reserve of `bytes`; what an earlier run left of it is looked at by [`Reserve::keep`].
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, held: AtomicBool::new(false), refusing: AtomicBool::new(false) }
    }

    /// Has the file there again if it isn't and there is room. Failing to is no error: the next call tries again.
    pub(super) fn keep(&self, disk: &dyn Disk) {
        if self.bytes == 0 || self.held.load(Ordering::Relaxed) {
            return;
        }
        let there = disk.open(Path::new(layout::RESERVE)).is_ok_and(|file| file.len() == self.bytes);
        if there || self.make(disk).unwrap_or_default() {
            self.held.store(true, Ordering::Relaxed);
        }
    }

    /// Writes the file if there is room for it twice over. Answers whether it did.
    fn make(&self, disk: &dyn Disk) -> io::Result<bool> {
        if disk.available()? < self.bytes.saturating_mul(2) {
            return Ok(false);
        }
        remove(disk)?;
        let written = write(disk, self.bytes);
        if written.is_err() {
            remove(disk)?;
        }
        written.map(|()| true)
    }

    /// Gives the space back. Answers whether there was any to give.
    fn release(&self, disk: &dyn Disk) -> Result<bool, StorageError> {
        if self.bytes == 0 || !self.held.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        remove(disk).tried("removing RESERVE")?;
        log_each_minute!(warn, bytes = self.bytes, "the disk is full: the reserve is released for a flush or merge");
        Ok(true)
    }

    /// Does `work`, and when the disk is too full for it, once more without the reserve.
    pub(super) fn with_room<T>(
        &self,
        disk: &dyn Disk,
        work: impl Fn() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        match work() {
            Err(error) if error.is_full() && self.release(disk)? => work(),
            other => other,
        }
    }

    /// Whether what the log has for the active memtable, `logged` bytes, should be flushed to make room.
    pub(super) fn wants_flush(&self, logged: u64) -> bool {
        self.refusing.load(Ordering::Relaxed) && logged >= self.bytes / WORTHWHILE
    }

    /// Why no write should be taken now, if none should. The table of a memtable takes no more than itself, so that flushing
    /// takes at most the `unflushed` bytes of all.
    pub(super) fn refusal(&self, disk: &dyn Disk, unflushed: u64) -> Option<String> {
        if self.bytes == 0 {
            return None;
        }
        // A disk that doesn't say is asked by writing to it.
        let free = disk.available().unwrap_or(u64::MAX);
        let needed = self.bytes.max(unflushed);
        let full = free < needed;
        if self.refusing.swap(full, Ordering::Relaxed) != full {
            if full {
                log_each_minute!(error, free, needed, "the disk is full: writes are refused until there is space");
            } else {
                log_each_minute!(info, free, "there is space again: writes are taken");
            }
        }
        let mib = |bytes: u64| bytes >> 20;
        full.then(|| format!("the disk is full: {} MiB are free, writing needs {} MiB", mib(free), mib(needed)))
    }
}

fn remove(disk: &dyn Disk) -> io::Result<()> {
    gone(disk.remove(Path::new(layout::RESERVE)))
}

/// Writes bytes that no file system can compress or leave out.
fn write(disk: &dyn Disk, bytes: u64) -> io::Result<()> {
    let mut file = disk.create(Path::new(layout::RESERVE))?;
    let (mut left, mut state) = (bytes, 0x9e37_79b9_7f4a_7c15u64);
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let words = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let chunk: Vec<u8> = words.flatten().take(len).collect();
        file.append(&chunk)?;
        left -= len as u64;
    }
    file.sync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::env::SimDisk;

    #[test]
    fn a_flush_is_wanted_while_writes_are_refused_and_it_would_free_something() {
        let (disk, reserve) = (SimDisk::new(), Reserve::new(1_000));
        for (capacity, unflushed, refused) in
            [(999, 0, true), (1_000, 0, false), (2_000, 2_001, true), (2_001, 2_001, false)]
        {
            disk.set_capacity(Some(capacity));
            assert_eq!(reserve.refusal(&disk, unflushed).is_some(), refused, "{capacity}");
            assert_eq!([249, 250].map(|logged| reserve.wants_flush(logged)), [false, refused], "{capacity}");
        }
        let none = Reserve::new(0);
        disk.set_capacity(Some(0));
        assert_eq!((none.refusal(&disk, 10), none.wants_flush(10)), (None, false));
    }
}
