use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::{Memtable, Newest};
use crate::{
    model::{BucketCounts, Histogram, STALE_NAN, SeriesBuf, StartTimes, TimeRange},
    seams::append::{FloatSample, HistogramSample, SeriesId},
};

fn float(series: u32, time: i64, value: f64) -> FloatSample {
    FloatSample { series: SeriesId(series), time, value, start: 0 }
}

fn histogram(count: u64) -> Histogram {
    let mut histogram = Histogram::stale();
    histogram.sum = count as f64;
    histogram.counts = BucketCounts::Integer { count, zero: count, positive: vec![1], negative: Vec::new() };
    histogram
}

fn read(table: &Memtable, id: u32, range: TimeRange) -> SeriesBuf {
    let mut out = SeriesBuf::default();
    out.push_float(1, 1.0);
    table.read(SeriesId(id), range, &mut out);
    out
}

#[test]
fn an_empty_table_has_nothing() {
    let table = Memtable::new();
    assert!(table.is_empty() && table.times().is_none() && table.series().is_empty() && table.ids().is_empty());
    assert!(read(&table, 7, TimeRange::ALL).is_empty());
    assert!(!table.contains(SeriesId(7)));
}

#[test]
fn many_chunks_read_as_one_and_only_in_range() {
    let table = Memtable::new();
    for t in 0..2000 {
        table.apply(&[float(3, t * 15_000, t as f64)], &[]);
    }
    assert_eq!(read(&table, 3, TimeRange::ALL).times, (0..2000).map(|t| t * 15_000).collect::<Vec<_>>());
    let some = read(&table, 3, TimeRange::new(300 * 15_000 - 1, 900 * 15_000));
    assert_eq!((some.times.first(), some.values.last(), some.len()), (Some(&(300 * 15_000)), Some(&900.0), 601));
    assert!(read(&table, 3, TimeRange::new(5, 4)).is_empty());
    assert_eq!((table.samples(), table.times()), (2000, Some(TimeRange::new(0, 1999 * 15_000))));
}

#[test]
fn the_newest_sample_is_known_unless_a_late_one_or_a_past_range_hides_it() {
    let table = Memtable::new();
    (0..1000).for_each(|t| table.apply(&[float(3, t * 15_000, t as f64)], &[]));
    let newest = |start, end| table.newest(SeriesId(3), TimeRange::new(start, end));
    let last = 999 * 15_000;
    assert_eq!(newest(0, last), Newest::Float(last, 999.0));
    assert_eq!((newest(last, i64::MAX), newest(last + 1, i64::MAX)), (Newest::Float(last, 999.0), Newest::None));
    assert_eq!(newest(0, last - 1), Newest::Unread);
    assert_eq!(table.newest(SeriesId(4), TimeRange::ALL), Newest::None);
    table.apply(&[float(3, last - 5, 7.0)], &[]);
    assert_eq!((newest(0, last), newest(last - 4, last)), (Newest::Unread, Newest::Float(last, 999.0)));
}

#[test]
fn the_last_written_kind_holds_a_millisecond() {
    let table = Memtable::new();
    let sample = HistogramSample { series: SeriesId(1), time: 10, value: histogram(5), start: 0 };
    table.apply(&[float(1, 10, 1.0), float(1, 20, 2.0)], std::slice::from_ref(&sample));
    let out = read(&table, 1, TimeRange::ALL);
    assert_eq!((out.times, out.histograms.len()), (vec![20], 1));
    table.apply(&[float(1, 10, 1.0)], &[]);
    let out = read(&table, 1, TimeRange::ALL);
    assert_eq!((out.times, out.histograms.len()), (vec![10, 20], 0));
}

#[test]
fn a_sample_written_again_with_another_start_or_none_has_that_one() {
    let table = Memtable::new();
    for start in [7, 8, 0, 9, 9] {
        for (time, series) in [(10, 1), (20, 1), (10, 2)] {
            table.apply(&[FloatSample { start, ..float(series, time, 1.0) }], &[]);
        }
        let out = read(&table, 1, TimeRange::ALL);
        assert_eq!((out.times.len(), out.float_starts), (2, StartTimes::new(vec![start; 2])));
    }
}

#[test]
fn start_times_that_all_samples_share_cost_no_memory_a_sample() {
    let bytes = |start| {
        let table = Memtable::new();
        for t in 0..2000 {
            table.apply(&[FloatSample { start, ..float(3, t * 15_000, t as f64) }], &[]);
        }
        table.bytes()
    };
    assert!(bytes(77) < bytes(0) + 250, "{} {}", bytes(77), bytes(0));
}

#[test]
fn a_million_series_of_five_samples_would_fit_into_150_bytes_each() {
    const SERIES: u32 = 100_000;
    let bytes_with = |samples: i64| {
        let table = Memtable::new();
        for t in 0..samples {
            let batch: Vec<_> =
                (0..SERIES).map(|id| float(id, 1_700_000_000_000 + t * 60_000, f64::from(id * 7) + t as f64)).collect();
            table.apply(&batch, &[]);
        }
        table.bytes() / SERIES as usize
    };
    assert!(bytes_with(1) < 100, "{}", bytes_with(1));
    assert!(bytes_with(5) < 150, "{}", bytes_with(5));
}

#[test]
fn readers_see_whole_samples_while_a_writer_writes() {
    let table = Arc::new(Memtable::new());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for t in 0..5000 {
                // Every third sample comes late.
                let time = if t % 3 == 2 { t - 2_000 } else { t };
                table.apply(&[float(1, time, time as f64), float(70_000, time, time as f64)], &[]);
            }
        });
        while !writer.is_finished() {
            for id in [1, 70_000] {
                let out = read(&table, id, TimeRange::ALL);
                assert!(out.times.is_sorted_by(|a, b| a < b));
                assert!(out.times.iter().zip(&out.values).all(|(t, v)| *t as f64 == *v));
            }
        }
    });
    assert_eq!(table.ids(), [SeriesId(1), SeriesId(70_000)]);
}

#[derive(Debug, Clone)]
enum Value {
    Float(u64),
    Histogram(u64),
}

/// Series, time, value and start time.
type Sample = (u32, i64, Value, i64);

fn sample() -> impl Strategy<Value = Sample> {
    let id = prop_oneof![0u32..3, Just(300), Just(u32::MAX)];
    let time = prop_oneof![0i64..60, (0i64..600).prop_map(|t| t * 1000), any::<i64>()];
    let value = prop_oneof![
        4 => (0u64..4).prop_map(|v| Value::Float((v as f64).to_bits())),
        1 => any::<u64>().prop_map(Value::Float),
        1 => Just(Value::Float(STALE_NAN.to_bits())),
        1 => (0u64..3).prop_map(Value::Histogram),
    ];
    (id, time, value, prop_oneof![3 => Just(0), 1 => 5i64..8, 1 => any::<i64>()])
}

/// Batches as (ordered part, wild part): without the former no chunk would ever fill up.
fn batches() -> impl Strategy<Value = Vec<Vec<Sample>>> {
    let ordered = (0u32..3, 0i64..100_000, 1usize..300, 0usize..4).prop_map(|(id, first, n, starts)| {
        let sample = |i: i64| {
            let time = first + i * 500;
            (id, time, Value::Float((i as f64).to_bits()), [0, 7, time - 500, time - i % 3][starts])
        };
        (0..n as i64).map(sample).collect::<Vec<_>>()
    });
    let wild = prop::collection::vec(sample(), 0..80);
    prop::collection::vec(prop_oneof![ordered, wild], 0..12)
}

type Model = BTreeMap<u32, BTreeMap<i64, (Value, i64)>>;
/// Times with the bits of a float, or with the count of a histogram, and start times.
type Points = Vec<(i64, u64, i64)>;

fn expected(model: &Model, id: u32, range: TimeRange) -> (Points, Points) {
    let (mut floats, mut histograms) = (Vec::new(), Vec::new());
    for (time, (value, start)) in model.get(&id).into_iter().flatten().filter(|(t, _)| range.contains(**t)) {
        match value {
            Value::Float(bits) => floats.push((*time, *bits, *start)),
            Value::Histogram(count) => histograms.push((*time, *count, *start)),
        }
    }
    (floats, histograms)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_writes_reads_like_a_sorted_map(batches in batches(), ranges in prop::collection::vec((0i64..100_000, 0i64..50_000), 3)) {
        let table = Memtable::new();
        let mut model = Model::new();
        for batch in &batches {
            let (mut floats, mut histograms) = (Vec::new(), Vec::new());
            for &(id, time, ref value, start) in batch {
                let series = SeriesId(id);
                match value {
                    Value::Float(bits) => {
                        floats.push(FloatSample { series, time, value: f64::from_bits(*bits), start });
                    }
                    Value::Histogram(count) => {
                        histograms.push(HistogramSample { series, time, value: histogram(*count), start });
                    }
                }
            }
            for kind in [false, true] {
                for (id, time, value, start) in batch.iter().filter(|s| matches!(s.2, Value::Histogram(_)) == kind) {
                    model.entry(*id).or_default().insert(*time, (value.clone(), *start));
                }
            }
            table.apply(&floats, &histograms);
        }
        let ids: Vec<u32> = model.keys().copied().collect();
        prop_assert_eq!(table.series().iter().collect::<Vec<_>>(), ids.clone());
        let times = || model.values().flat_map(BTreeMap::keys).copied();
        prop_assert_eq!(table.times(), times().min().zip(times().max()).map(|(a, b)| TimeRange::new(a, b)));
        let held: usize = model.values().map(BTreeMap::len).sum();
        prop_assert!(table.samples() >= held as u64);
        prop_assert_eq!((table.bytes(), table.samples()), table.recount());
        let ranges = ranges.iter().map(|(start, len)| TimeRange::new(*start, start + len)).chain([TimeRange::ALL]);
        for range in ranges {
            let candidates = ids.iter().copied().step_by(2).chain([4]).collect();
            prop_assert_eq!(table.candidates_in(&candidates, range), table.series_in(range) & &candidates);
            for id in ids.iter().copied().chain([4]) {
                let out = read(&table, id, range);
                let (floats, histograms) = expected(&model, id, range);
                let bits = out.floats().map(|(t, v, start)| (t, v.to_bits(), start)).collect::<Vec<_>>();
                prop_assert_eq!(bits, floats);
                let counts = out.histograms_from().map(|(t, h, start)| (t, h.sum as u64, start)).collect::<Vec<_>>();
                prop_assert_eq!(counts, histograms);
                prop_assert!(out.is_empty() || table.series_in(range).contains(id));
                match table.newest(SeriesId(id), range) {
                    Newest::None => prop_assert!(out.is_empty()),
                    Newest::Float(time, value) => {
                        prop_assert_eq!(out.time_range().map(|times| times.end), Some(time));
                        prop_assert_eq!(out.values.last().map(|v| v.to_bits()), Some(value.to_bits()));
                    }
                    Newest::Unread => {}
                }
            }
        }
    }
}
