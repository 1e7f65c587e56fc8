//! A moving view of a file for readers that mostly go forward.

use std::{io, sync::Arc};

use super::DiskFile;

/// How many bytes are read at a time, at least.
const AHEAD: usize = 1 << 20;

/// The bytes of a file around the place that is being read.
pub struct Window {
    file: Arc<dyn DiskFile>,
    /// Offset of `bytes` in the file.
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// A view of `file`, from which nothing has been read yet.
    #[must_use]
    pub fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, start: 0, bytes: Vec::new() }
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.file.len()
    }

    /// `len` bytes from offset `at`, fewer at the end of the file.
    ///
    /// # Errors
    /// When the file can't be read, or has become shorter than it was when it was opened.
    pub fn get(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.file.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let len = len.min(left);
        if !self.holds(at, len) {
            if self.bytes.capacity() > 2 * AHEAD && len <= AHEAD {
                // One large piece must not keep its memory for the rest of the file.
                self.bytes = Vec::new();
            }
            self.bytes.resize(len.max(AHEAD).min(left), 0);
            // What a failed read leaves is nothing of the file's.
            self.start = u64::MAX;
            self.file.read_at(&mut self.bytes, at)?;
            self.start = at;
        }
        let from = at.saturating_sub(self.start) as usize;
        Ok(self.bytes.get(from..from + len).unwrap_or_default())
    }

    fn holds(&self, at: u64, len: usize) -> bool {
        at >= self.start && at - self.start + len as u64 <= self.bytes.len() as u64
    }
}
