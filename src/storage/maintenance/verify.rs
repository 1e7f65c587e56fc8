//! Checking every byte and every cross reference of a data directory.

use std::{path::Path, sync::Arc};

use roaring::RoaringBitmap;

use super::inspect::{self, Log};
use crate::{
    index::Segment,
    seams::env::Disk,
    sst::Table,
    storage::{catalog, damage, error::OpenError, extras, layout, recover, version::Manifest},
};

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as a path in the data directory.
    pub file: String,
    /// What is wrong, where, and what is lost by it.
    pub what: String,
}

/// What a verification saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Tables, and how many samples they have.
    pub tables: u64,
    /// Samples in tables.
    pub table_samples: u64,
    /// Index segments.
    pub segments: u64,
    /// Series with labels, in segments and in the log.
    pub series: u64,
    /// Log segments.
    pub log_segments: u64,
    /// Samples in the log.
    pub log_samples: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is damaged.
    pub findings: Vec<Finding>,
    /// What is worth knowing and no damage.
    pub notes: Vec<String>,
}

impl Verified {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, file: impl AsRef<Path>, what: impl Into<String>) {
        let (file, what) = (file.as_ref().display().to_string(), what.into());
        // Errors of tables and segments begin with their file.
        let what = what.strip_prefix(&format!("{file}: ")).map(str::to_owned).unwrap_or(what);
        self.findings.push(Finding { file, what });
    }
}

/// Checks the whole data directory. Takes its lock and changes nothing.
///
/// # Errors
/// When there is no data directory, it is in use or newer, its manifest is lost, or the operating system refuses to read.
pub fn verify(disk: &Arc<dyn Disk>) -> Result<Verified, OpenError> {
    let _lock = recover::lock_to_read(&**disk)?;
    let mut seen = Verified::default();
    let read = Manifest::read(&**disk)?;
    let Some(read) = read else {
        return Err(OpenError::NoManifest { found: "a directory that looks like ours".to_owned() });
    };
    if let Some(why) = read.damaged_copy {
        seen.find(layout::MANIFEST, format!("{why}; the other copy is whole, nothing is lost"));
    }
    let manifest = read.manifest;
    for file in [extras::FILE, catalog::FILE] {
        if let Some(what) = file.check(&**disk)? {
            seen.find(file.name, what);
        }
    }
    let labelled = segments(disk, &manifest, &mut seen)?;
    let log = Log::read(&**disk, manifest.wal_start)?;
    for what in log.damage() {
        seen.find(layout::WAL, what);
    }
    seen.log_segments = log.report.segments;
    seen.log_samples = log.samples;
    seen.bytes += log.report.bytes;
    if log.report.torn_bytes > 0 {
        let torn = log.report.torn_bytes;
        seen.notes.push(format!("{torn} bytes at the end of the log were never acknowledged, as after a power cut"));
    }
    let labelled = labelled | &log.defined;
    seen.series = labelled.len();
    let nameless = &log.used - &labelled;
    if !nameless.is_empty() {
        seen.find(layout::WAL, damage::nameless(&nameless));
    }
    tables(disk, &manifest, &labelled, &mut seen)?;
    let next = labelled.max().map_or(0, |id| u64::from(id) + 1);
    if log.defined.is_empty() && manifest.next_series < next {
        let what = format!("the next series would be {}, but there is one {}", manifest.next_series, next - 1);
        seen.find(layout::MANIFEST, what);
    }
    note_others(&**disk, &manifest, &mut seen)?;
    Ok(seen)
}

/// Checks the index segments; answers the series that have labels.
fn segments(disk: &Arc<dyn Disk>, manifest: &Manifest, seen: &mut Verified) -> Result<RoaringBitmap, OpenError> {
    let mut labelled = RoaringBitmap::new();
    for entry in &manifest.segments {
        let path = layout::segment(entry.number);
        note_set_aside(entry.set_aside, &path, seen);
        let segment = match Segment::open(&**disk, &path) {
            Ok(segment) => segment,
            Err(error) if error.is_damage() => {
                seen.find(&path, format!("{error}; the labels in it can't be read"));
                continue;
            }
            Err(error) => return Err(OpenError::file(error)),
        };
        seen.segments += 1;
        seen.bytes += segment.summary().bytes;
        let mut errors = Vec::new();
        let audited = segment.audit(&mut |error| errors.push(error.to_string()));
        audited.map_err(OpenError::file)?;
        let damaged = segment.damage();
        errors.retain(|error| !damaged.iter().any(|damage| damage.why == *error));
        damaged.iter().for_each(|damage| seen.find(&path, damage::index(damage)));
        errors.into_iter().for_each(|error| seen.find(&path, error));
        let mut ids = RoaringBitmap::new();
        segment
            .each_series(&mut |id, _| {
                ids.insert(id.0);
            })
            .map_err(OpenError::file)?;
        let twice = &labelled & &ids;
        if !twice.is_empty() {
            seen.find(&path, format!("{} are in another segment too", damage::series(&twice)));
        }
        labelled |= ids;
    }
    Ok(labelled)
}

fn tables(
    disk: &Arc<dyn Disk>,
    manifest: &Manifest,
    labelled: &RoaringBitmap,
    seen: &mut Verified,
) -> Result<(), OpenError> {
    for entry in &manifest.tables {
        let path = layout::table(entry.number);
        note_set_aside(entry.set_aside, &path, seen);
        let table = match Table::open(disk, &path) {
            Ok(table) => table,
            Err(error) if error.is_damage() => {
                seen.find(&path, format!("{error}; none of its samples is served"));
                continue;
            }
            Err(error) => return Err(OpenError::file(error)),
        };
        seen.tables += 1;
        seen.table_samples += table.summary().samples;
        seen.bytes += table.summary().bytes;
        let mut errors = Vec::new();
        let audited = table.audit(&mut |error| errors.push(error.to_string()));
        audited.map_err(OpenError::file)?;
        let damaged = table.damaged_blocks();
        errors.retain(|error| !damaged.iter().any(|damage| damage.why == *error));
        damaged.iter().for_each(|damage| seen.find(&path, damage::block(damage)));
        errors.into_iter().for_each(|error| seen.find(&path, error));
        let nameless = table.series() - labelled;
        if !nameless.is_empty() {
            seen.find(&path, damage::nameless(&nameless));
        }
    }
    Ok(())
}

fn note_set_aside(set_aside: bool, path: &Path, seen: &mut Verified) {
    if set_aside {
        seen.find(path, "it was found damaged at an earlier start and is set aside: nothing in it is served");
    }
}

fn note_others(disk: &dyn Disk, manifest: &Manifest, seen: &mut Verified) -> Result<(), OpenError> {
    for (dir, named) in inspect::named(manifest) {
        for (_, name) in inspect::unnamed(disk, dir, &named)? {
            seen.notes.push(format!(
                "{dir}/{name} is left over from an interrupted flush or merge; the next start removes it"
            ));
        }
    }
    let kept = inspect::names(disk, layout::QUARANTINE)?.len();
    if kept > 0 {
        seen.notes.push(format!("quarantine/ keeps {kept} damaged files; they are not used and can be removed"));
    }
    Ok(())
}
