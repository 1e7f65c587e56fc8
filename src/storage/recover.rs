//! Opening a data directory: what the manifest names is opened, the rest of the log is [replayed](super::replay).
//!
//! A damaged table or index segment is set aside, reported and counted, and the rest is served. A file that can't be
//! read for another reason (no permission, too many open files) fails the open: it may be well tomorrow.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
};

use parking_lot::Mutex;

use super::{
    catalog,
    counters::COUNTERS,
    discard::discard,
    error::{OpenError, io_error},
    exemplars::Exemplars,
    extras,
    fingerprints::Fingerprints,
    journal::Journal,
    layout,
    log_tail::LogTail,
    metadata::MetadataTable,
    options::StorageOptions,
    quarantine,
    queue::Queue,
    replay,
    reserve::Reserve,
    series_limits::SeriesLimits,
    standing::Standing,
    state::{Committer, Shared},
    timekeeper::Timekeeper,
    unfinished,
    version::{LiveSegment, LiveTable, Manifest, ReadManifest, Versions, View},
    wakeup::Wakeup,
};
use crate::{
    index::{Index, PageCache, Segment},
    memtable::Memtable,
    seams::{
        catalog::Catalog,
        env::{Clock, Disk, DiskLock},
    },
    sst::{BlockCache, Table},
};

/// What the manifest names, opened.
struct Opened {
    manifest: Manifest,
    index: Index,
    view: View,
    blocks: Arc<BlockCache>,
    next_file: u64,
    damage: Vec<String>,
}

/// Takes the directory's lock, after a look that it is ours or empty: nothing is written to somebody else's files.
pub(super) fn lock(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, OpenError> {
    disk.create_dir(Path::new("")).map_err(io_error("creating the data directory"))?;
    refuse_foreign(disk)?;
    disk.lock(Path::new(layout::LOCK)).map_err(no_lock)
}

/// Takes the lock of a directory that has to be there and may be one that can only be read.
pub(super) fn lock_to_read(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, OpenError> {
    let names = match disk.list(Path::new("")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::NoData),
        names => names.map_err(io_error("listing the data directory"))?,
    };
    let ours = [layout::MANIFEST, layout::TABLES, layout::INDEX, layout::WAL, layout::UNFINISHED];
    if !names.iter().any(|name| ours.contains(&name.as_str())) {
        return Err(OpenError::NoData);
    }
    refuse_foreign(disk)?;
    if !names.iter().any(|name| name == layout::MANIFEST) {
        unfinished::refuse(disk)?;
    }
    disk.lock_to_read(Path::new(layout::LOCK)).map_err(no_lock)
}

/// Refuses a directory without a manifest that holds what isn't ours.
pub(super) fn refuse_foreign(disk: &dyn Disk) -> Result<(), OpenError> {
    let names = disk.list(Path::new("")).map_err(io_error("listing the data directory"))?;
    if !names.iter().any(|name| name == layout::MANIFEST)
        && let Some(found) = names.into_iter().find(|name| !layout::is_ours(name) && !layout::is_housekeeping(name))
    {
        return Err(OpenError::NotOurs { found });
    }
    Ok(())
}

/// Why the lock can't be had.
pub(super) fn no_lock(error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked,
        io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly(error),
        _ => io_error("locking the data directory")(error),
    }
}

/// Opens everything.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    standing: Standing,
    clock: Arc<dyn Clock>,
    options: StorageOptions,
) -> Result<Shared, OpenError> {
    if options.read_only {
        return open_to_read(disk, standing, clock, options);
    }
    let manifest = match Manifest::load(&*disk)? {
        Some(manifest) => {
            // The manifest came last.
            unfinished::end(&*disk).map_err(io_error(format!("removing {}", layout::UNFINISHED)))?;
            manifest
        }
        None => {
            unfinished::refuse(&*disk)?;
            refuse_orphans(&*disk)?;
            create(&*disk)?
        }
    };
    // Copying tools tend to leave out empty directories.
    for dir in layout::DIRECTORIES {
        match disk.list(Path::new(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.create_dir(Path::new(dir)).map_err(io_error(format!("creating {dir}/")))?;
            }
            listed => drop(listed.map_err(io_error(format!("listing {dir}/")))?),
        }
    }
    // A process that was killed may have renamed the manifest without settling that; nothing that only the one before
    // names may go until it is settled.
    disk.sync_dir(Path::new("")).map_err(io_error("syncing the data directory"))?;
    let opened = open_files(&disk, manifest, &options)?;
    let mut shared = share(disk, standing, clock, options, opened);
    extras::load(&shared)?;
    catalog::load(&shared)?;
    replay::replay(&mut shared)?;
    remove_leftovers(&*shared.disk, &shared.versions.manifest(), !shared.damage.lock().is_empty())?;
    if shared.options.retention_time.is_some() {
        shared.timekeeper.store(&*shared.disk, &*shared.clock)?;
    }
    Ok(shared)
}

/// Opens everything and changes nothing on disk. What a start would mend is told as it is.
fn open_to_read(
    disk: Arc<dyn Disk>,
    standing: Standing,
    clock: Arc<dyn Clock>,
    options: StorageOptions,
) -> Result<Shared, OpenError> {
    let Some(ReadManifest { manifest, damaged_copy }) = Manifest::read(&*disk)? else {
        refuse_orphans(&*disk)?;
        return Err(OpenError::NoData);
    };
    let mut opened = open_files(&disk, manifest, &options)?;
    opened.damage.extend(damaged_copy.map(|why| format!("{}: {why}; the other copy is whole", layout::MANIFEST)));
    let mut shared = share(disk, standing, clock, options, opened);
    extras::load(&shared)?;
    catalog::load(&shared)?;
    replay::replay(&mut shared)?;
    Ok(shared)
}

/// Without a manifest every file would be one that nothing names, and go: that is a directory to repair, not a new one.
fn refuse_orphans(disk: &dyn Disk) -> Result<(), OpenError> {
    for dir in [layout::TABLES, layout::INDEX, layout::WAL] {
        let names = match disk.list(Path::new(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names.map_err(io_error(format!("listing {dir}/")))?,
        };
        if let Some(name) = names.first() {
            return Err(OpenError::NoManifest { found: format!("{dir}/{name}") });
        }
    }
    Ok(())
}

/// Makes an empty directory a data directory.
fn create(disk: &dyn Disk) -> Result<Manifest, OpenError> {
    for dir in layout::DIRECTORIES {
        disk.create_dir(Path::new(dir)).map_err(io_error(format!("creating {dir}/")))?;
    }
    disk.sync_dir(Path::new("")).map_err(io_error("syncing the data directory"))?;
    let manifest = Manifest::default();
    manifest.store(disk)?;
    Ok(manifest)
}

fn open_files(disk: &Arc<dyn Disk>, mut manifest: Manifest, options: &StorageOptions) -> Result<Opened, OpenError> {
    let blocks = Arc::new(BlockCache::new(options.block_cache_bytes));
    let pages = Arc::new(PageCache::new(options.page_cache_bytes));
    let mut damage = Vec::new();
    let (mut tables, mut segments) = (Vec::new(), Vec::new());
    for entry in &mut manifest.tables {
        let path = layout::table(entry.number);
        let opened = Table::open_with(disk, &path, blocks.clone());
        let table = unless_damaged(&mut entry.set_aside, opened, &path, |e| e.is_damage(), &mut damage)?;
        let (number, windowed, settled) = (entry.number, entry.windowed, entry.settled);
        tables.extend(table.map(|t| Arc::new(LiveTable { number, table: Arc::new(t), windowed, settled })));
    }
    for entry in &mut manifest.segments {
        let path = layout::segment(entry.number);
        let opened = Segment::open_with(&**disk, &path, pages.clone());
        let segment = unless_damaged(&mut entry.set_aside, opened, &path, |e| e.is_damage(), &mut damage)?;
        segments.extend(segment.map(|segment| LiveSegment { number: entry.number, segment: Arc::new(segment) }));
    }
    let numbers = [layout::TABLES, layout::INDEX].map(|dir| disk.list(Path::new(dir)));
    let mut next_file = manifest.next_file;
    for names in numbers {
        let names = names.map_err(io_error("listing tables/ and index/"))?;
        next_file = names.iter().filter_map(|n| layout::file_number(n)).map(|n| n + 1).fold(next_file, u64::max);
    }
    let index = Index::new(segments.iter().map(|live| Arc::clone(&live.segment)).collect(), manifest.next_series)
        .with_pages(pages);
    let deletes = manifest.deletes.clone();
    let view = View { active: Arc::new(Memtable::new()), sealed: Vec::new(), tables, segments, deletes };
    Ok(Opened { manifest, index, view, blocks, next_file, damage })
}

/// What all threads share, before the log is replayed.
fn share(
    disk: Arc<dyn Disk>,
    standing: Standing,
    clock: Arc<dyn Clock>,
    options: StorageOptions,
    opened: Opened,
) -> Shared {
    let newest = opened.view.tables.iter().map(|live| live.table.summary().times.end).max();
    Shared {
        timekeeper: Timekeeper::open(&*disk, &*clock, newest),
        journal: Journal::default(),
        known: Fingerprints::new(options.known_series),
        series_limits: SeriesLimits::new(&options),
        exemplars: Mutex::new(Exemplars::new(options.exemplars)),
        metadata: Mutex::new(MetadataTable::new(options.metadata)),
        catalog: Catalog::new(options.catalog_bytes),
        index: opened.index,
        versions: Versions::new(opened.manifest, opened.view, opened.next_file),
        queue: Queue::default(),
        committer: Mutex::new(Committer { log: LogTail::default(), active_since: None, flushes: 0 }),
        logged: AtomicU64::default(),
        // Only a look at all series could tell; the first merge of the index takes it.
        ghosts: AtomicBool::new(true),
        retired: Mutex::default(),
        unmergeable: Mutex::default(),
        blocks: opened.blocks,
        flushing: Mutex::default(),
        compacting: Mutex::default(),
        deleting: Mutex::default(),
        snapshots: Mutex::default(),
        damaged_log: Mutex::default(),
        damage: Mutex::new(opened.damage),
        reserve: Reserve::new(options.reserve_bytes),
        wakeup: Wakeup::default(),
        counters: &COUNTERS,
        standing,
        disk,
        clock,
        options,
    }
}

/// Sets a damaged or missing file aside; passes on errors that say nothing about the file's bytes.
fn unless_damaged<T, E: std::error::Error + Send + Sync + 'static>(
    set_aside: &mut bool,
    opened: Result<T, E>,
    path: &Path,
    is_damage: impl Fn(&E) -> bool,
    damage: &mut Vec<String>,
) -> Result<Option<T>, OpenError> {
    match opened {
        Ok(_) if *set_aside => {
            damage.push(format!("{} was damaged before and stays set aside", path.display()));
            Ok(None)
        }
        Ok(file) => Ok(Some(file)),
        Err(error) if is_damage(&error) => {
            tracing::error!(%error, path = %path.display(), "a damaged file is set aside; its samples are not served");
            damage.push(error.to_string());
            *set_aside = true;
            Ok(None)
        }
        Err(error) => Err(OpenError::file(error)),
    }
}

/// Removes what an interrupted flush or merge left: files that the manifest doesn't name. Where one that it names, or some of
/// the log, is missing or damaged they are kept instead: one of them may be that file under another name, or the table that
/// the missing part of the log became.
fn remove_leftovers(disk: &dyn Disk, manifest: &Manifest, keep: bool) -> Result<(), OpenError> {
    let tables: Vec<u64> = manifest.tables.iter().map(|f| f.number).collect();
    let segments: Vec<u64> = manifest.segments.iter().map(|f| f.number).collect();
    for (dir, live) in [(layout::TABLES, tables), (layout::INDEX, segments)] {
        for name in disk.list(Path::new(dir)).map_err(io_error(format!("listing {dir}/")))? {
            let number = layout::file_number(&name);
            if number.is_none_or(|number| live.contains(&number)) {
                continue;
            }
            let path = Path::new(dir).join(name);
            if keep {
                let kept = quarantine::take(disk, &path);
                let kept = kept.map_err(io_error(format!("moving {} to quarantine/", path.display())))?;
                tracing::warn!(path = %path.display(), kept = %kept.display(), "a file that nothing names is kept");
            } else {
                discard(disk, &path);
            }
        }
    }
    Ok(())
}
