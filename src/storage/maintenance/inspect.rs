//! What verifying and repairing look at alike.

use std::{io, path::Path};

use roaring::RoaringBitmap;

use crate::{
    seams::env::Disk,
    storage::{
        error::{OpenError, io_error},
        layout,
        version::Manifest,
        wal_marker,
    },
    wal::{self, ReplayReport},
};

/// The names in a directory; none when it isn't there.
pub(super) fn names(disk: &dyn Disk, dir: &str) -> Result<Vec<String>, OpenError> {
    match disk.list(Path::new(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names.map_err(io_error(format!("listing {dir}/"))),
    }
}

/// Names of tables or segments in `dir` that `named` doesn't have.
pub(super) fn unnamed(disk: &dyn Disk, dir: &str, named: &[u64]) -> Result<Vec<(u64, String)>, OpenError> {
    let files = names(disk, dir)?.into_iter().filter_map(|name| Some((layout::file_number(&name)?, name)));
    Ok(files.filter(|(number, _)| !named.contains(number)).collect())
}

/// The directories of tables and segments, each with the numbers that the manifest names.
pub(super) fn named(manifest: &Manifest) -> [(&'static str, Vec<u64>); 2] {
    let tables = manifest.tables.iter().map(|entry| entry.number).collect();
    let segments = manifest.segments.iter().map(|entry| entry.number).collect();
    [(layout::TABLES, tables), (layout::INDEX, segments)]
}

/// What the log holds.
#[derive(Default)]
pub(super) struct Log {
    pub(super) report: ReplayReport,
    /// What has a good checksum and no meaning.
    pub(super) undecodable: Vec<String>,
    /// Series defined in it.
    pub(super) defined: RoaringBitmap,
    /// Series with samples in it.
    pub(super) used: RoaringBitmap,
    pub(super) samples: u64,
}

impl Log {
    /// Reads the log from segment `start` on.
    pub(super) fn read(disk: &dyn Disk, start: u64) -> Result<Self, OpenError> {
        let mut log = Self::default();
        let noted = wal_marker::read(disk).map_err(io_error("listing the data directory"))?;
        let report = wal::replay(disk, Path::new(layout::WAL), start, noted, &mut |position, payload| {
            match wal::record::decode(payload) {
                Ok(batch) => {
                    log.defined.extend(batch.series.iter().map(|(id, _)| id.0));
                    log.used.extend(batch.floats.iter().map(|sample| sample.series.0));
                    log.used.extend(batch.histograms.iter().map(|sample| sample.series.0));
                    log.samples += (batch.floats.len() + batch.histograms.len()) as u64;
                }
                Err(error) => log.undecodable.push(format!("{position}: {error}")),
            }
            Ok::<_, OpenError>(())
        })?;
        log.report = report;
        Ok(log)
    }

    /// Everything wrong with it.
    pub(super) fn damage(&self) -> Vec<String> {
        let found = self.report.damage.iter().map(|damage| format!("{damage}; the records in it are lost"));
        found.chain(self.undecodable.iter().cloned()).collect()
    }
}
