//! Removing files that nothing names.

use std::{io, path::Path};

use crate::{seams::env::Disk, telemetry::log_each_minute};

/// Removes a file that nothing names. Failing to is no harm: the next start removes it.
pub(super) fn discard(disk: &dyn Disk, path: &Path) {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log_each_minute!(warn, %error, path = %path.display(), "removing an unneeded file failed");
        }
        _ => {}
    }
}
