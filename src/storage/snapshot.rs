//! Snapshots: a data directory of hard links, made in a moment and consistent. Without hard links it is one of copies.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
};

use super::{
    error::{StorageError, Tried},
    layout, second_name,
    store::{Shared, Storage},
};

impl Storage {
    /// Makes a snapshot of everything that was acknowledged before the call, in `snapshots/<name>/`, and answers the name.
    ///
    /// Memory is flushed first, unless `skip_head` is set: then what is in memory only is not in the snapshot. The
    /// snapshot is a data directory that a server opens; it shares its files with this one, so that it costs space only once
    /// this one has merged or dropped them.
    ///
    /// # Errors
    /// When the disk refuses. What there is of the snapshot then has no manifest and isn't taken for one.
    pub fn snapshot(&self, skip_head: bool) -> Result<String, StorageError> {
        if !skip_head {
            self.flush()?;
        }
        let name = name(self.shared.clock.now());
        link_all(&self.shared, &Path::new(layout::SNAPSHOTS).join(&name))?;
        tracing::info!(name, "made a snapshot");
        Ok(name)
    }
}

/// Like `20260131T235959Z-0123456789abcdef`.
fn name(now: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    // Any number that another snapshot of this second doesn't have.
    let number = RandomState::new().hash_one(now);
    format!("{}-{number:016x}", time.strftime("%Y%m%dT%H%M%SZ"))
}

fn link_all(shared: &Shared, dir: &Path) -> Result<(), StorageError> {
    shared.standing.check()?;
    let disk = &*shared.disk;
    for sub in layout::DIRECTORIES {
        disk.create_dir(&dir.join(sub)).tried("creating the snapshot's directories")?;
    }
    // While it is held nothing that it names is removed.
    let manifest = shared.manifest.lock();
    let tables = manifest.tables.iter().map(|entry| (entry.set_aside, layout::table(entry.number)));
    let segments = manifest.segments.iter().map(|entry| (entry.set_aside, layout::segment(entry.number)));
    for (set_aside, path) in tables.chain(segments) {
        match second_name::link(disk, &path, &dir.join(&path)) {
            // It is missing here too, and marked so in both manifests.
            Err(error) if error.kind() == io::ErrorKind::NotFound && set_aside => {}
            linked => linked.tried("linking a file into the snapshot")?,
        }
    }
    match second_name::link(disk, Path::new(layout::EXTRAS), &dir.join(layout::EXTRAS)) {
        // There were no exemplars and no metadata yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        linked => linked.tried("linking EXTRAS into the snapshot")?,
    }
    for sub in layout::DIRECTORIES {
        disk.sync_dir(&dir.join(sub)).tried("syncing the snapshot's directories")?;
    }
    manifest.store_in(disk, dir)?;
    drop(manifest);
    let parents: [PathBuf; 2] = [layout::SNAPSHOTS.into(), PathBuf::new()];
    parents.iter().try_for_each(|dir| disk.sync_dir(dir)).tried("syncing snapshots/")
}
