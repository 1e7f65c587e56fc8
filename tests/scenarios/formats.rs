//! Data directories written by earlier versions open for ever; those of later versions are refused, and the error names the version.
//!
//! `tests/data/v1` to `v3`, `start_times` and `tables_v3` hold one each, with `expected.txt` beside it: per sample its labels, time in ms,
//! its value as the bits of a float in hexadecimal or as a histogram in words, and its start time. v1 has manifest format 1,
//! the others have 2; v3 has an index segment of format 2 among those of format 1; start_times has tables and a log of
//! version 2, tables_v3 has tables of version 3.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use vctsdb::{model::TimeRange, seams::env::SimDisk};

use super::{
    maintenance::verify,
    store::{Model, Value, open, read},
};

fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(version)
}

/// The fixture's files on a disk in memory: nothing can change the fixture.
fn load(version: &str) -> SimDisk {
    let disk = SimDisk::new();
    let data = fixture(version).join("data");
    let mut dirs = vec![data.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                disk.write_file(path.strip_prefix(&data).unwrap(), &fs::read(&path).unwrap());
            }
        }
    }
    disk
}

fn in_words(model: &Model) -> String {
    let mut out = String::new();
    for (labels, samples) in model {
        for (time, value) in samples {
            writeln!(out, "{labels} {time} {}", value_in_words(value)).unwrap();
        }
    }
    out
}

fn value_in_words(value: &Value) -> String {
    match value {
        Value::Float(bits) => format!("{bits:016x}"),
        Value::Histogram(histogram) => format!("{histogram:?}"),
        Value::From(start, value) => format!("{} from {start}", value_in_words(value)),
    }
}

#[test]
fn data_directories_of_earlier_versions_read_as_they_were_written() {
    for version in ["v1", "v2", "v3", "start_times", "tables_v3"] {
        let disk = load(version);
        let expected = fs::read_to_string(fixture(version).join("expected.txt")).unwrap();
        assert!(expected.lines().count() > 100 && expected.contains("Histogram"), "{version}: it holds all kinds");
        assert!(verify(&disk).unwrap().is_clean(), "{version}");
        let storage = open(&disk).unwrap();
        assert_eq!(in_words(&read(&storage, TimeRange::ALL)), expected, "{version}");
        storage.close().unwrap();
        drop(storage);
        assert_eq!(in_words(&read(&open(&disk).unwrap(), TimeRange::ALL)), expected, "{version}, rewritten");
    }
}

/// Puts `version` at `at` and the right checksum over the bytes `from..crc` to `crc`.
fn patched(bytes: &[u8], at: usize, version: u32, from: usize, crc: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + 4].copy_from_slice(&version.to_le_bytes());
    let sum = crc32fast::hash(&bytes[from..crc]).to_le_bytes();
    bytes[crc..crc + 4].copy_from_slice(&sum);
    bytes
}

#[test]
fn files_of_later_versions_are_refused_in_words_and_left_alone() {
    let pristine = load("v2");
    let first = |dir: &str| pristine.list_all().into_iter().find(|path| path.starts_with(dir)).unwrap();
    let (table, segment, log) = (first("tables"), first("index"), first("wal"));
    let bytes = |path: &Path| pristine.read_file(path).unwrap();
    let (t, s, w) = (bytes(&table), bytes(&segment), bytes(&log));
    let manifest = PathBuf::from("MANIFEST");
    let half = bytes(&manifest).len() / 2;
    let copy = patched(&bytes(&manifest)[..half], 8, 99, 0, half - 4);
    let later = [
        (manifest, [&copy[..], &copy].concat(), "format 99"),
        (table, patched(&t, t.len() - 16, 99, t.len() - 80, t.len() - 12), "version 99"),
        (segment, patched(&s, s.len() - 16, 99, s.len() - 192, s.len() - 12), "version 99"),
        (log, patched(&w, 8, 99, 0, 28), "version 99"),
    ];
    for (path, bytes, says) in later {
        let disk = load("v2");
        disk.write_file(&path, &bytes);
        let before: Vec<PathBuf> = disk.list_all();
        let refused = open(&disk).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(says), "{}: {refused:?}", path.display());
        assert_eq!(disk.read_file(&path).unwrap(), bytes);
        assert!(before.iter().all(|path| disk.read_file(path).is_ok()), "nothing is gone");
    }
}
