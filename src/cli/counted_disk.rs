//! A data directory whose bytes are counted as they are read, for the progress of commands that read all of it.

use std::{io, path::Path, sync::Arc};

use super::progress::Progress;
use crate::seams::env::{Disk, DiskFile, DiskLock, DiskWriter, RealDisk};

/// The directory, and who is told.
pub(super) struct CountedDisk {
    disk: RealDisk,
    progress: Arc<Progress>,
}

impl CountedDisk {
    /// The directory `dir`; what `parts` of it have is all there is to read.
    pub(super) fn new(dir: &Path, parts: &[&str], progress: Arc<Progress>) -> Self {
        let files = parts.iter().filter_map(|part| std::fs::read_dir(dir.join(part)).ok()).flatten();
        let bytes = files.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum();
        progress.total(bytes);
        Self { disk: RealDisk::new(dir.to_owned()), progress }
    }
}

impl Disk for CountedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(path)?;
        Ok(Arc::new(CountedFile { file, progress: Arc::clone(&self.progress) }))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskWriter>> {
        self.disk.create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.remove_dir(dir)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(path)
    }

    fn lock_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock_to_read(path)
    }

    fn available(&self) -> io::Result<u64> {
        self.disk.available()
    }
}

struct CountedFile {
    file: Arc<dyn DiskFile>,
    progress: Arc<Progress>,
}

impl DiskFile for CountedFile {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_at(buf, at)?;
        self.progress.advance(buf.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_counted_and_what_there_is_known_before() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("tables")).unwrap();
        std::fs::write(dir.path().join("tables/a"), [0; 100]).unwrap();
        std::fs::write(dir.path().join("other"), [0; 7]).unwrap();
        let progress = Arc::new(Progress::new("reading", true));
        let disk = CountedDisk::new(dir.path(), &["tables", "missing"], Arc::clone(&progress));
        disk.open(Path::new("tables/a")).unwrap().read_at(&mut [0; 60], 10).unwrap();
        assert_eq!(progress.counted(), (60, 100));
    }
}
