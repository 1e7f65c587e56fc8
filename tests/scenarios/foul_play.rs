//! A data directory that others meddled with, that can't be written, or has no room: a clear answer, and nothing lost.

use std::{io::ErrorKind, path::Path};

use vctsdb::{
    model::TimeRange,
    seams::{
        env::{Cut, Disk, Op, SimDisk},
        status::Status,
    },
    storage::OpenError,
};

use super::{
    care::{files, filled, is_part_of, repair, verify},
    store::{Model, Value, open, read, series, write},
};

/// Two tables, two index segments and a log, at rest.
fn at_rest() -> (SimDisk, Model) {
    let disk = SimDisk::new();
    let model = filled(&disk, 12);
    (disk.restart(Cut::LOST), model)
}

#[test]
fn a_file_taken_away_is_named_and_once_put_back_everything_is_there() {
    let (disk, model) = at_rest();
    let names: Vec<_> = disk.list_all().into_iter().filter(|path| path != Path::new("LOCK")).collect();
    assert!(["MANIFEST", "tables", "index", "wal"].iter().all(|kind| names.iter().any(|path| path.starts_with(kind))));
    let newest_log = files(&disk, "wal").pop().unwrap();
    for path in names {
        let shown = path.to_str().unwrap();
        let away = Path::new("wal/away");
        disk.rename(&path, away).unwrap();
        match open(&disk) {
            Ok(storage) => {
                let damage = storage.status().damage.join("\n");
                let number: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
                // Nothing says that a newest segment was there.
                let told = damage.contains(shown) || damage.contains(&format!("log segment {number}"));
                assert!(told || path == newest_log, "{shown}: {damage}");
                assert!(is_part_of(&read(&storage, TimeRange::ALL), &model), "{shown}");
            }
            Err(error) => assert!(error.to_string().contains(shown), "{shown}: {error}"),
        }
        disk.rename(away, &path).unwrap();
        assert_eq!(read(&open(&disk).unwrap(), TimeRange::ALL), model, "{shown}");
    }
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
