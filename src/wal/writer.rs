//! Writing one segment.

use std::path::{Path, PathBuf};

use super::{
    MAX_PAYLOAD, WalError, frame, path_of,
    segment::{HEADER, Header},
};
use crate::seams::env::{Disk, DiskWriter};

/// After a commit the buffer gives back what it has beyond this many bytes.
const KEEP_BUFFER: usize = 4 << 20;

/// Appends records to one segment. [`WalWriter::commit`] makes them survive a crash.
pub struct WalWriter {
    file: Box<dyn DiskWriter>,
    path: PathBuf,
    /// Directories whose names must be synced before the first commit counts.
    unsynced_dirs: Vec<PathBuf>,
    number: u64,
    /// Frames (at first: the header) not yet written.
    pending: Vec<u8>,
    /// Length up to which everything is synced; 0 until the first commit.
    valid: u64,
    poison: Option<String>,
}

impl WalWriter {
    /// Creates segment `number`, which must not exist, and the directory if need be.
    ///
    /// `previous` is the valid length of segment `number - 1`: [`WalWriter::valid_len`] of its writer, or what the
    /// replay reported; `None` when there is no such segment.
    ///
    /// # Errors
    /// When the file can't be created.
    pub fn create(disk: &dyn Disk, dir: &Path, number: u64, previous: Option<u64>) -> Result<Self, WalError> {
        let path = path_of(dir, number);
        disk.create_dir(dir).map_err(WalError::io(dir, "creating the directory"))?;
        let file = disk.create(&path).map_err(WalError::io(&path, "creating"))?;
        // The innermost directory first: a crash then leaves no name that leads nowhere.
        let unsynced_dirs = dir.ancestors().map(Path::to_owned).collect();
        let pending = Header { previous }.encode(number).to_vec();
        Ok(Self { file, path, unsynced_dirs, number, pending, valid: 0, poison: None })
    }

    /// Takes a record into the buffer. It is lost unless [`WalWriter::commit`] succeeds.
    ///
    /// # Errors
    /// When it is larger than [`MAX_PAYLOAD`], or after an error.
    pub fn append(&mut self, payload: &[u8]) -> Result<(), WalError> {
        self.usable()?;
        if payload.len() > MAX_PAYLOAD {
            return Err(WalError::TooLarge { bytes: payload.len(), limit: MAX_PAYLOAD });
        }
        let at = self.len();
        frame::put(&mut self.pending, self.number, at, payload);
        Ok(())
    }

    /// Writes what was appended and syncs it. With nothing appended it does nothing, but for the first commit, which
    /// always writes the header.
    ///
    /// # Errors
    /// When the disk refuses. Then nothing since the last commit counts, though some of it may come back after a crash
    /// unless a next segment says otherwise, and every later call fails.
    pub fn commit(&mut self, disk: &dyn Disk) -> Result<(), WalError> {
        self.usable()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let answer = self.write_and_sync(disk);
        match &answer {
            Ok(()) => self.valid = self.len(),
            Err(error) => self.poison = Some(error.to_string()),
        }
        self.pending.clear();
        self.pending.shrink_to(KEEP_BUFFER);
        answer
    }

    fn write_and_sync(&mut self, disk: &dyn Disk) -> Result<(), WalError> {
        self.file.append(&self.pending).map_err(WalError::io(&self.path, "appending"))?;
        self.file.sync().map_err(WalError::io(&self.path, "syncing"))?;
        for dir in std::mem::take(&mut self.unsynced_dirs) {
            disk.sync_dir(&dir).map_err(WalError::io(&dir, "syncing the directory"))?;
        }
        Ok(())
    }

    fn usable(&self) -> Result<(), WalError> {
        match &self.poison {
            None => Ok(()),
            Some(why) => Err(WalError::Poisoned { segment: self.number, why: why.clone() }),
        }
    }

    /// Length up to which everything is synced: what the next segment must be told. 0 before the first commit.
    #[must_use]
    pub fn valid_len(&self) -> u64 {
        self.valid
    }

    /// Length including what waits for a commit.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.valid + self.pending.len() as u64
    }

    /// Whether no record has been appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() <= HEADER as u64
    }

    /// The segment's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether an error has ended this segment.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }
}
