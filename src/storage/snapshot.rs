//! Snapshots: a data directory of hard links, made in a moment and consistent. Without hard links it is one of copies.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
};

use super::{
    error::{StorageError, Tried},
    layout, second_name,
    state::Shared,
    store::Storage,
    version::Manifest,
};
use crate::seams::env::Disk;

impl Storage {
    /// Makes a snapshot of everything that was acknowledged before the call, in `snapshots/<name>/`, and answers the name.
    ///
    /// Memory is flushed first, unless `skip_head` is set: then what is in memory only is not in the snapshot. The
    /// snapshot is a data directory that a server opens; it shares its files with this one, so that it costs space only once
    /// this one has merged or dropped them.
    ///
    /// # Errors
    /// When the disk refuses. What there is of the snapshot is removed, if the disk lets us.
    pub fn snapshot(&self, skip_head: bool) -> Result<String, StorageError> {
        if !skip_head {
            self.flush()?;
        }
        let name = name(self.shared.clock.now());
        let dir = Path::new(layout::SNAPSHOTS).join(&name);
        link_all(&self.shared, &dir).inspect_err(|_| unmake(&*self.shared.disk, &dir))?;
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
    // While it is held nothing that it names is removed. What can't be linked is opened meanwhile and copied afterwards.
    let locked = shared.versions.manifest();
    let tables = locked.tables.iter().map(|entry| (entry.set_aside, layout::table(entry.number)));
    let segments = locked.segments.iter().map(|entry| (entry.set_aside, layout::segment(entry.number)));
    // There may be no exemplars, no metadata and no fields yet; what is set aside may be missing here too, and is marked so in both.
    let files = tables.chain(segments).chain([layout::EXTRAS, layout::CATALOG].map(|name| (true, name.into())));
    let mut to_copy = Vec::new();
    for (may_be_missing, path) in files {
        let name = dir.join(&path);
        match second_name::link(disk, &path, &name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_missing => {}
            linked => to_copy.extend(linked.tried("linking a file into the snapshot")?.map(|source| (source, name))),
        }
    }
    let manifest = Manifest::clone(&locked);
    drop(locked);
    for (source, name) in to_copy {
        second_name::copy(disk, &*source, &name).tried("copying a file into the snapshot")?;
    }
    for sub in layout::DIRECTORIES {
        disk.sync_dir(&dir.join(sub)).tried("syncing the snapshot's directories")?;
    }
    manifest.store_in(disk, dir)?;
    let parents: [PathBuf; 2] = [layout::SNAPSHOTS.into(), PathBuf::new()];
    parents.iter().try_for_each(|dir| disk.sync_dir(dir)).tried("syncing snapshots/")
}

/// Removes what there is of a snapshot that failed. What can't be removed has no manifest and isn't taken for a snapshot.
fn unmake(disk: &dyn Disk, dir: &Path) {
    // The manifest goes first.
    for sub in ["", layout::WAL, layout::TABLES, layout::INDEX, layout::QUARANTINE] {
        let sub = dir.join(sub);
        let files = disk.list(&sub).unwrap_or_default();
        files.iter().filter(|name| !layout::DIRECTORIES.contains(&name.as_str())).for_each(|name| {
            let _ = disk.remove(&sub.join(name));
        });
    }
    for dir in layout::DIRECTORIES.map(|sub| dir.join(sub)).iter().map(PathBuf::as_path).chain([dir]) {
        let _ = disk.remove_dir(dir);
    }
}
