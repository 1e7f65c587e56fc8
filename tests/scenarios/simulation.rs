//! Long random runs on a simulated disk against a reference model: writes in any order, deletes, flushes, merges,
//! retention, failing calls, a full disk, and power cuts in the middle of any of it.
//!
//! What is held to: nothing acknowledged is lost, nothing deleted or expired returns, a refused request is not there, one
//! whose answer a crash swallowed is there wholly or not at all, labels find what there is and nothing else, and
//! nothing panics.
//!
//! A failing run prints its seed. `SIM_SEED` begins at that seed, `SIM_RUNS` says how many seeds to run from there.

use std::{collections::BTreeSet, io::ErrorKind, sync::Arc};

use vctsdb::{
    model::{Labels, MatchOp, Matcher, TimeRange},
    seams::{
        env::{Cut, Op, SimDisk, TestClock},
        select::{Lookup, SelectLabels},
        status::Status,
    },
    storage::{Storage, StorageOptions},
};

use super::store::{Model, Sample, Value, apply, histogram, options, read, series, write};

const HOUR: i64 = 3_600_000;
/// Seeds run when nobody asks for others.
const DEFAULT_RUNS: u64 = 150;

/// Xorshift: repeatable, and good enough for dice.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// A change that was tried and not acknowledged: after a crash it may be found done, wholly.
#[derive(Clone)]
enum Doubt {
    /// Until a later write is acknowledged: that one's log says where the log before it ends.
    Write(Vec<Sample>),
    /// The samples it would have taken that were not written again since.
    Delete(BTreeSet<(Labels, i64)>),
}

impl Doubt {
    fn resolve(&self, model: &mut Model) {
        match self {
            Self::Write(samples) => apply(model, samples),
            Self::Delete(gone) => {
                for (labels, time) in gone {
                    if let Some(samples) = model.get_mut(labels) {
                        samples.remove(time);
                    }
                }
            }
        }
        model.retain(|_, samples| !samples.is_empty());
    }
}

struct Simulation {
    dice: Dice,
    clock: Arc<TestClock>,
    options: StorageOptions,
    disk: SimDisk,
    storage: Option<Storage>,
    model: Model,
    doubts: Vec<Doubt>,
    /// Whether calls may fail at the moment.
    faulty: bool,
    log: Vec<String>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| assert!(dice.roll(2) < 2));
        let retention_time = [None, None, Some(30 * HOUR), Some(HOUR)][dice.roll(4) as usize];
        let retention_size = [None, None, None, Some(40_000)][dice.roll(4) as usize];
        let log_bytes = [3_000, 1 << 20][dice.roll(2) as usize];
        let options = StorageOptions {
            log_bytes,
            memtable_bytes: 12_000 + dice.roll(3) as usize * 20_000,
            largest_memtable_bytes: dice.roll(2) as usize * 100_000,
            largest_log_bytes: 100_000,
            memtable_age: HOUR * 2,
            retention_time,
            retention_size,
            backlog_limit: 1_000,
            compaction_fan_in: 2 + dice.roll(3) as usize,
            ..options()
        };
        let clock = Arc::new(TestClock::at(1_000 * HOUR));
        let mut simulation = Self {
            dice,
            clock,
            options,
            disk: SimDisk::new(),
            storage: None,
            model: Model::new(),
            doubts: Vec::new(),
            faulty: false,
            log: Vec::new(),
        };
        simulation.open();
        simulation
    }

    fn note(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    fn now(&self) -> i64 {
        use vctsdb::seams::env::Clock;
        self.clock.now()
    }

    fn open(&mut self) {
        let opened = Storage::open(Arc::new(self.disk.clone()), self.clock.clone(), self.options.clone());
        let storage = opened.unwrap_or_else(|error| panic!("opening failed: {error}"));
        assert_eq!(storage.status().damage, [""; 0], "nobody damaged anything");
        self.storage = Some(storage);
    }

    fn storage(&self) -> &Storage {
        self.storage.as_ref().unwrap()
    }

    /// Samples before this are gone. Time alone decides it, unless the size is limited too.
    fn line(&self) -> i64 {
        let line = self.storage().status().cutoff.unwrap_or(i64::MIN);
        let aged = self.options.retention_time.map_or(i64::MIN, |ms| self.now() - ms);
        match self.options.retention_size {
            None => assert_eq!(line, aged),
            Some(_) => assert!(line >= aged),
        }
        line
    }

    fn expire(&mut self) {
        let line = self.line();
        self.model.values_mut().for_each(|samples| *samples = samples.split_off(&line));
        self.model.retain(|_, samples| !samples.is_empty());
    }

    fn time(&mut self) -> i64 {
        let now = self.now();
        match self.dice.roll(30) {
            0..=19 => now - self.dice.roll(20) as i64 * 15_000,
            20..=25 => now - self.dice.roll(40) as i64 * HOUR,
            26..=27 => now - self.dice.roll(3_000) as i64 * 10 * HOUR,
            28 => -(self.dice.roll(1 << 30) as i64) << 32,
            _ => now + self.dice.roll(600_000) as i64,
        }
    }

    fn write(&mut self) {
        let newest = (self.log.len() / 40) as u64;
        let samples: Vec<Sample> = (0..=self.dice.roll(40))
            .map(|_| {
                // Old series end, new ones begin.
                let number = newest + self.dice.roll(10);
                let value = match self.dice.roll(10) {
                    0 => Value::Histogram(histogram(self.dice.roll(50) as i64)),
                    1 => Value::Float(self.dice.roll(u64::MAX)),
                    _ => Value::Float((self.dice.roll(100) as f64 / 4.0).to_bits()),
                };
                let time = self.time();
                let start = [0, 0, 7, time - 15_000, self.dice.roll(1 << 40) as i64][self.dice.roll(5) as usize];
                (series(number as usize), time, value.from(start))
            })
            .collect();
        self.note(format!("write {} samples", samples.len()));
        match write(self.storage(), &samples) {
            Ok(()) => {
                apply(&mut self.model, &samples);
                self.expire();
                let line = self.line();
                if samples.iter().any(|(_, time, _)| *time >= line) {
                    // Samples that have all expired don't reach the log.
                    self.doubts.retain(|doubt| matches!(doubt, Doubt::Delete(_)));
                }
                for doubt in &mut self.doubts {
                    if let Doubt::Delete(gone) = doubt {
                        samples.iter().for_each(|(labels, time, _)| drop(gone.take(&(labels.clone(), *time))));
                    }
                }
            }
            Err(error) if self.disk.is_dead() => {
                self.note(format!("  lost power: {error}"));
                self.doubts.push(Doubt::Write(samples));
            }
            Err(error) => {
                self.note(format!("  refused: {error}"));
                let text = error.to_string();
                if text.contains("memory for new samples is full") {
                    // Nobody flushes here unless told to.
                    self.upkeep("flush", Storage::flush);
                } else {
                    assert!(self.faulty, "{error}");
                    self.doubts.push(Doubt::Write(samples));
                }
            }
        }
    }

    fn matchers(&mut self) -> Vec<Matcher> {
        let newest = (self.log.len() / 40) as u64;
        let host = format!("host-{}", newest + self.dice.roll(10));
        let metric = format!("metric_{}", self.dice.roll(3));
        match self.dice.roll(4) {
            0 => vec![Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()],
            1 => vec![Matcher::new(MatchOp::Equal, "__name__", metric.as_str()).unwrap()],
            _ => vec![Matcher::new(MatchOp::Equal, "host", host.as_str()).unwrap()],
        }
    }

    fn delete(&mut self) {
        let matchers = self.matchers();
        let (a, b) = (self.time(), self.time());
        let range = if self.dice.one_in(3) { TimeRange::ALL } else { TimeRange::new(a.min(b), a.max(b)) };
        self.note(format!("delete {matchers:?} {range:?}"));
        let (mut after, mut samples, mut touched) = (self.model.clone(), 0, 0);
        bury(&mut after, &matchers, range, |gone| {
            samples += gone;
            touched += 1;
        });
        let selectors = [matchers.clone()];
        if !self.faulty {
            let told = self.storage().delete(&selectors, range, true).unwrap();
            assert_eq!((told.series, told.samples), (touched, samples), "what a delete would take");
        }
        match self.storage().delete(&selectors, range, false) {
            Ok(told) => {
                assert_eq!((told.series, told.samples), (touched, samples), "what a delete took");
                self.model = after;
                self.doubts.retain(|doubt| matches!(doubt, Doubt::Write(_)));
            }
            Err(error) => {
                self.note(format!("  failed: {error}"));
                assert!(self.faulty || self.disk.is_dead(), "{error}");
                // If the manifest arrived all the same, only a crash brings that to light; the next successful change of the
                // manifest takes it back.
                let all = |model: &Model| -> BTreeSet<(Labels, i64)> {
                    model.iter().flat_map(|(l, samples)| samples.keys().map(|t| (l.clone(), *t))).collect()
                };
                let left = all(&after);
                self.doubts.push(Doubt::Delete(all(&self.model).difference(&left).cloned().collect()));
            }
        }
    }

    fn upkeep(&mut self, name: &str, work: impl FnOnce(&Storage) -> Result<(), vctsdb::storage::StorageError>) {
        self.note(name);
        if let Err(error) = work(self.storage()) {
            self.note(format!("  failed: {error}"));
            assert!(self.faulty || self.disk.is_dead(), "{name}: {error}");
        }
        self.expire();
    }

    fn fault(&mut self) {
        let ops = [Op::Create, Op::Append, Op::Sync, Op::Rename, Op::Remove, Op::SyncDir, Op::Open, Op::Read];
        let op = ops[self.dice.roll(8) as usize];
        let place = ["wal/", "tables/", "index/", "MANIFEST", ""][self.dice.roll(5) as usize];
        let kind = if self.dice.one_in(2) { ErrorKind::StorageFull } else { ErrorKind::Other };
        self.note(format!("the next {op:?} on {place:?} fails"));
        self.disk.fail_next(op, place, kind);
        self.faulty = true;
    }

    fn recover_from_faults(&mut self) {
        self.note("no more faults");
        self.disk.clear_faults();
        self.disk.set_capacity(None);
        self.faulty = false;
        self.check();
    }

    fn crash(&mut self) {
        let seed = self.dice.roll(u64::MAX);
        let (name, cut) =
            [("lost", Cut::LOST), ("killed", Cut::KILL), ("torn", Cut::torn(seed))][self.dice.roll(3) as usize];
        self.note(format!("crash, unsynced {name}"));
        self.disk.clear_faults();
        self.disk.set_capacity(None);
        let disk = self.disk.restart(cut);
        self.storage = None;
        self.disk = disk;
        self.faulty = false;
        if self.dice.one_in(6) {
            // Again, while it recovers.
            self.disk.cut_power_after(self.dice.roll(40));
            drop(Storage::open(Arc::new(self.disk.clone()), self.clock.clone(), self.options.clone()));
            self.disk = self.disk.restart(cut);
        }
        self.open();
        self.expire();
        if name == "killed" && self.doubts.iter().any(|doubt| matches!(doubt, Doubt::Write(_))) {
            // A record whose sync failed can be read until the power goes and not afterwards, sync or no sync: the store
            // can't see that. What was refused may then vanish again, so it is taken out of the log here.
            self.storage().flush().unwrap();
        }
        let found = read(self.storage(), TimeRange::ALL);
        let doubts = std::mem::take(&mut self.doubts);
        // Nothing, or one delete, or one write, or both: a log that continues ends the one before.
        let deletes = doubts.iter().filter(|d| matches!(d, Doubt::Delete(_))).map(Some).chain([None]);
        let writes = doubts.iter().filter(|d| matches!(d, Doubt::Write(_))).map(Some).chain([None]);
        let stories = deletes.flat_map(|delete| writes.clone().map(move |write| (delete, write)));
        let line = self.line();
        let true_story = stories.filter_map(|(delete, write)| {
            let mut model = self.model.clone();
            delete.into_iter().chain(write).for_each(|doubt| doubt.resolve(&mut model));
            model.values_mut().for_each(|samples| *samples = samples.split_off(&line));
            model.retain(|_, samples| !samples.is_empty());
            (model == found).then_some(model)
        });
        if let Some(model) = { true_story }.next() {
            self.model = model;
        }
        self.check();
    }

    /// Holds the store against the model, by samples and by labels.
    fn check(&mut self) {
        self.expire();
        let found = read(self.storage(), TimeRange::ALL);
        if found != self.model {
            panic!("{}", difference(&found, &self.model));
        }
        let all = vec![Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()];
        let listed = self.storage().series(&Lookup::all(vec![all])).unwrap().items;
        let missing: Vec<&Labels> = self.model.keys().filter(|labels| !listed.contains(labels)).collect();
        assert!(missing.is_empty(), "not listed: {missing:?}");
        let (a, b) = (self.time(), self.time());
        let range = TimeRange::new(a.min(b), a.max(b));
        let mut want = self.model.clone();
        want.values_mut().for_each(|samples| samples.retain(|t, _| range.contains(*t)));
        want.retain(|_, samples| !samples.is_empty());
        assert_eq!(read(self.storage(), range), want, "in {range:?}");
    }

    fn step(&mut self) {
        match self.dice.roll(100) {
            0..=54 => self.write(),
            55..=62 => self.upkeep("flush", Storage::flush),
            63..=71 => self.upkeep("compact", Storage::compact),
            72..=76 => self.delete(),
            77..=78 => self.upkeep("clean", Storage::clean_tombstones),
            79..=84 => {
                let ms = [60_000, 60_000, HOUR, 7 * HOUR, 100 * HOUR][self.dice.roll(5) as usize];
                self.note(format!("{ms} ms pass"));
                self.clock.advance(ms);
                self.expire();
            }
            85..=88 => self.fault(),
            89 => {
                let room = self.dice.roll(5_000);
                self.note(format!("the disk has room for {room} bytes"));
                self.disk.set_capacity(Some(self.disk.used() + room));
                self.faulty = true;
            }
            90..=92 => self.recover_from_faults(),
            93..=94 => {
                let operations = self.dice.roll(60);
                self.note(format!("the power will go after {operations} operations"));
                self.disk.cut_power_after(operations);
            }
            95..=96 => self.crash(),
            97 if !self.faulty => {
                self.upkeep("close", Storage::close);
                self.storage = None;
                let opened = Storage::open(Arc::new(self.disk.clone()), self.clock.clone(), self.options.clone());
                match opened {
                    Ok(storage) => self.storage = Some(storage),
                    Err(error) if self.disk.is_dead() => {
                        self.note(format!("  lost power while opening: {error}"));
                        self.crash();
                    }
                    Err(error) => panic!("opening after a close failed: {error}"),
                }
            }
            _ if !self.faulty => self.check(),
            _ => {}
        }
        if self.disk.is_dead() && self.storage.is_some() {
            self.crash();
        }
    }
}

fn bury(model: &mut Model, matchers: &[Matcher], range: TimeRange, mut each: impl FnMut(u64)) {
    for (labels, samples) in model.iter_mut() {
        if matchers.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or_default())) {
            let before = samples.len();
            samples.retain(|t, _| !range.contains(*t));
            if samples.len() < before {
                each((before - samples.len()) as u64);
            }
        }
    }
    model.retain(|_, samples| !samples.is_empty());
}

/// The first few samples that differ.
fn difference(found: &Model, want: &Model) -> String {
    let mut lines = Vec::new();
    let none = std::collections::BTreeMap::new();
    for labels in found.keys().chain(want.keys().filter(|labels| !found.contains_key(*labels))) {
        let (f, w) = (found.get(labels).unwrap_or(&none), want.get(labels).unwrap_or(&none));
        let times = f.keys().chain(w.keys().filter(|t| !f.contains_key(t)));
        lines.extend(
            times
                .filter(|t| f.get(t) != w.get(t))
                .map(|t| format!("{labels} at {t}: found {:?}, expected {:?}", f.get(t), w.get(t))),
        );
    }
    lines.truncate(20);
    lines.join("\n")
}

/// Runs one seed; prints the story before the panic goes on.
fn run(seed: u64) {
    let mut simulation = Simulation::new(seed);
    let steps = 40 + simulation.dice.roll(160);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (0..steps).for_each(|_| simulation.step());
        simulation.recover_from_faults();
        simulation.crash();
    }));
    if let Err(panic) = outcome {
        let story = simulation.log.join("\n");
        eprintln!("{story}\nSIM_SEED={seed} SIM_RUNS=1 runs this again");
        std::panic::resume_unwind(panic);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
fn the_store_keeps_its_promises_whatever_happens() {
    let (first, runs) = (number("SIM_SEED", 1), number("SIM_RUNS", DEFAULT_RUNS));
    (first..first + runs).for_each(run);
}
