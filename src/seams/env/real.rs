//! The machine's file system below one directory.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Disk, DiskFile, DiskLock, DiskWriter,
    disk::FILE_MODE,
    explain::{explained, explained_sync},
    lock::RealLock,
};

/// What the owner's group and others may do with new directories: read, and nothing.
const DIRECTORY_MODE: u32 = 0o750;

/// A directory of the machine's file system.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// The disk whose files lie in `root`; [`Disk::create_dir`] with an empty path creates it.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Does something with a file, and says what is lacking if the operating system refuses.
    fn with<T>(&self, path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let path = self.at(path);
        work(&path).map_err(|error| explained(error, &path))
    }

    fn at(&self, path: &Path) -> PathBuf {
        // Joining an empty path would add a trailing slash.
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn lock_of(&self, path: &Path, read: bool) -> io::Result<Box<dyn DiskLock>> {
        let directory = self.at(path.parent().unwrap_or(Path::new("")));
        Ok(Box::new(RealLock::take(&directory, &self.at(path), read)?))
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.with(dir, |path| DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskWriter>> {
        let mut options = File::options();
        let file = self.with(path, |path| options.write(true).create_new(true).mode(FILE_MODE).open(path))?;
        Ok(Box::new(RealWriter { file, path: self.at(path) }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.with(path, |path| File::open(path))?;
        let len = file.metadata()?.len();
        Ok(Arc::new(RealFile { file, len }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.with(to, |to| fs::rename(self.at(from), to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(self.at(from), self.at(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.with(path, |path| fs::remove_file(path))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.with(dir, |dir| fs::remove_dir(dir))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.with(path, |path| File::open(path))?.sync_data().map_err(|error| explained_sync(error, &self.at(path)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.with(dir, |dir| fs::read_dir(dir))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.with(dir, |dir| File::open(dir))?.sync_all().map_err(|error| explained_sync(error, &self.at(dir)))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.lock_of(path, false)
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.lock_of(path, true)
    }

    fn available(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(room(stat.f_blocks, stat.f_bavail.saturating_mul(stat.f_frsize)))
    }
}

/// The bytes that can be written. A file system of no blocks (ramfs, tmpfs without a limit, some of FUSE) doesn't say: it is full
/// when a write fails.
fn room(blocks: u64, available: u64) -> u64 {
    if blocks == 0 { u64::MAX } else { available }
}

struct RealWriter {
    file: File,
    path: PathBuf,
}

impl DiskWriter for RealWriter {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(|error| explained(error, &self.path))
    }

    fn sync(&mut self) -> io::Result<()> {
        // Data and the file's length are what a later read needs, and that is what fdatasync promises; the times it
        // leaves out are of no use to us and would cost a second journal write each time.
        self.file.sync_data().map_err(|error| explained_sync(error, &self.path))
    }
}

struct RealFile {
    file: File,
    len: u64,
}

impl DiskFile for RealFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, at)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_system_that_does_not_say_how_large_it_is_is_not_full() {
        assert_eq!((room(0, 0), room(10, 0), room(10, 7)), (u64::MAX, 0, 7));
    }

    #[test]
    fn files_and_directories_are_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path().join("data"));
        disk.create_dir(Path::new("a/b")).unwrap();
        let _lock = disk.lock(Path::new("LOCK")).unwrap();
        drop(disk.create(Path::new("a/file")).unwrap());
        for (path, most) in [("", 0o750), ("a", 0o750), ("a/b", 0o750), ("LOCK", 0o640), ("a/file", 0o640)] {
            let mode = fs::metadata(disk.at(Path::new(path))).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & !most, 0, "{path}: {mode:o}");
        }
    }
}
