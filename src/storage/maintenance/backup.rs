//! Backups: a data directory or snapshot, copied to where only what is new has to be written.
//!
//! A backup is itself a data directory. Tables, index segments and log segments never change under their names, so one that
//! is there with the same length and the same last bytes (where its checksums are) is not copied again. The manifest comes
//! last: until it is renamed into place the backup is what it was before. Then what it doesn't name any more goes.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{inspect, verify::verify};
use crate::{
    codec::checksum::crc32,
    index::Segment,
    seams::env::{Disk, DiskFile},
    sst::Table,
    storage::{
        catalog,
        discard::gone,
        error::{OpenError, io_error},
        extras, layout, recover, unfinished,
        version::Manifest,
        wal_marker,
    },
    wal,
};

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;
/// Bytes at the end of two files that are compared to tell whether these are the same. A footer, with
/// checksums of what is before, fits.
const TAIL: u64 = 4 << 10;

/// What may be in a directory that a copy has been begun in, and has no mark yet.
const BEFORE_THE_MARK: [&str; 2] = [layout::LOCK, layout::UNFINISHED_NEW];

/// What a copy did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Files that were copied.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were there already.
    pub kept: u64,
    /// Files of an earlier backup that are no longer part of the data.
    pub removed: u64,
    /// Damage in what was copied, one entry per file.
    pub damage: Vec<String>,
}

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The source can't be read.
    #[error("the source: {0}")]
    Source(#[source] OpenError),
    /// The target can't be used.
    #[error("the target: {0}")]
    Target(#[source] OpenError),
    /// Restoring into a directory that holds something.
    #[error(
        "the target holds {found:?}; a backup is restored into an empty directory only, so that nothing is mixed or lost"
    )]
    NotEmpty {
        /// The first name in it.
        found: String,
    },
    /// Restoring a damaged backup.
    #[error("the backup is damaged and was not restored; see `vctsdb verify`:\n{}", .0.join("\n"))]
    Damaged(Vec<String>),
    /// What was written reads back differently.
    #[error("{file}: what was written has crc {got:08x} where {want:08x} was read; the target's disk can't be trusted")]
    Differs {
        /// The file.
        file: String,
        /// Checksum of the copy.
        got: u32,
        /// Checksum of what was read.
        want: u32,
    },
}

/// Copies what `to` doesn't have yet of the data directory or snapshot `from`.
///
/// # Errors
/// When either can't be used or read. The earlier backup in `to`, if any, is then still one.
pub fn backup(from: &Arc<dyn Disk>, to: &Arc<dyn Disk>) -> Result<BackupReport, BackupError> {
    copy(from, to, "backup")
}

fn copy(from: &Arc<dyn Disk>, to: &Arc<dyn Disk>, command: &str) -> Result<BackupReport, BackupError> {
    let _source = recover::lock_to_read(&**from).map_err(BackupError::Source)?;
    let _target = recover::lock(&**to).map_err(BackupError::Target)?;
    copy_all(from, to, command)
}

/// Copies the backup `from` into the empty or missing directory `to`, after checking all of it; or goes on with a copy into
/// `to` that was cut short.
///
/// # Errors
/// When the backup is damaged, `to` isn't empty, or either can't be read or written.
pub fn restore(from: &Arc<dyn Disk>, to: &Arc<dyn Disk>) -> Result<BackupReport, BackupError> {
    match to.list(Path::new("")) {
        Ok(names) => {
            let begun = names.iter().any(|name| name == layout::UNFINISHED);
            // The lock is taken before the mark is made.
            let harmless = |name: &str| BEFORE_THE_MARK.contains(&name) || layout::is_housekeeping(name);
            if let Some(found) = names.into_iter().find(|name| !begun && !harmless(name)) {
                return Err(BackupError::NotEmpty { found });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(BackupError::Target(io_error("listing the directory")(error))),
    }
    let checked = verify(from).map_err(BackupError::Source)?;
    if !checked.is_clean() {
        let told = checked.findings.into_iter().map(|finding| format!("{}: {}", finding.file, finding.what));
        return Err(BackupError::Damaged(told.collect()));
    }
    copy(from, to, "restore")
}

fn copy_all(from: &Arc<dyn Disk>, to: &Arc<dyn Disk>, command: &str) -> Result<BackupReport, BackupError> {
    let target = |what: &str| {
        let what = what.to_owned();
        move |error| BackupError::Target(io_error(what)(error))
    };
    let read = Manifest::read(&**from).map_err(BackupError::Source)?;
    let no_manifest =
        || BackupError::Source(OpenError::NoManifest { found: "no finished snapshot or backup".to_owned() });
    let manifest = read.ok_or_else(no_manifest)?.manifest;
    // Refuses to write over what a newer version or a damaged disk left there. A backup that has a manifest is one, until the
    // next manifest replaces that.
    if Manifest::read(&**to).map_err(BackupError::Target)?.is_none() {
        unfinished::begin(&**to, command).map_err(|error| BackupError::Target(error.into()))?;
    }
    for dir in layout::DIRECTORIES {
        to.create_dir(Path::new(dir)).map_err(target("creating directories"))?;
    }
    let mut done = BackupReport::default();
    for entry in &manifest.tables {
        let path = layout::table(entry.number);
        copy_entry(from, to, entry.set_aside, &path, &mut done, || {
            Table::open(to, &path).and_then(|table| table.verify()).map_err(|error| error.to_string())
        })?;
    }
    for entry in &manifest.segments {
        let path = layout::segment(entry.number);
        copy_entry(from, to, entry.set_aside, &path, &mut done, || {
            Segment::open(&**to, &path).and_then(|segment| segment.verify()).map_err(|error| error.to_string())
        })?;
    }
    wal_marker::forget(&**to).map_err(target("removing the note of the newest log segment"))?;
    let log = wal::segments(&**from, Path::new(layout::WAL)).map_err(|error| BackupError::Source(error.into()))?;
    let log: Vec<u64> = log.into_iter().filter(|number| *number >= manifest.wal_start).collect();
    for number in &log {
        copy_file(from, to, &wal::path_of(Path::new(layout::WAL), *number), &mut done)?;
    }
    for dir in layout::DIRECTORIES {
        to.sync_dir(Path::new(dir)).map_err(target("syncing directories"))?;
    }
    copy_note(from, to, &manifest, &log, &mut done)?;
    // The files that change under their names: they may be newer than the manifest, as after a crash between the two.
    for file in [extras::FILE, catalog::FILE] {
        file.copy(&**from, &**to).map_err(BackupError::Source)?;
    }
    manifest.store(&**to).map_err(|error| BackupError::Target(error.into()))?;
    done.removed = prune(&**to, &manifest, &log).map_err(BackupError::Target)?;
    unfinished::end(&**to).map_err(target("removing the mark of an unfinished copy"))?;
    to.sync_dir(Path::new("")).map_err(target("syncing the directory"))?;
    Ok(done)
}

/// Notes in the target, where the log is settled by now, which segment is the newest.
fn copy_note(
    from: &Arc<dyn Disk>,
    to: &Arc<dyn Disk>,
    manifest: &Manifest,
    log: &[u64],
    done: &mut BackupReport,
) -> Result<(), BackupError> {
    let what = "the note of the newest log segment";
    let noted = wal_marker::read(&**from).map_err(io_error(format!("reading {what}"))).map_err(BackupError::Source)?;
    let Some(number) = noted.filter(|number| *number >= manifest.wal_start) else { return Ok(()) };
    if !log.contains(&number) {
        done.damage.push(format!("{}: the file is missing", wal::path_of(Path::new(layout::WAL), number).display()));
    }
    wal_marker::note(&**to, None, number).map_err(io_error(format!("writing {what}"))).map_err(BackupError::Target)
}

/// Copies a file that the manifest names, and checks the copy's own checksums.
fn copy_entry(
    from: &Arc<dyn Disk>,
    to: &Arc<dyn Disk>,
    set_aside: bool,
    path: &Path,
    done: &mut BackupReport,
    check: impl FnOnce() -> Result<(), String>,
) -> Result<(), BackupError> {
    let before = done.copied;
    match copy_file(from, to, path, done) {
        Err(BackupError::Source(OpenError::Io { source, .. })) if source.kind() == io::ErrorKind::NotFound => {
            done.damage.push(format!("{}: the file is missing", path.display()));
            return Ok(());
        }
        copied => copied?,
    }
    if done.copied > before
        && let Err(why) = check()
    {
        done.damage.push(why);
    } else if set_aside {
        done.damage.push(format!("{}: it was found damaged earlier and is set aside", path.display()));
    }
    Ok(())
}

fn copy_file(
    from: &Arc<dyn Disk>,
    to: &Arc<dyn Disk>,
    path: &Path,
    done: &mut BackupReport,
) -> Result<(), BackupError> {
    let shown = path.display();
    let reading = |error| BackupError::Source(io_error(format!("reading {shown}"))(error));
    let writing = |error| BackupError::Target(io_error(format!("writing {shown}"))(error));
    let source = from.open(path).map_err(reading)?;
    if let Ok(there) = to.open(path)
        && there.len() == source.len()
        && tail(&*there).map_err(writing)? == tail(&*source).map_err(reading)?
    {
        done.kept += 1;
        return Ok(());
    }
    let new: PathBuf = path.with_extension("new");
    gone(to.remove(&new)).map_err(writing)?;
    let mut writer = to.create(&new).map_err(writing)?;
    let mut want = crc32fast::Hasher::new();
    each_chunk(
        &*source,
        |chunk| {
            want.update(chunk);
            writer.append(chunk).map_err(writing)
        },
        reading,
    )?;
    writer.sync().map_err(writing)?;
    let mut got = crc32fast::Hasher::new();
    let written = to.open(&new).map_err(writing)?;
    each_chunk(
        &*written,
        |chunk| {
            got.update(chunk);
            Ok(())
        },
        writing,
    )?;
    let (got, want) = (got.finalize(), want.finalize());
    if got != want {
        return Err(BackupError::Differs { file: shown.to_string(), got, want });
    }
    to.rename(&new, path).map_err(writing)?;
    done.copied += 1;
    done.bytes += source.len();
    Ok(())
}

fn each_chunk(
    file: &dyn DiskFile,
    mut take: impl FnMut(&[u8]) -> Result<(), BackupError>,
    failed: impl Fn(io::Error) -> BackupError,
) -> Result<(), BackupError> {
    let mut buf = vec![0; CHUNK];
    let mut at = 0;
    while at < file.len() {
        let len = usize::try_from(file.len() - at).unwrap_or(CHUNK).min(CHUNK);
        let chunk = buf.get_mut(..len).unwrap_or_default();
        file.read_at(chunk, at).map_err(&failed)?;
        take(chunk)?;
        at += len as u64;
    }
    Ok(())
}

/// A checksum of the last bytes.
fn tail(file: &dyn DiskFile) -> io::Result<u32> {
    let len = file.len().min(TAIL);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    file.read_at(&mut bytes, file.len() - len)?;
    Ok(crc32(&bytes))
}

/// Removes what an earlier backup had and this one hasn't.
fn prune(disk: &dyn Disk, manifest: &Manifest, log: &[u64]) -> Result<u64, OpenError> {
    let mut removed = 0;
    let mut remove = |path: &Path| -> Result<(), OpenError> {
        removed += 1;
        disk.remove(path).map_err(io_error(format!("removing {}", path.display())))
    };
    for (dir, named) in inspect::named(manifest) {
        for (_, name) in inspect::unnamed(disk, dir, &named)? {
            remove(&Path::new(dir).join(name))?;
        }
    }
    for number in wal::segments(disk, Path::new(layout::WAL))?.into_iter().filter(|number| !log.contains(number)) {
        remove(&wal::path_of(Path::new(layout::WAL), number))?;
    }
    Ok(removed)
}
