//! Standard error, where log lines and last words go, whether or not anybody takes them.
//!
//! A closed terminal, a log file on a full disk, a limit on the size of files: none is a reason to fail at anything else. So what
//! can't be written is lost, and nobody is told: there is nowhere to say it.

use std::io::{self, Write};

/// Takes everything, and writes what standard error takes.
pub(super) struct BestEffort;

impl Write for BestEffort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A part of a line may have gone out.
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says a line to whoever started the program.
pub(super) fn say(text: &str) {
    // In one write, so that lines of several processes don't mix; it can't fail.
    let _ = BestEffort.write(format!("{text}\n").as_bytes());
}
