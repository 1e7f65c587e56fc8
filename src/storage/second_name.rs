//! A second name for an immutable file: a hard link, or a copy where the file system has none.

use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use crate::seams::env::{Disk, DiskFile};

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Gives `from` the name `to` too. The copy is synced, its name isn't yet, as that of a link isn't.
pub(super) fn link_or_copy(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    match link(disk, from, to)? {
        None => Ok(()),
        Some(source) => copy(disk, &*source, to),
    }
}

/// Links `from` to `to`; where there are no links, answers the file to [`copy()`], which stays readable when its name goes.
pub(super) fn link(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
    match disk.link(from, to) {
        Err(error) if has_no_links(error.kind()) => disk.open(from).map(Some),
        linked => linked.map(|()| None),
    }
}

/// What is said of a file system without hard links, of a name on another one, and of a file with too many.
fn has_no_links(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::CrossesDevices | ErrorKind::Unsupported | ErrorKind::TooManyLinks
    )
}

/// Makes `to` a file with the bytes of `source`.
pub(super) fn copy(disk: &dyn Disk, source: &dyn DiskFile, to: &Path) -> io::Result<()> {
    let mut target = disk.create(to)?;
    let copied = (|| {
        let mut buf = vec![0; CHUNK];
        let mut at = 0;
        while at < source.len() {
            let len = usize::try_from(source.len() - at).unwrap_or(CHUNK).min(CHUNK);
            let chunk = buf.get_mut(..len).unwrap_or_default();
            source.read_at(chunk, at)?;
            target.append(chunk)?;
            at += len as u64;
        }
        target.sync()
    })();
    if copied.is_err() {
        // The first error is the one to tell; nobody takes a part for the file.
        let _ = disk.remove(to);
    }
    copied
}
