//! The simulated disk's two faces: [`Disk`] for storage, and a script for the test.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::state::{Change, Cut, Fault, NodeRef, Op, State, parent};
use crate::seams::env::{Disk, DiskFile, DiskLock, DiskWriter};

/// A disk in memory; clones are the same disk. See the module's overview for what survives a crash.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations have changed the disk: the moments between which the power can be cut.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.state.lock().ops
    }

    /// Lets `ops` more changing operations succeed; from the next one on every call fails.
    pub fn cut_power_after(&self, ops: u64) {
        let mut state = self.state.lock();
        state.cut_at = Some(state.ops + ops);
    }

    /// From now on whoever has the lock is told so (`None`: no longer) when it asks.
    pub fn take_away(&self, kind: Option<ErrorKind>) {
        self.state.lock().taken = kind;
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state.lock().dead
    }

    /// Cuts the power if it isn't cut yet, and gives the disk that the next start finds: no locks, no scripted faults,
    /// the same capacity. Every call on the old disk fails from now on.
    #[must_use]
    pub fn restart(&self, cut: Cut) -> Self {
        let mut state = self.state.lock();
        state.dead = true;
        Self { state: Arc::new(Mutex::new(state.after(cut))) }
    }

    /// Fails the next `op` on a path that contains `path_part` (`""`: any). Call it again for the one after.
    ///
    /// A failed append may leave half of its bytes; a failed sync gives up on the bytes that waited for it.
    pub fn fail_next(&self, op: Op, path_part: &str, kind: ErrorKind) {
        self.state.lock().faults.push(Fault { op, path_part: path_part.to_owned(), kind: Some(kind) });
    }

    /// Panics at the next `op` on a path that contains `path_part`, on the thread that asks for it.
    pub fn panic_next(&self, op: Op, path_part: &str) {
        self.state.lock().faults.push(Fault { op, path_part: path_part.to_owned(), kind: None });
    }

    /// Takes back scripted failures that have not happened.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// Limits the bytes of all files together; an append beyond writes what fits and fails with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// Flips one bit of a file, for open readers and later ones.
    ///
    /// # Errors
    /// When there is no such file or byte.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) -> io::Result<()> {
        let node = self.state.lock().now.file(path)?;
        let mut node = node.lock();
        let byte = usize::try_from(offset).ok().and_then(|at| node.bytes.get_mut(at));
        *byte.ok_or(ErrorKind::UnexpectedEof)? ^= 1 << (bit & 7);
        Ok(())
    }

    /// A file's bytes as programs see them.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let node = self.state.lock().now.file(path)?;
        let bytes = node.lock().bytes.clone();
        Ok(bytes)
    }

    /// Puts a file there with these bytes, settled; replaces one of that name.
    pub fn write_file(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state.lock();
        let node: NodeRef = Arc::default();
        *node.lock() = super::state::Node { bytes: bytes.to_vec(), synced: bytes.len(), given_up: Vec::new() };
        for dir in path.ancestors().skip(1) {
            state.now.dirs.insert(dir.to_owned());
            state.durable.dirs.insert(dir.to_owned());
        }
        state.now.files.insert(path.to_owned(), Arc::clone(&node));
        state.durable.files.insert(path.to_owned(), node);
    }

    /// Every file's path, sorted.
    #[must_use]
    pub fn list_all(&self) -> Vec<PathBuf> {
        self.state.lock().now.files.keys().cloned().collect()
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::CreateDir, dir)?;
        let mut missing: Vec<&Path> = dir.ancestors().filter(|d| state.now.need_dir(d).is_err()).collect();
        missing.reverse();
        for new in missing {
            state.change(parent(new), Change::Dir(new.to_owned()));
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskWriter>> {
        let mut state = self.state.lock();
        state.begin(Op::Create, path)?;
        state.now.need_dir(&parent(path))?;
        if state.now.files.contains_key(path) || state.now.dirs.contains(path) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{}: exists", path.display())));
        }
        let node: NodeRef = Arc::default();
        state.change(parent(path), Change::Put(path.to_owned(), Arc::clone(&node)));
        Ok(Box::new(SimWriter { state: Arc::clone(&self.state), node, path: path.to_owned() }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.begin(Op::Open, path)?;
        let node = state.now.file(path)?;
        let len = node.lock().bytes.len() as u64;
        Ok(Arc::new(SimFile { state: Arc::clone(&self.state), node, len, path: path.to_owned() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::Rename, from)?;
        let node = state.now.file(from)?;
        let (source, target) = (parent(from), parent(to));
        state.now.need_dir(&target)?;
        if source == target {
            state.change(source, Change::Move(from.to_owned(), to.to_owned(), node));
        } else {
            state.change(target, Change::Put(to.to_owned(), node));
            state.change(source, Change::Drop(from.to_owned()));
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::Link, to)?;
        let node = state.now.file(from)?;
        state.now.need_dir(&parent(to))?;
        if state.now.files.contains_key(to) || state.now.dirs.contains(to) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{}: exists", to.display())));
        }
        state.change(parent(to), Change::Put(to.to_owned(), node));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::Remove, path)?;
        state.now.file(path)?;
        state.change(parent(path), Change::Drop(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::Remove, dir)?;
        state.now.need_dir(dir)?;
        if state.now.files.keys().chain(&state.now.dirs).any(|path| parent(path) == dir) {
            return Err(io::Error::new(ErrorKind::DirectoryNotEmpty, format!("{}: not empty", dir.display())));
        }
        state.change(parent(dir), Change::DropDir(dir.to_owned()));
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::Sync, path)?;
        let node = state.now.file(path)?;
        let mut node = node.lock();
        node.synced = node.bytes.len();
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.begin(Op::List, dir)?;
        state.now.need_dir(dir)?;
        let entries = state.now.files.keys().chain(&state.now.dirs).filter(|path| parent(path) == dir);
        let mut names: Vec<String> = entries.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin(Op::SyncDir, dir)?;
        state.now.need_dir(dir)?;
        state.settle(dir);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state.lock();
        state.begin(Op::Create, path)?;
        state.now.need_dir(&parent(path))?;
        if !state.now.files.contains_key(path) {
            state.change(parent(path), Change::Put(path.to_owned(), Arc::default()));
        }
        if !state.locks.insert(path.to_owned()) {
            return Err(io::Error::new(ErrorKind::WouldBlock, format!("{}: locked", path.display())));
        }
        Ok(Box::new(SimLock { state: Arc::clone(&self.state), path: path.to_owned() }))
    }

    fn available(&self) -> io::Result<u64> {
        let state = self.state.lock();
        if state.dead { Err(io::Error::other("the power is off")) } else { Ok(state.free()) }
    }
}

struct SimLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
}

impl DiskLock for SimLock {
    fn check(&self) -> io::Result<()> {
        match self.state.lock().taken {
            Some(kind) => Err(io::Error::new(kind, "somebody else has the simulated disk")),
            None => Ok(()),
        }
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.state.lock().locks.remove(&self.path);
    }
}

struct SimWriter {
    state: Arc<Mutex<State>>,
    node: NodeRef,
    path: PathBuf,
}

impl DiskWriter for SimWriter {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let was_dead = state.dead;
        let begun = state.begin(Op::Append, &self.path);
        let fits = usize::try_from(state.free()).unwrap_or(usize::MAX).min(bytes.len());
        let (written, answer) = match begun {
            Err(error) if was_dead => (0, Err(error)),
            // The power may go, and a call may fail, in the middle of a write.
            Err(error) => (fits.min(bytes.len() / 2), Err(error)),
            Ok(()) if fits < bytes.len() => {
                let full = format!("{}: no space left on the simulated disk", self.path.display());
                (fits, Err(io::Error::new(ErrorKind::StorageFull, full)))
            }
            Ok(()) => (fits, Ok(())),
        };
        self.node.lock().bytes.extend(bytes.iter().take(written));
        answer
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        let begun = state.begin(Op::Sync, &self.path);
        let mut node = self.node.lock();
        let (from, to) = (node.synced, node.bytes.len());
        match begun {
            Ok(()) => node.synced = to,
            Err(error) => {
                // With the power off nothing was given up: the restart decides what arrived.
                if !state.dead && from < to {
                    node.given_up.push(from..to);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

struct SimFile {
    state: Arc<Mutex<State>>,
    node: NodeRef,
    len: u64,
    path: PathBuf,
}

impl DiskFile for SimFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.state.lock().begin(Op::Read, &self.path)?;
        let node = self.node.lock();
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let found = start.checked_add(buf.len()).and_then(|end| node.bytes.get(start..end));
        buf.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
