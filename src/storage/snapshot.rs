//! Snapshots: a data directory of hard links, made in a moment and consistent. Without hard links it is one of copies.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
};

use super::{
    discard::gone,
    error::{StorageError, Tried},
    layout, second_name,
    state::Shared,
    store::Storage,
    version::Manifest,
};
use crate::seams::{admin::Snapshot, env::Disk};

/// How a snapshot's name begins: its time, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";

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
        let _one = self.shared.snapshots.lock();
        let dir = Path::new(layout::SNAPSHOTS).join(&name);
        link_all(&self.shared, &dir).inspect_err(|_| {
            // What can't be removed has no manifest: it is no snapshot, and can be deleted like one.
            let _ = unmake(&*self.shared.disk, &dir);
        })?;
        tracing::info!(name, "made a snapshot");
        Ok(name)
    }

    /// The snapshots that there are, the oldest first, and what is left of those whose making or deleting was cut short.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, StorageError> {
        let disk = &*self.shared.disk;
        let names = match disk.list(Path::new(layout::SNAPSHOTS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.tried("listing snapshots/")?,
        };
        let named = names.into_iter().filter_map(|name| time_of(&name).map(|time| (name, time)));
        let look = |(name, time): (String, i64)| {
            let manifest = Path::new(layout::SNAPSHOTS).join(&name).join(layout::MANIFEST);
            let complete = match disk.open(&manifest) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                opened => opened.tried("looking for a snapshot's manifest").map(|_| true)?,
            };
            Ok(Snapshot { name, time, complete })
        };
        named.map(look).collect()
    }

    /// Deletes the snapshot `name`, or what is left of it.
    ///
    /// # Errors
    /// [`StorageError::NoSnapshot`] when there is none, [`StorageError::SnapshotNeeded`] when somebody has it open, and what the
    /// disk refuses: what is left of the snapshot is then no longer complete and can be deleted again.
    pub fn delete_snapshot(&self, name: &str) -> Result<(), StorageError> {
        let shared = &*self.shared;
        shared.standing.check()?;
        let none = || StorageError::NoSnapshot(name.to_owned());
        // No other name is a path to something else either.
        time_of(name).ok_or_else(none)?;
        let dir = Path::new(layout::SNAPSHOTS).join(name);
        let needed = |why| StorageError::SnapshotNeeded { name: name.to_owned(), why };
        let _one = shared.snapshots.lock();
        let _unused = match shared.disk.lock(&dir.join(layout::LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(needed("it is being copied, or another server has it open"));
            }
            locked => locked.tried("locking the snapshot")?,
        };
        if shared.disk.list(&dir.join(layout::SNAPSHOTS)).is_ok_and(|names| !names.is_empty()) {
            return Err(needed("a server that had it open made snapshots of its own in it"));
        }
        unmake(&*shared.disk, &dir).tried("deleting the snapshot")?;
        shared.disk.sync_dir(Path::new(layout::SNAPSHOTS)).tried("syncing snapshots/")?;
        tracing::info!(name, "deleted a snapshot");
        Ok(())
    }
}

/// When the snapshot `name` was made (ms); none if no snapshot is called so.
fn time_of(name: &str) -> Option<i64> {
    let (time, number) = name.split_once('-')?;
    let hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if number.len() != 16 || !number.bytes().all(hex) {
        return None;
    }
    let time = jiff::civil::DateTime::strptime(TIME, time).ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().as_millisecond())
}

/// Like `20260131T235959Z-0123456789abcdef`.
fn name(now: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    // Any number that another snapshot of this second doesn't have.
    let number = RandomState::new().hash_one(now);
    format!("{}-{number:016x}", time.strftime(TIME))
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

/// Removes a snapshot, or what there is of one: the manifest for good first, so that what may be left isn't taken for a
/// snapshot, and then as much as the disk lets us. The first thing it refused.
fn unmake(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    gone(disk.remove(&dir.join(layout::MANIFEST)))?;
    gone(disk.sync_dir(dir))?;
    let mut done = Ok(());
    for sub in [""].iter().chain(&layout::DIRECTORIES) {
        let sub = dir.join(sub);
        let files = disk.list(&sub).unwrap_or_default();
        let is_directory = |name: &str| name == layout::SNAPSHOTS || layout::DIRECTORIES.contains(&name);
        for name in files.iter().filter(|name| !is_directory(name)) {
            done = done.and(gone(disk.remove(&sub.join(name))));
        }
    }
    let directories = layout::DIRECTORIES.iter().chain(&[layout::SNAPSHOTS]).map(|sub| dir.join(sub));
    directories.chain([dir.to_owned()]).fold(done, |done, dir| done.and(gone(disk.remove_dir(&dir))))
}
