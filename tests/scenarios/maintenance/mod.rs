//! Verifying, repairing, snapshots, backups and full disks: what keeps a data directory whole for years.

mod backup;
mod full_disk;
mod repair;
mod snapshots;

use std::{path::PathBuf, sync::Arc};

use vctsdb::{
    seams::env::{Cut, Disk, SimDisk, TestClock},
    storage::{self, OpenError, Repaired, Storage, StorageOptions, Verified},
};

use super::store::{Model, Sample, Value, apply, histogram, open, options, series, write};

/// Some requests, flushed into tables of several blocks, and an unflushed rest.
pub(crate) fn filled(disk: &SimDisk, rounds: i64) -> Model {
    let storage = open(disk).unwrap();
    let mut model = Model::new();
    for round in 0..rounds {
        let time = round * 1_000;
        // Without a start time, of a counter, of deltas.
        let value = |s: i64| Value::Float((round * 7_919 + s) as u64).from([0, -7_000, time - 1_000][s as usize % 3]);
        let mut request: Vec<Sample> = (0..30).map(|s| (series(s), time, value(s as i64))).collect();
        request.push((series(30), time, Value::Histogram(histogram(round)).from(time - 5)));
        write(&storage, &request).unwrap();
        apply(&mut model, &request);
        if round == rounds / 2 {
            storage.flush().unwrap();
        }
    }
    model
}

pub(crate) fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

pub(crate) fn verify(disk: &SimDisk) -> Result<Verified, OpenError> {
    storage::verify(&shared(disk))
}

pub(crate) fn repair(disk: &SimDisk, dry_run: bool) -> Repaired {
    storage::repair(&shared(disk), Arc::new(TestClock::at(0)), dry_run).unwrap()
}

pub(crate) fn files(disk: &SimDisk, dir: &str) -> Vec<PathBuf> {
    disk.list_all().into_iter().filter(|path| path.starts_with(dir)).collect()
}

/// Whether `part` has nothing that `whole` hasn't.
pub(crate) fn is_part_of(part: &Model, whole: &Model) -> bool {
    part.iter().all(|(labels, samples)| {
        whole.get(labels).is_some_and(|all| samples.iter().all(|(time, value)| all.get(time) == Some(value)))
    })
}

pub(crate) fn samples(model: &Model) -> usize {
    model.values().map(std::collections::BTreeMap::len).sum()
}

/// A store whose one table has several blocks, closed.
pub(crate) fn large(disk: &SimDisk) -> Model {
    let roomy = StorageOptions { memtable_bytes: 64 << 20, ..options() };
    let storage = Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), roomy).unwrap();
    let mut model = Model::new();
    for round in 0..200 {
        let value = |s: usize| {
            let bits = (round as u64 * 31 + s as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            Value::Float(bits).from([0, -1, round * 1_000 - 15][s % 3])
        };
        let request: Vec<Sample> = (0..200).map(|s| (series(s), round * 1_000, value(s))).collect();
        write(&storage, &request).unwrap();
        apply(&mut model, &request);
    }
    storage.close().unwrap();
    model
}

/// The files below a directory as a disk of their own.
pub(crate) fn below(disk: &SimDisk, dir: &str) -> SimDisk {
    let part = SimDisk::new();
    for path in files(disk, dir) {
        part.write_file(path.strip_prefix(dir).unwrap(), &disk.read_file(&path).unwrap());
    }
    part
}

/// A backup of a store with tables, segments and a log.
pub(crate) fn backed_up() -> (SimDisk, Model) {
    let (disk, copy) = (SimDisk::new(), SimDisk::new());
    let model = filled(&disk, 10);
    storage::backup(&shared(&disk.restart(Cut::KILL)), &shared(&copy)).unwrap();
    (copy, model)
}
