//! The machine's file system below one directory.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Disk, DiskFile, DiskLock, DiskWriter};

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
        fs::create_dir_all(self.at(dir))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskWriter>> {
        Ok(Box::new(RealWriter(File::options().write(true).create_new(true).open(self.at(path))?)))
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
        // The lock belongs to the open file: it goes when the file is closed, however the process ends.
        let file = File::options().write(true).create(true).truncate(false).open(self.at(path))?;
        file.try_lock()?;
        Ok(Box::new(RealLock(Some(file))))
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        match self.lock(path) {
            Err(error) if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => {
                Ok(Box::new(RealLock::of_existing(&self.at(path))?))
            }
            locked => locked,
        }
    }

    fn available(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Held while the file is open; without a file nobody can have it.
struct RealLock(#[expect(dead_code, reason = "closing it is what gives the lock back")] Option<File>);

impl RealLock {
    /// The lock of a file that can only be read.
    fn of_existing(path: &Path) -> io::Result<Self> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self(None)),
            opened => opened?,
        };
        file.try_lock()?;
        Ok(Self(Some(file)))
    }
}

impl DiskLock for RealLock {}

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
    use super::*;

    #[test]
    fn the_lock_of_a_file_that_can_only_be_read_keeps_out_and_is_kept_out() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, path) = (RealDisk::new(dir.path().to_owned()), dir.path().join("LOCK"));
        drop(RealLock::of_existing(&path).unwrap());
        assert!(!path.exists());
        let lock = disk.lock(Path::new("LOCK")).unwrap();
        assert_eq!(RealLock::of_existing(&path).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(lock);
        let reading = RealLock::of_existing(&path).unwrap();
        assert_eq!(disk.lock(Path::new("LOCK")).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(reading);
        drop(disk.lock(Path::new("LOCK")).unwrap());
    }
}
