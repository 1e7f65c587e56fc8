//! Files of one data directory.
//!
//! Paths are relative to that directory and use `/`. What a crash leaves behind follows POSIX at its least generous:
//! written bytes survive once the file is synced, names (created, renamed, removed) once their directory is; a
//! directory is itself a name in its parent.

use std::{io, path::Path, sync::Arc};

/// What the owner's group and others may do with new files: read, and nothing.
pub(super) const FILE_MODE: u32 = 0o640;

/// A data directory.
pub trait Disk: Send + Sync {
    /// Creates the directory and its parents; existing ones are fine.
    ///
    /// # Errors
    /// As the operating system says, here and below.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates a new file for writing from its start; fails with `AlreadyExists` when there is one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskWriter>>;

    /// Opens an existing file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing what had the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name in the same data directory; fails with `AlreadyExists` when that name is taken. For
    /// immutable files: both names are the same bytes, and removing one leaves the other.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Open readers go on reading it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes an existing file's bytes survive a crash, whoever wrote them: what a killed process wrote and didn't sync is
    /// readable after it, but not settled.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Names of the files and directories directly in `dir`, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes names created, renamed or removed in `dir` survive a crash.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock of the directory that `path` is in for this process until the answer is dropped; fails with `WouldBlock`
    /// when another process has it. It is on the directory itself and on the file `path` in it, which tells that to processes
    /// that know only of the file, and can be removed without letting anybody in.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Takes the lock for who only reads: where nothing can be written, as on a read-only file system, a missing lock file
    /// is no hindrance.
    fn lock_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.lock(path)
    }

    /// Bytes that can still be written.
    fn available(&self) -> io::Result<u64>;
}

/// A held lock.
pub trait DiskLock: Send + Sync {
    /// Whether the directory that was locked is still where it was, and nobody else can have it.
    ///
    /// # Errors
    /// `WouldBlock` when another process has the lock's file: what it does with the directory isn't known from then on. Others
    /// when the directory isn't found, which may pass.
    fn check(&self) -> io::Result<()>;
}

/// A file being written, append only.
pub trait DiskWriter: Send {
    /// Appends all of `bytes`. On an error some of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended survive a crash. After an error nothing can be said about it.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file being read.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` from offset `at`; fails with `UnexpectedEof` when the file ends before.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()>;

    /// All of the file's bytes. For files that are known to be small.
    ///
    /// Files are read, never mapped: whoever cuts a mapped file short ends the process that touches it.
    fn read_all(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        self.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}
