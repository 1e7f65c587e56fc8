//! A moving view of a file that only goes forward.

use std::{path::Path, sync::Arc};

use super::WalError;
use crate::seams::env::DiskFile;

/// How many bytes are read at a time, at least.
const AHEAD: usize = 1 << 20;

/// The bytes of a file around the place that is being read.
pub(super) struct Window<'a> {
    file: Arc<dyn DiskFile>,
    path: &'a Path,
    /// Offset of `bytes` in the file.
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: Arc<dyn DiskFile>, path: &'a Path) -> Self {
        Self { file, path, start: 0, bytes: Vec::new() }
    }

    pub(super) fn file_len(&self) -> u64 {
        self.file.len()
    }

    /// `len` bytes from offset `at`, fewer at the end of the file.
    pub(super) fn get(&mut self, at: u64, len: usize) -> Result<&[u8], WalError> {
        let left = usize::try_from(self.file.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let len = len.min(left);
        if !self.holds(at, len) {
            if self.bytes.capacity() > 2 * AHEAD && len <= AHEAD {
                // One large record must not keep its memory for the rest of the replay.
                self.bytes = Vec::new();
            }
            self.bytes.resize(len.max(AHEAD).min(left), 0);
            self.file.read_at(&mut self.bytes, at).map_err(WalError::io(self.path, "reading"))?;
            self.start = at;
        }
        let from = at.saturating_sub(self.start) as usize;
        Ok(self.bytes.get(from..from + len).unwrap_or_default())
    }

    fn holds(&self, at: u64, len: usize) -> bool {
        at >= self.start && at - self.start + len as u64 <= self.bytes.len() as u64
    }
}
