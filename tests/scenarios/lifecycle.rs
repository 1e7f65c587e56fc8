//! How samples age and go: windows, retention, deletes, and the index behind them.

use std::sync::Arc;

use vctsdb::{
    model::{Labels, MatchOp, Matcher, TimeRange},
    seams::{
        append::{Append, AppendError, Batch, FloatSample, SeriesCursor},
        env::{Cut, SimDisk, TestClock},
        select::{Lookup, SelectLabels},
        status::Status,
    },
    storage::{Storage, StorageOptions},
};

use super::store::{Model, Sample, Value, apply, block_on, options, read, series, write};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

struct Store {
    disk: SimDisk,
    clock: Arc<TestClock>,
    options: StorageOptions,
}

impl Store {
    fn new(now: i64, change: impl FnOnce(&mut StorageOptions)) -> (Self, Storage) {
        let mut options = StorageOptions { memtable_bytes: 1 << 20, compaction_fan_in: 4, ..options() };
        change(&mut options);
        let store = Self { disk: SimDisk::new(), clock: Arc::new(TestClock::at(now)), options };
        let storage = store.open();
        (store, storage)
    }

    fn open(&self) -> Storage {
        Storage::open(Arc::new(self.disk.clone()), self.clock.clone(), self.options.clone()).unwrap()
    }

    fn restart(&mut self, storage: Storage, cut: Cut) -> Storage {
        drop(storage);
        self.disk = self.disk.restart(cut);
        self.open()
    }
}

fn sample(number: usize, time: i64, value: i64) -> Sample {
    (series(number), time, Value::Float((value as f64).to_bits()))
}

fn host(number: usize) -> [Vec<Matcher>; 1] {
    [vec![Matcher::new(MatchOp::Equal, "host", format!("host-{number}")).unwrap()]]
}

/// The label sets that a lookup of all times lists.
fn listed(storage: &Storage, number: usize) -> Vec<Labels> {
    SelectLabels::series(storage, &Lookup::all(host(number).to_vec())).unwrap().items
}

#[test]
fn a_series_that_expired_and_is_written_again_is_found_by_its_labels() {
    let (mut store, storage) = Store::new(0, |o| o.retention_time = Some(10 * HOUR));
    let fingerprint = 77;
    let mut batch = Batch::default();
    let old = Append::series(&storage, &series(1), Some(fingerprint), &mut batch).unwrap();
    batch.floats.push(FloatSample { series: old, time: 0, value: 1.0, start: 0 });
    block_on(storage.append(batch)).unwrap();
    storage.flush().unwrap();
    assert_eq!(storage.known(fingerprint, &mut SeriesCursor::default()), Some(old));

    // A request is on its way that has resolved the series …
    let mut late = Batch::default();
    assert_eq!(Append::series(&storage, &series(1), Some(fingerprint), &mut late).unwrap(), old);
    assert!(late.series.is_empty(), "its definition is on disk");
    // … while it expires and leaves the index.
    store.clock.set(20 * HOUR);
    storage.compact().unwrap();
    assert_eq!((storage.status().series, storage.status().tables), (0, 0));
    assert_eq!(storage.known(fingerprint, &mut SeriesCursor::default()), None);
    late.floats.push(FloatSample { series: old, time: 20 * HOUR, value: 2.0, start: 0 });
    let refused = block_on(storage.append(late)).unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused}");

    let mut again = Batch::default();
    let new = Append::series(&storage, &series(1), Some(fingerprint), &mut again).unwrap();
    assert!(new != old && again.series.len() == 1);
    again.floats.push(FloatSample { series: new, time: 20 * HOUR, value: 3.0, start: 0 });
    block_on(storage.append(again)).unwrap();
    let mut want = Model::new();
    apply(&mut want, &[sample(1, 20 * HOUR, 3)]);
    assert_eq!(read(&storage, TimeRange::ALL), want);
    for cut in [Cut::KILL, Cut::LOST] {
        let storage = store.open_again(cut);
        assert_eq!(read(&storage, TimeRange::ALL), want);
        assert_eq!(listed(&storage, 1), [series(1)]);
        drop(storage);
    }
    drop(storage);
}

impl Store {
    /// What another start would find, beside the running one.
    fn open_again(&mut self, cut: Cut) -> Storage {
        self.disk = self.disk.restart(cut);
        self.open()
    }
}

#[test]
fn retention_shorter_than_a_memtable_lives_shows_nothing_older() {
    let (mut store, storage) = Store::new(DAY, |o| o.retention_time = Some(60_000));
    write(&storage, &[sample(1, DAY - 59_000, 1), sample(1, DAY, 2), sample(2, DAY - 61_000, 3)]).unwrap();
    let mut want = Model::new();
    apply(&mut want, &[sample(1, DAY - 59_000, 1), sample(1, DAY, 2)]);
    assert_eq!(read(&storage, TimeRange::ALL), want, "an expired sample is accepted and dropped");
    store.clock.advance(2_000);
    want.values_mut().for_each(|samples| drop(samples.remove(&(DAY - 59_000))));
    assert_eq!(read(&storage, TimeRange::ALL), want, "still in memory, but not shown");
    let storage = store.restart(storage, Cut::LOST);
    assert_eq!(read(&storage, TimeRange::ALL), want);
    storage.flush().unwrap();
    assert_eq!(read(&storage, TimeRange::ALL), want);
    store.clock.advance(HOUR);
    assert!(read(&storage, TimeRange::ALL).is_empty());
    assert!(listed(&storage, 1).is_empty());
    storage.compact().unwrap();
    assert_eq!((storage.status().tables, storage.status().series), (0, 0));
}

const YEARS: i64 = 3_650 * DAY;

/// Ten days of samples in tables, of which all are kept.
fn ten_days() -> (Store, Storage, Model) {
    let (store, storage) = Store::new(1_000 * DAY, |o| o.retention_time = Some(30 * DAY));
    let mut model = Model::new();
    for day in 0..10 {
        let samples: Vec<Sample> = (0..50).map(|i| sample(i % 5, (990 + day) * DAY + i as i64, i as i64)).collect();
        write(&storage, &samples).unwrap();
        apply(&mut model, &samples);
        storage.flush().unwrap();
        storage.compact().unwrap();
    }
    (store, storage, model)
}

#[test]
fn a_clock_years_ahead_for_a_moment_deletes_nothing_also_over_a_start() {
    let (mut store, storage, mut model) = ten_days();
    let now = [sample(1, 1_000 * DAY, 1)];
    write(&storage, &now).unwrap();
    apply(&mut model, &now);
    store.clock.step(YEARS);
    // Our own numbers, say, with the time that is wrong.
    let own = [sample(9, 1_000 * DAY + YEARS, 1)];
    write(&storage, &own).unwrap();
    apply(&mut model, &own);
    let late = [sample(2, 999 * DAY, 7)];
    write(&storage, &late).unwrap();
    apply(&mut model, &late);
    storage.flush().unwrap();
    storage.compact().unwrap();
    let storage = store.restart(storage, Cut::LOST);
    storage.compact().unwrap();
    let mut hidden = Model::new();
    apply(&mut hidden, &own);
    assert!(read(&storage, TimeRange::ALL) == hidden, "hidden for as long");
    store.clock.step(-YEARS);
    storage.compact().unwrap();
    let storage = store.restart(storage, Cut::LOST);
    storage.compact().unwrap();
    assert!(read(&storage, TimeRange::ALL) == model);
}

#[test]
fn retention_by_size_drops_the_oldest_whole_tables_for_good() {
    let limit = 16_000;
    let (mut store, mut storage) = Store::new(0, |o| o.retention_size = Some(limit));
    for day in 0..60 {
        store.clock.set(day * DAY);
        let samples: Vec<Sample> =
            (0..600).map(|i| sample(i % 20, day * DAY - i as i64 * 60_000, (i as i64 * 7_919 + day) % 1_009)).collect();
        write(&storage, &samples).unwrap();
        storage.flush().unwrap();
        storage.compact().unwrap();
    }
    let status = storage.status();
    let total = status.table_bytes + status.index_bytes + status.wal_bytes;
    assert!(total <= limit && total > limit / 4, "{total}: {status:?}");
    let line = status.cutoff.unwrap_or_else(|| panic!("nothing was dropped: {status:?}"));
    assert!(line > 20 * DAY && line < 59 * DAY, "{}", line / DAY);
    let kept = read(&storage, TimeRange::ALL);
    assert!(kept.values().all(|samples| samples.keys().all(|t| *t >= line)));
    write(&storage, &[sample(1, line - 1, 5)]).unwrap();
    storage = store.restart(storage, Cut::LOST);
    assert_eq!(read(&storage, TimeRange::ALL), kept, "what is behind the line stays gone");
}

#[test]
fn retention_by_size_keeps_as_much_as_fits_also_of_a_table_that_is_larger() {
    // What one large table holds, and several that overlap in time.
    for parts in [1, 4] {
        let (mut store, storage) = Store::new(DAY, |o| o.memtable_bytes = 8 << 20);
        let mut model = Model::new();
        for part in 0..parts {
            let noise = |i: usize| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let at = |i: usize| DAY - 40_000 * 1_000 + (i as i64 / 20 * parts as i64 + part as i64) * 2_000;
            let samples: Vec<Sample> =
                (0..400_000 / 20 / parts).map(|i| (series(i % 20), at(i), Value::Float(noise(i)))).collect();
            write(&storage, &samples).unwrap();
            apply(&mut model, &samples);
            storage.flush().unwrap();
        }
        let all = storage.status();
        let limit = all.table_bytes / 3;
        store.options.retention_size = Some(limit);
        let storage = store.restart(storage, Cut::LOST);
        storage.compact().unwrap();
        let status = storage.status();
        let used: u64 = store.disk.list_all().iter().map(|path| store.disk.read_file(path).unwrap().len() as u64).sum();
        assert!(used <= limit, "{parts}: {used} of {limit}");
        assert!(
            status.table_bytes > limit * 3 / 4,
            "{parts}: {} of {limit} are left, of {}",
            status.table_bytes,
            all.table_bytes
        );
        let line = status.cutoff.unwrap();
        model.values_mut().for_each(|samples| *samples = samples.split_off(&line));
        assert_eq!(read(&storage, TimeRange::ALL), model, "{parts}: all from the line on, and nothing else");
        storage.compact().unwrap();
        assert_eq!(storage.status().cutoff, Some(line), "{parts}: what fits stays");
        let storage = store.restart(storage, Cut::LOST);
        assert_eq!(read(&storage, TimeRange::ALL), model, "{parts}");
    }
}

#[test]
fn years_of_backfill_in_one_flush_end_in_few_files() {
    let now = 20_000 * DAY;
    let (_, storage) = Store::new(now, |_| {});
    let mut model = Model::new();
    for part in 0..5 {
        let samples: Vec<Sample> =
            (0..3_000).map(|i| sample(i % 7, now - (i as i64 * 5 + part) * 8 * HOUR, i as i64)).collect();
        write(&storage, &samples).unwrap();
        apply(&mut model, &samples);
        storage.flush().unwrap();
        storage.compact().unwrap();
    }
    let tables = storage.status().tables;
    assert!(tables < 40, "{tables} tables hold 13 years");
    assert_eq!(read(&storage, TimeRange::ALL), model);
}

#[test]
fn a_month_of_scrapes_is_rewritten_a_few_times_and_ends_in_few_tables() {
    let (store, storage) = Store::new(0, |_| {});
    let written = || {
        let text = vctsdb::telemetry::text(&vctsdb::telemetry::gather());
        let text = String::from_utf8_lossy(&text).into_owned();
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|l| l.starts_with(name) && l.as_bytes().get(name.len()) == Some(&b' '));
            line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
        };
        (value("vctsdb_flush_bytes_total"), value("vctsdb_compaction_written_bytes_total"))
    };
    let before = written();
    let mut model = Model::new();
    for half_hour in 0..48 * 30i64 {
        store.clock.set((half_hour + 1) * HOUR / 2);
        let times = (0..30).map(|minute| half_hour * HOUR / 2 + minute * 60_000);
        let samples: Vec<Sample> = times.flat_map(|t| (0..4).map(move |s| sample(s, t, t % 9_973))).collect();
        write(&storage, &samples).unwrap();
        apply(&mut model, &samples);
        storage.flush().unwrap();
        storage.compact().unwrap();
    }
    let tables = storage.status().tables;
    assert!(tables < 30, "{tables}");
    assert_eq!(read(&storage, TimeRange::ALL), model);
    // Other tests in this process count too, so this is a ceiling for all of them.
    let after = written();
    let amplification = (after.1 - before.1) / (after.0 - before.0);
    assert!(amplification < 8.0, "{amplification}");
}

#[test]
fn deleted_samples_vanish_at_once_and_later_writes_show() {
    let (mut store, mut storage) = Store::new(DAY, |_| {});
    let mut model = Model::new();
    for (flushed, number) in [(true, 1), (true, 2), (false, 1)] {
        let samples: Vec<Sample> = (0..10).map(|i| sample(number, i * 1_000 + i64::from(flushed), i)).collect();
        write(&storage, &samples).unwrap();
        apply(&mut model, &samples);
        if flushed {
            storage.flush().unwrap();
        }
    }
    let range = TimeRange::new(2_000, 5_000);
    let told = storage.delete(&host(1), range, true).unwrap();
    assert_eq!((told.series, told.samples), (1, 7));
    assert_eq!(read(&storage, TimeRange::ALL), model, "a dry run takes nothing");
    assert_eq!(storage.delete(&host(1), range, false).unwrap(), told);
    model.get_mut(&series(1)).unwrap().retain(|t, _| !range.contains(*t));
    assert_eq!(read(&storage, TimeRange::ALL), model);
    assert_eq!(storage.delete(&host(1), range, false).unwrap().samples, 0, "nothing is left there");
    assert_eq!(storage.delete(&host(99), TimeRange::ALL, false).unwrap().series, 0);
    assert_eq!(storage.delete(&host(1), TimeRange::new(5, 4), false).unwrap().series, 0);
    assert_eq!(storage.status().tombstones, 1, "deletes of nothing leave no trace");

    write(&storage, &[sample(1, 3_000, 42)]).unwrap();
    apply(&mut model, &[sample(1, 3_000, 42)]);
    assert_eq!(read(&storage, TimeRange::ALL), model, "written after the delete");
    for cut in [Cut::KILL, Cut::LOST] {
        storage = store.restart(storage, cut);
        assert_eq!(read(&storage, TimeRange::ALL), model);
        storage.flush().unwrap();
        assert_eq!(read(&storage, TimeRange::ALL), model);
    }
    let before = storage.status().table_samples;
    storage.clean_tombstones().unwrap();
    assert_eq!(read(&storage, TimeRange::ALL), model);
    let after = storage.status();
    assert_eq!((after.tombstones, before - after.table_samples), (0, 7));
    storage.delete(&host(1), TimeRange::ALL, false).unwrap();
    assert!(listed(&storage, 1).is_empty(), "its labels vanish too");
    storage.clean_tombstones().unwrap();
    storage.compact().unwrap();
    assert_eq!(storage.status().series, 1, "and leave the index");
}

#[test]
fn writes_are_refused_while_compaction_is_far_behind() {
    let (_, storage) = Store::new(0, |o| o.backlog_limit = 3);
    for round in 0..3 {
        write(&storage, &[sample(1, round, 1)]).unwrap();
        storage.flush().unwrap();
    }
    let refused = write(&storage, &[sample(1, 9, 1)]).unwrap_err().to_string();
    assert!(refused.contains("3 flushed tables wait for compaction"), "{refused}");
    storage.compact().unwrap();
    write(&storage, &[sample(1, 9, 1)]).unwrap();
}

#[test]
fn a_damaged_block_holds_up_neither_compaction_nor_writes() {
    let (store, storage) = Store::new(0, |_| {});
    write(&storage, &[sample(1, 1, 1)]).unwrap();
    storage.flush().unwrap();
    let table = store.disk.list_all().into_iter().find(|p| p.starts_with("tables")).unwrap();
    store.disk.flip_bit(&table, 20, 1).unwrap();
    for round in 2..9 {
        write(&storage, &[sample(2, round, 1)]).unwrap();
        storage.flush().unwrap();
    }
    assert!(storage.compact().is_err(), "found out");
    storage.compact().unwrap();
    assert!(storage.status().tables <= 4, "{:?}", storage.status());
    assert!(store.disk.list_all().contains(&table), "nothing is deleted");
}
