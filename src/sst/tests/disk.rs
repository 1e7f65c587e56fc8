//! A disk of vectors. Only what tables need works; the rest is not supported.

use std::{
    collections::HashMap,
    io::{Error, ErrorKind, Result},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use crate::seams::env::{Disk, DiskFile, DiskLock, DiskWriter, Mapped};

type Bytes = Arc<Mutex<Vec<u8>>>;

#[derive(Default)]
pub(super) struct TestDisk {
    files: Mutex<HashMap<PathBuf, Bytes>>,
    /// Calls of `read_at`.
    pub(super) reads: Arc<AtomicU64>,
}

impl TestDisk {
    pub(super) fn put(&self, path: &str, bytes: Vec<u8>) {
        self.files.lock().insert(path.into(), Arc::new(Mutex::new(bytes)));
    }

    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        self.files.lock()[Path::new(path)].lock().clone()
    }
}

struct Writer(Bytes);

impl DiskWriter for Writer {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
}

struct Reader {
    bytes: Vec<u8>,
    reads: Arc<AtomicU64>,
}

impl DiskFile for Reader {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let found = self.bytes.get(at as usize..).and_then(|rest| rest.get(..buf.len()));
        buf.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn map(&self) -> Result<Mapped> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl Disk for TestDisk {
    fn create_dir(&self, _: &Path) -> Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn create(&self, path: &Path) -> Result<Box<dyn DiskWriter>> {
        let mut files = self.files.lock();
        if files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let bytes = Bytes::default();
        files.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(Box::new(Writer(bytes)))
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let bytes = self.files.lock().get(path).ok_or(Error::from(ErrorKind::NotFound))?.lock().clone();
        Ok(Arc::new(Reader { bytes, reads: Arc::clone(&self.reads) }))
    }

    fn rename(&self, _: &Path, _: &Path) -> Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn remove(&self, _: &Path) -> Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn list(&self, _: &Path) -> Result<Vec<String>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, _: &Path) -> Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn DiskLock>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn available(&self) -> Result<u64> {
        Ok(u64::MAX)
    }
}
