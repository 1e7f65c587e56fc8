//! Exemplars and metadata are as durable as samples: acknowledged means on disk, whatever happens then.

use std::path::Path;

use vctsdb::{
    model::{Exemplar, Labels, MatchOp, Matcher, Metadata, TimeRange},
    seams::{
        append::{Append, AppendError, Batch, FloatSample},
        env::{Cut, Disk, SimDisk},
        interrupt::Never,
        select::{SelectExemplars, SelectMetadata},
        status::Status,
    },
    storage::Storage,
};

use super::{
    maintenance::{repair, verify},
    saved_file::SavedFile,
    store::{block_on, open, series},
};

const REQUESTS: usize = 10;

/// Request `round`: two samples, an exemplar of each series and what their families are.
fn write(storage: &Storage, round: usize) -> bool {
    let mut batch = Batch::default();
    let time = round as i64;
    for number in [round % 3, 10 + round] {
        let Ok(id) = Append::series(storage, &series(number), None, &mut batch) else { return false };
        batch.floats.push(FloatSample { series: id, time, value: 1.0, start: 0 });
        batch.exemplars.push((id, exemplar(round)));
    }
    batch.metadata.push(metadata(round));
    batch.metadata.push(metadata(round % 2));
    block_on(storage.append(batch)).is_ok()
}

fn exemplar(round: usize) -> Exemplar {
    let labels = Labels::from_pairs([("trace_id", format!("trace-{round}"))]).unwrap();
    Exemplar { labels, value: -0.5 * round as f64, time: round as i64 - 5 }
}

fn metadata(round: usize) -> Metadata {
    Metadata { family: format!("family_{}", round % 4), help: format!("Help {round}."), ..Metadata::default() }
}

/// The exemplars of every round, by round, as the store has them: how many series have each.
fn found(storage: &Storage) -> Vec<usize> {
    let all = vec![Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()];
    let answer = storage.exemplars(&[all], TimeRange::ALL, &Never).unwrap();
    (0..REQUESTS)
        .map(|round| answer.iter().map(|(_, list)| list.iter().filter(|e| **e == exemplar(round)).count()).sum())
        .collect()
}

const SAVED: SavedFile = SavedFile { name: "EXTRAS", requests: REQUESTS, write, flush_after: &[2, 5, 6], check };

/// What is there of the first `acknowledged` requests is all of them; of the one after, all or nothing.
fn check(storage: &Storage, acknowledged: usize, context: &str) {
    let found = found(storage);
    let next = found.get(acknowledged).copied().unwrap_or(0);
    assert!(next == 0 || next == 2, "{context}: the request in flight arrived in part: {found:?}");
    let want: Vec<usize> = (0..REQUESTS)
        .map(|round| {
            if round < acknowledged {
                2
            } else if round == acknowledged {
                next
            } else {
                0
            }
        })
        .collect();
    assert_eq!(found, want, "{context}: {acknowledged} were acknowledged");
    let help = storage.metadata(None);
    for round in 0..acknowledged {
        assert!(help.contains(&metadata(round)), "{context}: metadata of request {round} is missing: {help:?}");
    }
}

#[test]
fn acknowledged_exemplars_and_metadata_survive_a_power_cut_at_any_disk_operation() {
    SAVED.survives_a_power_cut_at_any_disk_operation();
}

#[test]
fn a_save_that_fails_is_repeated_and_loses_nothing() {
    SAVED.a_save_that_fails_is_repeated_and_loses_nothing();
}

#[test]
fn damaged_extras_are_reported_and_kept_and_samples_are_served() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    assert_eq!(SAVED.run(&storage), REQUESTS);
    drop(storage);
    let disk = disk.restart(Cut::LOST);
    let path = Path::new("EXTRAS");
    let length = disk.read_file(path).unwrap().len() as u64;
    disk.flip_bit(path, length - 3, 1).unwrap();

    let storage = open(&disk).unwrap();
    let damage = storage.status().damage;
    assert!(damage.len() == 1 && damage[0].contains("EXTRAS"), "{damage:?}");
    assert_eq!(storage.metadata(None).len(), 10, "the frame of metadata is whole");
    assert_eq!(found(&storage), [0; REQUESTS]);
    assert!(disk.open(Path::new("quarantine/EXTRAS")).is_ok(), "{:?}", disk.list_all());
    assert!(write(&storage, 3));
    storage.close().unwrap();
    drop(storage);
    let storage = open(&disk.restart(Cut::LOST)).unwrap();
    assert_eq!((storage.status().damage, found(&storage)[3]), (vec![], 2));
}

#[test]
fn the_newest_exemplars_stay_when_there_are_too_many() {
    let disk = SimDisk::new();
    let open = || {
        let options = vctsdb::storage::StorageOptions { exemplars: 6, ..super::store::options() };
        let clock = std::sync::Arc::new(vctsdb::seams::env::TestClock::at(0));
        Storage::open(std::sync::Arc::new(disk.clone()), clock, options).unwrap()
    };
    let storage = open();
    for round in 0..REQUESTS {
        assert!(write(&storage, round));
        if round % 4 == 3 {
            storage.flush().unwrap();
        }
    }
    drop(storage);
    for _ in 0..2 {
        let storage = open();
        assert_eq!(found(&storage), [0, 0, 0, 0, 0, 0, 0, 2, 2, 2]);
        storage.flush().unwrap();
    }
}

#[test]
fn a_log_of_exemplars_and_metadata_alone_stays_short() {
    let disk = SimDisk::new();
    let open = |disk: &SimDisk| {
        let options = vctsdb::storage::StorageOptions { log_bytes: 4_000, ..super::store::options() };
        let clock = std::sync::Arc::new(vctsdb::seams::env::TestClock::at(0));
        Storage::open(std::sync::Arc::new(disk.clone()), clock, options).unwrap()
    };
    let storage = open(&disk);
    assert!(write(&storage, 0));
    storage.flush().unwrap();
    assert_eq!(storage.status().wal_bytes, 0, "a flush leaves nothing to replay");
    let mut longest = 0;
    for round in 0..2_000 {
        let mut batch = Batch::default();
        let id = Append::series(&storage, &series(0), None, &mut batch).unwrap();
        batch.exemplars.push((id, exemplar(round)));
        batch.metadata.push(metadata(round));
        block_on(storage.append(batch)).unwrap();
        let detail = storage.detail();
        if detail.memtables.iter().any(|memtable| memtable.sealed) {
            longest = longest.max(detail.wal_bytes);
            storage.flush().unwrap();
        }
    }
    assert!((4_000..6_000).contains(&longest), "{longest}");
    assert!(storage.status().wal_bytes < 6_000, "{}", storage.status().wal_bytes);
    drop(storage);
    let storage = open(&disk.restart(Cut::LOST));
    let all = vec![Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()];
    let kept: usize =
        storage.exemplars(&[all], TimeRange::ALL, &Never).unwrap().iter().map(|(_, list)| list.len()).sum();
    assert_eq!((kept, storage.metadata(None).len()), (2_001, 32));
}

#[test]
fn a_log_of_exemplars_alone_is_bounded_while_nothing_can_be_flushed() {
    let disk = SimDisk::new();
    let options = vctsdb::storage::StorageOptions { log_bytes: 4_000, ..super::store::options() };
    let sealed = options.sealed_limit;
    let clock = std::sync::Arc::new(vctsdb::seams::env::TestClock::at(0));
    let storage = Storage::open(std::sync::Arc::new(disk.clone()), clock, options).unwrap();
    let append = |round| {
        let mut batch = Batch::default();
        let id = Append::series(&storage, &series(0), None, &mut batch).unwrap();
        batch.exemplars.push((id, exemplar(round)));
        block_on(storage.append(batch))
    };
    assert!(write(&storage, 0));
    // Flushing is left to whoever holds the store here, so this is a disk that takes the log and nothing else.
    let refused = (0..2_000).find_map(|round| append(round).err()).unwrap();
    assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused}");
    let longest = (sealed as u64 + 1) * 6_000;
    assert!(storage.status().wal_bytes < longest, "{} of {longest}", storage.status().wal_bytes);
    storage.flush().unwrap();
    append(2_000).unwrap();
}

#[test]
fn damaged_extras_are_repaired_and_no_kept_file_is_replaced_by_a_later_one() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    SAVED.run(&storage);
    drop(storage);
    let mut disk = disk.restart(Cut::LOST);
    for round in 0..3 {
        let path = Path::new("EXTRAS");
        let length = disk.read_file(path).unwrap().len() as u64;
        disk.flip_bit(path, length - 3, 1).unwrap();
        let damaged = disk.read_file(path).unwrap();
        let found = verify(&disk).unwrap().findings;
        assert!(found.len() == 1 && found[0].file == "EXTRAS", "{found:?}");
        assert!(repair(&disk, true).lost[0].starts_with("EXTRAS: "));
        assert_eq!(disk.read_file(path).unwrap(), damaged, "a dry run changes nothing");
        if round == 1 {
            // The server takes a damaged one out of the way itself.
            drop(open(&disk).unwrap());
        } else {
            repair(&disk, false);
        }
        let names = ["quarantine/EXTRAS", "quarantine/EXTRAS.1", "quarantine/EXTRAS.2"];
        assert_eq!(disk.read_file(Path::new(names[round])).unwrap(), damaged);
        assert!(verify(&disk).unwrap().is_clean());
        let storage = open(&disk).unwrap();
        assert_eq!((storage.status().damage, storage.metadata(None).len()), (vec![], 10));
        assert!(write(&storage, 3));
        storage.close().unwrap();
        drop(storage);
        disk = disk.restart(Cut::LOST);
    }
}
