//! The one door through which what is live changes.
//!
//! Flush, compaction, retention, index clean-up and deletes each say how the next [`Version`] differs from the current one.
//! [`Versions::commit`] makes it current, and nothing else can: what it guards is private to this file. While the
//! manifest's lock is held,
//!
//! 1. the edit changes a copy of the current version,
//! 2. the copy's manifest is stored: synced under a temporary name, renamed, its directory synced. If that fails nothing
//!    has changed in memory. The new manifest may still have arrived on disk, so that files which it names must stay,
//! 3. the index gets the segments, before readers see tables with the series in them,
//! 4. readers see the tables and tombstones, and in the same moment a flushed memtable no more.
//!
//! Memtables are sealed ([`Versions::seal`]) without the manifest's lock: whoever writes samples doesn't wait for a
//! manifest to be synced. So a commit takes the memtables of the moment at which it publishes, less the flushed one.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use parking_lot::{Mutex, MutexGuard};

use super::{
    edit::{SegmentChange, Version},
    manifest::Manifest,
    view::{Sealed, View},
};
use crate::{
    index::Index,
    memtable::Memtable,
    seams::env::Disk,
    storage::{error::StorageError, standing::Standing},
};

/// The current version, and what is needed to make the next one.
pub(in crate::storage) struct Versions {
    /// What is live on disk; held from deciding on a change until it is synced and visible.
    manifest: Mutex<Manifest>,
    /// What readers see; replaced whole.
    view: ArcSwap<View>,
    /// Held while a new view is made from the current one.
    publishing: Mutex<()>,
    /// Retention by size has dropped samples before this time: the manifest's, to be read without its lock.
    size_cutoff: AtomicI64,
    /// Number of the next table or segment.
    next_file: AtomicU64,
}

/// The manifest that counts, for as long as this is held: nothing that it names is removed before.
pub(in crate::storage) struct HeldManifest<'a>(MutexGuard<'a, Manifest>);

impl Deref for HeldManifest<'_> {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.0
    }
}

impl Versions {
    /// Begins with what was opened. No file has the number `next_file` or a higher one.
    pub(in crate::storage) fn new(manifest: Manifest, view: View, next_file: u64) -> Self {
        Self {
            size_cutoff: AtomicI64::new(manifest.size_cutoff),
            manifest: Mutex::new(manifest),
            view: ArcSwap::from_pointee(view),
            publishing: Mutex::default(),
            next_file: AtomicU64::new(next_file),
        }
    }

    /// What readers see now.
    pub(in crate::storage) fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// What readers see now, for whoever keeps it longer.
    pub(in crate::storage) fn keep_view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// What counts on disk. No version can be committed while it is held.
    pub(in crate::storage) fn manifest(&self) -> HeldManifest<'_> {
        HeldManifest(self.manifest.lock())
    }

    /// Retention by size has dropped samples before this time.
    pub(in crate::storage) fn size_cutoff(&self) -> i64 {
        self.size_cutoff.load(Ordering::Relaxed)
    }

    /// A number that no file has yet, and its path.
    pub(in crate::storage) fn new_file(&self, path: impl Fn(u64) -> PathBuf) -> (u64, PathBuf) {
        let number = self.next_file.fetch_add(1, Ordering::Relaxed);
        (number, path(number))
    }

    /// Makes the version that `edit` makes of the current one the next, on disk and then for readers.
    ///
    /// # Errors
    /// When `edit` refuses, nothing may be changed on disk, or the disk refuses. The current version stays then.
    pub(in crate::storage) fn commit<T>(
        &self,
        disk: &dyn Disk,
        standing: &Standing,
        index: &Index,
        edit: impl FnOnce(&mut Version) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut manifest = self.manifest.lock();
        let mut next = Version::after(&manifest, &self.view.load(), index.next_id());
        let answer = edit(&mut next)?;
        standing.check()?;
        next.manifest().store(disk)?;
        *manifest = next.manifest().clone();
        self.publish(next, index);
        Ok(answer)
    }

    fn publish(&self, mut next: Version, index: &Index) {
        self.size_cutoff.store(next.manifest().size_cutoff, Ordering::Relaxed);
        match next.take_segment_change() {
            Some(SegmentChange { old, new: Some(new) }) if old.is_empty() => index.install(new),
            Some(SegmentChange { old, new }) => index.replace(&old, new),
            None => {}
        }
        self.change_view(|view| next.show_in(view));
    }

    /// Swaps in `fresh` for the active memtable; the log from segment `wal_end` on doesn't need the sealed one.
    pub(in crate::storage) fn seal(&self, fresh: Arc<Memtable>, wal_end: u64) {
        self.change_view(|view| {
            let memtable = std::mem::replace(&mut view.active, fresh);
            view.sealed.push(Sealed { memtable, wal_end });
        });
    }

    fn change_view(&self, change: impl FnOnce(&mut View)) {
        let _one_at_a_time = self.publishing.lock();
        let mut view = View::clone(&self.view.load());
        change(&mut view);
        self.view.store(Arc::new(view));
    }
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, path::Path};

    use super::*;
    use crate::{
        seams::env::{Op, SimDisk},
        storage::layout,
    };

    struct Door {
        disk: SimDisk,
        standing: Standing,
        index: Index,
        versions: Versions,
    }

    impl Door {
        fn new() -> Self {
            let disk = SimDisk::new();
            let standing = Standing::new(disk.lock(Path::new(layout::LOCK)).unwrap().into(), false);
            let memory = View {
                active: Arc::default(),
                sealed: Vec::new(),
                tables: Vec::new(),
                segments: Vec::new(),
                deletes: Arc::default(),
            };
            let versions = Versions::new(Manifest::default(), memory, 1);
            Self { disk, standing, index: Index::new(Vec::new(), 0), versions }
        }

        fn commit(&self, edit: impl FnOnce(&mut Version) -> Result<(), StorageError>) -> Result<(), StorageError> {
            self.versions.commit(&self.disk, &self.standing, &self.index, edit)
        }

        fn stored(&self) -> Option<Manifest> {
            Manifest::read(&self.disk).unwrap().map(|read| read.manifest)
        }
    }

    #[test]
    fn a_commit_takes_the_flushed_memtable_out_and_keeps_those_sealed_meanwhile() {
        let door = Door::new();
        door.versions.seal(Arc::default(), 2);
        let flushed = door.versions.view().sealed[0].memtable.clone();
        let newest = Arc::default();
        let sealed_meanwhile = door.versions.view().active.clone();
        door.commit(|version| {
            version.begin_log_at(2);
            version.flushed(flushed);
            door.versions.seal(Arc::clone(&newest), 3);
            Ok(())
        })
        .unwrap();
        let view = door.versions.view();
        assert_eq!(view.sealed.iter().map(|sealed| sealed.wal_end).collect::<Vec<_>>(), [3]);
        assert!(Arc::ptr_eq(&view.sealed[0].memtable, &sealed_meanwhile) && Arc::ptr_eq(&view.active, &newest));
        assert_eq!((door.stored().unwrap().wal_start, door.versions.manifest().wal_start), (2, 2));
    }

    #[test]
    fn an_edit_that_refuses_and_a_disk_that_does_change_nothing() {
        let door = Door::new();
        door.commit(|version| {
            version.raise_size_cutoff(5);
            Ok(())
        })
        .unwrap();
        let raise_to = |cutoff, answer: Result<(), StorageError>| {
            door.commit(|version| {
                version.raise_size_cutoff(cutoff);
                answer
            })
        };
        assert!(matches!(raise_to(7, Err(StorageError::Stopped)), Err(StorageError::Stopped)));
        door.disk.fail_next(Op::Rename, layout::MANIFEST, ErrorKind::StorageFull);
        assert!(raise_to(8, Ok(())).unwrap_err().is_full());
        door.standing.end("it is over".to_owned());
        assert!(matches!(raise_to(9, Ok(())), Err(StorageError::NothingWritten(_))));
        let cutoffs = (door.stored().unwrap().size_cutoff, door.versions.manifest().size_cutoff);
        assert_eq!((cutoffs, door.versions.size_cutoff()), ((5, 5), 5));
    }
}
