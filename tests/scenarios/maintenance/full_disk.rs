//! Full disks: writes are refused early, and the reserve lets flushes and merges make room.

use std::{io::ErrorKind, path::Path, sync::Arc};

use vctsdb::{
    model::TimeRange,
    seams::{
        env::{Cut, Op, SimDisk, TestClock},
        status::Status,
    },
    storage::{Storage, StorageOptions},
};

use super::super::store::{Model, Sample, Value, apply, open, options, read, series, write};
use super::files;

#[test]
fn a_full_disk_refuses_writes_early_flushes_with_the_reserve_and_recovers_by_itself() {
    const RESERVE: u64 = 256 << 10;
    let disk = SimDisk::new();
    disk.set_capacity(Some(8 << 20));
    let options = StorageOptions { reserve_bytes: RESERVE, memtable_bytes: 64 << 20, ..options() };
    let storage = Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), options).unwrap();
    let held =
        |disk: &SimDisk| disk.read_file(Path::new("RESERVE")).map(|bytes| bytes.len() as u64).unwrap_or_default();
    assert_eq!(held(&disk), RESERVE);
    let mut model = Model::new();
    for round in 0..10 {
        let request: Vec<Sample> = (0..20).map(|s| (series(s), round, Value::Float(4))).collect();
        write(&storage, &request).unwrap();
        apply(&mut model, &request);
    }
    disk.set_capacity(Some(disk.used() + 100));
    let log = files(&disk, "wal");
    let refused = write(&storage, &[(series(0), 99, Value::Float(1))]).unwrap_err().to_string();
    assert!(refused.contains("the disk is full"), "{refused}");
    assert_eq!(files(&disk, "wal"), log, "the log wasn't even tried");
    storage.flush().unwrap();
    assert_eq!(held(&disk), 0, "the reserve went into the flush");
    assert_eq!(read(&storage, TimeRange::ALL), model);
    disk.set_capacity(Some(disk.used() + 100));
    assert!(write(&storage, &[(series(0), 99, Value::Float(1))]).is_err());
    disk.set_capacity(Some(8 << 20));
    let more = [(series(0), 99, Value::Float(1))];
    write(&storage, &more).unwrap();
    apply(&mut model, &more);
    storage.flush().unwrap();
    assert_eq!(held(&disk), RESERVE, "and is back");
    drop(storage);
    let disk = disk.restart(Cut::LOST);
    disk.fail_next(Op::Create, "RESERVE", ErrorKind::Other);
    assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model);
}

#[test]
fn a_disk_that_fills_has_room_to_the_end_for_flushing_what_nothing_makes_small() {
    let disk = SimDisk::new();
    disk.set_capacity(Some(3 << 20));
    let options = StorageOptions { reserve_bytes: 64 << 10, memtable_bytes: 64 << 20, ..options() };
    let storage = Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), options).unwrap();
    let mut model = Model::new();
    let mut round = 0;
    let mut fill = |model: &mut Model| loop {
        round += 1;
        let value = |s: u64| Value::Float((round as u64 * 300 + s + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let request: Vec<Sample> = (0..300).map(|s| (series(s), round, value(s as u64))).collect();
        match write(&storage, &request) {
            Ok(()) => apply(model, &request),
            Err(refused) => break assert!(refused.to_string().contains("the disk is full"), "{refused}"),
        }
    };
    for _ in 0..2 {
        fill(&mut model);
        assert!(storage.status().memtable_bytes > 256 << 10, "{:?}", storage.status());
        storage.flush().unwrap();
        assert!(disk.read_file(Path::new("RESERVE")).is_ok(), "there was no need of it");
        assert!(read(&storage, TimeRange::ALL) == model);
    }
}

#[test]
fn a_merge_on_a_full_disk_uses_the_reserve_and_gives_back_more() {
    const RESERVE: u64 = 256 << 10;
    let disk = SimDisk::new();
    let options = StorageOptions { reserve_bytes: RESERVE, ..options() };
    let storage = Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), options).unwrap();
    let mut model = Model::new();
    for round in 0..6 {
        let request: Vec<Sample> = (0..200).map(|s| (series(s), round, Value::Float(round as u64))).collect();
        write(&storage, &request).unwrap();
        apply(&mut model, &request);
        storage.flush().unwrap();
    }
    let before = storage.status();
    disk.set_capacity(Some(disk.used() + 100));
    storage.compact().unwrap();
    let after = storage.status();
    assert!(after.tables < before.tables && after.table_bytes < before.table_bytes, "{before:?} {after:?}");
    assert!(disk.read_file(Path::new("RESERVE")).is_err(), "it was needed");
    assert_eq!(read(&storage, TimeRange::ALL), model);
}
