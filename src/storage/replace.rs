//! Replacing a small file as a whole: after a crash it is the one before or the new one.

use std::path::Path;

use super::{
    discard::gone,
    error::{StorageError, Tried},
};
use crate::seams::env::Disk;

/// Makes `bytes` the file `name` in `dir`: written as `NAME.new`, synced, renamed, and the directory synced.
///
/// # Errors
/// When the disk refuses. Before the last step the old file is still there; a failed last step leaves open which it is
/// after a power cut.
pub(super) fn replace(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    let new = dir.join(format!("{name}.new"));
    let said = |what: &str| format!("{what} {}", new.display());
    gone(disk.remove(&new)).tried(said("removing an unfinished"))?;
    let mut writer = disk.create(&new).tried(said("creating"))?;
    writer.append(bytes).tried(said("writing"))?;
    writer.sync().tried(said("syncing"))?;
    disk.rename(&new, &dir.join(name)).tried(said("renaming into place"))?;
    disk.sync_dir(dir).tried(said("syncing the directory of"))
}
