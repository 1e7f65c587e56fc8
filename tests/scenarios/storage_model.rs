//! The store against a naive model, under random appends, deletes, flushes, merges and restarts.

use proptest::prelude::*;
use vctsdb::{
    model::{MatchOp, Matcher, SeriesBuf, TimeRange},
    seams::{
        env::{Cut, SimDisk},
        select::{Select, SelectHints},
        status::Status,
    },
};

use super::store::{Model, Sample, Value, apply, histogram, open, read, series, write};

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Sample>),
    Flush,
    Compact,
    Delete(usize, i64, i64),
    Clean,
    Close,
    Crash,
}

fn value() -> impl Strategy<Value = Value> {
    (plain_value(), start()).prop_map(|(value, start)| value.from(start))
}

/// Mostly none, often the same.
fn start() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 2 => Just(-77), 1 => time()]
}

fn plain_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-100i64..100).prop_map(|v| Value::Float((v as f64 / 10.0).to_bits())),
        2 => any::<u64>().prop_map(Value::Float),
        1 => (0i64..50).prop_map(|seed| Value::Histogram(histogram(seed))),
    ]
}

/// Mostly in order, sometimes late, sometimes at the very same time as before, sometimes absurd.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![12 => (0i64..400).prop_map(|t| t * 15_000), 2 => -50i64..50, 1 => any::<i64>()]
}

fn step() -> impl Strategy<Value = Step> {
    let sample = (0usize..12, time(), value()).prop_map(|(s, t, v)| (series(s), t, v));
    prop_oneof![
        10 => proptest::collection::vec(sample, 1..40).prop_map(Step::Write),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => (0usize..12, time(), time()).prop_map(|(s, a, b)| Step::Delete(s, a.min(b), a.max(b))),
        1 => Just(Step::Clean),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ]
}

/// Two of three series get a sample at each time, and each second sample comes late; flushes and merges go on meanwhile.
#[test]
fn readers_of_newest_samples_and_of_all_see_the_same_while_writes_go_on() {
    const TIMES: i64 = 3_000;
    let storage = open(&SimDisk::new()).unwrap();
    let is_there = |number: usize, time: i64| (number as i64 + time) % 3 != 0;
    let value = |time: i64| (time as f64).sin();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for pair in 0..TIMES / 2 {
                for time in [pair * 2 + 1, pair * 2] {
                    let here = (0..3).filter(|number| is_there(*number, time));
                    let samples: Vec<Sample> =
                        here.map(|number| (series(number), time, Value::Float(value(time).to_bits()))).collect();
                    if write(&storage, &samples).is_err() {
                        storage.flush().unwrap();
                        write(&storage, &samples).unwrap();
                    }
                }
                match pair % 500 {
                    250 => storage.flush().unwrap(),
                    499 => storage.compact().unwrap(),
                    _ => {}
                }
            }
        });
        let all = [Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()];
        let mut known = [-1; 3];
        loop {
            // Looked at before the last read, which so sees all.
            let is_over = writer.is_finished();
            for range in [TimeRange::ALL, TimeRange::new(0, TIMES / 2), TimeRange::new(TIMES / 3, TIMES)] {
                let set = storage.select(&all, range, &SelectHints::default()).unwrap();
                for i in 0..set.len() {
                    let labels = set.labels(i).unwrap();
                    let number = (0..3).find(|number| series(*number) == labels).unwrap();
                    let (mut before, mut last, mut after) = Default::default();
                    set.read(i, &mut before).unwrap();
                    set.read_newest(i, &mut last).unwrap();
                    set.read(i, &mut after).unwrap();
                    let end = |buf: &SeriesBuf| buf.times.last().copied().unwrap_or(-1);
                    assert!(end(&before) <= end(&last) && end(&last) <= end(&after));
                    for buf in [&before, &last, &after] {
                        assert!(buf.times.iter().all(|time| range.contains(*time) && is_there(number, *time)));
                        assert!(
                            buf.times
                                .iter()
                                .map(|time| value(*time).to_bits())
                                .eq(buf.values.iter().map(|v| v.to_bits()))
                        );
                    }
                    if range == TimeRange::ALL {
                        assert!(known[number] <= end(&last), "what was seen stays");
                        known[number] = end(&last);
                    }
                }
            }
            if is_over {
                break;
            }
        }
        writer.join().unwrap();
        let newest = |number: usize| (0..TIMES).rev().find(|time| is_there(number, *time)).unwrap();
        assert_eq!(known, [newest(0), newest(1), newest(2)]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_the_model_holds(
        steps in proptest::collection::vec(step(), 1..40),
        from in time(),
        to in time(),
    ) {
        let mut disk = SimDisk::new();
        let mut storage = open(&disk).unwrap();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Write(samples) => {
                    // Nobody flushes in the background here: memory for new samples may be full, and says so.
                    if write(&storage, &samples).is_err() {
                        storage.flush().unwrap();
                        write(&storage, &samples).unwrap();
                    }
                    apply(&mut model, &samples);
                }
                Step::Flush => storage.flush().unwrap(),
                Step::Compact => storage.compact().unwrap(),
                Step::Delete(number, from, to) => {
                    let host = Matcher::new(MatchOp::Equal, "host", format!("host-{number}")).unwrap();
                    storage.delete(&[vec![host]], TimeRange::new(from, to), false).unwrap();
                    if let Some(samples) = model.get_mut(&series(number)) {
                        samples.retain(|t, _| *t < from || to < *t);
                    }
                    model.retain(|_, samples| !samples.is_empty());
                }
                Step::Clean => {
                    storage.clean_tombstones().unwrap();
                    prop_assert_eq!(storage.status().tombstones, 0);
                }
                Step::Close | Step::Crash => {
                    if matches!(step, Step::Close) {
                        storage.close().unwrap();
                    }
                    drop(storage);
                    disk = disk.restart(Cut::LOST);
                    storage = open(&disk).unwrap();
                }
            }
        }
        prop_assert_eq!(&read(&storage, TimeRange::ALL), &model);
        let range = TimeRange::new(from.min(to), from.max(to));
        for samples in model.values_mut() {
            samples.retain(|t, _| range.contains(*t));
        }
        model.retain(|_, samples| !samples.is_empty());
        prop_assert_eq!(&read(&storage, range), &model);
    }
}
