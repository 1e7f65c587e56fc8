use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{Cut, Fate, Op, SimDisk};
use crate::seams::env::{Disk, DiskWriter};

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn written(disk: &SimDisk, path: &str, synced: &[u8], unsynced: &[u8]) -> Box<dyn DiskWriter> {
    let mut writer = disk.create(p(path)).unwrap();
    writer.append(synced).unwrap();
    writer.sync().unwrap();
    writer.append(unsynced).unwrap();
    writer
}

#[test]
fn unsynced_bytes_are_lost_torn_or_kept_as_told() {
    let disk = SimDisk::new();
    let _writer = written(&disk, "f", b"safe", b"danger");
    disk.sync_dir(p("")).unwrap();
    let bytes = |cut| disk.restart(cut).read_file(p("f")).unwrap();
    assert_eq!(bytes(Cut::LOST), b"safe");
    assert_eq!(bytes(Cut::KILL), b"safedanger");
    let torn: Vec<Vec<u8>> = (0..200).map(|seed| bytes(Cut::torn(seed))).collect();
    assert!(torn.iter().all(|t| t.starts_with(b"safe") && t.len() <= 10));
    for wanted in [&b"safe"[..], b"safedan", b"safedanger", b"saf\0"] {
        assert_eq!(torn.iter().any(|t| t == wanted), wanted != b"saf\0", "{wanted:?}");
    }
    assert!(torn.iter().any(|t| t.ends_with(b"\0")), "a grown file whose data did not arrive");
    assert_eq!(bytes(Cut::torn(7)), bytes(Cut::torn(7)));
}

#[test]
fn a_name_survives_once_its_directory_is_synced() {
    let disk = SimDisk::new();
    disk.create_dir(p("d")).unwrap();
    drop(written(&disk, "d/f", b"x", b""));
    disk.sync_dir(p("d")).unwrap();
    assert!(disk.restart(Cut::LOST).list_all().is_empty(), "d itself is a name in the root");

    let disk = SimDisk::new();
    disk.create_dir(p("d")).unwrap();
    disk.sync_dir(p("")).unwrap();
    drop(written(&disk, "d/f", b"x", b""));
    assert!(disk.restart(Cut::LOST).list(p("d")).unwrap().is_empty());
    let kept = disk.restart(Cut { data: Fate::Lost, names: Fate::Kept });
    assert_eq!(kept.read_file(p("d/f")).unwrap(), b"x");
}

#[test]
fn an_unsynced_rename_leaves_the_old_or_the_new_name_never_none() {
    let disk = SimDisk::new();
    drop(written(&disk, "new", b"new", b""));
    drop(written(&disk, "f", b"old", b""));
    disk.sync_dir(p("")).unwrap();
    disk.rename(p("new"), p("f")).unwrap();
    let seen: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| disk.restart(Cut { data: Fate::Lost, names: Fate::Torn(seed) }))
        .map(|d| (d.list_all(), d.read_file(p("f")).unwrap()))
        .collect();
    let both = (vec![PathBuf::from("f"), PathBuf::from("new")], b"old".to_vec());
    let one = (vec![PathBuf::from("f")], b"new".to_vec());
    assert_eq!(seen, [both, one].into());
}

#[test]
fn a_removed_name_comes_back_unless_the_directory_was_synced() {
    let disk = SimDisk::new();
    drop(written(&disk, "f", b"x", b""));
    disk.sync_dir(p("")).unwrap();
    disk.remove(p("f")).unwrap();
    assert_eq!(disk.restart(Cut::LOST).list_all(), [p("f")]);
    let disk = disk.restart(Cut::LOST);
    disk.remove(p("f")).unwrap();
    disk.sync_dir(p("")).unwrap();
    assert!(disk.restart(Cut::LOST).list_all().is_empty());
}

#[test]
fn after_the_power_is_cut_every_call_fails_and_a_restart_frees_the_locks() {
    let disk = SimDisk::new();
    let _lock = disk.lock(p("LOCK")).unwrap();
    let mut writer = written(&disk, "f", b"abc", b"");
    let reader = disk.open(p("f")).unwrap();
    let before = disk.ops();
    disk.cut_power_after(1);
    disk.sync_dir(p("")).unwrap();
    assert_eq!(disk.ops(), before + 1);
    assert!(disk.open(p("f")).is_ok(), "reads are no moments to cut at");
    assert!(writer.append(b"defg").is_err());
    assert!(disk.is_dead());
    assert!(disk.open(p("f")).is_err() && reader.read_at(&mut [0], 0).is_err() && disk.available().is_err());
    assert!(disk.list(p("")).is_err() && writer.sync().is_err() && reader.read_all().is_err());
    let next = disk.restart(Cut::LOST);
    assert_eq!(next.read_file(p("f")).unwrap(), b"abc");
    assert!(next.lock(p("LOCK")).is_ok());
    assert!(disk.sync_dir(p("")).is_err(), "the old disk stays dead");
    let half = disk.restart(Cut::KILL).read_file(p("f")).unwrap();
    assert_eq!(half, b"abcde", "the write that met the cut may have arrived in part");
}

#[test]
fn a_failed_sync_gives_up_on_the_bytes_even_if_the_next_one_succeeds() {
    let disk = SimDisk::new();
    let mut writer = written(&disk, "f", b"one", b"two");
    disk.sync_dir(p("")).unwrap();
    disk.fail_next(Op::Sync, "f", ErrorKind::Other);
    assert!(writer.sync().is_err());
    writer.append(b"three").unwrap();
    writer.sync().unwrap();
    assert_eq!(disk.read_file(p("f")).unwrap(), b"onetwothree");
    assert_eq!(disk.restart(Cut::LOST).read_file(p("f")).unwrap(), b"one\0\0\0three");
    assert_eq!(disk.restart(Cut::KILL).read_file(p("f")).unwrap(), b"onetwothree");
}

#[test]
fn a_full_disk_takes_what_fits_and_more_after_a_removal() {
    let disk = SimDisk::new();
    drop(written(&disk, "old", b"12345678", b""));
    disk.set_capacity(Some(10));
    assert_eq!(disk.available().unwrap(), 2);
    let mut writer = disk.create(p("f")).unwrap();
    assert_eq!(writer.append(b"abcd").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.read_file(p("f")).unwrap(), b"ab");
    assert_eq!(writer.append(b"e").unwrap_err().kind(), ErrorKind::StorageFull);
    disk.remove(p("old")).unwrap();
    writer.append(b"cd").unwrap();
    assert_eq!(disk.read_file(p("f")).unwrap(), b"abcd");
    assert_eq!(disk.used(), 4);
}

#[test]
fn scripted_failures_hit_the_named_call_once() {
    let disk = SimDisk::new();
    drop(written(&disk, "a.sst", b"abc", b""));
    disk.fail_next(Op::Open, ".sst", ErrorKind::PermissionDenied);
    disk.fail_next(Op::Read, "", ErrorKind::Other);
    assert_eq!(disk.open(p("a.sst")).err().unwrap().kind(), ErrorKind::PermissionDenied);
    let file = disk.open(p("a.sst")).unwrap();
    assert!(file.read_at(&mut [0], 0).is_err());
    file.read_at(&mut [0], 0).unwrap();
    disk.fail_next(Op::Remove, "", ErrorKind::Other);
    disk.clear_faults();
    disk.flip_bit(p("a.sst"), 1, 0).unwrap();
    assert_eq!(disk.read_file(p("a.sst")).unwrap(), b"acc");
    assert!(disk.flip_bit(p("a.sst"), 3, 0).is_err());
    disk.remove(p("a.sst")).unwrap();
    disk.write_file(p("d/b"), b"there");
    assert_eq!(disk.restart(Cut::LOST).read_file(p("d/b")).unwrap(), b"there");
}

#[test]
fn after_a_kill_everything_is_there_and_the_next_power_cut_may_still_take_it() {
    let disk = SimDisk::new();
    drop(written(&disk, "settled", b"abc", b"def"));
    disk.sync_dir(p("")).unwrap();
    drop(written(&disk, "new", b"xyz", b""));
    disk.rename(p("settled"), p("renamed")).unwrap();
    let killed = disk.restart(Cut::KILL);
    assert_eq!(killed.list_all(), [p("new"), p("renamed")]);
    assert_eq!(killed.read_file(p("renamed")).unwrap(), b"abcdef");
    let lost = killed.restart(Cut::LOST);
    assert_eq!(lost.list_all(), [p("settled")]);
    assert_eq!(lost.read_file(p("settled")).unwrap(), b"abc");
    let killed = disk.restart(Cut::KILL).restart(Cut::KILL);
    killed.sync_file(p("renamed")).unwrap();
    killed.sync_dir(p("")).unwrap();
    let lost = killed.restart(Cut::LOST);
    assert_eq!(lost.list_all(), [p("new"), p("renamed")]);
    assert_eq!(lost.read_file(p("renamed")).unwrap(), b"abcdef");
}
