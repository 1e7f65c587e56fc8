//! Snapshots, backups and restores: each is whole, or says that it isn't.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use vctsdb::{
    model::TimeRange,
    seams::{
        env::{Cut, Disk, SimDisk, TestClock},
        status::Status,
    },
    storage::{self, BackupError, OpenError},
};

use super::super::store::{Model, Sample, Value, apply, open, read, series, write};
use super::{backed_up, below, files, filled, shared, verify};

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
