//! Making a damaged data directory whole again, without deleting anything.
//!
//! Order, so that a crash at any step leaves a directory that opens and can be repaired again:
//!
//! 1. What can be saved is written to new files, synced.
//! 2. Damaged files get a second name in `quarantine/`, synced.
//! 3. The manifest names the new files in the places of the old, synced.
//! 4. The old names of the damaged files go.
//! 5. Damaged exemplars and metadata get a second name in `quarantine/`, and what is whole of them is written anew.
//! 6. If the log is damaged, its whole records are flushed and its segments moved to `quarantine/`.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::inspect::{self, Log};
use crate::{
    index::Segment,
    seams::env::{Clock, Disk, DiskLock},
    sst::{Table, salvage, survey},
    storage::{
        catalog,
        damage::{self, series},
        error::{OpenError, io_error},
        extras, flush,
        frames::Content,
        layout,
        options::StorageOptions,
        quarantine, recover,
        standing::Standing,
        version::{FileEntry, Manifest, TableEntry},
        wal_marker,
    },
    wal,
};

/// What a repair did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What was done, in order.
    pub done: Vec<String>,
    /// What could not be saved.
    pub lost: Vec<String>,
}

impl Repaired {
    /// Whether there was nothing to repair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.done.is_empty() && self.lost.is_empty()
    }
}

/// Repairs the data directory; with `dry_run` only says what it would do.
///
/// # Errors
/// When there is no data directory, it is in use or newer, or the operating system refuses. What was damaged then still is.
pub fn repair(disk: &Arc<dyn Disk>, clock: Arc<dyn Clock>, dry_run: bool) -> Result<Repaired, OpenError> {
    let lock: Arc<dyn DiskLock> = recover::lock_to_read(&**disk)?.into();
    let mut work = Work {
        disk,
        dry_run,
        said: Repaired::default(),
        next_file: next_file(&**disk)?,
        moves: Vec::new(),
        labelled: RoaringBitmap::new(),
        used: Vec::new(),
    };
    let (manifest, mut changed) = work.manifest()?;
    let mut repaired = manifest.clone();
    repaired.tables = work.tables(&manifest.tables)?;
    repaired.segments = work.segments(&manifest.segments)?;
    repaired.next_file = repaired.next_file.max(work.next_file);
    changed |= repaired.tables != manifest.tables || repaired.segments != manifest.segments;
    if changed && !dry_run {
        work.commit(&repaired)?;
    }
    work.extras()?;
    work.log(&repaired, lock, clock)?;
    Ok(work.said)
}

/// A number that no table or segment has.
fn next_file(disk: &dyn Disk) -> Result<u64, OpenError> {
    let mut next = 1;
    for dir in [layout::TABLES, layout::INDEX, layout::QUARANTINE] {
        let numbers = inspect::names(disk, dir)?;
        next = numbers.iter().filter_map(|name| layout::file_number(name)).map(|n| n + 1).fold(next, u64::max);
    }
    Ok(next)
}

struct Work<'a> {
    disk: &'a Arc<dyn Disk>,
    dry_run: bool,
    said: Repaired,
    next_file: u64,
    /// Damaged files, to be moved to the quarantine.
    moves: Vec<PathBuf>,
    /// Series whose labels are in segments, or were saved from them.
    labelled: RoaringBitmap,
    /// The series of each table that could be opened.
    used: Vec<(PathBuf, RoaringBitmap)>,
}

impl Work<'_> {
    fn done(&mut self, what: impl Into<String>) {
        self.said.done.push(what.into());
    }

    fn lost(&mut self, what: impl Into<String>) {
        self.said.lost.push(what.into());
    }

    fn new_number(&mut self) -> u64 {
        self.next_file += 1;
        self.next_file - 1
    }

    /// The manifest, rebuilt if it is lost; and whether it has to be written.
    fn manifest(&mut self) -> Result<(Manifest, bool), OpenError> {
        let why = match Manifest::read(&**self.disk) {
            Ok(Some(read)) => {
                if let Some(why) = &read.damaged_copy {
                    self.done(format!("MANIFEST: {why}; written anew from the other copy"));
                }
                return Ok((read.manifest, read.damaged_copy.is_some()));
            }
            Ok(None) => "it is missing".to_owned(),
            Err(OpenError::Manifest(why)) => {
                self.moves.push(layout::MANIFEST.into());
                why
            }
            Err(other) => return Err(other),
        };
        let disk = &**self.disk;
        let numbers = |dir: &str| -> Result<Vec<u64>, OpenError> {
            let mut found: Vec<u64> = inspect::unnamed(disk, dir, &[])?.into_iter().map(|(number, _)| number).collect();
            found.sort_unstable();
            Ok(found)
        };
        let table = |number| TableEntry { number, set_aside: false, windowed: false, settled: 0 };
        let tables: Vec<TableEntry> = numbers(layout::TABLES)?.into_iter().map(table).collect();
        let segment = |number| FileEntry { number, set_aside: false };
        let segments: Vec<FileEntry> = numbers(layout::INDEX)?.into_iter().map(segment).collect();
        let log = wal::segments(disk, Path::new(layout::WAL))?;
        let noted = wal_marker::read(disk).map_err(io_error("listing the data directory"))?;
        // An empty log may have been flushed whole: then it goes on behind its newest segment.
        let next = noted.map_or(1, |number| number.saturating_add(1));
        let wal_start = log.first().copied().unwrap_or(next);
        let next_series = self.next_series(&tables, &segments);
        self.done(format!(
            "MANIFEST: {why}; rebuilt from the {} tables, {} index segments and the log that are there",
            tables.len(),
            segments.len()
        ));
        self.lost(
            "MANIFEST: the order of the tables is taken from their numbers; where one time of a series was written twice, \
             the older value may be back, and so may samples that were deleted and not yet cleaned away",
        );
        let rebuilt =
            Manifest { next_file: self.next_file, next_series, wal_start, tables, segments, ..Manifest::default() };
        Ok((rebuilt, true))
    }

    /// The first id above those that any file uses.
    fn next_series(&self, tables: &[TableEntry], segments: &[FileEntry]) -> u64 {
        let in_tables = tables.iter().filter_map(|entry| Table::open(self.disk, &layout::table(entry.number)).ok());
        let in_segments =
            segments.iter().filter_map(|entry| Segment::open(&**self.disk, &layout::segment(entry.number)).ok());
        let used = in_tables.map(|table| table.series().max()).chain(in_segments.map(|segment| segment.ids().max()));
        used.flatten().max().map_or(0, |id| u64::from(id) + 1)
    }

    fn tables(&mut self, entries: &[TableEntry]) -> Result<Vec<TableEntry>, OpenError> {
        let mut kept = Vec::new();
        for entry in entries {
            kept.extend(self.table(*entry)?);
        }
        Ok(kept)
    }

    fn table(&mut self, entry: TableEntry) -> Result<Option<TableEntry>, OpenError> {
        let path = layout::table(entry.number);
        let shown = path.display();
        let mut losses = Vec::new();
        match Table::open(self.disk, &path) {
            Ok(table) => {
                self.used.push((path.clone(), table.series().clone()));
                let mut errors = Vec::new();
                table.audit(&mut |error| errors.push(error.to_string())).map_err(OpenError::file)?;
                if errors.is_empty() {
                    self.say_kept(entry.set_aside, &path);
                    return Ok(Some(TableEntry { set_aside: false, ..entry }));
                }
                losses.extend(table.damaged_blocks().iter().map(damage::block));
                if losses.is_empty() {
                    self.done(format!("{shown}: {}", errors.join("; ")));
                }
            }
            Err(error) if !error.is_damage() => return Err(OpenError::file(error)),
            Err(_) if self.is_missing(&path)? => {
                self.lost(format!("{shown}: the file is missing"));
                return Ok(None);
            }
            Err(error) => self.done(format!("{shown}: {error}")),
        }
        let number = self.new_number();
        let new = layout::table(number);
        let saved = if self.dry_run { survey(self.disk, &path) } else { salvage(self.disk, &path, &new) };
        let saved = saved.map_err(OpenError::file)?;
        if losses.is_empty() {
            losses.extend(
                saved.gaps.iter().map(|gap| format!("{shown}: bytes {} to {} are no block", gap.start, gap.end)),
            );
            losses.extend(saved.unknown.iter().map(|rest| {
                format!("{shown}: blocks that were damaged too may have stood in bytes {} to {}", rest.start, rest.end)
            }));
        }
        losses.into_iter().for_each(|loss| self.lost(loss));
        self.moves.push(path.clone());
        if saved.samples == 0 {
            self.done(format!("{shown}: nothing in it can be saved; moved to quarantine/"));
            return Ok(None);
        }
        let into = new.display();
        self.done(format!("{shown}: {} samples saved into {into}; moved to quarantine/", saved.samples));
        Ok(Some(TableEntry { number, set_aside: false, ..entry }))
    }

    fn segments(&mut self, entries: &[FileEntry]) -> Result<Vec<FileEntry>, OpenError> {
        let mut kept = Vec::new();
        for entry in entries {
            kept.extend(self.segment(*entry)?);
        }
        Ok(kept)
    }

    fn segment(&mut self, entry: FileEntry) -> Result<Option<FileEntry>, OpenError> {
        let path = layout::segment(entry.number);
        let shown = path.display();
        match Segment::open(&**self.disk, &path) {
            Ok(segment) => {
                let mut errors = Vec::new();
                segment.audit(&mut |error| errors.push(error.to_string())).map_err(OpenError::file)?;
                if errors.is_empty() {
                    self.labelled |= segment.ids();
                    self.say_kept(entry.set_aside, &path);
                    return Ok(Some(FileEntry { set_aside: false, ..entry }));
                }
                self.done(format!("{shown}: {}", errors.join("; ")));
            }
            Err(error) if !error.is_damage() => return Err(OpenError::file(error)),
            Err(_) if self.is_missing(&path)? => {
                self.lost(format!("{shown}: the file is missing, and with it the labels of its series"));
                return Ok(None);
            }
            Err(error) => self.done(format!("{shown}: {error}")),
        }
        let number = self.new_number();
        let new = layout::segment(number);
        let target = (!self.dry_run).then_some(&*new);
        let saved = Segment::salvage(&**self.disk, &path, target).map_err(OpenError::file)?;
        match &saved.lost {
            Some(lost) if lost.is_empty() => {}
            Some(lost) => self.lost(format!("{shown}: the labels of {}", series(lost))),
            None => self.lost(format!("{shown}: it can't be told how many series had their labels in it")),
        }
        self.moves.push(path.clone());
        if saved.saved.is_empty() {
            self.done(format!("{shown}: nothing in it can be saved; moved to quarantine/"));
            return Ok(None);
        }
        let (into, count) = (new.display(), saved.saved.len());
        self.labelled |= &saved.saved;
        self.done(format!("{shown}: the labels of {count} series saved into {into}; moved to quarantine/"));
        Ok(Some(FileEntry { number, set_aside: false }))
    }

    fn say_kept(&mut self, set_aside: bool, path: &Path) {
        if set_aside {
            self.done(format!("{}: it was set aside and is whole; it is served again", path.display()));
        }
    }

    fn is_missing(&self, path: &Path) -> Result<bool, OpenError> {
        match self.disk.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            opened => opened.map(|_| false).map_err(io_error(format!("opening {}", path.display()))),
        }
    }

    /// Keeps the damaged files, then makes `manifest` the one that counts.
    fn commit(&self, manifest: &Manifest) -> Result<(), OpenError> {
        let disk = &**self.disk;
        let sync = |dir: &str| disk.sync_dir(Path::new(dir)).map_err(io_error(format!("syncing {dir}/")));
        for dir in layout::DIRECTORIES {
            disk.create_dir(Path::new(dir)).map_err(io_error(format!("creating {dir}/")))?;
        }
        for path in &self.moves {
            quarantine::link(disk, path).map_err(io_error(format!("linking {} into quarantine/", path.display())))?;
        }
        for dir in [layout::TABLES, layout::INDEX, layout::QUARANTINE, ""] {
            sync(dir)?;
        }
        manifest.store(disk)?;
        for path in self.moves.iter().filter(|path| **path != Path::new(layout::MANIFEST)) {
            disk.remove(path).map_err(io_error(format!("removing the old name of {}", path.display())))?;
        }
        sync(layout::TABLES)?;
        sync(layout::INDEX)
    }

    fn extras(&mut self) -> Result<(), OpenError> {
        for (file, what) in [(extras::FILE, "exemplars and metadata"), (catalog::FILE, "types of fields")] {
            let Some(Content { damage: Some(why), is_lost, .. }) = file.read(&**self.disk)? else { continue };
            if is_lost {
                self.lost(format!("{}: {why}; the {what} in it", file.name));
            }
            self.done(format!("{}: what is whole written anew; the damaged one kept in quarantine/", file.name));
            if !self.dry_run {
                file.mend(&**self.disk)?;
            }
        }
        Ok(())
    }

    /// Flushes what is whole in a damaged log, and moves its segments to the quarantine.
    fn log(&mut self, manifest: &Manifest, lock: Arc<dyn DiskLock>, clock: Arc<dyn Clock>) -> Result<(), OpenError> {
        let log = Log::read(&**self.disk, manifest.wal_start)?;
        let damage = log.damage();
        self.labelled |= &log.defined;
        let nameless = &log.used - &self.labelled;
        if !nameless.is_empty() {
            self.lost(format!("wal: the labels of {}, whose samples are in the log", series(&nameless)));
        }
        for (path, used) in std::mem::take(&mut self.used) {
            let nameless = used - &self.labelled;
            if !nameless.is_empty() {
                self.lost(format!("{}: the labels of {}, whose samples are in it", path.display(), series(&nameless)));
            }
        }
        if damage.is_empty() {
            return Ok(());
        }
        damage.into_iter().for_each(|what| self.lost(format!("wal: {what}")));
        self.done(format!("wal: {} samples flushed to a table; damaged segments moved to quarantine/", log.samples));
        if self.dry_run {
            return Ok(());
        }
        let options = StorageOptions { threads: crate::storage::Threads::Manual, ..StorageOptions::default() };
        let shared = recover::open(Arc::clone(self.disk), Standing::new(lock, false), clock, options)?;
        shared.committer.lock().seal(&shared);
        while flush::flush_oldest(&shared)? {}
        flush::end_log(&shared)?;
        Ok(())
    }
}
