//! Snapshots that are listed and deleted.

use std::{io::ErrorKind, path::Path};

use vctsdb::{
    model::TimeRange,
    seams::env::{Cut, Disk, Op, SimDisk},
    storage::{Storage, StorageError},
};

use super::super::store::{open, read};
use super::{below, filled, verify};

/// Names of the snapshots, and whether each is complete.
fn listed(storage: &Storage) -> Vec<(String, bool)> {
    storage.snapshots().unwrap().into_iter().map(|snapshot| (snapshot.name, snapshot.complete)).collect()
}

#[test]
fn a_deleted_snapshot_is_gone_and_takes_nothing_with_it() {
    let disk = SimDisk::new();
    let model = filled(&disk, 6);
    let storage = open(&disk).unwrap();
    assert_eq!(listed(&storage), []);
    let (first, second) = (storage.snapshot(false).unwrap(), storage.snapshot(true).unwrap());
    disk.create_dir(Path::new("snapshots/mine")).unwrap();
    let mut names: Vec<String> = storage.snapshots().unwrap().into_iter().map(|snapshot| snapshot.name).collect();
    names.sort();
    let mut made = vec![first.clone(), second.clone()];
    made.sort();
    assert_eq!(names, made, "what isn't named like a snapshot is none");

    for none in ["", ".", "..", "mine", "../tables", &first[..32], "20260230T000000Z-0123456789abcdef"] {
        assert!(matches!(storage.delete_snapshot(none), Err(StorageError::NoSnapshot(_))), "{none:?}");
    }
    let reading = disk.lock(&Path::new("snapshots").join(&first).join("LOCK")).unwrap();
    let used = storage.delete_snapshot(&first).unwrap_err();
    assert!(used.to_string().contains("is being copied"), "{used}");
    drop(reading);
    storage.delete_snapshot(&first).unwrap();
    assert_eq!(listed(&storage), [(second.clone(), true)]);
    assert!(matches!(storage.delete_snapshot(&first), Err(StorageError::NoSnapshot(_))));
    assert_eq!(disk.list(Path::new("snapshots")).unwrap(), [second.as_str(), "mine"]);
    assert_eq!(read(&storage, TimeRange::ALL), model);
    storage.close().unwrap();
    drop(storage);
    assert_eq!(read(&open(&below(&disk, &format!("snapshots/{second}"))).unwrap(), TimeRange::ALL), model);
}

#[test]
fn a_snapshot_with_snapshots_of_its_own_is_kept() {
    let disk = SimDisk::new();
    filled(&disk, 3);
    let storage = open(&disk).unwrap();
    let name = storage.snapshot(false).unwrap();
    let within = Path::new("snapshots").join(&name).join("snapshots");
    disk.create_dir(&within.join("20260101T000000Z-0123456789abcdef")).unwrap();
    let refused = storage.delete_snapshot(&name).unwrap_err().to_string();
    assert!(refused.contains("snapshots of its own"), "{refused}");
    assert_eq!(listed(&storage), [(name.clone(), true)]);
    disk.remove_dir(&within.join("20260101T000000Z-0123456789abcdef")).unwrap();
    storage.delete_snapshot(&name).unwrap();
    assert_eq!(disk.list(Path::new("snapshots")).unwrap(), [""; 0]);
}

#[test]
fn a_snapshot_whose_deleting_is_cut_short_anywhere_is_whole_or_no_longer_complete() {
    let mut incomplete = 0;
    for fate in [Cut::LOST, Cut::KILL, Cut::torn(7)] {
        for cut in 0.. {
            let disk = SimDisk::new();
            let model = filled(&disk, 3);
            let storage = open(&disk).unwrap();
            let name = storage.snapshot(false).unwrap();
            disk.cut_power_after(cut);
            let deleted = storage.delete_snapshot(&name);
            drop(storage);
            let disk = disk.restart(fate);
            let storage = open(&disk).unwrap();
            assert_eq!(read(&storage, TimeRange::ALL), model, "cut after {cut}, {fate:?}");
            let left = listed(&storage);
            if deleted.is_ok() {
                assert_eq!(left, [], "{fate:?}");
                break;
            }
            for (name, complete) in left {
                incomplete += usize::from(!complete);
                if complete {
                    let snapshot = below(&disk, &format!("snapshots/{name}"));
                    assert!(verify(&snapshot).unwrap().is_clean(), "cut after {cut}, {fate:?}");
                }
                storage.delete_snapshot(&name).unwrap();
            }
            assert_eq!(listed(&storage), [], "cut after {cut}, {fate:?}");
        }
    }
    assert!(incomplete > 0, "no cut left a part");
}

#[test]
fn what_the_disk_refuses_to_delete_is_said_and_can_be_deleted_again() {
    for (op, path, complete) in
        [(Op::Remove, "MANIFEST", true), (Op::SyncDir, "snapshots", false), (Op::Remove, ".table", false)]
    {
        let disk = SimDisk::new();
        filled(&disk, 3);
        let storage = open(&disk).unwrap();
        let name = storage.snapshot(false).unwrap();
        disk.fail_next(op, path, ErrorKind::PermissionDenied);
        assert!(storage.delete_snapshot(&name).is_err(), "{op:?} {path}");
        disk.clear_faults();
        assert_eq!(listed(&storage), [(name.clone(), complete)], "{op:?} {path}");
        storage.delete_snapshot(&name).unwrap();
        assert_eq!(listed(&storage), [], "{op:?} {path}");
    }
}
