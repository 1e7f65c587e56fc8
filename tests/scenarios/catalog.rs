//! The catalog of fields is as durable as the samples that rest on it: acknowledged means on disk, whatever happens then.

use std::path::Path;

use vctsdb::{
    ingest::{Declared, ImportLimits, LINE_PROTOCOL_PATH, OnError, format_at, receive},
    model::{FieldType, TimeRange},
    seams::{
        append::{Append, AppendError, Batch},
        env::{Cut, Disk, Op, SimDisk},
        status::Status,
    },
    storage::{self, Storage},
};

use super::{
    maintenance::{repair, shared, verify},
    saved_file::SavedFile,
    store::{block_on, open, read},
};

const REQUESTS: usize = 10;

/// Posts lines to the database `t`; what is wrong is left out.
fn post(storage: &Storage, lines: &str) -> bool {
    let parameters = vec![("db".to_owned(), "t".to_owned())];
    let declared =
        Declared { by_protocol: true, allow_old: true, on_error: OnError::Skip, parameters, ..Declared::default() };
    let format = format_at(LINE_PROTOCOL_PATH);
    block_on(receive(format, lines.as_bytes(), &declared, 1_000, &ImportLimits::default(), storage)).is_ok()
}

fn create(storage: &Storage, name: &str) -> Result<(), AppendError> {
    let mut batch = Batch::default();
    Append::catalog(storage).claim_database(name, &mut batch.catalog).unwrap();
    block_on(storage.append(batch))
}

/// The lines of request `round`: a field that is new, one that is in many requests, and one whose type changes in the middle.
fn lines(round: usize) -> String {
    let several = if round < 4 { "1i" } else { "1.5" };
    format!("m,i={round} f{round}=true,all={round}i {round}\nn,i={round} several={several} {round}\n")
}

/// Request `round`, of which one only creates a database.
fn write(storage: &Storage, round: usize) -> bool {
    if round == 7 { create(storage, "empty").is_ok() } else { post(storage, &lines(round)) }
}

const SAVED: SavedFile = SavedFile { name: "CATALOG", requests: REQUESTS, write, flush_after: &[2, 5, 7], check };

/// The catalog has all that the first `acknowledged` requests need, and an entry for each metric that has samples.
fn check(storage: &Storage, acknowledged: usize, context: &str) {
    let snapshot = Append::catalog(storage).snapshot();
    let field = |measurement: &str, name: &str| snapshot.field("t", measurement, name).map(|field| field.field_type);
    for round in (0..acknowledged).filter(|round| *round != 7) {
        assert_eq!(field("m", &format!("f{round}")), Some(FieldType::Boolean), "{context}: field of request {round}");
    }
    assert!(snapshot.database("empty").is_some() || acknowledged < 8, "{context}: the created database is gone");
    if acknowledged > 0 {
        assert_eq!(field("m", "all"), Some(FieldType::Integer), "{context}");
        let floats = field("n", "several") == Some(FieldType::Float);
        assert!(floats || acknowledged < 5, "{context}: the field has floats, and is none of floats");
    }
    for labels in read(storage, TimeRange::ALL).keys() {
        let metric = labels.metric_name().unwrap();
        let known = snapshot.database("t").and_then(|database| database.field_of(metric));
        assert!(known.is_some(), "{context}: {labels} has samples and no entry");
    }
}

#[test]
fn acknowledged_fields_survive_a_power_cut_at_any_disk_operation() {
    SAVED.survives_a_power_cut_at_any_disk_operation();
}

#[test]
fn a_save_that_fails_is_repeated_and_loses_nothing() {
    SAVED.a_save_that_fails_is_repeated_and_loses_nothing();
}

#[test]
fn a_request_that_the_log_refused_leaves_no_type_behind() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    assert!(post(&storage, "m other=1 1\n"));
    disk.fail_next(Op::Append, "wal", std::io::ErrorKind::StorageFull);
    assert!(!post(&storage, "m v=1 2\n"));
    assert!(post(&storage, "m v=true 3\n"));
    drop(storage);
    let storage = open(&disk.restart(Cut::LOST)).unwrap();
    let snapshot = Append::catalog(&storage).snapshot();
    assert_eq!(snapshot.field("t", "m", "v").unwrap().field_type, FieldType::Boolean);
}

#[test]
fn a_damaged_copy_loses_nothing_and_is_told_and_mended() {
    let disk = SimDisk::new();
    SAVED.run(&open(&disk).unwrap());
    let mut disk = disk.restart(Cut::LOST);
    let path = Path::new("CATALOG");
    let length = disk.read_file(path).unwrap().len() as u64;
    for (round, at) in [30, length - 3, length / 2 + 3].into_iter().enumerate() {
        disk.flip_bit(path, at, 1).unwrap();
        let found = verify(&disk).unwrap().findings;
        assert!(found.len() == 1 && found[0].file == "CATALOG", "{found:?}");
        assert!(found[0].what.contains("nothing is lost"), "{found:?}");
        if round == 1 {
            let repaired = repair(&disk, false);
            assert!(repaired.lost.is_empty(), "{:?}", repaired.lost);
        } else {
            let storage = open(&disk).unwrap();
            assert!(storage.status().damage[0].starts_with("CATALOG: "), "{:?}", storage.status().damage);
        }
        assert!(verify(&disk).unwrap().is_clean());
        assert!(disk.open(Path::new("quarantine/CATALOG")).is_ok());
        check(&open(&disk).unwrap(), REQUESTS, &format!("byte {at}"));
        disk = disk.restart(Cut::LOST);
    }
}

#[test]
fn backups_and_snapshots_have_it() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    SAVED.run(&storage);
    drop(storage);
    let (copy, restored) = (SimDisk::new(), SimDisk::new());
    storage::backup(&shared(&disk), &shared(&copy)).unwrap();
    storage::restore(&shared(&copy), &shared(&restored)).unwrap();
    check(&open(&restored).unwrap(), REQUESTS, "restored");
    let storage = open(&disk).unwrap();
    let name = storage.snapshot(false).unwrap();
    let snapshot = Path::new("snapshots").join(name);
    assert_eq!(
        disk.read_file(&snapshot.join("CATALOG")).unwrap(),
        disk.read_file(Path::new("CATALOG")).unwrap(),
        "a snapshot links it"
    );
}

#[test]
fn a_damaged_log_that_only_creates_a_database_is_repaired_without_losing_it() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    create(&storage, "kept").unwrap();
    create(&storage, "hit").unwrap();
    drop(storage);
    let log = disk.list_all().into_iter().find(|path| path.starts_with("wal")).unwrap();
    let length = disk.read_file(&log).unwrap().len() as u64;
    disk.flip_bit(&log, length - 2, 1).unwrap();
    // A record behind the damaged one, or it would be a torn tail.
    let storage = open(&disk).unwrap();
    create(&storage, "behind").unwrap();
    drop(storage);
    repair(&disk, false);
    let storage = open(&disk).unwrap();
    let snapshot = Append::catalog(&storage).snapshot();
    assert!(snapshot.database("kept").is_some() && snapshot.database("behind").is_some(), "{snapshot:?}");
}
