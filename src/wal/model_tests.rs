//! Random lives of a log: commits, failures, full disks, kills and power cuts, held against a list.

use std::{io::ErrorKind, path::Path};

use proptest::prelude::*;

use super::*;
use crate::seams::env::{Cut, Disk, Op, SimDisk};

#[derive(Debug, Clone)]
enum Step {
    /// Writes this number of records in one commit.
    Commit(usize),
    /// The next call of this kind fails.
    Fail(Op),
    /// The disk takes so many more bytes.
    Full(u64),
    /// The disk has room again.
    Room,
    /// A new segment although the old one is good.
    Rotate,
    /// The process dies; with a seed, so does the machine, after so many more operations.
    Restart(Option<(u64, u64)>),
    /// Segments before the current one are dropped.
    Trim,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..4usize).prop_map(Step::Commit),
        2 => prop::sample::select(vec![Op::Append, Op::Sync, Op::SyncDir, Op::Create]).prop_map(Step::Fail),
        1 => (0..80u64).prop_map(Step::Full),
        1 => Just(Step::Room),
        2 => Just(Step::Rotate),
        3 => prop::option::of((any::<u64>(), 0..6u64)).prop_map(Step::Restart),
        1 => Just(Step::Trim),
    ]
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Refused or in flight: it may be there or not, until a replay decides.
    Open,
    /// It must be there from now on.
    There,
    /// It must never be there again.
    Gone,
}

#[derive(Debug)]
struct Record {
    segment: u64,
    fate: Fate,
    /// Its segment was removed, and the number may have been taken again.
    removed: bool,
}

struct Life {
    disk: SimDisk,
    writer: Option<WalWriter>,
    newest: Option<(u64, u64)>,
    /// By number.
    records: Vec<Record>,
    first: u64,
    /// Whether a sync has failed since the start.
    gave_up: bool,
}

impl Life {
    fn new() -> Self {
        Self { disk: SimDisk::new(), writer: None, newest: None, records: Vec::new(), first: 1, gave_up: false }
    }

    fn dir() -> &'static Path {
        Path::new("wal")
    }

    /// As storage does: a segment without a good commit is removed and its number taken again.
    fn leave_segment(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let (number, valid) = (writer.number(), writer.valid_len());
        if valid > 0 || self.disk.remove(&path_of(Self::dir(), number)).is_err() {
            self.newest = Some((number, valid));
        } else {
            self.records.iter_mut().filter(|r| r.segment == number).for_each(|r| r.removed = true);
        }
    }

    /// Decides about open records, where `fate` can tell.
    fn decide(&mut self, fate: impl Fn(u64, &Record) -> Option<Fate>) {
        for (n, record) in (0..).zip(&mut self.records) {
            if record.fate == Fate::Open {
                record.fate = fate(n, record).unwrap_or(Fate::Open);
            }
        }
    }

    fn commit(&mut self, count: usize) {
        if self.disk.is_dead() {
            return;
        }
        if self.writer.is_none() {
            let number = self.newest.map_or(1, |(number, _)| number + 1);
            let previous = self.newest.map(|(_, valid)| valid);
            let Ok(writer) = WalWriter::create(&self.disk, Self::dir(), number, previous) else { return };
            self.writer = Some(writer);
        }
        let writer = self.writer.as_mut().unwrap();
        let from = self.records.len();
        for n in from..from + count {
            writer.append(&(n as u64).to_le_bytes()).unwrap();
            self.records.push(Record { segment: writer.number(), fate: Fate::Open, removed: false });
        }
        let own = writer.number();
        match writer.commit(&self.disk) {
            // The header, on disk now, cuts off what was refused in the segment before.
            Ok(()) => self.decide(|_, record| match own - record.segment {
                0 if !record.removed => Some(Fate::There),
                0 | 1 => Some(Fate::Gone),
                _ => None,
            }),
            Err(_) if self.disk.is_dead() => {}
            Err(_) => self.leave_segment(),
        }
    }

    fn restart(&mut self, power: Option<(u64, u64)>) {
        let cut = match power {
            Some((seed, ops)) => {
                self.disk.cut_power_after(ops);
                for _ in 0..3 {
                    self.commit(1);
                }
                Cut::torn(seed)
            }
            // A killed process leaves what a failed sync gave up on readable, yet bound to go with the power; no later
            // sync can tell. Such records were refused, and only together with a kill they matter: left out here.
            None if self.gave_up => Cut::LOST,
            None => Cut::KILL,
        };
        self.writer = None;
        self.gave_up = false;
        self.disk = self.disk.restart(cut);
        self.disk.set_capacity(None);
        self.replay();
    }

    /// Replays as storage does, and settles what was found.
    fn replay(&mut self) {
        let mut seen = Vec::new();
        let report = replay(&self.disk, Self::dir(), self.first, None, &mut |_, payload: &[u8]| {
            seen.push(u64::from_le_bytes(payload.try_into().unwrap()));
            Ok::<(), WalError>(())
        })
        .unwrap();
        assert_eq!(report.damage, [], "nothing of this is damage");
        assert!(seen.is_sorted_by(|a, b| a < b), "order is kept and nothing comes twice: {seen:?}");
        let live = |n: u64| self.records.get(n as usize).is_some_and(|record| record.segment >= self.first);
        assert!(seen.iter().all(|n| live(*n)), "invented: {seen:?}");
        for (n, record) in (0..).zip(&self.records) {
            let found = seen.contains(&n);
            assert!(found || record.fate != Fate::There || record.segment < self.first, "record {n} is lost");
            assert!(!found || record.fate != Fate::Gone, "record {n} came back");
        }
        self.decide(|n, _| Some(if seen.contains(&n) { Fate::There } else { Fate::Gone }));
        for number in segments(&self.disk, Self::dir()).unwrap() {
            self.disk.sync_file(&path_of(Self::dir(), number)).unwrap();
        }
        if self.disk.list(Self::dir()).is_ok() {
            self.disk.sync_dir(Self::dir()).unwrap();
            self.disk.sync_dir(Path::new("")).unwrap();
        }
        let whole = |last: LastSegment| (last.number, last.valid.unwrap());
        self.newest = report.last.map(whole).or((self.first > 1).then_some((self.first - 1, 0)));
    }

    fn trim(&mut self) {
        if let Some(writer) = &self.writer {
            // The manifest says first that they are not needed; removing them may fail.
            self.first = writer.number();
            let _ = remove_before(&self.disk, Self::dir(), self.first);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_log_keeps_its_word_through_any_life(story in prop::collection::vec(steps(), 1..40)) {
        let mut life = Life::new();
        for step in story {
            match step {
                Step::Commit(count) => life.commit(count),
                Step::Fail(op) => {
                    life.gave_up |= op == Op::Sync;
                    life.disk.fail_next(op, "", ErrorKind::Other);
                }
                Step::Full(bytes) => life.disk.set_capacity(Some(life.disk.used() + bytes)),
                Step::Room => life.disk.set_capacity(None),
                Step::Rotate => life.leave_segment(),
                Step::Restart(power) => life.restart(power),
                Step::Trim => life.trim(),
            }
        }
        life.restart(None);
        life.restart(Some((1, 0)));
    }
}
