//! Verifying and repairing: damage costs what is damaged, and readers are told.

use std::{path::Path, sync::Arc};

use vctsdb::{
    model::{MatchOp, Matcher, TimeRange},
    seams::{
        env::{Cut, Disk, SimDisk, TestClock},
        select::{Select, SelectHints},
        status::Status,
    },
    storage::{self, OpenError},
};

use super::super::store::{Value, open, read, series, write};
use super::{backed_up, below, files, filled, is_part_of, large, repair, samples, shared, verify};

#[test]
fn a_damaged_block_costs_its_samples_only_and_readers_are_told() {
    let disk = SimDisk::new();
    let model = large(&disk);
    let table = files(&disk, "tables").remove(0);
    let storage = open(&disk).unwrap();
    disk.flip_bit(&table, 1_000, 3).unwrap();
    for _ in 0..2 {
        let found = read(&storage, TimeRange::ALL);
        assert!(is_part_of(&found, &model) && found.len() < model.len() && found.len() > 100, "{}", found.len());
    }
    let damage = storage.status().damage;
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].contains(table.to_str().unwrap()) && damage[0].contains("samples of series 0 to"), "{damage:?}");
    let warnings = |host: &str, range: TimeRange| {
        let one = [Matcher::new(MatchOp::Equal, "host", host).unwrap()];
        storage.select(&one, range, &SelectHints::default()).unwrap().warnings()
    };
    assert_eq!(warnings("host-0", TimeRange::ALL).len(), 1);
    assert_eq!(warnings("host-199", TimeRange::ALL), [""; 0], "its block is whole");
    assert_eq!(warnings("host-0", TimeRange::new(9_000_000, 9_900_000)), [""; 0], "the block has no such times");

    let before = storage.status().tables;
    for round in 0..8 {
        write(&storage, &[(series(500), round, Value::Float(1))]).unwrap();
        storage.flush().unwrap();
        let _ = storage.compact();
    }
    assert!(disk.read_file(&table).is_ok(), "a damaged table is neither merged nor removed");
    assert_eq!(storage.status().damage.len(), 1, "and stays reported");
    assert!(storage.status().tables > before);
}

#[test]
fn repair_saves_all_but_the_damaged_block_of_a_table_and_keeps_the_original() {
    let disk = SimDisk::new();
    let model = large(&disk);
    let table = files(&disk, "tables").remove(0);
    let whole = disk.read_file(&table).unwrap();
    assert!(verify(&disk).unwrap().is_clean());
    assert!(repair(&disk, false).is_empty());
    let len = whole.len() as u64;
    // A block, the block index, the bitmap or the footer, the footer's magic.
    for (at, loses) in [(1_000, true), (len - 90, false), (len - 40, false), (len - 2, false)] {
        let disk = SimDisk::new();
        large(&disk);
        disk.flip_bit(&table, at, 5).unwrap();
        let damaged = disk.read_file(&table).unwrap();
        let found = verify(&disk).unwrap();
        assert!(!found.is_clean() && found.findings[0].file == table.to_str().unwrap(), "byte {at}: {found:?}");
        let planned = repair(&disk, true);
        assert_eq!(disk.read_file(&table).unwrap(), damaged, "a dry run changes nothing");
        assert_eq!(verify(&disk).unwrap(), found);
        assert_eq!(repair(&disk, false), planned, "byte {at}");
        assert!(planned.lost.is_empty() != (loses || at > len - 80), "byte {at}: {planned:?}");
        let after = verify(&disk).unwrap();
        assert!(after.is_clean(), "byte {at}: {after:?}");
        assert_eq!(disk.read_file(&Path::new("quarantine").join(table.file_name().unwrap())).unwrap(), damaged);
        let found = read(&open(&disk).unwrap(), TimeRange::ALL);
        assert!(is_part_of(&found, &model), "byte {at}");
        assert_eq!(found == model, !loses, "byte {at}");
        assert!(samples(&found) > samples(&model) / 2, "byte {at}");
    }
}

#[test]
fn repair_rebuilds_an_index_segment_and_a_lost_manifest() {
    let disk = SimDisk::new();
    let mut model = large(&disk);
    let segment = files(&disk, "index").remove(0);
    let len = disk.read_file(&segment).unwrap().len() as u64;
    // The dictionary stands before the footer: labels are elsewhere too.
    disk.flip_bit(&segment, len - 250, 0).unwrap();
    assert!(!verify(&disk).unwrap().is_clean());
    assert!(read(&open(&disk).unwrap(), TimeRange::ALL).is_empty(), "the segment is set aside");
    let told = repair(&disk, false);
    assert!(told.lost.is_empty(), "{told:?}");
    assert!(verify(&disk).unwrap().is_clean());
    assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model);

    for missing in [false, true] {
        if missing {
            disk.remove(Path::new("MANIFEST")).unwrap();
            assert!(matches!(open(&disk), Err(OpenError::NoManifest { .. })));
        } else {
            let len = disk.read_file(Path::new("MANIFEST")).unwrap().len() as u64;
            disk.flip_bit(Path::new("MANIFEST"), 20, 0).unwrap();
            disk.flip_bit(Path::new("MANIFEST"), len / 2 + 20, 0).unwrap();
            assert!(matches!(open(&disk), Err(OpenError::Manifest(_))));
        }
        assert!(verify(&disk).is_err());
        assert!(!repair(&disk, true).is_empty());
        assert!(open(&disk).is_err(), "a dry run changes nothing");
        repair(&disk, false);
        let storage = open(&disk).unwrap();
        assert_eq!(read(&storage, TimeRange::ALL), model);
        write(&storage, &[(series(model.len() + 700), 1, Value::Float(3))]).unwrap();
        assert_eq!(read(&storage, TimeRange::ALL).len(), model.len() + 1, "the new series has an id of its own");
        drop(storage);
        assert!(verify(&disk).unwrap().is_clean());
        model = read(&open(&disk).unwrap(), TimeRange::ALL);
    }
}

#[test]
fn repair_takes_a_damaged_log_out_of_the_way_and_keeps_what_is_whole() {
    let disk = SimDisk::new();
    let model = filled(&disk, 20);
    let disk = disk.restart(Cut::KILL);
    let log = files(&disk, "wal").remove(0);
    let length = disk.read_file(&log).unwrap().len() as u64;
    disk.flip_bit(&log, length / 2, 0).unwrap();
    let found = verify(&disk).unwrap();
    assert!(found.findings.iter().any(|f| f.file == "wal"), "{found:?}");
    let told = repair(&disk, false);
    assert_eq!(told.lost.len(), 1, "{told:?}");
    let after = verify(&disk).unwrap();
    assert!(after.is_clean() && after.log_segments == 0, "{after:?}");
    assert_eq!(files(&disk, "quarantine").len(), 1);
    let saved = read(&open(&disk).unwrap(), TimeRange::ALL);
    assert!(is_part_of(&saved, &model) && samples(&saved) + 31 == samples(&model), "one request is lost");
}

#[test]
fn repair_and_snapshots_cut_short_anywhere_lose_nothing() {
    let prepared = || {
        let disk = SimDisk::new();
        let model = filled(&disk, 12);
        let disk = disk.restart(Cut::KILL);
        let table = files(&disk, "tables").remove(0);
        let end = disk.read_file(&table).unwrap().len() as u64;
        disk.flip_bit(&table, end - 20, 1).unwrap();
        (disk, model)
    };
    let (whole, model) = prepared();
    repair(&whole, false);
    let ops = whole.ops();
    for cut in 0..ops {
        for fate in [Cut::LOST, Cut::KILL, Cut::torn(cut)] {
            let (disk, _) = prepared();
            disk.cut_power_after(cut);
            let _ = storage::repair(&shared(&disk), Arc::new(TestClock::at(0)), false);
            let disk = disk.restart(fate);
            repair(&disk, false);
            assert!(verify(&disk).unwrap().is_clean(), "cut after {cut}, {fate:?}");
            assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model, "cut after {cut}, {fate:?}");
        }
    }
    for cut in 0.. {
        let disk = SimDisk::new();
        let model = filled(&disk, 6);
        let storage = open(&disk).unwrap();
        disk.cut_power_after(cut);
        let made = storage.snapshot(false);
        drop(storage);
        let disk = disk.restart(Cut::torn(cut));
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model, "cut after {cut}");
        if let Ok(name) = made {
            assert_eq!(read(&open(&below(&disk, &format!("snapshots/{name}"))).unwrap(), TimeRange::ALL), model);
            break;
        }
    }
}

#[test]
fn tables_whose_series_have_no_labels_are_damage_to_the_server_and_lost_to_a_repair() {
    let (disk, _) = backed_up();
    let table = files(&disk, "tables").remove(0);
    for path in files(&disk, "index").into_iter().chain(files(&disk, "wal")).chain(files(&disk, "NEWEST-00000002")) {
        disk.remove(&path).unwrap();
    }
    disk.remove(Path::new("MANIFEST")).unwrap();
    let repaired = repair(&disk, false);
    let names =
        |said: &[String]| said.iter().any(|text| text.contains(table.to_str().unwrap()) && text.contains("labels"));
    assert!(names(&repaired.lost), "{repaired:?}");
    let storage = open(&disk).unwrap();
    let damage = storage.status().damage;
    assert!(names(&damage), "{damage:?}");
    drop(storage);
    let found: Vec<String> =
        verify(&disk).unwrap().findings.into_iter().map(|found| format!("{}: {}", found.file, found.what)).collect();
    assert!(names(&found), "{found:?}");
}

#[test]
fn verify_and_repair_refuse_what_is_no_data_directory_or_is_in_use() {
    let disk = SimDisk::new();
    assert!(matches!(verify(&disk), Err(OpenError::NoData)));
    assert!(disk.list_all().is_empty());
    let storage = open(&disk).unwrap();
    assert!(matches!(verify(&disk), Err(OpenError::Locked)));
    drop(storage);
    assert!(verify(&disk).unwrap().is_clean());
}
