//! Full disks, failing calls, damage, and directories that are not for us.

use std::{io::ErrorKind, path::Path, sync::Arc, time::Duration};

use vctsdb::{
    model::{MatchOp, Matcher, TimeRange},
    seams::{
        append::AppendError,
        env::{Cut, Disk, Op, SimDisk, TestClock},
        replay_progress::ReplayProgress,
        status::Status,
    },
    storage::{OpenError, Storage, StorageOptions, Threads},
};

use super::process::eventually;
use super::store::{Model, Sample, Value, apply, open, options, read, series, write};

fn request(round: i64) -> Vec<Sample> {
    (0..20).map(|s| (series(s), round * 1_000, Value::Float((round as f64).to_bits()))).collect()
}

fn filled(rounds: i64) -> (SimDisk, Storage, Model) {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    let mut model = Model::new();
    for round in 0..rounds {
        write(&storage, &request(round)).unwrap();
        apply(&mut model, &request(round));
    }
    (disk, storage, model)
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_takes_writes_again_when_space_returns() {
    let (disk, storage, mut model) = filled(10);
    disk.set_capacity(Some(disk.used() + 10));
    let refused = (10..15).filter(|round| write(&storage, &request(*round)).is_err()).count();
    assert_eq!(refused, 5);
    let Err(AppendError::Unavailable { retry_after, .. }) = write(&storage, &request(15)) else {
        panic!("a full disk is no permanent refusal")
    };
    assert!(!retry_after.is_zero());
    assert!(storage.flush().is_err(), "no room for a table either");
    assert_eq!(read(&storage, TimeRange::ALL), model, "nothing of the refused requests shows");

    disk.set_capacity(None);
    write(&storage, &request(20)).unwrap();
    apply(&mut model, &request(20));
    storage.flush().unwrap();
    assert_eq!(read(&storage, TimeRange::ALL), model);
    drop(storage);
    assert_eq!(read(&open(&disk.restart(Cut::LOST)).unwrap(), TimeRange::ALL), model);
}

#[test]
fn a_request_whose_sync_failed_is_refused_and_never_comes_back() {
    let (disk, storage, mut model) = filled(3);
    for (op, kind) in [(Op::Sync, ErrorKind::Other), (Op::Append, ErrorKind::StorageFull), (Op::Sync, ErrorKind::Other)]
    {
        disk.fail_next(op, "wal/", kind);
        write(&storage, &request(90)).unwrap_err();
        write(&storage, &request(4)).unwrap();
        apply(&mut model, &request(4));
    }
    drop(storage);
    for cut in [Cut::KILL, Cut::LOST, Cut::torn(3)] {
        assert_eq!(read(&open(&disk.restart(cut)).unwrap(), TimeRange::ALL), model);
    }
}

#[test]
fn a_failed_flush_or_merge_at_any_operation_loses_nothing_and_can_be_repeated() {
    for op in [Op::Create, Op::Append, Op::Sync, Op::Rename, Op::SyncDir, Op::Open, Op::Read] {
        for path in ["tables/", "index/", "MANIFEST", ""] {
            let (disk, storage, mut model) = filled(6);
            storage.flush().unwrap();
            for round in 6..9 {
                write(&storage, &request(round)).unwrap();
                apply(&mut model, &request(round));
                storage.flush().unwrap();
            }
            write(&storage, &request(30)).unwrap();
            apply(&mut model, &request(30));
            disk.fail_next(op, path, ErrorKind::Other);
            let _ = storage.flush();
            disk.fail_next(op, path, ErrorKind::Other);
            let _ = storage.compact();
            disk.clear_faults();
            let context = format!("{op:?} on {path:?}");
            storage.flush().unwrap_or_else(|e| panic!("{context}: {e}"));
            storage.compact().unwrap_or_else(|e| panic!("{context}: {e}"));
            assert_eq!(read(&storage, TimeRange::ALL), model, "{context}");
            drop(storage);
            assert_eq!(read(&open(&disk.restart(Cut::LOST)).unwrap(), TimeRange::ALL), model, "{context}");
        }
    }
}

#[test]
fn a_damaged_table_is_set_aside_and_the_rest_is_served() {
    let (disk, storage, _) = filled(4);
    storage.flush().unwrap();
    let late: Vec<Sample> = (0..5).map(|s| (series(s), 99_000, Value::Float(9))).collect();
    write(&storage, &late).unwrap();
    storage.flush().unwrap();
    storage.close().unwrap();
    drop(storage);
    let disk = disk.restart(Cut::LOST);
    let table = disk.list_all().into_iter().find(|p| p.starts_with("tables")).unwrap();
    let length = disk.read_file(&table).unwrap().len() as u64;
    disk.flip_bit(&table, length - 3, 2).unwrap();

    let storage = open(&disk).unwrap();
    let mut served = Model::new();
    apply(&mut served, &late);
    assert_eq!(read(&storage, TimeRange::ALL), served);
    let damage = storage.status().damage;
    assert!(damage.len() == 1 && damage[0].contains(table.to_str().unwrap()), "{damage:?}");
    write(&storage, &request(200)).unwrap();
    storage.close().unwrap();
    drop(storage);
    let storage = open(&disk).unwrap();
    assert_eq!(storage.status().damage.len(), 1, "still reported after another start");
    assert!(disk.read_file(&table).is_ok(), "nothing was deleted");
}

#[test]
fn a_damaged_log_record_is_reported_kept_in_quarantine_and_the_rest_replays() {
    let (disk, storage, model) = filled(12);
    drop(storage);
    let disk = disk.restart(Cut::LOST);
    let log = disk.list_all().into_iter().find(|p| p.starts_with("wal")).unwrap();
    let length = disk.read_file(&log).unwrap().len() as u64;
    disk.flip_bit(&log, length - 200, 0).unwrap();

    let storage = open(&disk).unwrap();
    assert!(!storage.status().damage.is_empty());
    let found = read(&storage, TimeRange::ALL);
    let rounds: std::collections::BTreeSet<i64> = found.values().flat_map(|s| s.keys().copied()).collect();
    assert_eq!((found.len(), rounds.len()), (model.len(), 11), "one record is lost");
    storage.close().unwrap();
    let kept = disk.list_all().into_iter().filter(|p| p.starts_with("quarantine")).count();
    assert_eq!(kept, 1, "{:?}", disk.list_all());
}

#[test]
fn samples_whose_definition_was_damaged_are_reported_and_never_given_to_another_series() {
    let (disk, storage, _) = filled(4);
    drop(storage);
    let disk = disk.restart(Cut::LOST);
    let log = disk.list_all().into_iter().find(|p| p.starts_with("wal")).unwrap();
    disk.flip_bit(&log, 100, 0).unwrap();
    let storage = open(&disk).unwrap();
    assert!(read(&storage, TimeRange::ALL).is_empty());
    let damage = storage.status().damage;
    assert!(
        damage.iter().any(|d| d.contains("samples of 20 series (0 to 21), which nothing gives labels")),
        "{damage:?}"
    );
    let other = [(series(40), 7_000, Value::Float(1))];
    write(&storage, &other).unwrap();
    let mut want = Model::new();
    apply(&mut want, &other);
    assert_eq!(read(&storage, TimeRange::ALL), want);
}

#[test]
fn a_memtable_of_many_series_waits_for_their_samples_and_leaves_room_for_the_next() {
    let (disk, clock) = (SimDisk::new(), Arc::new(TestClock::at(0)));
    let large = StorageOptions {
        log_bytes: 16 << 10,
        largest_memtable_bytes: 1 << 20,
        largest_log_bytes: 1 << 20,
        unflushed_bytes: 200 << 10,
        ..options()
    };
    let storage = Storage::open(Arc::new(disk.clone()), clock.clone(), large.clone()).unwrap();
    let round = |round: i64| -> Vec<Vec<Sample>> {
        let sample = |s: &usize| (series(*s), round * 60_000, Value::Float((round as f64 + 0.1).to_bits()));
        let all: Vec<usize> = (0..1_000).collect();
        all.chunks(50).map(|some| some.iter().map(sample).collect()).collect()
    };
    let mut model = Model::new();
    for samples in round(0) {
        write(&storage, &samples).unwrap();
        apply(&mut model, &samples);
        // New series: what their labels take ends a memtable, and here nobody else flushes it.
        storage.flush().unwrap();
    }
    let tables = storage.status().tables;
    for samples in (1..4).flat_map(round) {
        write(&storage, &samples).unwrap();
        apply(&mut model, &samples);
    }
    let status = storage.status();
    assert!(status.memtable_bytes > 4 * options().memtable_bytes as u64 && status.tables == tables, "{status:?}");
    // As many again and again: one memtable is sealed, and the next may have what is left.
    let mut rest = (4..100).flat_map(round);
    let refused = rest.find(|samples| {
        let written = write(&storage, samples);
        if written.is_ok() {
            apply(&mut model, samples);
        }
        written.is_err()
    });
    let full = storage.status().memtable_bytes;
    assert!(refused.is_some() && (190 << 10..220 << 10).contains(&full), "{full}");
    drop(storage);
    let storage = Storage::open(Arc::new(disk.restart(Cut::KILL)), clock, large).unwrap();
    assert!(storage.status().memtable_bytes < 220 << 10, "{:?}", storage.status());
    assert_eq!(read(&storage, TimeRange::ALL), model);
    storage.flush().unwrap();
    write(&storage, &refused.unwrap()).unwrap();
}

#[test]
fn replay_needs_no_more_memory_than_running() {
    let disk = SimDisk::new();
    let roomy = StorageOptions { memtable_bytes: 64 << 20, ..options() };
    let clock = Arc::new(TestClock::at(0));
    let storage = Storage::open(Arc::new(disk.clone()), clock, roomy).unwrap();
    let mut model = Model::new();
    for round in 0..400 {
        write(&storage, &request(round * 7_919 % 1_000)).unwrap();
        apply(&mut model, &request(round * 7_919 % 1_000));
    }
    let before = storage.status();
    drop(storage);
    assert!(before.memtable_bytes > 3 * options().memtable_bytes as u64, "{before:?}");
    let storage = open(&disk.restart(Cut::KILL)).unwrap();
    let after = storage.status();
    // One that fills, those that may wait, and what a request may add to each.
    let most = (1 + options().sealed_limit as u64) * (options().memtable_bytes as u64 * 9 / 8 + 4_000);
    assert!(after.tables > 0 && after.memtable_samples > 0 && after.memtable_bytes < most, "{after:?}");
    assert_eq!(read(&storage, TimeRange::ALL), model);
    drop(storage);
    // The same with all threads, and while they flush what was sealed.
    let progress = ReplayProgress::default();
    let options = StorageOptions { threads: Threads::Background, replay_progress: progress.clone(), ..options() };
    let storage = Storage::open(Arc::new(disk.restart(Cut::KILL)), Arc::new(TestClock::at(0)), options).unwrap();
    let (first, last, current) = progress.segments();
    assert!(first + 2 < last && current == last, "people who waited were told: {progress:?}");
    assert_eq!(read(&storage, TimeRange::ALL), model);
    storage.flush().unwrap();
    assert_eq!((storage.status().wal_bytes, read(&storage, TimeRange::ALL) == model), (0, true));
}

#[test]
fn a_directory_that_is_not_ours_in_use_or_from_the_future_is_refused_untouched() {
    let foreign = SimDisk::new();
    foreign.create_dir(Path::new("photos")).unwrap();
    assert!(matches!(open(&foreign), Err(OpenError::NotOurs { found }) if found == "photos"));
    assert_eq!(foreign.list(Path::new("")).unwrap(), ["photos"]);

    let (disk, storage, _) = filled(1);
    assert!(matches!(open(&disk), Err(OpenError::Locked)));
    drop(storage);

    let mut newer = disk.read_file(Path::new("MANIFEST")).unwrap();
    let half = newer.len() / 2;
    for copy in newer.chunks_mut(half) {
        copy[8] = 200;
        let end = copy.len() - 4;
        let crc = crc32fast::hash(&copy[..end]).to_le_bytes();
        copy[end..].copy_from_slice(&crc);
    }
    disk.write_file(Path::new("MANIFEST"), &newer);
    assert!(matches!(open(&disk), Err(OpenError::Newer { found: 200, .. })));
}

#[test]
fn one_damaged_copy_of_the_manifest_does_no_harm_and_is_mended() {
    let (disk, storage, model) = filled(3);
    storage.close().unwrap();
    drop(storage);
    let whole = disk.read_file(Path::new("MANIFEST")).unwrap();
    for at in 0..whole.len() as u64 {
        disk.flip_bit(Path::new("MANIFEST"), at, (at % 8) as u8).unwrap();
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model, "byte {at}");
        assert_eq!(disk.read_file(Path::new("MANIFEST")).unwrap(), whole, "written anew");
    }
}

#[test]
fn a_store_whose_directory_is_not_its_own_changes_nothing_there_and_answers_questions() {
    for (kind, comes_back) in [(ErrorKind::WouldBlock, false), (ErrorKind::NotFound, true)] {
        let (disk, storage, mut model) = filled(6);
        storage.flush().unwrap();
        for round in 6..8 {
            write(&storage, &request(round)).unwrap();
            apply(&mut model, &request(round));
            storage.flush().unwrap();
        }
        write(&storage, &request(9)).unwrap();
        apply(&mut model, &request(9));
        let contents = || {
            let bytes = |path: std::path::PathBuf| (disk.read_file(&path).unwrap(), path);
            disk.list_all().into_iter().map(bytes).collect::<Vec<_>>()
        };
        let before = contents();
        disk.take_away(Some(kind));
        let all = [vec![Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()]];
        let refused = |said: String| assert!(said.contains("somebody else has the simulated disk"), "{said}");
        refused(write(&storage, &request(10)).unwrap_err().to_string());
        refused(storage.flush().unwrap_err().to_string());
        refused(storage.compact().unwrap_err().to_string());
        refused(storage.delete(&all, TimeRange::ALL, false).unwrap_err().to_string());
        refused(storage.snapshot(true).unwrap_err().to_string());
        refused(storage.close().unwrap_err().to_string());
        assert!(storage.status().damage.is_empty() && storage.trouble().is_some());
        assert!(contents() == before, "{kind:?}");
        assert_eq!(read(&storage, TimeRange::ALL), model);
        disk.take_away(None);
        assert_eq!(storage.flush().is_ok(), comes_back, "{kind:?}");
        assert_eq!(storage.trouble().is_none(), comes_back, "{kind:?}");
        assert_eq!(read(&storage, TimeRange::ALL), model);
    }
}

#[test]
fn a_storage_thread_that_panics_stops_acknowledging_and_says_so_and_questions_go_on() {
    // What flushes, what merges, what commits.
    for (op, path) in [(Op::Create, "tables/"), (Op::Create, "index/"), (Op::Append, "wal/")] {
        let disk = SimDisk::new();
        let options = StorageOptions { threads: Threads::Background, ..options() };
        let storage = Storage::open(Arc::new(disk.clone()), Arc::new(TestClock::at(0)), options).unwrap();
        let mut model = Model::new();
        write(&storage, &request(0)).unwrap();
        apply(&mut model, &request(0));
        assert_eq!(storage.trouble(), None);
        disk.panic_next(op, path);
        let mut round = 0;
        let refused = loop {
            round += 1;
            match write(&storage, &request(round)) {
                Ok(()) => apply(&mut model, &request(round)),
                Err(error) => break error,
            }
            assert!(round < 100_000, "{path}: still acknowledged");
        };
        // Who waited hears of it while the thread is still unwinding.
        assert!(eventually(Duration::from_secs(30), || storage.trouble().is_some()), "{path}");
        let why = storage.trouble().unwrap_or_default();
        assert!(why.contains("thread") && why.contains("scripted panic"), "{path}: {why}");
        for refused in [refused, write(&storage, &request(7)).unwrap_err()] {
            assert!(matches!(refused, AppendError::Unavailable { .. }), "{path}: {refused}");
        }
        assert_eq!(read(&storage, TimeRange::ALL), model, "{path}");
        assert!(storage.close().is_err(), "{path}");
        drop(storage);
        assert_eq!(read(&open(&disk.restart(Cut::LOST)).unwrap(), TimeRange::ALL), model, "{path}");
    }
}
