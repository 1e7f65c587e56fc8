//! `quarantine/`: damaged files, kept for whoever wants to look into them. Nothing here replaces anything.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{layout, second_name};
use crate::seams::env::Disk;

/// Moves a file here and answers its new path.
pub(super) fn take(disk: &dyn Disk, path: &Path) -> io::Result<PathBuf> {
    let kept = free_name(disk, path)?;
    disk.rename(path, &kept)?;
    Ok(kept)
}

/// Gives a file a second name here and answers that.
pub(super) fn link(disk: &dyn Disk, path: &Path) -> io::Result<PathBuf> {
    let kept = free_name(disk, path)?;
    second_name::link_or_copy(disk, path, &kept)?;
    Ok(kept)
}

/// The file's own name, or the first of `NAME.1`, `NAME.2`, … that nothing has.
fn free_name(disk: &dyn Disk, path: &Path) -> io::Result<PathBuf> {
    let taken = disk.list(Path::new(layout::QUARANTINE))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let numbered = (1u64..).map(|n| format!("{name}.{n}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
    Ok(Path::new(layout::QUARANTINE).join(free))
}
