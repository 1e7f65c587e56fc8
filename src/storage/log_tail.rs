//! The log's end: the segment that is written to, and what is known of the one before.

use std::path::Path;

use super::{layout, wal_marker};
use crate::{
    seams::env::Disk,
    wal::{self, LastSegment, WalError, WalWriter},
};

/// The end of the log.
#[derive(Default)]
pub(super) struct LogTail {
    /// The segment being written; `None` before the first write and after a failed one.
    writer: Option<WalWriter>,
    /// The newest segment before `writer`.
    last: Option<LastSegment>,
    /// The segment that is [noted](wal_marker) to be the newest.
    noted: Option<u64>,
}

impl LogTail {
    /// The log goes on after `last`; segment `noted` is noted to be the newest.
    pub(super) fn behind(last: Option<LastSegment>, noted: Option<u64>) -> Self {
        Self { writer: None, last, noted }
    }

    /// The segment to write to, a new one if the last has `segment_bytes`, failed, or there is none.
    pub(super) fn writer(&mut self, disk: &dyn Disk, segment_bytes: u64) -> Result<&mut WalWriter, WalError> {
        if let Some(writer) = self.writer.take() {
            self.last = Some(LastSegment { number: writer.number(), valid: Some(writer.valid_len()) });
            if writer.valid_len() < segment_bytes {
                return Ok(self.writer.insert(writer));
            }
        }
        let number = self.next_number();
        let previous = self.last.and_then(|last| last.valid);
        let writer = WalWriter::create(disk, Path::new(layout::WAL), number, previous)?;
        Ok(self.writer.insert(writer))
    }

    /// Notes that segment `number`, something of which is settled, is the newest. What can't be noted now is tried again
    /// after the next commit.
    pub(super) fn note_newest(&mut self, disk: &dyn Disk, number: u64) {
        if self.noted < Some(number) && wal_marker::note(disk, self.noted, number).is_ok() {
            self.noted = Some(number);
        }
    }

    /// The number of the next segment.
    pub(super) fn next_number(&self) -> u64 {
        self.last.map_or(1, |last| last.number.saturating_add(1))
    }

    /// Leaves the segment where its last good commit ended. One that never had a good commit is removed, so that its
    /// number, and what its header says about the segment before, can be written again.
    pub(super) fn abandon(&mut self, disk: &dyn Disk) {
        let Some(writer) = self.writer.take() else { return };
        let (number, valid) = (writer.number(), writer.valid_len());
        drop(writer);
        if valid > 0 || disk.remove(&wal::path_of(Path::new(layout::WAL), number)).is_err() {
            self.last = Some(LastSegment { number, valid: Some(valid) });
        }
    }
}
