//! `UNFINISHED`: the mark of a directory that a backup or restore has begun to fill.
//!
//! It is there before anything else is, and goes once the manifest is in its place. Without it the files of a copy that was
//! killed would look like those of a directory that has lost its manifest. It counts only where there is no manifest, holds the
//! name of the command to run again, and that command goes on where it stopped.

use std::{io, path::Path};

use super::{
    discard::gone,
    error::{OpenError, StorageError},
    layout,
    replace::replace,
};
use crate::seams::env::Disk;

/// The commands that may be in it.
const COMMANDS: [&str; 2] = ["restore", "backup"];

/// Marks a directory that `command` is about to fill.
pub(super) fn begin(disk: &dyn Disk, command: &str) -> Result<(), StorageError> {
    replace(disk, Path::new(""), layout::UNFINISHED, command.as_bytes())
}

/// Takes the mark away, if it is there. The caller syncs the directory.
pub(super) fn end(disk: &dyn Disk) -> io::Result<()> {
    gone(disk.remove(Path::new(layout::UNFINISHED)))
}

/// Refuses a directory that is marked; for those without a manifest.
pub(super) fn refuse(disk: &dyn Disk) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { what: format!("reading {}", layout::UNFINISHED), source };
    let file = match disk.open(Path::new(layout::UNFINISHED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(io)?,
    };
    let text = file.read_all().map_err(io)?;
    // A restore is what most directories that are to be served come from.
    let command = COMMANDS.into_iter().find(|command| command.as_bytes() == text).unwrap_or(COMMANDS[0]);
    Err(OpenError::Unfinished { command })
}
