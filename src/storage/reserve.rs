//! Living with a full disk.
//!
//! While there is room, the file `RESERVE` holds some of it. When a flush finds the disk full, the file is removed and the
//! flush tried again: it needs little, and what it makes superfluous (log segments) gives back more. So it is with a merge,
//! or with dropping what has expired, while no memory waits to be flushed. The file returns once there is room for it twice
//! over.
//!
//! Writes are refused before the log itself fails, as soon as less than the reserve is free, and taken again as soon as more
//! is: nobody has to do anything but make room.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    error::{StorageError, Tried},
    layout,
};
use crate::seams::env::Disk;

/// The size of `RESERVE` in a served data directory, and the free space below which writes are refused: a memtable's table
/// and index segment mostly fit.
pub(super) const RESERVE_BYTES: u64 = 16 << 20;
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
        tracing::warn!(bytes = self.bytes, "the disk is full: the reserve is released for a flush or merge");
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

    /// Why no write should be taken now, if none should.
    pub(super) fn refusal(&self, disk: &dyn Disk) -> Option<String> {
        if self.bytes == 0 {
            return None;
        }
        // A disk that doesn't say is asked by writing to it.
        let free = disk.available().unwrap_or(u64::MAX);
        let full = free < self.bytes;
        if self.refusing.swap(full, Ordering::Relaxed) != full {
            if full {
                tracing::error!(free, needed = self.bytes, "the disk is full: writes are refused until there is space");
            } else {
                tracing::info!(free, "there is space again: writes are taken");
            }
        }
        let mib = |bytes: u64| bytes >> 20;
        full.then(|| format!("the disk is full: {} MiB are free, writing needs {} MiB", mib(free), mib(self.bytes)))
    }
}

fn remove(disk: &dyn Disk) -> io::Result<()> {
    match disk.remove(Path::new(layout::RESERVE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
