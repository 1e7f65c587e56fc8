//! A data directory that was tampered with, that can't be written, or is on a full disk: the error says so, and nothing is lost.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use vctsdb::{
    model::TimeRange,
    seams::{
        env::{Cut, Disk, Op, SimDisk},
        status::Status,
    },
    storage::{self, OpenError, Storage},
};

use super::{
    http_client::{get, request},
    maintenance::{files, filled, is_part_of, repair, verify},
    process::{free_address, vctsdb},
    store::{Model, Sample, Value, apply, open, read, series, write},
};

/// Two tables, two index segments and a log, at rest.
fn at_rest() -> (SimDisk, Model) {
    let disk = SimDisk::new();
    let model = filled(&disk, 12);
    (disk.restart(Cut::KILL), model)
}

#[test]
fn a_file_taken_away_is_named_and_once_put_back_everything_is_there() {
    let (disk, model) = at_rest();
    let names: Vec<_> = disk.list_all().into_iter().filter(|path| path != Path::new("LOCK")).collect();
    assert!(["MANIFEST", "tables", "index", "wal"].iter().all(|kind| names.iter().any(|path| path.starts_with(kind))));
    for path in names.into_iter().filter(|path| !is_note(path)) {
        let shown = path.to_str().unwrap();
        let away = Path::new("wal/away");
        disk.rename(&path, away).unwrap();
        match open(&disk) {
            Ok(storage) => {
                let damage = storage.status().damage.join("\n");
                let number: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
                let told = damage.contains(shown) || damage.contains(&format!("log segment {number}"));
                assert!(told, "{shown}: {damage}");
                assert!(is_part_of(&read(&storage, TimeRange::ALL), &model), "{shown}");
                drop(storage);
                let found = format!("{:?}", verify(&disk).unwrap().findings);
                assert!(found.contains(shown) || found.contains(&format!("log segment {number}")), "{shown}: {found}");
            }
            Err(error) => assert!(error.to_string().contains(shown), "{shown}: {error}"),
        }
        disk.rename(away, &path).unwrap();
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model, "{shown}");
    }
}

fn is_note(path: &Path) -> bool {
    path.to_str().unwrap().starts_with("NEWEST-")
}

/// Request `n`: series that are new with it, and some that the one before had too.
fn samples(n: usize) -> Vec<Sample> {
    (0..6).map(|i| (series(100 + 4 * n - i), n as i64, Value::Float((n * 10 + i) as u64))).collect()
}

/// A store without its newest log segment, which had `samples(0)`; that segment; what is left, and what there was.
fn without_newest_log() -> (SimDisk, PathBuf, Vec<u8>, Model, Model) {
    let (disk, left) = at_rest();
    let storage = open(&disk).unwrap();
    write(&storage, &samples(0)).unwrap();
    drop(storage);
    let newest = files(&disk, "wal").pop().unwrap();
    let bytes = disk.read_file(&newest).unwrap();
    disk.remove(&newest).unwrap();
    let mut all = left.clone();
    apply(&mut all, &samples(0));
    (disk, newest, bytes, left, all)
}

#[test]
fn a_newest_log_segment_put_back_late_brings_its_samples_and_harms_none_written_meanwhile() {
    let (disk, newest, bytes, mut left, mut all) = without_newest_log();
    let told = |storage: &Storage| storage.status().damage.join("\n").contains("segment is missing");
    for n in 1..5 {
        let storage = open(&disk).unwrap();
        assert_eq!((read(&storage, TimeRange::ALL), told(&storage)), (left.clone(), n < 4), "{n}");
        if n == 3 {
            disk.write_file(&newest, &bytes);
            left = all.clone();
        }
        for n in [2 * n, 2 * n + 1] {
            write(&storage, &samples(n)).unwrap();
            apply(&mut left, &samples(n));
            apply(&mut all, &samples(n));
        }
    }
    let storage = open(&disk).unwrap();
    assert_eq!((read(&storage, TimeRange::ALL), storage.status().damage), (all.clone(), vec![]));
    storage.flush().unwrap();
    drop(storage);
    assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), all);
    assert_eq!(verify(&disk).unwrap().findings, []);
}

#[test]
fn a_missing_newest_log_segment_is_forgotten_once_a_flush_or_a_repair_has_left_it_behind() {
    for repaired in [false, true] {
        let (disk, _, _, mut left, _) = without_newest_log();
        if repaired {
            let said = repair(&disk, false);
            assert!(said.lost.join("\n").contains("the newest segment is missing"), "{said:?}");
        } else {
            let storage = open(&disk).unwrap();
            write(&storage, &samples(1)).unwrap();
            apply(&mut left, &samples(1));
            storage.flush().unwrap();
            assert_eq!(storage.status().damage.len(), 1, "until the next start");
        }
        assert_eq!(verify(&disk).unwrap().findings, []);
        let storage = open(&disk).unwrap();
        assert_eq!((read(&storage, TimeRange::ALL), storage.status().damage), (left, vec![]), "repaired: {repaired}");
    }
}

#[test]
fn a_newest_log_segment_in_which_nothing_is_whole_is_no_torn_tail_and_kept() {
    for len in [0, 3_000] {
        let (disk, newest, _, left, _) = without_newest_log();
        disk.write_file(&newest, &vec![7; len]);
        for _ in 0..2 {
            let storage = open(&disk).unwrap();
            let damage = storage.status().damage.join("\n");
            assert!(damage.contains("the segment's header is damaged"), "{damage}");
            write(&storage, &samples(1)).unwrap();
        }
        open(&disk).unwrap().flush().unwrap();
        let mut left = left;
        apply(&mut left, &samples(1));
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), left);
        assert_eq!(verify(&disk).unwrap().findings, []);
        let kept = Path::new("quarantine").join(newest.file_name().unwrap());
        assert_eq!(disk.read_file(&kept).unwrap(), vec![7; len]);
    }
}

#[test]
fn all_of_the_log_taken_away_is_missed_too_and_a_note_taken_away_is_not() {
    let (disk, model) = at_rest();
    let log: Vec<_> = files(&disk, "wal").into_iter().map(|path| (disk.read_file(&path).unwrap(), path)).collect();
    log.iter().for_each(|(_, path)| disk.remove(path).unwrap());
    let damage = open(&disk).unwrap().status().damage.join("\n");
    assert!(damage.contains("the newest segment is missing"), "{damage}");
    log.iter().for_each(|(bytes, path)| disk.write_file(path, bytes));
    let note = disk.list_all().into_iter().find(|path| is_note(path)).unwrap();
    disk.remove(&note).unwrap();
    let storage = open(&disk).unwrap();
    assert_eq!((read(&storage, TimeRange::ALL), storage.status().damage), (model, vec![]));
}

#[test]
fn a_backup_of_a_directory_without_its_newest_log_segment_says_so_and_is_not_restored() {
    let (disk, newest, bytes, _, all) = without_newest_log();
    let shared = |disk: &SimDisk| -> Arc<dyn Disk> { Arc::new(disk.clone()) };
    let (backup, restored) = (SimDisk::new(), SimDisk::new());
    let copied = storage::backup(&shared(&disk), &shared(&backup)).unwrap();
    assert_eq!(copied.damage, [format!("{}: the file is missing", newest.display())]);
    storage::restore(&shared(&backup), &shared(&restored)).unwrap_err();
    disk.write_file(&newest, &bytes);
    assert_eq!(storage::backup(&shared(&disk), &shared(&backup)).unwrap().damage, [""; 0]);
    storage::restore(&shared(&backup), &shared(&restored)).unwrap();
    assert_eq!(read(&open(&restored).unwrap(), TimeRange::ALL), all);
    // Somebody lets the backup run for a while, and makes it a backup again.
    let storage = open(&backup).unwrap();
    for n in 1..4 {
        write(&storage, &samples(n)).unwrap();
    }
    drop(storage);
    storage::backup(&shared(&disk), &shared(&backup)).unwrap();
    assert_eq!(verify(&backup).unwrap().findings, []);
}

#[test]
fn a_server_whose_newest_log_segment_was_removed_says_so_everywhere_and_takes_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (data, address) = (dir.path().join("data"), free_address());
    let import = |line: &str| {
        let answer = request(&address, "POST", "/api/v1/import/prometheus", &[], line.as_bytes()).unwrap();
        assert_eq!(answer.status, 204, "{}", answer.text());
    };
    let damage = || get(&address, "/api/v1/status/storage").unwrap().json()["data"]["damage"].clone();
    let mut server = vctsdb(&data, &address, &["--self-scrape.interval", "0"]);
    import("taken 1\n");
    assert_eq!(damage(), serde_json::json!([]));
    server.kill();
    std::fs::remove_file(data.join("wal/00000001.wal")).unwrap();

    let verified = Command::new(env!("CARGO_BIN_EXE_vctsdb")).arg("verify").arg(&data).output().unwrap();
    let said = String::from_utf8_lossy(&[verified.stdout, verified.stderr].concat()).into_owned();
    let missing = "log segment 1: the newest segment is missing";
    assert!(!verified.status.success() && said.contains(missing), "{said}");
    let _server = vctsdb(&data, &address, &["--self-scrape.interval", "0"]);
    assert_eq!(damage(), serde_json::json!([missing]));
    assert!(get(&address, "/metrics").unwrap().text().contains("\nvctsdb_damaged_parts 1\n"));
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains(missing)), "{log}");
    import("later 1\n");
    let answer = get(&address, "/api/v1/query?query=later").unwrap().json();
    assert_eq!(answer["data"]["result"][0]["value"][1], "1", "{answer}");
}

#[test]
fn a_file_under_another_number_is_kept_not_taken_for_a_leftover() {
    for (dir, other) in [("tables", "tables/00009999.table"), ("index", "index/00009999.index")] {
        let (disk, model) = at_rest();
        let path = files(&disk, dir).remove(0);
        let bytes = disk.read_file(&path).unwrap();
        disk.rename(&path, Path::new(other)).unwrap();
        let storage = open(&disk).unwrap();
        assert!(storage.status().damage.join("\n").contains(path.to_str().unwrap()), "{:?}", storage.status().damage);
        storage.close().unwrap();
        drop(storage);
        let kept = Path::new("quarantine").join(Path::new(other).file_name().unwrap());
        assert_eq!(disk.read_file(&kept).unwrap(), bytes);

        disk.rename(&kept, &path).unwrap();
        assert!(repair(&disk, false).done.join("\n").contains("is whole; it is served again"));
        assert!(verify(&disk).unwrap().is_clean());
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model);
    }
}

#[test]
fn without_a_manifest_nothing_is_taken_for_an_empty_directory_whatever_else_is_there() {
    let (disk, model) = at_rest();
    let away = Path::new("wal/away");
    disk.rename(Path::new("MANIFEST"), away).unwrap();
    let mut extras = disk.create(Path::new("EXTRAS")).unwrap();
    extras.append(b"x").unwrap();
    drop(extras);
    assert!(matches!(open(&disk), Err(OpenError::NoManifest { .. })));
    disk.remove(Path::new("EXTRAS")).unwrap();
    disk.rename(away, Path::new("MANIFEST")).unwrap();
    assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model);
}

#[test]
fn a_read_only_file_system_is_said_and_the_data_is_untouched() {
    let writing = [Op::CreateDir, Op::Create, Op::Append, Op::Sync, Op::Rename, Op::Remove, Op::SyncDir];
    let fresh = SimDisk::new();
    fresh.fail_next(Op::CreateDir, "", ErrorKind::ReadOnlyFilesystem);
    let error = open(&fresh).err().unwrap().to_string();
    assert!(error.starts_with("creating the data directory: "), "{error}");
    let bytes = |disk: &SimDisk| {
        let names = disk.list_all().into_iter().filter(|path| path != Path::new("LOCK"));
        names.map(|path| disk.read_file(&path).unwrap()).collect::<Vec<_>>()
    };
    for op in writing {
        let (disk, model) = at_rest();
        let before = bytes(&disk);
        disk.fail_next(op, "", ErrorKind::ReadOnlyFilesystem);
        match open(&disk) {
            Err(error) => assert!(error.to_string().contains("scripted failure"), "{op:?}: {error}"),
            Ok(storage) => {
                // The start had no need of it; the first write has, and is refused and not half done.
                let sample = [(series(0), 77, Value::Float(7))];
                if let Err(error) = write(&storage, &sample) {
                    assert!(error.to_string().contains("scripted failure"), "{op:?}: {error}");
                    assert_eq!(read(&storage, TimeRange::ALL), model, "{op:?}");
                    drop(storage);
                }
                disk.clear_faults();
                continue;
            }
        }
        disk.clear_faults();
        assert!(bytes(&disk) == before, "{op:?}");
    }
}

#[test]
fn a_full_file_system_stops_a_new_directory_and_no_old_one() {
    let fresh = SimDisk::new();
    fresh.set_capacity(Some(10));
    let error = open(&fresh).err().unwrap().to_string();
    assert!(error.contains("MANIFEST"), "{error}");
    fresh.set_capacity(None);
    drop(open(&fresh).unwrap());

    let (disk, model) = at_rest();
    disk.set_capacity(Some(disk.used()));
    let storage = open(&disk).unwrap();
    assert_eq!(read(&storage, TimeRange::ALL), model);
    write(&storage, &[(series(0), 77, Value::Float(7))]).unwrap_err();
    assert_eq!(read(&storage, TimeRange::ALL), model);
}

#[test]
fn a_copy_with_an_older_manifest_than_files_loses_none_of_them() {
    let (disk, _) = at_rest();
    let manifest = disk.read_file(Path::new("MANIFEST")).unwrap();
    let storage = open(&disk).unwrap();
    write(&storage, &samples(1)).unwrap();
    storage.flush().unwrap();
    drop(storage);
    disk.write_file(Path::new("MANIFEST"), &manifest);
    let before: Vec<_> = files(&disk, "tables")
        .into_iter()
        .chain(files(&disk, "index"))
        .map(|path| disk.read_file(&path).unwrap())
        .collect();
    let storage = open(&disk).unwrap();
    assert!(!storage.status().damage.is_empty(), "the log that the manifest wants is gone");
    let after: Vec<_> = disk.list_all().into_iter().map(|path| disk.read_file(&path).unwrap()).collect();
    assert!(before.iter().all(|bytes| after.contains(bytes)), "the only copy of what the log had");
}

#[test]
fn names_that_file_systems_and_their_tools_leave_at_a_mount_are_no_foreign_files() {
    let (source, model) = at_rest();
    let copy = SimDisk::new();
    let shared = |disk: &SimDisk| -> Arc<dyn Disk> { Arc::new(disk.clone()) };
    storage::backup(&shared(&source), &shared(&copy)).unwrap();
    for name in
        ["lost+found/#17", ".snapshot/daily/x", "@eaDir/x", ".DS_Store", ".gitkeep", "System Volume Information/x"]
    {
        let (fresh, target) = (SimDisk::new(), SimDisk::new());
        for disk in [&fresh, &target] {
            disk.create_dir(Path::new(name).parent().unwrap()).unwrap();
            disk.write_file(Path::new(name), b"theirs");
        }
        drop(open(&fresh).unwrap_or_else(|error| panic!("{name}: {error}")));
        storage::restore(&shared(&copy), &shared(&target)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(verify(&target).unwrap().is_clean());
        assert_eq!(read(&open(&target).unwrap(), TimeRange::ALL), model, "{name}");
        assert_eq!(target.read_file(Path::new(name)).unwrap(), b"theirs");
    }
    let foreign = SimDisk::new();
    foreign.write_file(Path::new("thesis.doc"), b"theirs");
    assert!(matches!(open(&foreign), Err(OpenError::NotOurs { .. })));
}

#[test]
fn without_hard_links_snapshots_and_repairs_copy() {
    for kind in
        [ErrorKind::PermissionDenied, ErrorKind::CrossesDevices, ErrorKind::Unsupported, ErrorKind::TooManyLinks]
    {
        let (disk, model) = at_rest();
        let storage = open(&disk).unwrap();
        let links = || (0..20).for_each(|_| disk.fail_next(Op::Link, "", kind));
        links();
        let name = storage.snapshot(false).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        drop(storage);
        let snapshot = SimDisk::new();
        let dir = format!("snapshots/{name}");
        for path in files(&disk, &dir) {
            snapshot.write_file(path.strip_prefix(&dir).unwrap(), &disk.read_file(&path).unwrap());
        }
        assert!(verify(&snapshot).unwrap().is_clean(), "{kind:?}");
        assert_eq!(read(&open(&snapshot).unwrap(), TimeRange::ALL), model, "{kind:?}");
        let table = files(&disk, "tables").remove(0);
        let end = disk.read_file(&table).unwrap().len() as u64;
        disk.flip_bit(&table, end - 20, 1).unwrap();
        let damaged = disk.read_file(&table).unwrap();
        links();
        repair(&disk, false);
        disk.clear_faults();
        assert_eq!(disk.read_file(&Path::new("quarantine").join(table.file_name().unwrap())).unwrap(), damaged);
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model, "{kind:?}");
    }
}

#[test]
fn a_snapshot_that_fails_leaves_nothing_behind_and_the_store_as_it_was() {
    for (op, path) in [
        (Op::CreateDir, "snapshots"),
        (Op::Link, "tables"),
        (Op::Link, "index"),
        (Op::SyncDir, "snapshots"),
        (Op::Create, "MANIFEST.new"),
        (Op::Sync, "MANIFEST.new"),
        (Op::Rename, "MANIFEST"),
    ] {
        let (disk, model) = at_rest();
        let storage = open(&disk).unwrap();
        storage.flush().unwrap();
        disk.fail_next(op, path, ErrorKind::StorageFull);
        assert!(storage.snapshot(true).is_err(), "{op:?} {path}");
        disk.clear_faults();
        assert_eq!(disk.list(Path::new("snapshots")).unwrap_or_default(), [""; 0], "{op:?} {path}");
        assert_eq!(read(&storage, TimeRange::ALL), model);
        storage.snapshot(true).unwrap();
        assert_eq!(disk.list(Path::new("snapshots")).unwrap().len(), 1);
    }
}
