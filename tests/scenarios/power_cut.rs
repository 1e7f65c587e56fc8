//! Promise 1: what was acknowledged survives any crash, all of a request or nothing of it.

use vctsdb::{
    model::TimeRange,
    seams::{
        env::{Cut, Op, SimDisk},
        status::Status,
    },
    storage::Storage,
};

use super::store::{Model, Sample, Value, apply, histogram, open, read, series, write};

/// The requests of the run, in order: new series, known ones, late samples, replaced ones, histograms.
fn requests() -> Vec<Vec<Sample>> {
    let float =
        |s: usize, t: i64, v: i64| (series(s), t, Value::Float((v as f64).to_bits()).from(s as i64 % 3 * 1_000));
    let mut requests = Vec::new();
    for round in 0..12i64 {
        let mut request: Vec<Sample> = (0..4).map(|s| float(s + round as usize / 3, round * 1_000, round)).collect();
        request.push(float(0, (round - 5) * 1_000, 100 + round));
        request.push((series(50), round * 1_000, Value::Histogram(histogram(round))));
        requests.push(request);
    }
    requests
}

/// Writes, flushes and merges until something fails. Answers how many requests were acknowledged.
fn run(storage: &Storage) -> usize {
    for (done, request) in requests().iter().enumerate() {
        if write(storage, request).is_err() {
            return done;
        }
        let upkeep = match done {
            2 | 4 | 6 | 9 => storage.flush(),
            8 => storage.compact(),
            _ => Ok(()),
        };
        if upkeep.is_err() {
            return done + 1;
        }
    }
    let done = requests().len();
    let _ = storage.close();
    done
}

/// The store after the first `count` requests.
fn model(count: usize) -> Model {
    let mut model = Model::new();
    requests().iter().take(count).for_each(|request| apply(&mut model, request));
    model
}

/// Opens what the crash left, checks it, writes on, and checks again after another restart.
fn check(disk: &SimDisk, acknowledged: usize, context: &str) {
    let storage = open(disk).unwrap_or_else(|error| panic!("{context}: reopening failed: {error}"));
    assert_eq!(storage.status().damage, [""; 0], "{context}: a power cut is no damage");
    let found = read(&storage, TimeRange::ALL);
    // The request in flight may have arrived or not, but not in part.
    let whole = found == model(acknowledged) || found == model(acknowledged + 1);
    assert!(whole, "{context}: {acknowledged} requests were acknowledged, found {found:#?}");
    let more = [(series(77), 5, Value::Float(5)), (series(0), 0, Value::Float(7))];
    write(&storage, &more).unwrap_or_else(|error| panic!("{context}: writing after the crash failed: {error}"));
    drop(storage);
    let storage = open(&disk.restart(Cut::LOST)).unwrap();
    assert_eq!(storage.status().damage, [""; 0], "{context}: after a second crash");
    let mut want = found;
    apply(&mut want, &more);
    assert_eq!(read(&storage, TimeRange::ALL), want, "{context}: after a second crash");
}

#[test]
fn power_lost_after_any_disk_operation_loses_nothing_acknowledged() {
    let disk = SimDisk::new();
    let acknowledged = run(&open(&disk).unwrap());
    assert_eq!(acknowledged, requests().len());
    let operations = disk.ops();
    assert!(operations > 100, "the run is long enough to mean something: {operations}");
    check(&disk.restart(Cut::LOST), acknowledged, "after a clean close");

    for cut_after in 0..operations {
        let cuts = [
            ("lost", Cut::LOST),
            ("killed", Cut::KILL),
            ("torn", Cut::torn(cut_after)),
            ("torn", Cut::torn(!cut_after)),
        ];
        for (name, cut) in cuts {
            let disk = SimDisk::new();
            disk.cut_power_after(cut_after);
            let acknowledged = open(&disk).map_or(0, |storage| run(&storage));
            check(&disk.restart(cut), acknowledged, &format!("power cut after operation {cut_after}, unsynced {name}"));
        }
    }
}

#[test]
fn samples_acknowledged_after_a_refused_record_was_replayed_do_not_rest_on_it() {
    let disk = SimDisk::new();
    let storage = open(&disk).unwrap();
    let sample = |t: i64| [(series(1), t, Value::Float(t as u64))];
    write(&storage, &[(series(0), 0, Value::Float(0))]).unwrap();
    disk.fail_next(Op::Sync, "wal/", std::io::ErrorKind::Other);
    write(&storage, &sample(1)).unwrap_err();
    // The process dies: the refused record can be read by the next one, but the kernel has given up on its pages.
    let disk = disk.restart(Cut::KILL);
    let storage = open(&disk).unwrap();
    write(&storage, &sample(2)).unwrap();
    drop(storage);
    let found = read(&open(&disk.restart(Cut::LOST)).unwrap(), TimeRange::ALL);
    assert!(found[&series(1)].contains_key(&2), "{found:?}");
}

#[test]
fn a_crash_while_recovering_from_a_crash_loses_nothing() {
    let crashed = || {
        let disk = SimDisk::new();
        let storage = open(&disk).unwrap();
        for request in requests() {
            write(&storage, &request).unwrap();
        }
        drop(storage);
        disk.restart(Cut::KILL)
    };
    let disk = crashed();
    drop(open(&disk).unwrap());
    let operations = disk.ops();
    for cut_after in 0..operations {
        let disk = crashed();
        disk.cut_power_after(cut_after);
        drop(open(&disk));
        check(&disk.restart(Cut::torn(cut_after)), requests().len(), &format!("second crash after {cut_after}"));
    }
}
