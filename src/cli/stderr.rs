//! Writing to standard error, which never fails.
//!
//! A closed terminal, a log file on a full disk, a limit on the size of files: none is a reason for anything else to fail. What can't
//! be written is lost.

use std::io::{self, Write};

/// A writer that accepts everything, and passes on what standard error accepts.
pub(super) struct BestEffort;

impl Write for BestEffort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A part of it may have been written.
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line to standard error.
pub(super) fn say(text: &str) {
    // In one write, so that lines of several processes don't mix; it can't fail.
    let _ = BestEffort.write(format!("{text}\n").as_bytes());
}
