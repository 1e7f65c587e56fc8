//! Verifying, repairing, snapshots, backups: what keeps a data directory whole for years.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use vctsdb::{
    model::{MatchOp, Matcher, TimeRange},
    seams::{
        env::{Cut, Disk, Op, SimDisk, TestClock},
        select::{Select, SelectHints},
        status::Status,
    },
    storage::{self, BackupError, OpenError, Repaired, Storage, StorageOptions, Verified},
};

use super::store::{Model, Sample, Value, apply, histogram, open, options, read, series, write};

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

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
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

fn samples(model: &Model) -> usize {
    model.values().map(std::collections::BTreeMap::len).sum()
}

/// A store whose one table has several blocks, closed.
fn large(disk: &SimDisk) -> Model {
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

/// The files below a directory as a disk of their own.
fn below(disk: &SimDisk, dir: &str) -> SimDisk {
    let part = SimDisk::new();
    for path in files(disk, dir) {
        part.write_file(path.strip_prefix(dir).unwrap(), &disk.read_file(&path).unwrap());
    }
    part
}

#[test]
fn a_snapshot_is_a_data_directory_of_that_moment_that_takes_no_space() {
    let disk = SimDisk::new();
    let model = filled(&disk, 10);
    let storage = open(&disk).unwrap();
    storage.flush().unwrap();
    let used = disk.used();
    let name = storage.snapshot(false).unwrap();
    assert!(name.len() == 33 && name.starts_with("19700101T000000Z-"), "{name}");
    assert!(disk.used() - used < 1_000, "hard links");
    write(&storage, &[(series(0), 77_777, Value::Float(7))]).unwrap();
    let without_head = storage.snapshot(true).unwrap();
    assert_ne!(name, without_head);
    for round in 0..6 {
        write(&storage, &[(series(1), 80_000 + round, Value::Float(7))]).unwrap();
        storage.flush().unwrap();
    }
    storage.compact().unwrap();
    storage.close().unwrap();
    for name in [name, without_head] {
        let snapshot = below(&disk, &format!("snapshots/{name}"));
        let found = verify(&snapshot).unwrap();
        assert!(found.is_clean() && found.notes.is_empty(), "{found:?}");
        assert_eq!(read(&open(&snapshot).unwrap(), TimeRange::ALL), model);
    }
    drop(storage);
    assert!(open(&disk).is_ok(), "snapshots are no foreign files");
}

#[test]
fn a_backup_copies_what_is_new_and_restores_into_an_empty_directory_only() {
    let (disk, copy) = (SimDisk::new(), SimDisk::new());
    let mut model = filled(&disk, 10);
    let first = storage::backup(&shared(&disk), &shared(&copy)).unwrap();
    assert!(first.copied > 2 && first.kept == 0 && first.damage.is_empty(), "{first:?}");
    let again = storage::backup(&shared(&disk), &shared(&copy)).unwrap();
    assert_eq!((again.copied, again.kept), (0, first.copied));

    let storage = open(&disk).unwrap();
    assert!(matches!(storage::backup(&shared(&disk), &shared(&copy)), Err(BackupError::Source(OpenError::Locked))));
    let more = [(series(3), 500_000, Value::Float(5))];
    write(&storage, &more).unwrap();
    apply(&mut model, &more);
    storage.close().unwrap();
    drop(storage);
    let second = storage::backup(&shared(&disk), &shared(&copy)).unwrap();
    assert!(second.copied > 0 && second.kept > 0 && second.removed > 0, "{second:?}");
    assert!(verify(&copy).unwrap().is_clean());

    let target = SimDisk::new();
    storage::restore(&shared(&copy), &shared(&target)).unwrap();
    assert_eq!(read(&open(&target).unwrap(), TimeRange::ALL), model);
    let refused = storage::restore(&shared(&copy), &shared(&target));
    assert!(matches!(refused, Err(BackupError::NotEmpty { .. })));

    let table = files(&copy, "tables").remove(0);
    copy.flip_bit(&table, 40, 2).unwrap();
    assert!(matches!(storage::restore(&shared(&copy), &shared(&SimDisk::new())), Err(BackupError::Damaged(_))));
    let damaged_source = storage::backup(&shared(&copy), &shared(&SimDisk::new())).unwrap();
    assert_eq!(damaged_source.damage.len(), 1, "copied all the same, and told");
}

#[test]
fn a_backup_cut_short_is_still_the_one_before() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    let mut models = vec![Model::new()];
    let copy = SimDisk::new();
    for round in 0..2 {
        let mut model = models.last().cloned().unwrap();
        let request: Vec<Sample> = (0..10).map(|s| (series(s), round, Value::Float(9))).collect();
        write(&storage, &request).unwrap();
        apply(&mut model, &request);
        storage.flush().unwrap();
        let name = storage.snapshot(false).unwrap();
        models.push(model);
        let snapshot = shared(&below(&disk, &format!("snapshots/{name}")));
        if round == 0 {
            storage::backup(&snapshot, &shared(&copy)).unwrap();
            continue;
        }
        let start = copy.restart(Cut::LOST);
        let bytes: Vec<(PathBuf, Vec<u8>)> =
            start.list_all().into_iter().map(|path| (path.clone(), start.read_file(&path).unwrap())).collect();
        for cut in 0.. {
            let copy = SimDisk::new();
            bytes.iter().for_each(|(path, bytes)| copy.write_file(path, bytes));
            copy.cut_power_after(cut);
            let done = storage::backup(&snapshot, &shared(&copy)).is_ok();
            let copy = copy.restart(Cut::torn(cut));
            let found = read(&open(&copy).unwrap(), TimeRange::ALL);
            assert!(found == models[1] || found == models[2], "cut after {cut}");
            if done {
                assert_eq!(found, models[2]);
                break;
            }
        }
    }
}

/// A backup of a store with tables, segments and a log.
fn backed_up() -> (SimDisk, Model) {
    let (disk, copy) = (SimDisk::new(), SimDisk::new());
    let model = filled(&disk, 10);
    storage::backup(&shared(&disk.restart(Cut::KILL)), &shared(&copy)).unwrap();
    (copy, model)
}

#[test]
fn a_copy_cut_short_anywhere_is_named_by_all_and_goes_on_when_it_is_run_again() {
    let (source, model) = backed_up();
    type Copy = fn(&Arc<dyn Disk>, &Arc<dyn Disk>) -> Result<storage::BackupReport, BackupError>;
    let copies: [(&str, Copy); 2] = [("restore", storage::restore), ("backup", storage::backup)];
    for (what, run) in copies {
        let mut unfinished = 0;
        for cut in 0.. {
            let target = SimDisk::new();
            target.cut_power_after(cut);
            let done = run(&shared(&source), &shared(&target)).is_ok();
            for fate in [Cut::LOST, Cut::KILL, Cut::torn(cut)] {
                let target = target.restart(fate);
                let has = |name: &str| target.list_all().iter().any(|path| path == Path::new(name));
                if has("MANIFEST") {
                    assert_eq!(read(&open(&below(&target, "")).unwrap(), TimeRange::ALL), model, "{what} {cut}");
                } else if !files(&target, "tables").is_empty() || !files(&target, "index").is_empty() {
                    unfinished += 1;
                    let before = target.list_all();
                    let says = |error: OpenError| {
                        let said = error.to_string();
                        assert!(said.contains(&format!("run `vctsdb {what}` again")), "{what} {cut}: {said}");
                    };
                    says(open(&target).err().unwrap());
                    says(verify(&target).unwrap_err());
                    for dry_run in [true, false] {
                        let repaired = storage::repair(&shared(&target), Arc::new(TestClock::at(0)), dry_run);
                        says(repaired.unwrap_err());
                    }
                    let mut after = target.list_all();
                    after.retain(|path| path != Path::new("LOCK"));
                    assert!(after.iter().all(|path| before.contains(path)), "{what} {cut}: nothing was changed");
                }
                if !has("MANIFEST") || has("UNFINISHED") {
                    run(&shared(&source), &shared(&target)).unwrap_or_else(|error| panic!("{what} {cut}: {error}"));
                }
                assert!(verify(&target).unwrap().is_clean(), "{what} {cut}");
                let storage = open(&target).unwrap();
                assert_eq!((read(&storage, TimeRange::ALL), storage.status().damage), (model.clone(), vec![]));
                drop(storage);
                let again = storage::restore(&shared(&source), &shared(&target));
                assert!(matches!(again, Err(BackupError::NotEmpty { .. })), "{what} {cut}: {again:?}");
            }
            if done {
                break;
            }
        }
        assert!(unfinished > 20, "{what}: {unfinished}");
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
