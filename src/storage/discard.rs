//! Removing files that nothing names.

use std::{io, path::Path};

use crate::{seams::env::Disk, telemetry::log_each_minute};

/// Removes a file that nothing names. Failing to is no harm: the next start removes it.
pub(super) fn discard(disk: &dyn Disk, path: &Path) {
    if let Err(error) = gone(disk.remove(path)) {
        log_each_minute!(warn, %error, path = %path.display(), "removing an unneeded file failed");
    }
}

/// What is to be removed and isn't there is as good as removed.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
