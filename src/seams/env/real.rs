//! The machine's file system below one directory.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Disk, DiskFile, DiskLock, DiskWriter, lock::RealLock};

/// What the owner's group and others may do with new files and directories: read, and nothing.
pub(super) const FILE_MODE: u32 = 0o640;
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

    fn at(&self, path: &Path) -> PathBuf {
        // Joining an empty path would add a trailing slash.
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(self.at(dir))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskWriter>> {
        Ok(Box::new(RealWriter(File::options().write(true).create_new(true).mode(FILE_MODE).open(self.at(path))?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::open(self.at(path))?;
        let len = file.metadata()?.len();
        Ok(Arc::new(RealFile { file, len }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(self.at(from), self.at(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(self.at(path))?.sync_data()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.at(dir))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(self.at(dir))?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(RealLock::take(&self.root, &self.at(path), false)?))
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(RealLock::take(&self.root, &self.at(path), true)?))
    }

    fn available(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

struct RealWriter(File);

impl DiskWriter for RealWriter {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // Data and the file's length are what a later read needs, and that is what fdatasync promises; the times it
        // leaves out are of no use to us and would cost a second journal write each time.
        self.0.sync_data()
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
